//! Result files: JSON that records the command, the commit and the data they were made with.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use decoy::catalog::Family;
use decoy::report::Origin;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pictures::{DataArgs, Images};

/// Reads the JSON file at `path`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a result file of this kind", path.display()))
}

/// `value` rounded to this many significant digits, at least 1.
pub fn significant(value: f64, digits: usize) -> f64 {
    format!("{value:.0$e}", digits - 1).parse().expect("a printed number is a number")
}

/// Checks that a file can be written to `path`, before the work whose result it is for.
pub fn check_writable(path: &Path) -> Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, "")
        .and_then(|()| std::fs::remove_file(&part))
        .with_context(|| format!("{}: expected a name in a folder where files can be written", path.display()))
}

/// Writes to a temporary file and renames it, so that an interruption leaves the previous result whole.
pub fn write<T: Serialize>(path: &Path, result: &T) -> Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, serde_json::to_string(result)? + "\n")
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// The measurement in `path`, or `fresh` where there is no such file. `about` gives origin and settings of each: where
/// they differ from those of `fresh`, that is an error.
pub fn resume<T: DeserializeOwned>(path: &Path, fresh: T, about: impl Fn(&T) -> (&Origin, String)) -> Result<T> {
    if !path.exists() {
        return Ok(fresh);
    }
    let begun: T = read(path)?;
    let what = |one: &T| {
        let (Origin { family, split, data_sha256, pictures, normalisation, .. }, settings) = about(one);
        let pixels = normalisation.as_ref().map_or(String::new(), |how| format!(", normalised by {how}"));
        format!("{family}{pixels}, {settings}, {} pictures of {split}, data {data_sha256}", pictures.len())
    };
    let (found, expected) = (what(&begun), what(&fresh));
    if found != expected || about(&begun).0.pictures != about(&fresh).0.pictures {
        bail!("{} holds another measurement ({found}): expected {expected}; choose another --out", path.display());
    }
    Ok(begun)
}

/// Where a result of this run comes from.
pub fn origin(family: &Family, images: &Images, data: &DataArgs, data_sha256: String) -> Origin {
    Origin {
        family: family.id.clone(),
        title: family.title.clone(),
        data: family.data.clone(),
        split: data.split.name().to_owned(),
        command: command(),
        commit: commit(),
        data_sha256,
        pictures: images.names.clone(),
        normalisation: family.models.first().and_then(|own| own.normalisation.clone()).map(String::from),
    }
}

/// The command line of this run, as a person would type it.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("decoy {}", arguments.join(" "))
}

/// The commit of the program's source, if it is still where the program was built.
pub fn commit() -> String {
    Command::new("git")
        .args(["-C", env!("CARGO_MANIFEST_DIR"), "describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
