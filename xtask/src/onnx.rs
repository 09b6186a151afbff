//! ONNX's own tests on Decoy's reader.

use std::{env, fs, path::Path, process::Command};

use anyhow::Result;

use crate::{
    command::{cargo, run, step},
    python::environment,
};

/// Where the tests are written to.
const TESTS: &str = "target/onnx/tests";

/// Collects the tests from ONNX's package, once, and runs them; what is out of scope is printed with the reason.
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
