//! The `decoy` command.

mod attack;
mod catalog_file;
mod device;
mod evaluate;
mod models;
mod pictures;
mod predict;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Fool neural networks, and measure how much it takes.
///
/// Networks are listed by `decoy models`. What one sees in a picture: `decoy predict --model coil20-sigma-0.05
/// duck.png`. The smallest change that fools it: `decoy attack --model coil20-sigma-0.05 --out fooled.png duck.png`.
/// Every command explains itself with `--help`; those with `--json` print one JSON object a line.
#[derive(Parser)]
#[command(name = "decoy", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the networks there are.
    Models(models::ModelsArgs),
    /// Say what a network sees in pictures.
    Predict(predict::PredictArgs),
    /// Change pictures until a network misreads them.
    Attack(attack::AttackArgs),
    /// Attack a whole data set with every network of a family, and write the figures.
    Evaluate(evaluate::EvaluateArgs),
    /// Train networks with noise on their images.
    #[command(subcommand)]
    Train(train::Train),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Models(args) => models::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Attack(args) => attack::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Train(train) => train::run(train),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
