//! Everything CI does, cheapest first; it stops at the first step that fails.

use std::{
    collections::BTreeSet,
    env, fmt, fs,
    iter::Sum,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::{
    chromium,
    command::{cargo, run, run_and_listen, step},
    data::{self, DataPaths, External},
    serve, site,
    wasm::{PACKAGE, Profile, TARGET},
};

const BROWSER_TESTS: &str = "tests/browser";

/// Node's results, written for this program to read; people see them on the terminal.
const NODE_RESULTS: &str = "target/browser-tests.tap";

/// Numbers of tests; a step without tests counts as one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    passed: u32,
    failed: u32,
    skipped: u32,
}

/// Runs every step.
pub fn everything(data: &DataPaths) -> ExitCode {
    let mut session = Session::default();
    let result = session.native(data).and_then(|externals| session.browser(&externals));
    session.end(result)
}

/// Runs the steps that need no wasm build, and the library's tests on `device`. JavaScript types are checked if an
/// earlier build has made the npm package.
pub fn quick(data: &DataPaths, device: Option<Card>) -> ExitCode {
    let mut session = Session::default();
    let result = session.native(data).and_then(|_| session.types()).and_then(|()| match device {
        Some(card) => session.on_card(card),
        None => Ok(()),
    });
    session.end(result)
}

/// A kind of graphics card, named as the library's feature for it.
#[derive(Clone, Copy, ValueEnum)]
pub enum Card {
    /// Any card with a driver for Vulkan.
    Vulkan,
    /// NVIDIA's.
    Cuda,
}

impl Card {
    fn feature(self) -> &'static str {
        match self {
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
        }
    }
}

/// The steps done so far.
#[derive(Default)]
struct Session {
    counts: Counts,
}

impl Session {
    /// The native steps; returns the data sets for the steps in the browser.
    fn native(&mut self, data: &DataPaths) -> Result<Vec<External>> {
        self.check("Format", || run(&mut cargo(&["fmt", "--all", "--check"])))?;
        self.check("Clippy", || {
            run(&mut cargo(&["clippy", "--release", "--workspace", "--all-targets", "--", "--deny", "warnings"]))
        })?;
        // By itself, as it was built to run this: together with the others it would need its dependencies with other
        // features, and build them once more.
        self.tests("Tests of xtask", || cargo_tests(&mut cargo(&["test", "--release", "--package", "xtask"])))?;
        let externals = data::seek(data)?;
        self.tests("Native tests", || {
            let others = ["--workspace", "--exclude", "xtask", "--no-fail-fast"];
            let mut command = cargo(&["test", "--release"]);
            command.args(others).envs(data.variables()); // absolute paths: tests run in the folder of their package
            for External { set, pictures } in &externals {
                command.envs(pictures.iter().map(|pictures| (set.about().variable, &pictures.source)));
            }
            cargo_tests(&mut command)
        })?;
        self.check("Documentation", || {
            // Only libraries: the docs of the command `decoy` would overwrite those of the library `decoy`.
            run(cargo(&["doc", "--release", "--no-deps", "--workspace", "--lib"]).env("RUSTDOCFLAGS", "-Dwarnings"))
        })?;
        self.check("Package", || {
            // Checks only files and manifests: the code was built above. Uncommitted changes are allowed.
            let libraries = ["--package", "burn-decoy", "--package", "burn-decoy-cpu"];
            run(cargo(&["package"]).args(libraries).args(["--no-verify", "--allow-dirty", "--quiet"]))
        })?;
        Ok(externals)
    }

    /// The library's tests, where those of kernels and layers run on `card` as well.
    fn on_card(&mut self, card: Card) -> Result<()> {
        self.tests(&format!("Tests with {}", card.feature()), || {
            let library = ["test", "--release", "--package", "burn-decoy", "--lib", "--features", card.feature()];
            cargo_tests(&mut cargo(&library))
        })
    }

    /// The steps that need the built site.
    fn browser(&mut self, externals: &[External]) -> Result<()> {
        site::build(Profile::Quick, true, externals)?;
        self.counts.passed += 1;
        self.check("Clippy for the browser", clippy_for_wasm)?;
        self.types()?;
        let chromium = chromium::find()?;
        self.tests("Browser tests", || browser_tests(&chromium))
    }

