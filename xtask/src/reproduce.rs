//! Trains and measures one network of each family again, and compares it with the committed figures.

use std::{fs, path::Path};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde_json::Value;

use crate::{
    command::{decoy, run, step},
    json::{list, read},
    site::CATALOG,
};

/// Folder of the committed results.
pub const RESULTS: &str = "www/robustness";

/// Folder for the networks trained again and their results.
const FOLDER: &str = "target/reproduce";

/// Which networks to train again.
#[derive(Args)]
pub struct Reproduce {
    /// Only this family, such as coil20.
    family: Option<String>,
    /// The network of this noise level; default: the lowest above 0.
    #[arg(long)]
    sigma: Option<f64>,
    /// The network of this seed; default: the shipped one of that level.
    #[arg(long)]
    seed: Option<u64>,
    /// Further arguments for `decoy train FAMILY`, behind `--`.
    #[arg(last = true)]
    arguments: Vec<String>,
}

/// Trains the networks, measures them in the same way, and prints how far the figures differ from the committed ones.
pub fn compare(args: &Reproduce) -> Result<()> {
    let figures = read(&format!("{RESULTS}/figures.json"))?;
    let catalog = read(CATALOG)?;
    let families: Vec<&Value> = list(&figures["families"]).filter(|family| is_wanted(family, args)).collect();
    if families.is_empty() {
        let known: Vec<&str> = list(&figures["families"]).filter_map(|family| family["family"].as_str()).collect();
        bail!(
            "there is no result for {}: expected one of {}",
            args.family.as_deref().unwrap_or("any"),
            known.join(", ")
        );
    }
    ensure!(
        args.arguments.is_empty() || args.family.is_some(),
        "arguments for the training of every family: expected a FAMILY before --"
    );
    let words: Vec<String> =
        families.iter().map(|family| reproduce_one(family, &catalog, args)).collect::<Result<_>>()?;
    println!("\n{}", words.join("\n"));
    Ok(())
}

fn is_wanted(family: &Value, args: &Reproduce) -> bool {
    args.family.as_deref().is_none_or(|wanted| family["family"] == wanted)
}

/// Trains and measures one network of a family again; returns the result in a sentence.
fn reproduce_one(family: &Value, catalog: &Value, args: &Reproduce) -> Result<String> {
    let id = family["family"].as_str().context("a family without a name in figures.json")?;
    let evaluation = &family["evaluations"][0];
    let shipped = list(&catalog["families"]).find(|known| known["id"] == id).map(|known| &known["models"]);
    let shipped = shipped.with_context(|| format!("{CATALOG} has no family {id}"))?;
    let (level, training) = select(evaluation, shipped, args)?;
    let (model, sigma, seed) = (&training["model"], level["sigma"].to_string(), training["seed"].to_string());
    let committed = training["mean_l2"].as_f64().with_context(|| format!("{model} has no mean to compare with"))?;

    let folder = format!("{FOLDER}/{id}");
    prepare_folder(&folder, id, level["sigma"].as_f64().unwrap_or(0.0), catalog)?;
    step(&format!("Training {id} with σ {sigma} and seed {seed}"), || {
        let mut train = decoy(&["train", id, "--sigma", &sigma, "--seed", &seed, "--models", &folder]);
        run(train.args(["--checkpoints", &format!("{folder}/checkpoints")]).args(&args.arguments))
    })?;
    let made = read(&format!("{folder}/models.json"))?;
    let mut networks = list(&made["families"]).flat_map(|family| list(&family["models"]));
    let made = networks.rfind(|network| network["sigma"] == level["sigma"] && network["seed"] == training["seed"]);
    let made =
        made.with_context(|| format!("the training left no network of σ {sigma} and seed {seed} in {folder}"))?;

    let name = evaluation["name"].as_str().context("a result without a name in figures.json")?;
    let (like, out) = (format!("{RESULTS}/{name}.json"), format!("{folder}/{name}.json"));
    let network = made["id"].as_str().context("a network without a name")?;
    step(&format!("Measuring it as {name}.json says"), || {
        run(&mut decoy(&["evaluate", "--like", &like, "--models", &folder, "--model", network, "--out", &out]))
    })?;
    let measured = read(&out)?;
    let found = measured["models"][0]["summary"]["mean_l2"]["value"].as_f64();
    let found = found
        .with_context(|| format!("{network} trained again has no mean ‖Δx‖₂: too many pictures were not fooled"))?;

    let before = read(&like)?;
    let same = list(&before["models"]).any(|known| known["sha256"] == made["sha256"]);
    Ok(verdict(network, found, committed, same, spread(evaluation, level)))
}

