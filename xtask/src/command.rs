//! Runs commands and steps: each is announced before it starts, and timed.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Command, ExitStatus, Stdio},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use indicatif::HumanDuration;

/// Announces a step, runs it, and prints how long it took.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("── {title}");
    let start = Instant::now();
    let result = work();
    let time = start.elapsed();
    match time.as_secs() {
        0..10 => println!("   took {:.1} seconds", time.as_secs_f32()),
        _ => println!("   took {}", HumanDuration(time)),
    }
    result
}

/// A command of the cargo that runs this program, without the variables `CARGO_PKG_*` and `CARGO_MANIFEST_*` that cargo
/// has set for xtask: build scripts that read them would run again each time, and their crates be built anew.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or("cargo".into()));
    for (name, _) in env::vars_os() {
        if ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|start| name.to_string_lossy().starts_with(start)) {
            command.env_remove(name);
        }
    }
    command.args(arguments);
    command
}

/// The command `decoy`, built as its users build it.
pub fn decoy(arguments: &[&str]) -> Command {
    let mut command = cargo(&["run", "--release", "--package", "decoy-cli", "--"]);
    command.args(arguments);
    command
}

/// Runs a command to its end; an error if it fails.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status();
    succeeded(command, status.with_context(|| cannot_start(command))?)
}

/// Runs a command to its end, and both prints and returns its output.
pub fn run_and_listen(command: &mut Command) -> Result<(ExitStatus, String)> {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = child.with_context(|| cannot_start(command))?;
    let mut printed = String::new();
    let mut output = BufReader::new(child.stdout.take().expect("stdout is piped"));
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        std::io::stdout().write_all(&line)?;
        printed += &String::from_utf8_lossy(&line);
        line.clear();
    }
    Ok((child.wait()?, printed))
}

/// An error that names the command, unless it succeeded.
pub fn succeeded(command: &Command, status: ExitStatus) -> Result<()> {
    ensure!(status.success(), "`{}` failed ({status})", shown(command));
    Ok(())
}

fn cannot_start(command: &Command) -> String {
    format!("cannot run `{}`; is it installed?", shown(command))
}

fn shown(command: &Command) -> String {
    let program = std::path::Path::new(command.get_program());
    let words = program.file_name().into_iter().chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