    fn types(&mut self) -> Result<()> {
        site::npm_packages(Path::new("."))?;
        if !Path::new(PACKAGE).join("decoy.d.ts").exists() {
            println!("── Types of the JavaScript: skipped, since no build has made pkg/decoy.d.ts yet");
            self.counts.skipped += 1;
            return Ok(());
        }
        self.check("Types of the JavaScript", || {
            run(Command::new("node").args(["node_modules/typescript/bin/tsc", "--project", "jsconfig.json"]))
        })
    }

    /// A step that passes or fails as a whole.
    fn check(&mut self, title: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        step(title, work)?;
        self.counts.passed += 1;
        Ok(())
    }

    /// A step of many tests: `work` returns their counts, and whether the test runner succeeded.
    fn tests(&mut self, title: &str, work: impl FnOnce() -> Result<(Counts, bool)>) -> Result<()> {
        let (counts, succeeded) = step(title, work)?;
        self.counts = [self.counts, counts].into_iter().sum();
        ensure!(succeeded && counts.failed == 0, "{title}: {counts}");
        ensure!(counts.passed > 0, "{title}: none ran");
        Ok(())
    }

    /// Prints the error, if there is one, and as the last line the total counts.
    fn end(mut self, result: Result<()>) -> ExitCode {
        if let Err(error) = &result {
            eprintln!("error: {error:#}");
            self.counts.failed = self.counts.failed.max(1); // a step that failed outside of its tests
        }
        println!("\n{}", self.counts);
        ExitCode::from(u8::from(result.is_err()))
    }
}

impl Counts {
    /// These counts, after the failed tests were run again with the counts `second`.
    fn after(self, second: Counts) -> Counts {
        let failed = second.failed;
        Counts { passed: (self.passed + self.failed).saturating_sub(failed), failed, ..self }
    }
}

impl Sum for Counts {
    fn sum<I: Iterator<Item = Counts>>(all: I) -> Counts {
        all.fold(Counts::default(), |sum, next| Counts {
            passed: sum.passed + next.passed,
            failed: sum.failed + next.failed,
            skipped: sum.skipped + next.skipped,
        })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        match self.skipped {
            0 => Ok(()),
            skipped => write!(f, ", {skipped} skipped"),
        }
    }
}

