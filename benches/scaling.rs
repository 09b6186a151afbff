//! How the native cost of an attack grows with the batch, the side of the picture, the number of classes and the data
//! set, and whether memory stays constant over many attacks. `cargo xtask bench scaling` runs it; it writes
//! benches/results/scaling.json.

mod record;

use std::fs;
use std::time::Instant;

use burn::tensor::{Device, Tensor, TensorData};
use decoy::attack::{Ddn, Run};
use decoy::classifier::{Frozen, Goal};
use decoy::model::CompactConfig;
use decoy::sweep::Sweep;
use serde_json::{Value, json};

const STEPS: usize = 5;
const REPETITIONS: usize = 7;

fn network(side: usize, classes: usize) -> Frozen {
    Frozen::new(&CompactConfig { side, classes }.init(&Device::flex()))
}

fn pictures(count: usize, side: usize) -> Tensor<4> {
    let shape = [count, 1, side, side];
    let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| 0.5 + 0.5 * (i as f32 * 0.37).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// Milliseconds of one DDN step on a batch, median of several.
fn step(batch: usize, side: usize, classes: usize) -> f64 {
    let network = network(side, classes);
    let pixels = pictures(batch, side);
    let attack = Ddn { steps: STEPS, ..Ddn::default() };
    let mut times: Vec<f64> = (0..REPETITIONS)
        .map(|_| {
            let goal = Goal::Misread(vec![0; batch]);
            let run = Run::begin(&attack, &network, pixels.clone(), goal);
            let mut run = pollster::block_on(run).expect("a valid attack");
            let began = Instant::now();
            pollster::block_on(run.advance(STEPS)).expect("the CPU does not fail");
            began.elapsed().as_secs_f64() * 1e3 / STEPS as f64
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[REPETITIONS / 2]
}

/// Seconds of an attack on a data set, and the process's memory in megabytes after each quarter of it.
fn sweep(images: usize) -> (f64, Vec<f64>) {
    let networks = [network(128, 20)];
    let attack = Ddn { steps: STEPS, ..Ddn::default() };
    let began = Instant::now();
    let sweep = Sweep::new(&attack, &networks, pictures(images, 128), vec![0; images], 8);
    let mut sweep = sweep.expect("a class for each image");
    let mut memory = Vec::new();
    while let Some(done) = pollster::block_on(sweep.advance(STEPS)).expect("the CPU does not fail") {
        if done * 4 / images > memory.len() {
            memory.push(resident_megabytes());
        }
    }
    (began.elapsed().as_secs_f64(), memory)
}

/// Memory of the process in megabytes; NaN on systems other than Linux.
fn resident_megabytes() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim_end_matches("kB").trim().parse::<f64>().ok()).map_or(f64::NAN, |kb| kb / 1e3)
}

fn main() {
    let table = |title: &str, sizes: &[usize], measure: &dyn Fn(usize) -> f64| -> Value {
        let rows = sizes.iter().map(|&size| {
            let value = (measure(size) * 1e3).round() / 1e3;
            println!("{title} {size}: {value}");
            (size.to_string(), json!(value))
        });
        Value::Object(rows.collect())
    };
    let batch = table("step in ms, batch", &[1, 2, 4, 8, 16, 32, 64, 128], &|batch| step(batch, 128, 20));
    let side = table("step in ms, side", &[32, 64, 96, 128, 160, 192, 224], &|side| step(1, side, 20));
    let classes = table("step in ms, classes", &[10, 20, 100, 1000], &|classes| step(1, 128, classes));
    let data = table("sweep in s, pictures", &[10, 100, 500, 1440], &|images| sweep(images).0);
    let (_, memory) = sweep(1440);
    println!("resident MB after each quarter of 1440 attacks: {memory:?}");
    let network = "the compact network with random weights; batch 1, side 128, 20 classes where \
                   nothing else is said";
    record::write(
        "scaling",
        json!({
            "network": network,
            "DDN step in milliseconds": { "batch": batch, "side": side, "classes": classes },
            "DDN, 5 steps in batches of 8, seconds": { "pictures": data },
            "resident megabytes after each quarter of 1440 attacks": memory,
        }),
    );
}
