//! Benchmarks: passes and scaling natively, and Decoy compared with other libraries in the browser.

use std::{path::Path, process::Command};

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    chromium,
    command::{cargo, run, step},
    data::Guest,
    serve,
    site::{self, npm},
    wasm::Profile,
};

/// Folder of the browser benchmarks: Decoy, the libraries it is compared with, and their npm packages.
const PEERS: &str = "benches/browser";

/// A benchmark.
#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub enum Bench {
    /// Forward pass, input gradient and DDN step of a network of each family, with criterion.
    Native,
    /// How the cost of a step grows; writes benches/results/scaling.json.
    Scaling,
    /// Decoy beside TensorFlow.js and jax-js; writes benches/results/speed.json.
    Browser,
    /// From the first visit to the first fooled picture; writes benches/results/first-visit.json.
    Visit,
    /// What the browser holds over a thousand attacks; writes benches/results/memory.json.
    Memory,
}

/// Runs one benchmark, or all of them.
pub fn measure(only: Option<Bench>, guests: &[Guest]) -> Result<()> {
    let wanted = |bench| only.is_none_or(|only| only == bench);
    for (bench, name) in [(Bench::Native, "native"), (Bench::Scaling, "scaling")] {
        if wanted(bench) {
            run(&mut cargo(&["bench", "--workspace", "--bench", name]))?;
        }
    }
    if matches!(only, Some(Bench::Native | Bench::Scaling)) {
        return Ok(());
    }
    site::build(Profile::Bench, true, guests)?;
    let node = |script: &str, address: &str| -> Result<()> {
        run(Command::new("node").arg(script).env("CHROMIUM", chromium::find()?).env("DECOY_URL", address))
    };
    if wanted(Bench::Browser) {
        peers()?;
        step("Measuring Decoy beside its opponents (half an hour)", || node("benches/browser/speed.js", ""))?;
    }
    if wanted(Bench::Memory) {
        step("Measuring memory over a thousand attacks", || node("benches/browser/memory.js", ""))?;
    }
    if wanted(Bench::Visit) {
        let address = serve::start(serve::listen(0)?)? + "/";
        step("Measuring the first visit", || node("benches/browser/first-visit.js", &address))?;
    }
    Ok(())
}

/// Installs the libraries to compare with, and bundles each as a script for the browser.
fn peers() -> Result<()> {
    site::npm_packages(Path::new(PEERS))?;
    step("Bundling the opponents", || run(npm().args(["run", "build"]).current_dir(PEERS)))
}
