//! Decoy's attacks beside the literature's own code, which is Python and gets an environment of its own.

use std::process::Command;

use anyhow::Result;

use crate::{command::run, data::Given, python::environment};

/// What is installed, each file with its options for pip.
const REQUIREMENTS: [(&str, &[&str]); 2] = [("oracle/requirements.txt", &[]), ("oracle/libraries.txt", &["--no-deps"])];

/// Runs the comparison; with `only`, that of one attack.
pub fn compare(data: &Given, only: Option<&str>) -> Result<()> {
    let python = environment("target/oracle/venv", "Installing PyTorch and the attack libraries", &REQUIREMENTS)?;
    let mut command = Command::new(python);
    command.args(["-B", "oracle/oracle.py"]); // without bytecode beside the sources
    command.envs(data.variables());
    if let Some(attack) = only {
        command.args(["--only", attack]);
    }
    run(&mut command)
}
