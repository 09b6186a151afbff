//! Native time of a forward pass, an input gradient and a step of DDN, for a network of each family.
//!
//! `cargo xtask bench native` runs it, with the shipped networks and pictures of smooth patterns. It writes
//! benches/results/native.json.

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

const BATCHES: [usize; 2] = [1, 32];
const FORWARD: &str = "forward";
const GRADIENT: &str = "input gradient";
const DDN: &str = "DDN steps";

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

fn passes(benches: &mut Criterium) {
    for id in MODELS {
        let (network, size) = network(id);
        let mut group = benches.benchmark_group(id);
        group.sample_size(10);
        for batch in BATCHES {
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

fn main() {
    decoy_cpu::in_pool(|| {
        let mut benches = Criterium::default().configure_from_args();
        passes(&mut benches);
        benches.final_summary();
    });
    // Only after a run of all benchmarks: otherwise some results would be from an earlier run.
    if std::env::args().skip(1).eq(["--bench"]) {
        record::write("native", results());
    }
}

/// The median times of one pass or step, in milliseconds.
fn results() -> Value {
    let mut table = json!({});
    for id in MODELS {
        for batch in BATCHES {
            for (pass, count) in [(FORWARD, 1), (GRADIENT, 1), (DDN, STEPS)] {
                table[id][format!("batch {batch}")][pass] =
                    json!((measured(id, pass, batch) / count as f64).round() / 1e6);
            }
        }
    }
    json!({ "milliseconds, median": table })
}

/// The median that criterion has written, in nanoseconds.
fn measured(group: &str, name: &str, batch: usize) -> f64 {
    let file = Path::new("target/criterion").join(group).join(name).join(batch.to_string()).join("new/estimates.json");
    let estimates: Value = serde_json::from_slice(&fs::read(file).expect("criterion's estimates")).expect("JSON");
    estimates["median"]["point_estimate"].as_f64().expect("a number")
}
