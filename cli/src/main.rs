//! The `decoy` command.

mod arguments;
mod commands;
mod files;
mod measure;
mod networks;
mod pictures;
mod results;

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use commands::Command;

/// Fool neural networks, and measure how much it takes.
///
/// `decoy models` lists the networks. Without `--model` the first one is taken; `--network` takes an ONNX file of your
/// own. What a network sees in a picture: `decoy predict cat.jpg`. The smallest change that fools it:
/// `decoy attack --out fooled.png cat.jpg`. Every command explains itself with `--help`; for pictures, `--json`
/// prints one JSON object a line.
#[derive(Parser)]
#[command(name = "decoy", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
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
    let done = decoy_cpu::in_pool(|| read_arguments(std::env::args_os()).unwrap_or_else(|error| error.exit()).run());
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
