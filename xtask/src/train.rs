//! Training is the command line's work; which networks are shipped stands in the catalogue.

use std::fs;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    command::{cargo, run},
    site::CATALOG,
};

/// Runs `decoy train` for a family with the given arguments, or without any for the networks that are shipped.
pub fn start(family: &str, arguments: &[String]) -> Result<()> {
    let mut command = cargo(&["run", "--release", "--package", "decoy-cli", "--", "train", family]);
    match arguments {
        [] => {
            let (levels, seeds) = shipped(family)?;
            command.args(["--sigma", &levels, "--seed", &seeds])
        }
        _ => command.args(arguments),
    };
    run(&mut command)
}

/// The noise levels and the seeds of a family in the catalogue, with commas between them.
fn shipped(family: &str) -> Result<(String, String)> {
    let catalog: Value = serde_json::from_slice(&fs::read(CATALOG).context(CATALOG)?).context(CATALOG)?;
    let families = catalog["families"].as_array().into_iter().flatten();
    let models = families.filter(|known| known["id"] == family).filter_map(|known| known["models"].as_array());
    let models: Vec<_> = models.flatten().collect();
    ensure!(!models.is_empty(), "{CATALOG} has no networks of {family}: expected a family with networks");
    let all = |key| {
        let mut values: Vec<_> = models.iter().map(|model| model[key].to_string()).collect();
        values.dedup();
        values.join(",")
    };
    Ok((all("sigma"), all("seed")))
}
