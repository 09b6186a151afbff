//! Compares Decoy's attacks with published implementations, which run in a Python environment of their own.

use std::process::Command;

use anyhow::Result;
use clap::Args;

use crate::{command::run, data::DataPaths, python::environment};

/// The requirements files, each with its options for pip.
const REQUIREMENTS: [(&str, &[&str]); 2] = [("oracle/requirements.txt", &[]), ("oracle/libraries.txt", &["--no-deps"])];

/// A part of the comparison; all of it where none is chosen.
#[derive(Args)]
#[group(multiple = false)]
pub struct Part {
    /// Compare only this attack, such as ddn, and print the result.
    #[arg(long, value_name = "ATTACK")]
    only: Option<String>,
    /// Measure Decoy's ensembles again, and keep all other figures of docs/oracle.json.
    #[arg(long)]
    ensembles: bool,
    /// Measure what docs/oracle.json does not have, and keep the rest.
    #[arg(long)]
    missing: bool,
}

/// Runs the comparison, or a part of it.
pub fn compare(part: &Part, data: &DataPaths) -> Result<()> {
    let python = environment("target/oracle/venv", "Installing PyTorch and the attack libraries", &REQUIREMENTS)?;
    let mut command = Command::new(python);
    command.args(["-B", "oracle/oracle.py"]); // no bytecode files beside the sources
    command.envs(data.variables());
    command.args(part.only.iter().flat_map(|attack| ["--only", attack.as_str()]));
    command.args(part.ensembles.then_some("--ensembles")).args(part.missing.then_some("--missing"));
    run(&mut command)
}
