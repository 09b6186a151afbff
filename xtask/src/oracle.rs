//! Compares Decoy's attacks with published implementations, which run in a Python environment of their own.

use std::process::Command;

use anyhow::Result;

use crate::{command::run, data::DataPaths, python::environment};

/// The requirements files, each with its options for pip.
const REQUIREMENTS: [(&str, &[&str]); 2] = [("oracle/requirements.txt", &[]), ("oracle/libraries.txt", &["--no-deps"])];

/// Runs the comparison; with `only`, that of one attack; with `ensembles`, Decoy's ensembles alone.
pub fn compare(data: &DataPaths, only: Option<&str>, ensembles: bool) -> Result<()> {
    let python = environment("target/oracle/venv", "Installing PyTorch and the attack libraries", &REQUIREMENTS)?;
    let mut command = Command::new(python);
    command.args(["-B", "oracle/oracle.py"]); // no bytecode files beside the sources
    command.envs(data.variables());
    if let Some(attack) = only {
        command.args(["--only", attack]);
    }
    if ensembles {
        command.arg("--ensembles");
    }
    run(&mut command)
}
