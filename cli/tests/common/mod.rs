//! The command, as every test runs it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Runs `decoy` there.
pub fn decoy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_decoy"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the command was built")
}

/// What it says on standard error.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
