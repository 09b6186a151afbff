//! The `decoy` command.

mod accuracy;
mod attack;
mod catalog_file;
mod compare;
mod device;
mod evaluate;
mod figures;
mod import;
mod models;
mod pictures;
mod predict;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Fool neural networks, and measure how much it takes.
///
/// Networks are listed by `decoy models`; the first one is taken where none is named with `--model`. What it sees in a
/// picture: `decoy predict cat.jpg`. The smallest change that fools it: `decoy attack --out fooled.png cat.jpg`.
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
    /// Attack the same pictures in several ways, and print the results side by side.
    Compare(compare::CompareArgs),
    /// Measure how often networks are right when their images are noisy.
    Accuracy(accuracy::AccuracyArgs),
    /// Attack a whole data set with every network of a family, and write the figures.
    Evaluate(evaluate::EvaluateArgs),
    /// Make the figures of the page and the tables of the README from the result files.
    Figures(figures::FiguresArgs),
    /// Bring published weights into the catalogue.
    #[command(subcommand)]
    Import(import::Import),
    /// Train networks with noise on their images.
    #[command(subcommand)]
    Train(train::Train),
}

/// Tensors are allocated and dropped at every step; the system's allocator gives their pages back each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    sigpipe::reset(); // whoever reads the output may stop: `decoy attack --json … | head -1` ends quietly
    let done = match Cli::parse().command {
        Command::Models(args) => models::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Attack(args) => attack::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Accuracy(args) => accuracy::run(&args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Figures(args) => figures::run(&args),
        Command::Import(import) => import::run(import),
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
