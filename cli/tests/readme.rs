//! Runs the README's `decoy` commands that need no data set, on a cat of the gallery and a network of the catalogue
//! exported to a file. A test in `main.rs` checks that all of them parse.

use std::fs;
use std::path::Path;
use std::process::Command;

/// The part of a command before the arguments.
const DECOY: &str = "cargo run --release -p decoy-cli -- ";

/// Commands that train, or need a data set or its weights.
const LONG: [&str; 7] = ["train", "evaluate", "accuracy", "import", "figures", "--data-set", "--family"];

#[test]
fn every_short_command_of_the_readme_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder of its own");
    fs::copy(root.join("www/gallery/photos/chelsea.jpg"), folder.join("cat.jpg")).expect("the cat is in the gallery");

    fs::create_dir(folder.join("cats")).expect("a folder in it");
    fs::copy(folder.join("cat.jpg"), folder.join("cats/cat.jpg")).expect("the cat is there");
    let models = root.join("www/models");
    let exported = Command::new(env!("CARGO_BIN_EXE_decoy"))
        .args(["export", "--model", "cifar10-sigma-0.00", "mine.onnx", "--models"])
        .arg(&models)
        .current_dir(&folder)
        .status();
    assert!(exported.expect("the command was built").success());
    fs::write(folder.join("labels.txt"), "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n").expect("a file in it");

    let readme = fs::read_to_string(root.join("README.md")).expect("it is there");
    let commands = readme.lines().filter_map(|line| line.strip_prefix(DECOY));
    let short: Vec<_> = commands.filter(|command| !LONG.iter().any(|word| command.contains(word))).collect();
    assert!(short.len() > 4, "{short:?}");
    for command in short {
        let arguments = words(command);
        let mut decoy = Command::new(env!("CARGO_BIN_EXE_decoy"));
        decoy.args(&arguments).current_dir(&folder);
        if !arguments.iter().any(|word| word == "list") {
            decoy.arg("--models").arg(&models); // the only change: another models folder
        }
        let output = decoy.output().expect("the command was built");
        let (said, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success() && !said.is_empty(), "{command}: {said}{told}");
    }
    assert!(folder.join("fooled.png").exists(), "what --out names is written");
}

/// Splits a command into arguments: quoted text is one argument.
fn words(command: &str) -> Vec<String> {
    let parts = command.split('"').enumerate();
    parts
        .flat_map(|(index, part)| match index % 2 {
            0 => part.split_whitespace().map(str::to_owned).collect(),
            _ => vec![part.to_owned()],
        })
        .collect()
}
