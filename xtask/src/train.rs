//! Training is the command line's work; which networks are shipped stands in the catalogue.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::command::{cargo, run};

const CATALOG: &str = "www/models/models.json";

/// Runs `decoy train coil20` with the given arguments, or without any for the networks that are shipped.
pub fn start(arguments: &[String]) -> Result<()> {
    let mut command = cargo(&["run", "--release", "--package", "decoy-cli", "--", "train", "coil20"]);
    match arguments {
        [] => {
            let (levels, seeds) = shipped()?;
            command.args(["--sigma", &levels, "--seed", &seeds])
        }
        _ => command.args(arguments),
    };
    run(&mut command)
}

/// The noise levels and the seeds of the catalogue, with commas between them.
fn shipped() -> Result<(String, String)> {
    let catalog: Value = serde_json::from_slice(&fs::read(CATALOG).context(CATALOG)?).context(CATALOG)?;
    let families = catalog["families"].as_array().into_iter().flatten();
    let models = families.filter(|family| family["id"] == "coil20").filter_map(|family| family["models"].as_array());
    let models: Vec<_> = models.flatten().collect();
    let all = |key| {
        let mut values: Vec<_> = models.iter().map(|model| model[key].to_string()).collect();
        values.dedup();
        values.join(",")
    };
    Ok((all("sigma"), all("seed")))
}
