//! Decoy's attacks beside the literature's own code, which is Python and gets an environment of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    command::{run, step},
    data::Given,
};

const ENVIRONMENT: &str = "target/oracle/venv";

/// What is installed, each file with its options for pip.
const REQUIREMENTS: [(&str, &[&str]); 2] = [("oracle/requirements.txt", &[]), ("oracle/libraries.txt", &["--no-deps"])];

/// Runs the comparison; with `only`, that of one attack.
pub fn compare(data: &Given, only: Option<&str>) -> Result<()> {
    let mut command = Command::new(environment()?);
    command.args(["-B", "oracle/oracle.py"]); // without bytecode beside the sources
    command.envs(data.variables());
    if let Some(attack) = only {
        command.args(["--only", attack]);
    }
    run(&mut command)
}

/// The Python of the environment, which is made anew when other packages are required than it was made with.
fn environment() -> Result<PathBuf> {
    let folder = Path::new(ENVIRONMENT);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let texts = REQUIREMENTS.map(|(file, _)| fs::read_to_string(file).context(file));
    let required = texts.into_iter().collect::<Result<String>>()?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|text| text == required) {
        return Ok(python);
    }
    step("Installing PyTorch and the attack libraries", || {
        let base = ["python3", "python"].into_iter().find_map(|name| which::which(name).ok());
        let base = base.context("the comparison needs Python 3.11 or later: install it")?;
        run(Command::new(base).args(["-m", "venv", "--clear", ENVIRONMENT]))?;
        for (file, options) in REQUIREMENTS {
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", file]).args(options))?;
        }
        Ok(fs::write(&installed, required)?)
    })?;
    Ok(python)
}
