//! Records the commit of the source that the program is built from, for result files.

use std::process::Command;

fn main() {
    for path in ["../.git/logs/HEAD", "../Cargo.lock", "../src", "../cpu/src", "../data/src", "src"] {
        println!("cargo:rerun-if-changed={path}");
    }
    let described = Command::new("git").args(["describe", "--always", "--dirty", "--abbrev=12"]).output();
    let commit = described
        .ok()
        .filter(|output| output.status.success())
        .map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    println!("cargo:rustc-env=COMMIT={commit}");
}
