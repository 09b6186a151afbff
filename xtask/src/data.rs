//! COIL-20 for the gallery and the tests: nothing here is needed to build the site.

use std::{fs, path::Path, time::Duration};

use anyhow::Result;
use decoy_data::coil20::{self, Coil20};

use crate::command::step;

/// How long a command that can do without the data set waits for its download.
const PATIENCE: Duration = Duration::from_secs(60);

/// Left behind by a download that failed, so that later commands do not wait for it again.
const UNREACHABLE: &str = "target/coil20-unreachable";

/// The data set from `path`, else as downloaded before.
pub fn at_hand(path: Option<&Path>) -> Result<Option<Coil20>> {
    Ok(coil20::find(path)?)
}

/// The data set from `path`, else as downloaded before, else downloaded now if that is quick and did not fail before.
pub fn seek(path: Option<&Path>) -> Result<Option<Coil20>> {
    let found = at_hand(path)?;
    if found.is_some() || Path::new(UNREACHABLE).exists() {
        return Ok(found);
    }
    step("Downloading COIL-20 for the gallery", || match coil20::download(PATIENCE) {
        Ok(coil20) => Ok(Some(coil20)),
        Err(error) => {
            println!("   {error}");
            fs::write(UNREACHABLE, "`cargo xtask data` tries again\n")?;
            Ok(None)
        }
    })
}

/// Finds or downloads the data set and prints what it is.
pub fn describe(path: Option<&Path>) -> Result<()> {
    let coil20 = coil20::load(path)?;
    println!("COIL-20: {}", coil20.source.display());
    println!("pictures: {}, {} objects in {} poses", coil20.images.len(), coil20::LABELS.len(), coil20::POSES);
    println!("size: {0}×{0} pixels, 8-bit grey", coil20::SIDE);
    let verdict = if coil20.sha256 == coil20::SHA256 { "the university's" } else { "not the university's" };
    println!("sha256 of the pixels: {} ({verdict})", coil20.sha256);
    for (class, label) in coil20::LABELS.iter().enumerate() {
        println!("object {:2}: {label}", class + 1);
    }
    Ok(())
}
