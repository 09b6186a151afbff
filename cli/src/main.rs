//! The `decoy` command.

mod attack;
mod catalog_file;
mod device;
mod evaluate;
mod models;
mod pictures;
mod predict;
mod train;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Fool neural networks, and measure how much it takes.
#[derive(Parser)]
#[command(version)]
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

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Models(args) => models::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Attack(args) => attack::run(&args),
        Command::Evaluate(args) => evaluate::run(&args),
        Command::Train(train) => train::run(train),
    }
}