/// Lints the code that is compiled only for the browser. `cargo clippy` would check all dependencies again; clippy
/// called in place of the compiler uses those already built.
fn clippy_for_wasm() -> Result<()> {
    let mut command = cargo(&["rustc", "--release", "--target", TARGET, "--package", "burn-decoy", "--lib"]);
    command.args(["--features", "bench", "--crate-type", "rlib", "--", "--deny", "warnings"]);
    run(command.env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver"))
}

/// Runs two test files at a time. Two browsers with a software GPU are a heavy load, so a file that fails is tried once
/// more, alone; the output names the files that needed this.
fn browser_tests(chromium: &Path) -> Result<(Counts, bool)> {
    let address = serve::start(serve::listen(0)?)?;
    // The native tests have built it.
    let decoy = env::current_exe()?.with_file_name(format!("decoy{}", env::consts::EXE_SUFFIX));
    let run = |files: &[PathBuf], at_once: u32| -> Result<(String, bool)> {
        let (status, _) = run_and_listen(
            Command::new("node")
                .args(["--test", "--test-timeout=1800000"]) // ends a test whose browser stays open
                .arg(format!("--test-concurrency={at_once}"))
                .args(["--test-reporter=spec", "--test-reporter-destination=stdout"])
                .args(["--test-reporter=tap", &format!("--test-reporter-destination={NODE_RESULTS}")])
                .args(files)
                .env("DECOY_URL", &address)
                .env("DECOY", &decoy)
                .env("CHROMIUM", chromium),
        )?;
        Ok((fs::read_to_string(NODE_RESULTS)?, status.success()))
    };
    let (first, succeeded) = run(&test_files(Path::new(BROWSER_TESTS))?, 2)?;
    let failing = failing_files(&first);
    if succeeded || failing.is_empty() {
        return Ok((node_counts(&first), succeeded));
    }
    let names: Vec<_> = failing.iter().map(|file| file.display().to_string()).collect();
    println!("── A second try, alone: {}", names.join(", "));
    let (second, succeeded) = run(&failing, 1)?;
    Ok((node_counts(&first).after(node_counts(&second)), succeeded))
}

/// The files of the failed tests, from node's TAP output: only failed tests have a location there.
fn failing_files(tap: &str) -> Vec<PathBuf> {
    let locations = tap.lines().filter_map(|line| line.trim().strip_prefix("location: '")?.strip_suffix('\''));
    let files = locations.filter_map(|location| location.rsplitn(3, ':').nth(2)).map(PathBuf::from);
    files.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The files `*.test.js` in a folder, sorted. They are listed, since versions of node treat a folder differently.
fn test_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let is_test = |path: &PathBuf| path.to_string_lossy().ends_with(".test.js");
    let mut files: Vec<_> = entries.into_iter().map(|entry| entry.path()).filter(is_test).collect();
    ensure!(!files.is_empty(), "there are no tests in {}", folder.display());
    files.sort();
    Ok(files)
}

/// Runs `cargo test`; returns the counts of its tests, and whether it succeeded.
fn cargo_tests(command: &mut Command) -> Result<(Counts, bool)> {
    let (status, printed) = run_and_listen(command)?;
    Ok((cargo_counts(&printed), status.success()))
}

/// The sum of cargo's lines `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
fn cargo_counts(printed: &str) -> Counts {
    let results = printed.lines().filter_map(|line| line.strip_prefix("test result: "));
    results
        .map(|result| {
            let number = |name: &str| {
                let part = result.split([';', '.']).find_map(|part| part.trim().strip_suffix(name));
                part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
            };
            Counts { passed: number("passed"), failed: number("failed"), skipped: number("ignored") }
        })
        .sum()
}

/// The counts in the last lines of node's TAP output, `# pass 3` and so on. Tests may print such lines too, but before
/// these.
fn node_counts(tap: &str) -> Counts {
    let number = |name: &str| {
        let lines = tap.lines().rev().filter_map(|line| line.strip_prefix("# ")?.strip_prefix(name));
        lines.filter_map(|rest| rest.strip_prefix(' ')?.parse::<u32>().ok()).next().unwrap_or(0)
    };
    Counts {
        passed: number("pass"),
        failed: number("fail") + number("cancelled"),
        skipped: number("skipped") + number("todo"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_is_counted() {
        let printed = "\
running 2 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 0.03s
noise: test result: ok. 9 passed; 9 failed
test result: FAILED. 10 passed; 1 failed; 4 ignored; 0 measured; 0 filtered out; finished in 61.25s
";
        assert_eq!(cargo_counts(printed), Counts { passed: 12, failed: 1, skipped: 4 });
        assert_eq!(cargo_counts("error: could not compile"), Counts::default());
    }

    #[test]
    fn node_is_counted() {
        let tap = "\
TAP version 13
# pass 99
# Subtest: pass 98
ok 1 - the page loads
1..5
# tests 6
# suites 0
# pass 2
# fail 1
# cancelled 1
# skipped 1
# todo 1
# duration_ms 163.4
";
        assert_eq!(node_counts(tap), Counts { passed: 2, failed: 2, skipped: 2 });
        assert_eq!(node_counts("TAP version 13\n"), Counts::default());
    }

    #[test]
    fn what_failed_is_run_again() {
        let tap = "\
ok 1 - the page loads
not ok 2 - it is: fooled
  ---
  duration_ms: 12
  location: '/here/tests/browser/photos.test.js:12:3'
  ...
    not ok 1 - within
      location: '/here/tests/browser/photos.test.js:40:1'
not ok 3 - it is saved
  location: '/here/tests/browser/files.test.js:8:1'
";
        let files = ["/here/tests/browser/files.test.js", "/here/tests/browser/photos.test.js"].map(PathBuf::from);
        assert_eq!(failing_files(tap), files);
        assert!(failing_files("ok 1 - the page loads\n").is_empty());
        let first = Counts { passed: 20, failed: 2, skipped: 1 };
        let second = Counts { passed: 7, failed: 1, skipped: 0 };
        assert_eq!(first.after(second), Counts { passed: 21, failed: 1, skipped: 1 });
    }

    #[test]
    fn counts_are_one_line() {
        let counts = Counts { passed: 3, failed: 0, skipped: 0 };
        assert_eq!(counts.to_string(), "3 passed, 0 failed");
        assert_eq!(Counts { skipped: 2, ..counts }.to_string(), "3 passed, 0 failed, 2 skipped");
    }
}
