//! Decoy's one developer command; `cargo xtask --help` lists what it does.

mod bench;
mod chromium;
mod command;
mod compress;
mod data;
mod oracle;
mod reproduce;
mod serve;
mod site;
mod test;
mod train;
mod wasm;

use std::{env, fs, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result};
use clap::{Args, Parser};

use crate::{bench::Bench, reproduce::Reproduce, wasm::Profile};

/// Everything a developer of Decoy does, and everything CI does.
#[derive(Parser)]
#[command(bin_name = "cargo xtask", disable_help_subcommand = true)]
enum Task {
    /// Build the site and serve it on 127.0.0.1 (the first time takes some minutes, later ones seconds).
    Serve {
        /// The port to listen on; 0 takes any free one.
        #[arg(long, default_value_t = 8080)]
        port: u16,
        #[command(flatten)]
        data: Data,
    },
    /// Build the site into dist/ and the npm package into pkg/, without serving.
    Build {
        /// Make the small build: optimised for size, compressed, with its sizes printed.
        #[arg(long)]
        release: bool,
        #[command(flatten)]
        data: Data,
    },
    /// Do everything CI does, cheapest first, and end with `N passed, N failed`.
    Test {
        #[command(flatten)]
        data: Data,
    },
    /// Do the quick part of `test`: format, clippy, native tests, and types once the site is built.
    Check {
        #[command(flatten)]
        data: Data,
    },
    /// Find COIL-20 or download it, check every image, and print what there is.
    Data {
        #[command(flatten)]
        data: Data,
    },
    /// Train the shipped networks anew (hours), or what the arguments for `decoy train coil20` say.
    Train {
        /// Arguments for `decoy train coil20`; `cargo xtask train -- --help` lists them.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Train one network of each family again (minutes to hours), and say how far its figures lie from the committed.
    Reproduce(Reproduce),
    /// Measure what passes, steps and visits cost (an hour), or one of it.
    Bench {
        /// Measure this alone.
        bench: Option<Bench>,
        #[command(flatten)]
        data: Data,
    },
    /// Compare the attacks with Foolbox, adv-lib and torchattacks, and write docs/oracle.md (an hour at first).
    Oracle {
        /// Compare this attack alone, such as ddn, and print it.
        #[arg(long, value_name = "ATTACK")]
        only: Option<String>,
        #[command(flatten)]
        data: Data,
    },
}

/// Where the data set is.
#[derive(Args)]
struct Data {
    /// COIL-20, the folder or the zip; without it, the copy downloaded earlier.
    #[arg(id = "data", long = "data", value_name = "PATH", env = "COIL20")]
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
    fs::create_dir_all("target")?; // holds this crate's notes too, also when cargo's output goes elsewhere
    let located = |data: Data| data.path.map(|path| start.join(path));

    match task {
        Task::Serve { port, data } => {
            let listener = serve::listen(port)?; // before the long build, so that a busy port is told at once
            site::build(Profile::Quick, &data::seek(located(data).as_deref())?)?;
            serve::forever(listener)?;
        }
        Task::Build { release, data } => {
            let images = data::at_hand(located(data).as_deref())?;
            if release {
                site::build(Profile::Small, &images)?;
                compress::site()?;
            } else {
                site::build(Profile::Quick, &images)?;
            }
        }
        Task::Test { data } => return Ok(test::everything(located(data).as_deref())),
        Task::Check { data } => return Ok(test::quick(located(data).as_deref())),
        Task::Data { data } => data::describe(located(data).as_deref())?,
        Task::Train { arguments } => train::start(&arguments)?,
        Task::Reproduce(args) => reproduce::compare(&args)?,
        Task::Bench { bench, data } => bench::measure(bench, &data::at_hand(located(data).as_deref())?)?,
        Task::Oracle { only, data } => oracle::compare(located(data).as_deref(), only.as_deref())?,
    }
    Ok(ExitCode::SUCCESS)
}
