//! Python environments for comparisons of Decoy with Python programs.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::command::{run, step};

/// The path of Python in the environment `folder`, which is created again when the required packages have changed. Each
/// file in `required` is installed with its own options for pip.
pub fn environment(folder: &str, title: &str, required: &[(&str, &[&str])]) -> Result<PathBuf> {
    let folder = Path::new(folder);
    let python = folder.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let texts = required.iter().map(|(file, _)| fs::read_to_string(file).with_context(|| (*file).to_owned()));
    let text = texts.collect::<Result<String>>()?;
    let installed = folder.join("installed.txt");
    if fs::read_to_string(&installed).is_ok_and(|before| before == text) {
        return Ok(python);
    }
    step(title, || {
        run(base()?.args(["-m", "venv", "--clear"]).arg(folder))?;
        for (file, options) in required {
            run(Command::new(&python).args(["-m", "pip", "install", "--quiet", "--requirement", file]).args(*options))?;
        }
        Ok(fs::write(&installed, text)?)
    })?;
    Ok(python)
}

/// The Python of this machine.
pub fn base() -> Result<Command> {
    let found = ["python3", "python"].into_iter().find_map(|name| which::which(name).ok());
    Ok(Command::new(found.context("this needs Python 3.11 or later: install it")?))
}
