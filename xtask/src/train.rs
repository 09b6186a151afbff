//! Makes all networks, results and figures of a family again. The result files say which networks these are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    command::{decoy, run, step},
    json::{list, read},
    reproduce::RESULTS,
    site::CATALOG,
};

/// Folder for networks of further seeds, which are measured but not shipped. A family that is not shipped at all has a
/// folder of its own.
const SEEDS: &str = "target/seeds";

/// With arguments, runs `decoy train` for a family; without, makes all its networks, results and tables.
pub fn start(family: &str, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        return run(decoy(&["train", family]).args(arguments));
    }
    let results = results(family)?;
    let names = results.keys().cloned().collect::<Vec<_>>().join(", ");
    ensure!(!results.is_empty(), "{RESULTS} has no results of {family}: expected a file that says what to train");

    let shipped = list(&read(CATALOG)?["families"]).any(|known| known["id"] == family);
    let study = format!("target/{family}");
    for (seed, levels) in trainings(results.values()) {
        let levels = levels.join(",");
        let folder = match seed.as_str() {
            _ if !shipped => &study,
            "1" => "www/models",
            _ => SEEDS,
        };
        step(&format!("Training {family} with seed {seed}, σ {levels}"), || {
            run(&mut decoy(&["train", family, "--sigma", &levels, "--seed", &seed, "--models", folder]))
        })?;
    }
    let folders = match Path::new(SEEDS).exists() {
        _ if !shipped => study,
        true => format!("www/models,{SEEDS}"),
        false => "www/models".to_owned(),
    };
    for (name, result) in &results {
        step(&format!("Measuring {name}"), || {
            let (like, out) = (format!("{RESULTS}/{name}.json"), format!("target/{name}.json"));
            let mut evaluate = decoy(&["evaluate", "--like", &like, "--models", &folders, "--out", &out]);
            if list(&result["limits"]).next().is_some() {
                evaluate.arg("--class-distances");
            }
            run(&mut evaluate)?;
            fs::rename(&out, &like).with_context(|| format!("cannot move {out} to {like}"))
        })?;
    }
    step(&format!("Tables and chart of {names}"), || run(&mut decoy(&["figures"])))
}

/// The result files of a family, by name.
fn results(family: &str) -> Result<BTreeMap<String, Value>> {
    let mut results = BTreeMap::new();
    for entry in fs::read_dir(RESULTS).context(RESULTS)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let result = read(&path.to_string_lossy())?;
        if result["family"] == family {
            results.insert(name, result);
        }
    }
    Ok(results)
}

/// For each seed, the noise levels trained with it.
fn trainings<'a>(results: impl Iterator<Item = &'a Value>) -> BTreeMap<String, Vec<String>> {
    let all: BTreeSet<(String, String)> = results
        .flat_map(|result| list(&result["models"]))
        .map(|model| (model["seed"].to_string(), model["sigma"].to_string()))
        .collect();
    let mut trainings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (seed, sigma) in all {
        trainings.entry(seed).or_default().push(sigma);
    }
    trainings
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_network_of_the_results_is_trained_once() {
        let model = |sigma: f64, seed: u32| json!({ "sigma": sigma, "seed": seed });
        let results =
            [json!({ "models": [model(0.0, 1), model(0.5, 1), model(0.5, 2)] }), json!({ "models": [model(0.5, 1)] })];
        let found = trainings(results.iter());
        let expected = [("1", vec!["0.0", "0.5"]), ("2", vec!["0.5"])];
        let expected =
            expected.map(|(seed, levels)| (seed.to_owned(), levels.into_iter().map(str::to_owned).collect()));
        assert_eq!(found, BTreeMap::from(expected));
    }
}
