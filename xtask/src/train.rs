//! Training is the command line's work; which networks are shipped stands in the catalogue.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, run};

const CATALOG: &str = "www/models/models.json";

/// Runs `decoy train coil20` with the given arguments, or without any for the noise levels that are shipped.
pub fn start(arguments: &[String]) -> Result<()> {
    let mut command = cargo(&["run", "--release", "--package", "decoy-cli", "--", "train", "coil20"]);
    match arguments {
        [] => command.args(["--sigma", &shipped_levels()?]),
        _ => command.args(arguments),
    };
    run(&mut command)
}

/// The noise levels of the catalogue, with commas between them.
fn shipped_levels() -> Result<String> {
    let catalog: Value = serde_json::from_slice(&fs::read(CATALOG).context(CATALOG)?).context(CATALOG)?;
    let families = catalog["families"].as_array().into_iter().flatten();
    let models = families.filter(|family| family["id"] == "coil20").filter_map(|family| family["models"].as_array());
    let levels: Vec<_> = models.flatten().map(|model| model["sigma"].to_string()).collect();
    Ok(levels.join(","))
}
