//! Tests Decoy's reader on ONNX's own tests and on what PyTorch and Keras export.

use std::{env, fs, path::Path, process::Command};

use anyhow::Result;

use crate::{
    command::{cargo, run, step},
    python::environment,
};

/// Where the tests are written to.
const TESTS: &str = "target/onnx/tests";

/// Collects the tests from ONNX's package, once, and runs them; tests out of scope are printed with the reason.
pub fn check() -> Result<()> {
    let required: [(&str, &[&str]); 1] = [("tests/onnx/requirements.txt", &[])];
    let python = environment("target/onnx/venv", "Installing ONNX's package", &required)?;
    if !Path::new(TESTS).exists() {
        step("Collecting ONNX's tests", || {
            let part = format!("{TESTS}.part");
            run(Command::new(python).args(["-B", "tests/onnx/collect.py", &part]))?;
            Ok(fs::rename(part, TESTS)?)
        })?;
    }
    let mut command = cargo(&["test", "--release", "--workspace", "--lib", "onnx::tests", "--", "--nocapture"]);
    run(command.env("ONNX_TESTS", env::current_dir()?.join(TESTS)))
}

/// Exports networks of torchvision by both of PyTorch's exporters and compares what `decoy` computes of them with ONNX
/// Runtime and PyTorch.
pub fn pytorch() -> Result<()> {
    exports("pytorch", "Installing PyTorch and ONNX Runtime", "pytorch")
}

/// The same with networks of Keras, exported by Keras and by tf2onnx.
pub fn keras() -> Result<()> {
    exports("keras", "Installing Keras, TensorFlow and ONNX Runtime", "keras_networks")
}

/// Runs a script of tests/onnx in an environment of its own.
fn exports(framework: &str, title: &str, script: &str) -> Result<()> {
    let required: [(&str, &[&str]); 1] = [(&format!("tests/onnx/{framework}.txt"), &[])];
    let python = environment(&format!("target/onnx/{framework}"), title, &required)?;
    run(&mut cargo(&["build", "--release", "--workspace"]))?;
    run(Command::new(python).args(["-B", &format!("tests/onnx/{script}.py"), "target/onnx/exports"]))
}
