//! Decoy's one developer command; `cargo xtask --help` lists what it does.

mod bench;
mod chromium;
mod command;
mod compress;
mod data;
mod json;
mod manual;
mod onnx;
mod oracle;
mod publish;
mod python;
mod reproduce;
mod serve;
mod site;
mod test;
mod train;
mod wasm;

use std::{env, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Parser};

use crate::{bench::Bench, data::DataPaths, reproduce::Reproduce, test::Card, wasm::Profile};

/// Everything a developer of Decoy does, and everything CI does.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Task {
    /// Build the site and serve it on 127.0.0.1 (the first time takes many minutes, later ones seconds).
    Serve {
        /// The port to listen on; 0 takes any free one.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        /// Build the module with threads too, for browsers without WebGPU (some minutes more the first time).
        #[arg(long)]
        threads: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Build the site into dist/ and the npm package into pkg/, without serving.
    Build {
        /// Make the small build: both modules, optimised for size, compressed, with their sizes printed.
        #[arg(long)]
        release: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Do everything CI does, cheapest first, and end with `N passed, N failed` and what was skipped.
    Test {
        #[command(flatten)]
        data: Data,
    },
    /// Do the quick part of `test`: format, clippy, native tests, and types once the site is built.
    Check {
        /// Test the library on this kind of graphics card too, kernels and all (a build of its own).
        #[arg(long, value_enum)]
        device: Option<Card>,
        #[command(flatten)]
        data: Data,
    },
    /// List the data sets that are here; or find or download one, check every picture, and print a summary.
    Data {
        /// Only this data set, such as cifar10.
        name: Option<String>,
        /// Its folder or archive; default: the path in its environment variable, or the copy downloaded earlier.
        #[arg(long, value_name = "PATH", requires = "name")]
        data: Option<PathBuf>,
        /// Write its gallery in www/gallery again.
        #[arg(long, requires = "name")]
        gallery: bool,
    },
    /// Make all networks, results and tables of a family again (hours), or train with arguments for `decoy train`.
    Train {
        /// The family, as `decoy train --help` lists them.
        family: String,
        /// Arguments for `decoy train FAMILY`; `cargo xtask train FAMILY --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Train one network of each family again (minutes to hours), and compare its figures with the committed ones.
    Reproduce(Reproduce),
    /// Measure the cost of passes, steps and visits (two hours), or of one of them.
    Bench {
        /// Measure only this.
        bench: Option<Bench>,
        #[command(flatten)]
        data: Data,
    },
    /// Run ONNX's own tests on the reader of ONNX files (some minutes), and list what it does not read.
    Onnx {
        /// Test what PyTorch exports of torchvision's networks instead (PyTorch is installed for it).
        #[arg(long)]
        pytorch: bool,
        /// Test what Keras exports of its networks instead (TensorFlow is installed for it).
        #[arg(long, conflicts_with = "pytorch")]
        keras: bool,
    },
    /// Compare the attacks with Foolbox, adv-lib and torchattacks, and write docs/oracle.md (an hour at first).
    Oracle {
        #[command(flatten)]
        part: oracle::Part,
        #[command(flatten)]
        data: Data,
    },
}

/// Where the pictures are that do not come with the repository.
#[derive(Args)]
struct Data {
    #[arg(id = "data", long = "data", value_name = "PATH", help = data::help())]
    path: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<ExitCode> {
    let start = env::current_dir()?;
    let manifest = env::var("CARGO_MANIFEST_DIR").context("run this as `cargo xtask`")?;
    // Every other path in this crate is relative to the repository's root.
    env::set_current_dir(PathBuf::from(manifest).join(".."))?;
    fs::create_dir_all("target")?; // this crate writes there too, even if cargo's output goes elsewhere
    let paths = |data: Data| DataPaths { start: start.clone(), path: data.path };

    match task {
        Task::Serve { port, threads, data } => {
            let listener = serve::listen(port)?; // before the long build, so that a busy port is reported at once
            site::build(Profile::Quick, threads, &data::seek(&paths(data))?)?;
            serve::forever(listener)?;
        }
        Task::Build { release, data } => {
            let images = data::local_copies(&paths(data))?;
            site::build(if release { Profile::Small } else { Profile::Quick }, release, &images)?;
        }
        Task::Test { data } => return Ok(test::everything(&paths(data))),
        Task::Check { device, data } => return Ok(test::quick(&paths(data), device)),
        Task::Data { name: Some(name), data, gallery: true } => data::write_gallery(&name, start, data)?,
        Task::Data { name, data, .. } => data::describe(name.as_deref(), start, data)?,
        Task::Train { family, arguments } => train::start(&family, &arguments)?,
        Task::Reproduce(args) => reproduce::compare(&args)?,
        Task::Bench { bench, data } => bench::measure(bench, &data::local_copies(&paths(data))?)?,
        Task::Onnx { pytorch: true, .. } => onnx::pytorch()?,
        Task::Onnx { keras: true, .. } => onnx::keras()?,
        Task::Onnx { .. } => onnx::check()?,
        Task::Oracle { part, data } => oracle::compare(&part, &paths(data))?,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_readme_is_understood() {
        let commands = include_str!("../../README.md").lines().filter_map(|line| line.strip_prefix("cargo xtask"));
        let mut count = 0;
        for command in commands {
            let words = command.split('#').next().unwrap_or_default().split_whitespace();
            let parsed = Task::try_parse_from(["xtask"].into_iter().chain(words));
            assert!(parsed.is_ok(), "{command}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
            count += 1;
        }
        assert!(count > 4, "the README has commands");
    }
}
