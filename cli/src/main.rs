//! The `decoy` command.

mod accuracy;
mod attack;
mod catalog_file;
mod certify;
mod compare;
mod device;
mod evaluate;
mod export;
mod figures;
mod import;
mod measure;
mod models;
mod networks;
mod own;
mod pictures;
mod predict;
mod result_file;
mod train;
mod transfer;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Fool neural networks, and measure how much it takes.
///
/// `decoy models` lists the networks. Without `--model` the first one is taken; `--network` takes an ONNX file of your
/// own. What a network sees in a picture: `decoy predict cat.jpg`. The smallest change that fools it:
/// `decoy attack --out fooled.png cat.jpg`. Every command explains itself with `--help`; those with `--json` print one
/// JSON object a line.
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
    /// Certify the radius within which no change alters the vote under noise.
    Certify(certify::CertifyArgs),
    /// Write a network as an ONNX file, for other runtimes.
    Export(export::ExportArgs),
    /// Measure whether adversarial pictures of one network fool the others.
    Transfer(transfer::TransferArgs),
    /// Make the figures of the page and the tables of the README from the result files.
    Figures(figures::FiguresArgs),
    /// Bring published weights into the catalogue.
    #[command(subcommand)]
    Import(import::Import),
    /// Train networks with noise on their images.
    #[command(subcommand)]
    Train(train::Train),
}

/// The same command, in which a negative number after an option is that option's value. So the option itself says which
/// numbers it takes.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    let takes_value = |arg: &clap::Arg| !arg.is_positional() && arg.get_action().takes_values();
    command
        .mut_args(|arg| if takes_value(&arg) { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(with_negative_numbers)
}

/// Reads the arguments of the program.
fn read_arguments(arguments: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> Result<Command, clap::Error> {
    let matches = with_negative_numbers(Cli::command()).try_get_matches_from(arguments)?;
    Ok(Cli::from_arg_matches(&matches)?.command)
}

/// Tensors are allocated and freed at every step; the system's allocator is slow at this, since it returns the pages to
/// the system each time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // A full disk, for example, is no fault of the program.
        match panic.payload_as_str().filter(|message| message.starts_with("failed printing to")) {
            Some(message) => {
                let _ = writeln!(std::io::stderr(), "error: {message}");
                std::process::exit(1);
            }
            None => usual(panic),
        }
    }));
    sigpipe::reset(); // the reader may close the pipe: `decoy attack --json … | head -1` ends without an error
    let done = decoy_cpu::in_pool(|| match read_arguments(std::env::args_os()).unwrap_or_else(|error| error.exit()) {
        Command::Models(args) => models::run(&args),
        Command::Predict(args) => predict::run(&args),
        Command::Attack(args) => attack::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Accuracy(args) => accuracy::run(&args),
        Command::Evaluate(args) => evaluate::run(args),
        Command::Certify(args) => certify::run(&args),
        Command::Export(args) => export::run(&args),
        Command::Transfer(args) => transfer::run(&args),
        Command::Figures(args) => figures::run(&args),
        Command::Import(import) => import::run(import),
        Command::Train(train) => train::run(train),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_readme_is_understood() {
        let readme = include_str!("../../README.md");
        let commands = readme.lines().filter_map(|line| line.strip_prefix("cargo run --release -p decoy-cli -- "));
        let mut count = 0;
        for command in commands {
            let words = command.split_whitespace().map(|word| word.trim_matches('"'));
            let parsed = read_arguments(["decoy"].into_iter().chain(words));
            assert!(parsed.is_ok(), "{command}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
            count += 1;
        }
        assert!(count > 10, "the README has commands");
    }

    #[test]
    fn a_negative_number_is_the_value_of_its_option() {
        for (command, words) in [
            ("attack --steps -3 cat.png", "invalid value '-3' for '--steps"),
            ("attack --region -1,0,5,5 cat.png", "expected LEFT,TOP,WIDTH,HEIGHT in whole pixels"),
            ("certify --sigma -0.1 cat.png", "expected the standard deviation of the noise, 1e-6 to 100"),
            ("certify --alpha -0.1 cat.png", "expected a probability, 1e-100 to 0.499"),
            ("accuracy --sigma -1,0.5", "expected the standard deviation of the noise, 0 to 100"),
            ("train photos --sigma -1", "expected the largest standard deviation of the noise, 0 to 10"),
        ] {
            let error =
                read_arguments(["decoy"].into_iter().chain(command.split(' '))).err().expect(command).to_string();
            assert!(error.contains(words), "{command}: {error}");
        }
        for command in [
            "predict --crop -5,0,100 cat.png", // whether it is within the picture is not known yet
            "attack --confidence -1 cat.png",
            "predict --network mine.onnx --normalise -0.5/0.5 cat.png",
        ] {
            let parsed = read_arguments(["decoy"].into_iter().chain(command.split(' ')));
            assert!(parsed.is_ok(), "{command}: {}", parsed.err().map(|error| error.to_string()).unwrap_or_default());
        }
    }
}
