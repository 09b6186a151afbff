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

/// The figures that are compared: in words, their name in figures.json, and their place in a result file.
const MEASURES: [(&str, &str, &str); 4] = [
    ("mean ‖Δx‖₂", "mean_l2", "/summary/mean_l2/value"),
    ("median ‖Δx‖₂", "median_l2", "/summary/median_l2/value"),
    ("right, clean", "clean", "/accuracy/test/clean"),
    ("right under its noise", "noisy", "/accuracy/test/noisy"),
];

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

/// Trains and measures one network of a family again; returns the result in words, a line for each figure.
fn reproduce_one(family: &Value, catalog: &Value, args: &Reproduce) -> Result<String> {
    let id = family["family"].as_str().context("a family without a name in figures.json")?;
    let evaluation = &family["evaluations"][0];
    let shipped = list(&catalog["families"]).find(|known| known["id"] == id).map(|known| &known["models"]);
    let shipped = shipped.with_context(|| format!("{CATALOG} has no family {id}"))?;
    let (level, training) = select(evaluation, shipped, args)?;
    let (sigma, seed) = (level["sigma"].to_string(), training["seed"].to_string());

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
        let arguments = ["evaluate", "--like", &like, "--noise-draws", "0", "--models", &folder, "--model", network];
        run(decoy(&arguments).args(["--out", &out]))
    })?;
    let measured = read(&out)?;
    let before = read(&like)?;
    let same = list(&before["models"]).any(|known| known["sha256"] == made["sha256"]);
    let mut lines = vec![format!("{network}: {}", if same { "the same weights, bit by bit" } else { "other weights" })];
    for (words, name, place) in MEASURES {
        let found = measured["models"][0].pointer(place).and_then(Value::as_f64);
        lines.push(format!("  {words}: {}", verdict(found, training[name].as_f64(), spread(evaluation, level, name))));
    }
    Ok(lines.join("\n"))
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

/// The standard deviation of a figure between trainings at this level; where it is unknown, the root mean square over
/// the others.
fn spread(evaluation: &Value, level: &Value, name: &str) -> Option<f64> {
    let here = variance(level, name);
    let others: Vec<f64> = list(&evaluation["levels"]).filter_map(|level| variance(level, name)).collect();
    let pooled = (!others.is_empty()).then(|| others.iter().sum::<f64>() / others.len() as f64);
    here.or(pooled).map(f64::sqrt)
}

fn variance(level: &Value, name: &str) -> Option<f64> {
    let values: Vec<f64> = list(&level["trainings"]).filter_map(|training| training[name].as_f64()).collect();
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    (values.len() > 1).then(|| values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0))
}

/// How far a figure is from the committed one; none where too many pictures were not fooled.
fn verdict(found: Option<f64>, committed: Option<f64>, spread: Option<f64>) -> String {
    let (Some(found), Some(committed)) = (found, committed) else {
        let words = |figure: Option<f64>| figure.map_or("no figure".to_owned(), |figure| format!("{figure:.4}"));
        return format!("{}, committed {}", words(found), words(committed));
    };
    let apart = (found - committed).abs();
    let units = match spread {
        Some(spread) if spread > 0.0 => {
            format!("{:.2} of the standard deviation between trainings, {spread:.4}", apart / spread)
        }
        Some(_) => "trainings do not differ in it".to_owned(),
        None => "one training a level: the spread between trainings is not known".to_owned(),
    };
    format!("{found:.4}, committed {committed:.4}, {apart:.4} apart ({units})")
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
        let level =
            |index: usize| spread(&evaluation, &evaluation["levels"][index], "mean_l2").expect("there are trainings");
        assert!((level(0) - 2_f64.sqrt()).abs() < 1e-9);
        assert!((level(1) - 3_f64.sqrt()).abs() < 1e-9);
        assert!((level(2) - 2.5_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn the_verdict_counts_in_standard_deviations() {
        assert_eq!(
            verdict(Some(4.5), Some(4.0), Some(0.25)),
            "4.5000, committed 4.0000, 0.5000 apart (2.00 of the standard deviation between trainings, 0.2500)"
        );
        assert!(verdict(Some(4.0), Some(4.0), None).ends_with("is not known)"));
        assert_eq!(verdict(None, Some(4.0), None), "no figure, committed 4.0000");
    }
}
