//! The browser that the tests drive.

use std::{env, fs, path::PathBuf, process::Command};

use anyhow::{Context, Result, bail};

use crate::command::{run, step};

/// Names of the commands of Chromium and Chrome.
const NAMES: [&str; 5] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome"];

/// The path in `CHROMIUM`, else an installed Chromium, else Debian's package, installed now if possible.
pub fn find() -> Result<PathBuf> {
    if let Some(path) = env::var_os("CHROMIUM").filter(|path| !path.is_empty()) {
        return which::which(&path).with_context(|| format!("CHROMIUM names no program: {}", path.display()));
    }
    if let Some(path) = installed() {
        return Ok(path);
    }
    if !(is_debian() && is_root()) {
        bail!("the browser tests need Chromium: install it, or put the path of a Chrome into CHROMIUM");
    }
    step("Installing Debian's chromium", || {
        let apt = |arguments: &[&str]| {
            run(Command::new("apt-get").args(arguments).arg("--quiet").env("DEBIAN_FRONTEND", "noninteractive"))
        };
        apt(&["update"])?;
        apt(&["install", "--yes", "chromium"])
    })?;
    installed().context("Debian's package chromium is installed, but there is no such command")
}

fn installed() -> Option<PathBuf> {
    NAMES.iter().find_map(|name| which::which(name).ok())
}

/// Only Debian itself: on Ubuntu, which is based on it, the package of this name does not contain a browser.
fn is_debian() -> bool {
    fs::read_to_string("/etc/os-release").is_ok_and(|text| text.lines().any(|line| line == "ID=debian"))
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
