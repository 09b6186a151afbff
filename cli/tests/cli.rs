//! The `decoy` command as a script uses it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

const MODEL: &str = "coil20-sigma-0.05";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn decoy(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_decoy"))
        .args(arguments)
        .current_dir(root())
        .output()
        .expect("the command was built")
}

/// The JSON lines it prints.
fn json(arguments: &[&str]) -> Vec<Value> {
    let output = decoy(arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout)
        .expect("it prints text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect()
}

/// What it says when it fails.
fn refusal(arguments: &[&str]) -> String {
    let output = decoy(arguments);
    assert!(!output.status.success(), "{arguments:?} is accepted");
    String::from_utf8(output.stderr).expect("it prints text")
}

/// A file of its own for one test.
fn scratch(name: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    let _ = std::fs::remove_file(&path);
    path.display().to_string()
}

/// Whether COIL-20 is here; says so when it is not.
fn coil20() -> bool {
    let here = std::env::var_os("COIL20").is_some_and(|path| !path.is_empty());
    if !here {
        eprintln!("skipped: COIL-20 is not here; set COIL20 to its folder or zip");
    }
    here
}

#[test]
fn predictions_are_ranked_and_add_up() {
    let lines = json(&["predict", "--model", MODEL, "--top", "20", "--json", "tests/fixtures/shape.png"]);
    let [line] = &lines[..] else { panic!("one line for one picture: {lines:?}") };
    assert_eq!(line["image"], "tests/fixtures/shape.png");
    assert_eq!(line["model"], MODEL);
    let probabilities: Vec<f64> = line["predictions"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|prediction| prediction["probability"].as_f64().expect("a number"))
        .collect();
    assert_eq!(probabilities.len(), 20);
    assert!(probabilities.is_sorted_by(|a, b| a >= b));
    assert!((probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-4);
}

#[test]
fn the_picture_that_attack_writes_is_misread() {
    let out = scratch("misread.png");
    let line = &json(&["attack", "--model", MODEL, "--out", &out, "--json", "tests/fixtures/shape.png"])[0];
    assert_eq!(line["success"], true);
    assert_ne!(line["original"]["class"], line["adversarial"]["class"]);
    assert_eq!(line["gradients"], 100);
    let saved = &json(&["predict", "--model", MODEL, "--json", &out])[0]["predictions"][0];
    assert_eq!(saved["label"], line["eight_bit"]["label"]);
    assert_ne!(saved["label"], line["original"]["label"]);
}

#[test]
fn a_target_is_reached() {
    let line = &json(&["attack", "--model", MODEL, "--target", "duck", "--json", "tests/fixtures/shape.png"])[0];
    assert_eq!(line["adversarial"]["label"], "duck");
    assert_eq!(line["eight_bit"]["label"], "duck");
}

#[test]
fn models_are_those_of_the_catalogue() {
    let output = decoy(&["models", "--json"]);
    let listed: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let text = std::fs::read_to_string(root().join("www/models/models.json")).expect("the catalogue is there");
    assert_eq!(listed, serde_json::from_str::<Value>(&text).expect("it is JSON"));
    let models = listed["families"][0]["models"].as_array().expect("a list");
    for model in models.iter().filter(|model| model["sigma"].as_f64().expect("a number") <= 0.1) {
        let clean = model["accuracy"]["test"]["clean"].as_f64().expect("a number");
        assert!(clean >= 0.99, "{} reads {clean} of the held-out images", model["id"]);
    }
}

#[test]
fn bad_input_is_refused_with_words() {
    let shape = "tests/fixtures/shape.png";
    let unknown = refusal(&["predict", "--model", "resnet", shape]);
    assert!(unknown.contains("no model named “resnet”") && unknown.contains(MODEL), "{unknown}");
    let label = refusal(&["attack", "--model", MODEL, "--target", "swan", shape]);
    assert!(label.contains("no label named “swan”") && label.contains("duck"), "{label}");
    let steps = refusal(&["attack", "--model", MODEL, "--steps", "0", shape]);
    assert!(steps.contains("steps is 0: expected 1 to 10000"), "{steps}");
    let missing = refusal(&["predict", "--model", MODEL, "no-such.png"]);
    assert!(missing.contains("no-such.png"), "{missing}");
    let text = refusal(&["predict", "--model", MODEL, "Cargo.toml"]);
    assert!(text.contains("Cargo.toml") && text.contains("picture"), "{text}");
}

#[test]
fn a_network_is_trained_and_measured() {
    if !coil20() {
        return;
    }
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trained");
    let _ = std::fs::remove_dir_all(&folder);
    let models = folder.display().to_string();
    let checkpoints = folder.join("checkpoints").display().to_string();
    let train = decoy(&[
        "train",
        "coil20",
        "--sigma",
        "0.05",
        "--epochs",
        "2",
        "--models",
        &models,
        "--checkpoints",
        &checkpoints,
    ]);
    assert!(train.status.success(), "{}", String::from_utf8_lossy(&train.stderr));

    let out = folder.join("result.json").display().to_string();
    let evaluate = ["evaluate", "--steps", "10", "--split", "test", "--models", &models, "--out", &out];
    let measured = decoy(&evaluate);
    assert!(measured.status.success(), "{}", String::from_utf8_lossy(&measured.stderr));
    let text = std::fs::read_to_string(&out).expect("the result is written");
    let result: Value = serde_json::from_str(&text).expect("it is JSON");
    let model = &result["models"][0];
    let (summary, images) = (&model["summary"], &model["images"]);
    assert_eq!(summary["images"], 300);
    // Two epochs read most images, and DDN fools every one that is read.
    assert!(summary["clean_errors"].as_u64().expect("a count") < 150, "{summary}");
    assert_eq!(summary["failures"], 0, "{summary}");
    assert_eq!(images["l2"].as_array().expect("a list").len(), 300);

    // What is measured already is not measured again.
    assert!(decoy(&evaluate).status.success());
    assert_eq!(std::fs::read_to_string(&out).expect("the result is there"), text);
    let other = refusal(&["evaluate", "--steps", "11", "--split", "test", "--models", &models, "--out", &out]);
    assert!(other.contains("holds another measurement"), "{other}");
}
