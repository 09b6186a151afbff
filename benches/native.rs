//! Native time of a forward pass, an input gradient, a step along its sign and a step of DDN, for a network of each
//! family, on one thread and on two.
//!
//! `cargo xtask bench native` runs it, with the shipped networks and pictures of smooth patterns. It writes
//! benches/results/native.json, to which benches/onnx/native.py adds what ONNX Runtime takes.

mod record;

use std::fs;
use std::hint::black_box;
use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use criterion::{BatchSize, BenchmarkId, Criterion as Criterium};
use decoy::attack::{Ddn, Run};
use decoy::catalog::Catalog;
use decoy::classifier::{Criterion, Frozen, Goal};
use serde_json::{Value, json};

const MODELS: [&str; 3] = ["coil20-sigma-0.00", "cifar10-sigma-0.00", "photos-sigma-0.00"];

/// The allocator of the command: the system's returns large buffers to the system, so that every pass would have to get
/// them again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const THREADS: [usize; 2] = [1, 2];
const FORWARD: &str = "forward";
const GRADIENT: &str = "input gradient";
const STEP: &str = "step";
const DDN: &str = "DDN step";

/// The sizes of a batch: photographs are measured one by one.
fn batches(id: &str) -> &'static [usize] {
    if id.starts_with("photos") { &[1] } else { &[1, 32] }
}

/// Steps in one measurement, so that the start of an attack hardly counts.
const STEPS: usize = 5;

fn network(id: &str) -> (Frozen, [usize; 3]) {
    let catalog = fs::read_to_string("www/models/models.json").expect("the catalogue");
    let catalog = Catalog::parse(&catalog).expect("a valid catalogue");
    let (family, entry) = catalog.model(id).expect("a shipped network");
    let weights = fs::read(format!("www/models/{}", entry.file)).expect("the weights");
    let network = family.load(entry, &weights, &Device::flex()).expect("intact weights");
    let input = family.input;
    (network, [input.channels, input.height, input.width])
}

fn pictures(batch: usize, [channels, height, width]: [usize; 3]) -> Tensor<4> {
    let shape = [batch, channels, height, width];
    let values: Vec<f32> = (0..shape.iter().product()).map(|i: usize| 0.5 + 0.5 * (i as f32 * 0.37).sin()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn advance(mut run: Run<'_>) -> Run<'_> {
    pollster::block_on(run.advance(STEPS)).expect("the CPU does not fail");
    run
}

fn passes(benches: &mut Criterium, threads: usize) {
    for id in MODELS {
        let (network, size) = network(id);
        let mut group = benches.benchmark_group(group(id, threads));
        group.sample_size(10);
        for &batch in batches(id) {
            let pixels = pictures(batch, size);
            let classes = network.logits(pixels.clone()).dims()[1];
            let goal = Goal::Misread(vec![0; batch]);
            let criterion = Criterion::new(&goal, classes, network.device()).expect("class 0");
            group.bench_function(BenchmarkId::new(FORWARD, batch), |bench| {
                bench.iter(|| black_box(network.logits(pixels.clone())));
            });
            group.bench_function(BenchmarkId::new(GRADIENT, batch), |bench| {
                bench.iter(|| black_box(network.gradient(pixels.clone(), |logits| criterion.cross_entropy(logits))));
            });
            group.bench_function(BenchmarkId::new(STEP, batch), |bench| {
                bench.iter(|| {
                    let slope = network.gradient(pixels.clone(), |logits| criterion.cross_entropy(logits));
                    black_box((pixels.clone() + slope.gradient.sign() / 255.0).clamp(0.0, 1.0))
                });
            });
            let attack = Ddn { steps: STEPS, ..Ddn::default() };
            group.throughput(criterion::Throughput::Elements(STEPS as u64));
            group.bench_function(BenchmarkId::new(DDN, batch), |bench| {
                let begin = || {
                    let run = Run::begin(&attack, &network, pixels.clone(), goal.clone());
                    pollster::block_on(run).expect("a valid attack")
                };
                bench.iter_batched(begin, advance, BatchSize::PerIteration);
            });
        }
        group.finish();
    }
}

fn group(id: &str, threads: usize) -> String {
    format!("{id}, threads {threads}")
}

/// Where criterion writes.
const ESTIMATES: &str = "target/criterion";

fn main() {
    for threads in THREADS {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("so many threads can start");
        pool.install(|| {
            let benches = Criterium::default().output_directory(Path::new(ESTIMATES));
            let mut benches = benches.configure_from_args();
            passes(&mut benches, threads);
            benches.final_summary();
        });
    }
    // Only after a run of all benchmarks: otherwise some results would be from an earlier run.
    if std::env::args().skip(1).eq(["--bench"]) {
        let units = "milliseconds, median; a step is a forward pass, the gradient of the cross-entropy in the pixels, its \
                     sign and the clip";
        record::write("native", json!({ "units": units, "rows": rows() }));
    }
}

/// The median times of one pass or step, in milliseconds.
fn rows() -> Vec<Value> {
    let mut rows = Vec::new();
    for id in MODELS {
        for &batch in batches(id) {
            for threads in THREADS {
                let mut row = json!({ "network": id, "batch": batch, "threads": threads, "library": "Decoy" });
                for (pass, count) in [(FORWARD, 1), (GRADIENT, 1), (STEP, 1), (DDN, STEPS)] {
                    let median = measured(&group(id, threads), pass, batch) / count as f64;
                    row[pass] = json!(median.round() / 1e6);
                }
                rows.push(row);
            }
        }
    }
    rows
}

/// The median that criterion has written, in nanoseconds.
fn measured(group: &str, name: &str, batch: usize) -> f64 {
    let file = Path::new(ESTIMATES).join(group).join(name).join(batch.to_string()).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(file).expect("criterion's estimates")).expect("JSON");
    estimates["median"]["point_estimate"].as_f64().expect("a number")
}