/// The noise level, and the training at that level, to repeat.
fn select<'a>(evaluation: &'a Value, shipped: &Value, args: &Reproduce) -> Result<(&'a Value, &'a Value)> {
    let at = |level: &&Value| {
        let sigma = level["sigma"].as_f64().unwrap_or(0.0);
        args.sigma.map_or(sigma > 0.0, |wanted| sigma == wanted)
    };
    let level = list(&evaluation["levels"]).find(at).context("no result has that noise level")?;
    let is_shipped = |training: &Value| list(shipped).any(|model| model["id"] == training["model"]);
    let wanted = |training: &&Value| args.seed.map_or_else(|| is_shipped(training), |seed| training["seed"] == seed);
    let training = list(&level["trainings"]).find(wanted).context("no result of that noise level has that seed")?;
    Ok((level, training))
}

/// Creates the folder with the family's networks below `sigma`: the training of photographs begins with one of them.
fn prepare_folder(folder: &str, family: &str, sigma: f64, catalog: &Value) -> Result<()> {
    let path = Path::new(folder);
    if path.exists() {
        fs::remove_dir_all(path)?;
    }
    fs::create_dir_all(path)?;
    let mut catalog = catalog.clone();
    let families = catalog["families"].as_array_mut().context("no families in the catalogue")?;
    families.retain(|known| known["id"] == family);
    for models in families.iter_mut().filter_map(|family| family["models"].as_array_mut()) {
        models.retain(|model| model["sigma"].as_f64().is_some_and(|below| below < sigma));
        for file in models.iter().filter_map(|model| model["file"].as_str()) {
            fs::copy(Path::new("www/models").join(file), path.join(file)).with_context(|| file.to_owned())?;
        }
    }
    fs::write(path.join("models.json"), catalog.to_string())?;
    Ok(())
}

/// The standard deviation between trainings at this level; where it is unknown, the root mean square over the others.
fn spread(evaluation: &Value, level: &Value) -> Option<f64> {
    let here = variance(level);
    let others: Vec<f64> = list(&evaluation["levels"]).filter_map(variance).collect();
    let pooled = (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64);
    here.or(pooled).map(f64::sqrt)
}

fn variance(level: &Value) -> Option<f64> {
    let means: Vec<f64> = list(&level["trainings"]).filter_map(|training| training["mean_l2"].as_f64()).collect();
    let count = means.len() as f64;
    let mean = means.iter().sum::<f64>() / count;
    (means.len() > 1).then(|| means.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

fn verdict(network: &str, found: f64, committed: f64, same: bool, spread: Option<f64>) -> String {
    let apart = (found - committed).abs();
    let weights = if same { "the same weights, bit by bit" } else { "other weights" };
    let units = match spread {
        Some(spread) if spread > 0.0 => {
            format!("{:.2} of the standard deviation between trainings, {spread:.3}", apart / spread)
        }
        _ => "one training a level: the spread between trainings is not known".to_owned(),
    };
    format!("{network}: mean ‖Δx‖₂ {found:.4}, committed {committed:.4}, {apart:.4} apart ({units}); {weights}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn evaluation() -> Value {
        let training = |model: &str, seed: u32, mean: f64| json!({ "model": model, "seed": seed, "mean_l2": mean });
        json!({ "levels": [
            { "sigma": 0.0, "trainings": [training("a", 1, 1.0), training("b", 2, 3.0)] },
            { "sigma": 0.5, "trainings": [training("c", 1, 5.0), training("d", 2, 5.0), training("e", 3, 8.0)] },
            { "sigma": 1.0, "trainings": [training("f", 1, 9.0)] },
        ] })
    }

    fn wanted(sigma: Option<f64>, seed: Option<u64>) -> Reproduce {
        Reproduce { family: None, sigma, seed, arguments: Vec::new() }
    }

    #[test]
    fn the_shipped_network_of_the_lowest_noise_is_made_again() {
        let (evaluation, shipped) = (evaluation(), json!([{ "id": "a" }, { "id": "d" }, { "id": "f" }]));
        let model = |sigma, seed| select(&evaluation, &shipped, &wanted(sigma, seed)).map(|found| &found.1["model"]);
        assert_eq!(model(None, None).expect("it is there"), "d");
        assert_eq!(model(Some(1.0), None).expect("it is there"), "f");
        assert_eq!(model(Some(0.5), Some(3)).expect("it is there"), "e");
        assert!(model(Some(0.5), Some(4)).is_err() && model(Some(0.7), None).is_err());
    }

    #[test]
    fn the_spread_is_that_of_the_level_else_of_all() {
        let evaluation = evaluation();
        let level = |index: usize| spread(&evaluation, &evaluation["levels"][index]).expect("there are trainings");
        assert!((level(0) - 2_f64.sqrt()).abs() < 1e-9);
        assert!((level(1) - 3_f64.sqrt()).abs() < 1e-9);
        assert!((level(2) - 2.5_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn the_verdict_counts_in_standard_deviations() {
        let words = verdict("a", 4.5, 4.0, false, Some(0.25));
        assert_eq!(
            words,
            "a: mean ‖Δx‖₂ 4.5000, committed 4.0000, 0.5000 apart (2.00 of the standard deviation between trainings, \
             0.250); other weights"
        );
        assert!(verdict("a", 4.0, 4.0, true, None).ends_with("is not known); the same weights, bit by bit"));
    }
}
