//! Benchmarks: passes and scaling natively, and Decoy compared with other libraries in the browser.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::{
    chromium,
    command::{cargo, decoy, run, step},
    data::External,
    json::{list, read},
    python::environment,
    serve,
    site::{self, CATALOG, npm},
    wasm::Profile,
};

/// Folder of the browser benchmarks: Decoy, the libraries it is compared with, and their npm packages.
const PEERS: &str = "benches/browser";

/// Decoy's networks as ONNX files, and the graphs that benches/onnx/ makes of them for ONNX Runtime.
const EXPORTED: &str = "target/bench/exported";
const GRAPHS: &str = "target/bench/graphs";

/// A benchmark.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Bench {
    /// Forward pass, input gradient and steps of a network of each family, with criterion, beside ONNX Runtime; writes
    /// benches/results/native.json.
    Native,
    /// How the cost of a step grows; writes benches/results/scaling.json.
    Scaling,
    /// Decoy beside ONNX Runtime Web, TensorFlow.js and jax-js on the processor; writes benches/results/speed-wasm.json.
    Wasm,
    /// The same on WebGPU; writes benches/results/speed-webgpu.json.
    Webgpu,
    /// What the kernels ask of a graphics card, on paper; writes docs/kernels.md.
    Kernels,
    /// From the first visit to the first fooled picture; writes benches/results/first-visit.json.
    Visit,
    /// What the browser holds over a thousand attacks; writes benches/results/memory.json.
    Memory,
}

/// Runs one benchmark, or all of them.
pub fn measure(only: Option<Bench>, externals: &[External]) -> Result<()> {
    let wanted = |bench| only.is_none_or(|only| only == bench);
    let native = |name: &str| run(&mut cargo(&["bench", "--workspace", "--bench", name]));
    if wanted(Bench::Native) {
        let python = graphs()?;
        native("native")?;
        step("Measuring ONNX Runtime", || run(Command::new(python).args(["-B", "benches/onnx/native.py", GRAPHS])))?;
    }
    if wanted(Bench::Scaling) {
        native("scaling")?;
    }
    if matches!(only, Some(Bench::Native | Bench::Scaling)) {
        return Ok(());
    }
    site::build(Profile::Bench, true, externals)?;
    let node = |script: &[&str], address: &str| -> Result<()> {
        run(Command::new("node").args(script).env("CHROMIUM", chromium::find()?).env("DECOY_URL", address))
    };
    if wanted(Bench::Wasm) || wanted(Bench::Webgpu) {
        graphs()?;
        peers()?;
    }
    for (bench, backend) in [(Bench::Wasm, "wasm"), (Bench::Webgpu, "webgpu")] {
        if wanted(bench) {
            let title = format!("Measuring Decoy beside the other libraries, {backend} (half an hour)");
            step(&title, || node(&["benches/browser/speed.js", backend], ""))?;
        }
    }
    if wanted(Bench::Kernels) {
        step("Counting what the kernels ask of a card", || node(&["benches/browser/kernels.js"], ""))?;
    }
    if wanted(Bench::Memory) {
        step("Measuring memory over a thousand attacks", || node(&["benches/browser/memory.js"], ""))?;
    }
    if wanted(Bench::Visit) {
        let address = serve::start(serve::listen(0)?)? + "/";
        step("Measuring the first visit", || node(&["benches/browser/first-visit.js"], &address))?;
    }
    Ok(())
}

/// Writes the graphs for ONNX Runtime, and returns the path of a Python that has it.
fn graphs() -> Result<PathBuf> {
    let required: [(&str, &[&str]); 1] = [("benches/onnx/requirements.txt", &[])];
    let python = environment("target/bench/venv", "Installing ONNX Runtime", &required)?;
    step("Writing the networks as graphs for ONNX Runtime", || {
        fs::create_dir_all(EXPORTED)?;
        for family in list(&read(CATALOG)?["families"]) {
            let family_id = family["id"].as_str().context("a family without a name")?;
            let model_id = family["models"][0]["id"].as_str().context("a network without a name")?;
            run(&mut decoy(&["export", "--model", model_id, &format!("{EXPORTED}/{family_id}.onnx")]))?;
        }
        run(Command::new(&python).args(["-B", "benches/onnx/make.py", EXPORTED, GRAPHS]))
    })?;
    Ok(python)
}

/// Installs the libraries to compare with, and bundles those that come as modules as scripts for the browser.
fn peers() -> Result<()> {
    site::npm_packages(Path::new(PEERS))?;
    step("Bundling the other libraries", || run(npm().args(["run", "build"]).current_dir(PEERS)))
}
