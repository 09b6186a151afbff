//! The library for the browser: the wasm target, the build, the JavaScript glue, the npm package.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use wait_timeout::ChildExt;
use wasm_bindgen_cli_support::Bindgen;

use crate::command::{cargo, run, step, succeeded};

/// The compiler's target for the browser.
pub const TARGET: &str = "wasm32-unknown-unknown";

/// The npm package as it is published.
pub const PACKAGE: &str = "pkg";

/// The folder in it of the module with threads and without WebGPU.
pub const THREADS: &str = "threads";

/// Where std is built if the toolchain has none for wasm.
const STD: &str = "target/wasm-target";

/// Flags of the small build. Without the places of panics, and without the fields of derived `Debug` output, the
/// compressed module is 7 % smaller; no message of an error needs them.
const SMALLER: [&str; 4] = ["-C", "target-feature=+simd128", "-Zfmt-debug=shallow", "-Zlocation-detail=none"];

/// How the library is compiled.
#[derive(Clone, Copy, PartialEq)]
pub enum Profile {
    /// The profile for daily work.
    Quick,
    /// The small build that is published.
    Small,
    /// The same with what benchmarks call.
    Bench,
}

impl Profile {
    fn name(self) -> &'static str {
        match self {
            Self::Quick => "release",
            Self::Small | Self::Bench => "small",
        }
    }
}

/// Builds the library for the browser and the npm package around it; with `threads`, the module with threads as well.
pub fn build(profile: Profile, threads: bool) -> Result<()> {
    install_target()?;
    let wasm = step(
        &format!("Building the library for the browser, profile `{}` (many minutes the first time)", profile.name()),
        || {
            compile(profile.name(), profile, |command| {
                if profile != Profile::Quick {
                    set_flags(command, &SMALLER);
                }
            })
        },
    )?;
    let threaded = threads.then(|| build_threads(profile)).transpose()?;
    step("Making the npm package in pkg/", || {
        publish(&glue(&wasm, profile)?)?;
        let folder = Path::new(PACKAGE).join(THREADS);
        threaded.map_or(Ok(()), |wasm| copy_folder(&glue(&wasm, profile)?, &folder))
    })
}

/// Compiles the library with threads, and returns the path of the wasm file. Its std has to be built for that, which
/// the compiler calls unstable.
fn build_threads(profile: Profile) -> Result<PathBuf> {
    step("Building std with threads from its source", || {
        run(Command::new("bash").args(["xtask/wasm-target.sh", STD, THREADS]))
    })?;
    step("Building the library with threads (some minutes the first time)", || {
        let sysroot = Path::new(STD).join(THREADS).canonicalize()?;
        let features = "target-feature=+simd128,+atomics,+bulk-memory,+mutable-globals";
        let flags = ["--sysroot", &sysroot.to_string_lossy(), "-C", features];
        compile("threads", profile, |command| set_flags(command, &flags))
    })
}

/// Sets flags of the compiler, of which some are unstable, in place of those in .cargo/config.toml.
fn set_flags(command: &mut Command, flags: &[&str]) {
    command.env("RUSTC_BOOTSTRAP", "1").env("CARGO_ENCODED_RUSTFLAGS", flags.join("\x1f"));
}

/// Makes sure that the compiler knows the wasm target.
fn install_target() -> Result<()> {
    if target_installed()? {
        return Ok(());
    }
    step("Installing the wasm target with rustup", || {
        if !rustup_target()? {
            println!("   rustup cannot install it here");
        }
        Ok(())
    })?;
    if target_installed()? {
        return Ok(());
    }
    step("Building the wasm target from its source", || run(Command::new("bash").args(["xtask/wasm-target.sh", STD])))
}

fn target_installed() -> Result<bool> {
    let output = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .output()
        .context("cannot run `rustc`; is it installed?")?;
    let folder = String::from_utf8(output.stdout)?;
    let files = fs::read_dir(folder.trim()).into_iter().flatten().flatten();
    Ok(files.map(|file| file.file_name()).any(|name| name.to_string_lossy().starts_with("libstd-")))
}

/// Whether rustup installed the target; a machine without rustup, or without a connection to its server, is no error.
fn rustup_target() -> Result<bool> {
    let rustup = Command::new("rustup").args(["target", "add", TARGET]).stdin(Stdio::null()).spawn();
    let Ok(mut child) = rustup else {
        return Ok(false);
    };
    let Some(status) = child.wait_timeout(Duration::from_secs(120))? else {
        child.kill()?;
        child.wait()?;
        return Ok(false);
    };
    Ok(status.success())
}

/// Compiles the library with a profile of Cargo's, and returns the path of the wasm file.
fn compile(name: &str, profile: Profile, adapt: impl FnOnce(&mut Command)) -> Result<PathBuf> {
    let mut command = cargo(&["build", "--package", "burn-decoy", "--lib", "--target", TARGET, "--profile", name]);
    adapt(&mut command);
    if profile == Profile::Bench {
        command.args(["--features", "bench"]);
    }
    command.arg("--message-format=json-render-diagnostics"); // the only output with the path of the file
    let output = command.stderr(Stdio::inherit()).output()?;
    succeeded(&command, output.status)?;

    let messages = String::from_utf8(output.stdout)?;
    let files = messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "decoy")
        .filter_map(|message| message["filenames"].as_array().cloned())
        .flatten();
    let mut paths = files.filter_map(|file| file.as_str().map(PathBuf::from));
    paths.find(|path| path.extension().is_some_and(|end| end == "wasm")).context("cargo built no wasm file")
}

/// Runs wasm-bindgen, unless its output is newer than the wasm file, and returns the folder of that output.
fn glue(wasm: &Path, profile: Profile) -> Result<PathBuf> {
    let folder = wasm.with_file_name("pkg");
    let modified = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    if let Ok(made) = modified(&folder.join("decoy_bg.wasm"))
        && made > modified(wasm)?
    {
        return Ok(folder);
    }
    Bindgen::new()
        .input_path(wasm)
        .web(true)?
        .typescript(true)
        .omit_default_module_path(false) // `init()` finds the wasm file beside the script
        .remove_name_section(profile != Profile::Quick) // names of functions, for stack traces only
        .generate(&folder)
        .context("wasm-bindgen failed")?;
    Ok(folder)
}

/// Makes a complete npm package of wasm-bindgen's output.
fn publish(glue: &Path) -> Result<()> {
    let package = Path::new(PACKAGE);
    copy_folder(glue, package)?;
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(license, package.join(license)).context(license)?;
    }
    fs::write(package.join("README.md"), include_str!("../npm-readme.md"))?;
    let manifest = json!({
        "name": "burn-decoy",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Fool a neural network in the browser and measure how little it takes",
        "license": "MIT OR Apache-2.0",
        "type": "module",
        "main": "decoy.js",
        "types": "decoy.d.ts",
        "files": ["decoy.js", "decoy.d.ts", "decoy_bg.wasm", "decoy_bg.wasm.d.ts", "snippets", "threads", "LICENSE-*"],
        "sideEffects": ["./decoy.js", "./snippets/*", "./threads/*"],
    });
    fs::write(package.join("package.json"), format!("{manifest:#}\n"))?;
    Ok(())
}

/// Makes `to` an exact copy of the folder `from`.
pub fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy_folder(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), target)?;
        } else {
            bail!("{} is neither a file nor a folder", entry.path().display());
        }
    }
    Ok(())
}
