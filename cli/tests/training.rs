//! A training depends on its seed, and not on the number of threads.

use std::path::Path;
use std::process::Command;

/// The checksum of the weights that a short training of this seed gives, and its last loss.
fn weights(folder: &Path, seed: &str, threads: &str) -> (String, f64) {
    let models = folder.join(format!("{seed}-{threads}"));
    let trained = Command::new(env!("CARGO_BIN_EXE_decoy"))
        .args(["train", "coil20", "--sigma", "0.5", "--epochs", "1", "--seed", seed])
        .arg("--models")
        .arg(&models)
        .arg("--checkpoints")
        .arg(folder)
        .env("RAYON_NUM_THREADS", threads)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&trained.stderr);
    assert!(trained.status.success(), "{said}");
    let loss = said.rsplit("loss ").next().and_then(|loss| loss.trim().parse().ok()).expect("it ends with the loss");
    let catalog = std::fs::read_to_string(models.join("models.json")).expect("a catalogue was written");
    let catalog: serde_json::Value = serde_json::from_str(&catalog).expect("it is JSON");
    (catalog["families"][0]["models"][0]["sha256"].as_str().expect("a checksum").to_owned(), loss)
}

#[test]
fn a_seed_gives_the_same_weights_on_any_number_of_threads() {
    if std::env::var_os("COIL20").is_none() {
        eprintln!("COIL20 is not set: nothing is trained");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (first, loss) = weights(folder.path(), "3", "1");
    assert_eq!(first, weights(folder.path(), "3", "2").0);
    assert_ne!(first, weights(folder.path(), "4", "2").0);
    // What this seed gave when the networks of the results were trained: other first weights or other noise would give
    // another loss. Processors that round differently differ by far less.
    assert!((loss - 2.3925).abs() < 0.01, "the loss is {loss}");
}
