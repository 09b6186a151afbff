//! The `decoy` command as a script uses it.

mod common;

use std::path::{Path, PathBuf};
use std::process::Command;

use common::{decoy, root, said};
use decoy::photo::{self, Photo};
use serde_json::Value;

const MODEL: &str = "coil20-sigma-0.05";

/// The JSON lines that `decoy` prints.
fn json(arguments: &[&str]) -> Vec<Value> {
    let output = decoy(arguments);
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8(output.stdout)
        .expect("it prints text")
        .lines()
        .map(|line| serde_json::from_str(line).expect("every line is JSON"))
        .collect()
}

/// The error message of a command that fails.
fn refusal(arguments: &[&str]) -> String {
    let output = decoy(arguments);
    assert!(!output.status.success(), "{arguments:?} is accepted");
    said(&output)
}

/// A file path for one test.
fn scratch(name: &str) -> String {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = folder.join(name);
    let _ = std::fs::remove_file(&path);
    path.display().to_string()
}

/// Whether COIL-20 is available; prints a note if it is not.
fn coil20() -> bool {
    let here = std::env::var_os("COIL20").is_some_and(|path| !path.is_empty());
    if !here {
        eprintln!("skipped: COIL-20 is not here; set COIL20 to its folder or zip");
    }
    here
}

#[test]
fn weights_in_a_second_file_are_read_beside_the_first() {
    let predict = |network: &str| {
        ["predict", "--json", "tests/fixtures/photos/chelsea.png", "--network", network].map(str::to_owned)
    };
    let run = |network: &str| decoy(&predict(network).each_ref().map(|argument| &**argument));
    let whole = run("tests/fixtures/onnx/split.onnx");
    assert!(whole.status.success(), "{}", said(&whole));
    let line: Value = serde_json::from_slice(&whole.stdout).expect("it is JSON");
    assert_eq!(line["predictions"].as_array().map(Vec::len), Some(3));
    let alone = scratch("alone.onnx");
    std::fs::copy(root().join("tests/fixtures/onnx/split.onnx"), &alone).expect("it is copied");
    let refused = said(&run(&alone));
    assert!(refused.contains("its weights are expected in") && refused.contains("split.onnx.data"), "{refused}");
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
    assert_eq!((&line["passes"]["backward"], &line["norm"]), (&100.into(), &"l2".into()));
    let saved = &json(&["predict", "--model", MODEL, "--json", &out])[0]["predictions"][0];
    assert_eq!(saved["label"], line["eight_bit"]["label"]);
    assert_ne!(saved["label"], line["original"]["label"]);
}

#[test]
fn the_network_that_votes_under_noise_is_attacked() {
    let attack = ["attack", "--model", MODEL, "--steps", "20", "--json", "tests/fixtures/shape.png"];
    let [plain, smoothed] =
        [&[][..], &["--smoothed", "0.5", "--draws", "3"]].map(|more| json(&[&attack[..], more].concat()).remove(0));
    assert_eq!((&plain["smoothed"], &smoothed["smoothed"]), (&Value::Null, &serde_json::json!([0.5, 3])));
    assert_eq!((&smoothed["success"], &smoothed["passes"]["backward"]), (&true.into(), &20.into()));
    assert_ne!(plain["norms"], smoothed["norms"]);
}

#[test]
fn a_target_is_reached() {
    for target in ["Duck", "0"] {
        let line = &json(&["attack", "--model", MODEL, "--target", target, "--json", "tests/fixtures/shape.png"])[0];
        for read in [&line["target"], &line["adversarial"]["label"], &line["eight_bit"]["label"]] {
            assert_eq!(read, "duck");
        }
    }
}

#[test]
fn a_target_that_is_missed_or_seen_already_is_told() {
    let shape = "tests/fixtures/shape.png";
    let seen = json(&["predict", "--model", MODEL, "--json", shape])[0]["predictions"][0]["label"].clone();
    let label = seen.as_str().expect("a label");
    let out = scratch("seen.png");
    let refused = refusal(&["attack", "--model", MODEL, "--target", label, "--out", &out, shape]);
    assert!(refused.contains(&format!("the network sees “{label}” already")), "{refused}");
    assert!(!Path::new(&out).exists());
    let output =
        decoy(&["attack", "--model", MODEL, "--attack", "fgsm:epsilon=0.3", "--target", "duck", "--json", shape]);
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let after = line["adversarial"]["label"].as_str().expect("a label");
    assert!(!output.status.success() && after != "duck", "{line}");
    let message = line["message"].as_str().expect("it says why");
    assert!(message.contains("Not made to see “duck”") && message.contains(after), "{message}");
}

#[test]
fn the_network_is_as_sure_as_asked() {
    let line = &json(&["attack", "--model", MODEL, "--confidence", "0.9", "--json", "tests/fixtures/shape.png"])[0];
    assert_eq!(line["success"], true);
    assert!((line["sure"].as_f64().expect("a number") - 0.9).abs() < 1e-6);
    for picture in ["adversarial", "eight_bit"] {
        assert!(line[picture]["probability"].as_f64().expect("a number") >= 0.9, "{line}");
    }
    let refused = refusal(&["attack", "--model", MODEL, "--confidence", "90", "tests/fixtures/shape.png"]);
    assert!(refused.contains("confidence is 90: expected a probability, 0 to 0.9999"), "{refused}");
}

#[test]
fn a_part_of_the_picture_changes_alone() {
    let shape = "tests/fixtures/shape.png";
    let (out, mask) = (scratch("part.png"), scratch("mask.png"));
    let inside = |index: usize| (20..100).contains(&(index / 128)) && (30..90).contains(&(index % 128));
    let white: Vec<u8> =
        (0..128 * 128).flat_map(|index| [if inside(index) { 255 } else { 0 }; 3].into_iter().chain([255])).collect();
    std::fs::write(&mask, Photo::from_rgba(&white, 1, 128, 128).expect("a picture").png()).expect("it is written");
    let levels = |path: &str| {
        let source = photo::open(&std::fs::read(root().join(path)).expect("it is there")).expect("it is a picture");
        source.crop(source.default_crop(1.0, 128, 128), 1, 128, 128).expect("it has this size").levels()
    };
    let attack = ["attack", "--model", MODEL, "--out", &out, "--json", shape];
    let by_region = &json(&[&attack[..], &["--region", "30,20,60,80"]].concat())[0];
    assert_eq!((&by_region["success"], &by_region["region"]), (&true.into(), &"30,20,60,80".into()));
    let (before, after) = (levels(shape), levels(&out));
    let changed: Vec<usize> = (0..128 * 128).filter(|&index| before[index] != after[index]).collect();
    assert!(!changed.is_empty() && changed.into_iter().all(inside));
    let by_mask = &json(&[&attack[..], &["--mask", &mask]].concat())[0];
    assert_eq!(by_mask["norms"], by_region["norms"]);

    assert_eq!(by_mask["options"]["attack"], "ddn");
    assert!(by_mask["mask"].as_str().is_some_and(|sum| sum.len() == 64) && by_region["mask"].is_null(), "{by_mask}");
    let onto_itself = refusal(&["attack", "--model", MODEL, "--mask", &mask, "--out", &mask, shape]);
    assert!(onto_itself.contains("would overwrite"), "{onto_itself}");
    // Grey from left to right, and black.
    for (slope, words) in [(2, "expected a black and white picture"), (0, "no pixel of the mask is white")] {
        let greys: Vec<u8> =
            (0..128 * 128).flat_map(|index| [[(slope * (index % 128)) as u8; 3].as_slice(), &[255]].concat()).collect();
        std::fs::write(&mask, Photo::from_rgba(&greys, 1, 128, 128).expect("a picture").png()).expect("it is written");
        let refused = refusal(&[&attack[..], &["--mask", &mask]].concat());
        assert!(refused.contains(words), "{refused}");
    }

    let beyond = refusal(&[&attack[..], &["--region", "100,0,60,10"]].concat());
    assert!(
        beyond.contains("expected a rectangle of at least one pixel within 128×128, found 100,0,60,10"),
        "{beyond}"
    );
    let words = refusal(&[&attack[..], &["--region", "left"]].concat());
    assert!(words.contains("expected LEFT,TOP,WIDTH,HEIGHT in whole pixels"), "{words}");
    let other = refusal(&[&attack[..], &["--mask", "tests/fixtures/photos/coffee.png"]].concat());
    assert!(other.contains("expected 128×128 pixels, as the picture has"), "{other}");
    // Changing one pixel of the background does not fool it, and the output says so.
    let output = decoy(&[&attack[..], &["--region", "0,0,1,1", "--steps", "20"]].concat());
    let line: Value = serde_json::from_slice(&output.stdout).expect("one line of JSON");
    let message = line["message"].as_str().expect("it says why");
    assert!(!output.status.success() && message.contains("Not fooled with changes inside that part only"), "{message}");
}

#[test]
fn a_name_that_would_lose_a_picture_is_refused() {
    let jpeg = refusal(&["attack", "--model", MODEL, "--out", &scratch("out.jpg"), "tests/fixtures/shape.png"]);
    assert!(jpeg.contains("expected a name that ends in .png"), "{jpeg}");
    let copy = scratch("copy.png");
    std::fs::copy(root().join("tests/fixtures/shape.png"), &copy).expect("it is copied");
    let itself = refusal(&["attack", "--model", MODEL, "--out", &copy, &copy]);
    assert!(itself.contains("would overwrite"), "{itself}");
    // A file that has two names keeps its content under the other.
    let linked = scratch("linked.png");
    let _ = std::fs::remove_file(&linked);
    std::fs::hard_link(&copy, &linked).expect("it is linked");
    let before = std::fs::read(&copy).expect("it is there");
    decoy(&["attack", "--model", MODEL, "--out", &linked, &copy]);
    assert!(
        std::fs::read(&copy).expect("it is there") == before
            && std::fs::read(&linked).expect("it is written") != before
    );
    let data = ["compare", "--model", MODEL, "--data-set", "--data", &copy, "--attack", "fgsm", "--tensors", &copy];
    let data = refusal(&data);
    assert!(data.contains("would overwrite"), "{data}");
    let catalogue = refusal(&["export", "--model", MODEL, "www/models/models.json"]);
    assert!(catalogue.contains("would overwrite"), "{catalogue}");
    let network = scratch("kept.onnx");
    decoy(&["export", "--model", MODEL, &network]);
    let compare = ["compare", "--network", &network, "--attack", "fgsm", "--tensors", &network];
    let network = refusal(&[&compare[..], &["tests/fixtures/shape.png"]].concat());
    assert!(network.contains("would overwrite"), "{network}");
}

#[test]
fn an_odd_file_is_skipped_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let shape = std::fs::read(root().join("tests/fixtures/shape.png")).expect("it is there");
    for (name, bytes) in [("a.png", &*shape), ("b.png", b"no picture"), ("c.png", &shape), ("._a.png", b"hidden")] {
        std::fs::write(folder.path().join(name), bytes).expect("it is written");
    }
    let path = folder.path().display().to_string();
    let commands: [&[&str]; 3] = [&["predict"], &["attack", "--steps", "20"], &["compare", "--attack", "ddn:steps=20"]];
    for command in commands {
        let output = decoy(&[command, &["--model", MODEL, "--json", &path]].concat());
        let [said, done] = [output.stderr, output.stdout].map(|text| String::from_utf8(text).expect("it prints text"));
        assert!(!output.status.success(), "{command:?}");
        assert!(said.contains("skipped: ") && said.contains("b.png") && said.contains("1 of 3 pictures"), "{said}");
        assert!(done.contains("a.png") && done.contains("c.png") && !done.contains("._a.png"), "{done}");
    }
}

#[test]
#[cfg(unix)]
fn a_pipe_among_pictures_is_skipped_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::copy(root().join("tests/fixtures/shape.png"), folder.path().join("a.png")).expect("it is copied");
    let pipe = Command::new("mkfifo").arg(folder.path().join("b.png")).status().expect("there is mkfifo");
    assert!(pipe.success());
    let output = decoy(&["predict", "--model", MODEL, &folder.path().display().to_string()]);
    let [said, done] = [output.stderr, output.stdout].map(|text| String::from_utf8(text).expect("it prints text"));
    assert!(said.contains("b.png is a pipe or a device") && said.contains("1 of 2 pictures"), "{said}");
    assert!(done.contains("a.png"), "{done}");
}

#[test]
fn what_cannot_be_doubled_is_told_before_anything_is_run() {
    let double = ["compare", "--model", MODEL, "--double", "--attack", "ddn", "--attack"];
    for (attack, expected) in
        [("fgsm", "fgsm has no steps to double"), ("fmn:steps=6000", "steps is 12000: expected 1 to 10000")]
    {
        let refused = refusal(&[&double[..], &[attack, "tests/fixtures/shape.png"]].concat());
        assert!(refused.contains(expected), "{refused}");
    }
}

#[test]
#[cfg(unix)]
fn a_reader_that_stops_early_is_no_error() {
    let command = format!("{} attack --attack list | head -1", env!("CARGO_BIN_EXE_decoy"));
    let output = Command::new("sh").args(["-c", &command]).output().expect("there is a shell");
    assert_eq!(said(&output), "");
}

#[test]
fn attacks_are_listed_with_their_parameters() {
    let listed = json(&["attack", "--attack", "list", "--json"]);
    let fmn = listed.iter().find(|info| info["name"] == "fmn").expect("it is listed");
    let norms: Vec<_> = fmn["forms"].as_array().expect("a list").iter().map(|form| &form["norm"]).collect();
    assert_eq!(norms, ["linf", "l2", "l1", "l0"]);
    assert_eq!(fmn["forms"][0]["parameters"][0]["name"], "steps");
    let output = decoy(&["attack", "--attack", "list"]);
    let words = String::from_utf8(output.stdout).expect("it prints text");
    for info in listed {
        assert!(words.contains(info["title"].as_str().expect("a text")), "{words}");
    }
}

#[test]
fn attacks_are_compared_side_by_side() {
    let tensors = scratch("compared.safetensors");
    let attacks = ["--attack", "fmn:norm=l1,steps=5", "--attack", "noise:norm=linf,epsilon=0.001,steps=2"];
    let pictures =
        ["--json", "--double", "--tensors", &tensors, "tests/fixtures/shape.png", "tests/fixtures/shape.png"];
    let lines = json(&[&["compare", "--model", MODEL], &attacks[..], &pictures[..]].concat());
    let [comparison] = &lines[..] else { panic!("one object: {lines:?}") };
    let [fmn, noise] = [0, 1].map(|index| &comparison["attacks"][index]);
    assert_eq!((&fmn["norm"], &noise["norm"], &noise["black_box"]), (&"l1".into(), &"linf".into(), &true.into()));
    assert_eq!(fmn["passes"]["backward"], 5);
    let size = fmn["sizes"][0].as_f64().expect("five steps fool it");
    assert_eq!((&fmn["sizes"][1], &fmn["norms"][0]["l1"], &fmn["median"]), (&size.into(), &size.into(), &size.into()));
    // Ten steps find a much smaller change than five.
    assert!(fmn["median_doubled"].as_f64().expect("ten steps fool it") < 0.98 * size);
    assert_eq!(fmn["flags"][0]["name"], "not-converged");
    assert_eq!((&noise["sizes"][0], &noise["median"]), (&Value::Null, &Value::Null));
    let bytes = std::fs::read(tensors).expect("it was written");
    let read = safetensors::SafeTensors::deserialize(&bytes).expect("it is well formed");
    assert_eq!(read.tensor("gradient").expect("it is there").shape(), [2, 1, 128, 128]);
}

#[test]
fn models_are_those_of_the_catalogue() {
    let output = decoy(&["models", "--json"]);
    let listed: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let text = std::fs::read_to_string(root().join("www/models/models.json")).expect("the catalogue is there");
    assert_eq!(listed, serde_json::from_str::<Value>(&text).expect("it is JSON"));
    for (family, least) in [(&listed["families"][0], 0.70), (&listed["families"][1], 0.99)] {
        let models = family["models"].as_array().expect("a list");
        for model in models.iter().filter(|model| model["sigma"].as_f64().expect("a number") <= 0.1) {
            let clean = model["accuracy"]["test"]["clean"].as_f64().expect("a number");
            assert!(clean >= least, "{} reads {clean} of the held-out images", model["id"]);
        }
    }
}

#[test]
fn bad_input_is_refused_with_words() {
    let shape = "tests/fixtures/shape.png";
    let unknown = refusal(&["predict", "--model", "resnet", shape]);
    assert!(unknown.contains("no model named “resnet”") && unknown.contains(MODEL), "{unknown}");
    let family = refusal(&["accuracy", "--family", "mnist"]);
    assert!(family.contains("no family named “mnist”") && family.contains("coil20"), "{family}");
    let data = refusal(&["accuracy", "--family", "coil20", "--data", "no-such"]);
    assert!(data.contains("no-such: no such file or folder") && data.contains("COIL20"), "{data}");
    let label = refusal(&["attack", "--model", MODEL, "--target", "swan", shape]);
    assert!(label.contains("no label named “swan”") && label.contains("duck"), "{label}");
    let slip = refusal(&["attack", "--model", MODEL, "--target", "duk", shape]);
    assert!(slip.contains("no label named “duk”: did you mean “duck”?"), "{slip}");
    let number = refusal(&["attack", "--model", MODEL, "--target", "20", shape]);
    assert!(number.contains("the network has 20 classes, 0 to 19"), "{number}");
    let crop = refusal(&["predict", "--model", MODEL, "--crop", "-5,0,100", shape]);
    assert!(crop.contains("128×128"), "{crop}");
    let confidence = refusal(&["attack", "--model", MODEL, "--confidence", "-1", shape]);
    assert!(confidence.contains("confidence is -1: expected a probability, 0 to 0.9999"), "{confidence}");
    let steps = refusal(&["attack", "--model", MODEL, "--steps", "0", shape]);
    assert!(steps.contains("steps is 0: expected 1 to 10000"), "{steps}");
    let norm = refusal(&["attack", "--model", MODEL, "--attack", "ddn:norm=linf", shape]);
    assert!(norm.contains("norm is linf: expected l2"), "{norm}");
    let aim = refusal(&["attack", "--model", MODEL, "--attack", "deepfool", "--target", "duck", shape]);
    assert!(aim.contains("deepfool cannot aim at a class"), "{aim}");
    let none = refusal(&["attack", "--model", MODEL]);
    assert!(none.contains("no picture is named"), "{none}");
    let empty = refusal(&["attack", "--model", MODEL, "src"]);
    assert!(empty.contains("src: expected pictures in this folder, found none"), "{empty}");
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
    assert!(train.status.success(), "{}", said(&train));

    let out = folder.join("result.json").display().to_string();
    let evaluate = ["evaluate", "--steps", "10", "--split", "test", "--models", &models, "--out", &out];
    let measured = decoy(&evaluate);
    assert!(measured.status.success(), "{}", said(&measured));
    let text = std::fs::read_to_string(&out).expect("the result is written");
    let result: Value = serde_json::from_str(&text).expect("it is JSON");
    let model = &result["models"][0];
    let (summary, images) = (&model["summary"], &model["images"]);
    assert_eq!(summary["images"], 300);
    // After two epochs most images are classified correctly, and DDN fools each of these.
    assert!(summary["clean_errors"].as_u64().expect("a count") < 150, "{summary}");
    assert_eq!(summary["failures"], 0, "{summary}");
    assert_eq!(images["l2"].as_array().expect("a list").len(), 300);

    // A second run measures nothing again.
    assert!(decoy(&evaluate).status.success());
    assert_eq!(std::fs::read_to_string(&out).expect("the result is there"), text);
    let other = refusal(&["evaluate", "--steps", "11", "--split", "test", "--models", &models, "--out", &out]);
    assert!(other.contains("holds another measurement"), "{other}");
}

#[test]
fn a_network_of_ones_own_is_measured_on_class_folders() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("own");
    let _ = std::fs::remove_dir_all(&folder);
    let name = |name: &str| folder.join(name).display().to_string();
    for class in ["cat", "ship", ".hidden", "__MACOSX"] {
        std::fs::create_dir_all(folder.join("pictures").join(class)).expect("a new folder");
    }
    for file in ["cat/cat.png", "ship/shape.png", ".hidden/shape.png"] {
        std::fs::copy(root().join("tests/fixtures/shape.png"), folder.join("pictures").join(file))
            .expect("it is there");
    }
    std::fs::write(folder.join("pictures/cat/empty.png"), "").expect("a file in it");
    let (network, data, out) = (name("mine.onnx"), name("pictures"), name("result.json"));
    assert!(decoy(&["export", "--model", "cifar10-sigma-0.00", &network]).status.success());
    let evaluate = ["evaluate", "--network", &network, "--data", &data, "--steps", "5"];
    let with = |more: &[&'static str]| {
        evaluate
            .iter()
            .map(|word| (*word).to_owned())
            .chain(more.iter().map(|&word| word.to_owned()))
            .collect::<Vec<String>>()
    };
    let run = |words: Vec<String>, out: &str| {
        let mut words: Vec<&str> = words.iter().map(|word| &**word).collect();
        words.extend(["--out", out]);
        let output = decoy(&words);
        let said = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("it prints text")).concat();
        (output.status.success(), said)
    };
    let (done, said) = run(with(&[]), &out);
    let expected = ["skipped: ", "empty.png", "mine.onnx: ", "1 of 3 pictures were skipped"];
    assert!(!done && expected.into_iter().all(|words| said.contains(words)), "{said}");
    let result: Value = serde_json::from_str(&std::fs::read_to_string(&out).expect("it is written")).expect("JSON");
    assert_eq!(result["pictures"], serde_json::json!(["cat/cat.png", "ship/shape.png"]));

    let rename = |from: &str, to: &str| {
        std::fs::rename(folder.join("pictures").join(from), folder.join("pictures").join(to)).expect("it is there");
    };
    rename("ship", "shp"); // one wrong name among right ones
    let (done, said) = run(with(&[]), &name("other.json"));
    assert!(!done && said.contains("shp: expected the label or number of a class, 0 to 9"), "{said}");
    rename("shp", "truck"); // another class of the same pictures
    let (done, said) = run(with(&[]), &out);
    assert!(!done && said.contains("holds another measurement"), "{said}");
    rename("truck", "ship");

    for (more, out, words) in [
        (&["--normalise", "imagenet"][..], &*out, "holds another measurement (own, normalised by none"),
        (&["--split", "test"], &*name("other.json"), "no held-out part"),
        (&["--confidence", "0.9"], &*out, "holds another measurement"),
        (&["--limit", "0"], &*name("other.json"), "0 is not in 1.."),
        (&["--batch", "0"], &*name("other.json"), "0 is not in 1.."),
        (&[], &*name("missing/other.json"), "expected a name in a folder where files can be written"),
    ] {
        let (done, said) = run(with(more), out);
        assert!(!done && said.contains(words), "{more:?}: {said}");
    }

    // Predictions are added to what was measured without them.
    let predicted = name("predicted.json");
    run(with(&["--noise-draws", "3"]), &predicted);
    let (_, said) = run(with(&["--noise-draws", "3"]), &out);
    assert!(said.contains("its distances are predicted now"), "{said}");
    let images = |path: &str| {
        let result: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("it is written")).expect("JSON");
        result["models"][0]["images"].clone()
    };
    assert_eq!(images(&out), images(&predicted));
}

#[test]
fn certificates_under_another_noise_are_others() {
    if !coil20() {
        return;
    }
    let out = scratch("certified.json");
    for sigma in ["0.25", "0.5", "0.25"] {
        let few =
            ["--split", "test", "--limit", "2", "--choose", "2", "--votes", "10", "--sigma", sigma, "--out", &out];
        assert!(decoy(&[&["certify", "--model", MODEL][..], &few].concat()).status.success());
    }
    let result: Value = serde_json::from_str(&std::fs::read_to_string(&out).expect("it is written")).expect("JSON");
    let models = result["models"].as_array().expect("a list");
    let parts: Vec<_> =
        models.iter().map(|model| (model["sigma"].as_f64(), model["certificates"].as_array().map(Vec::len))).collect();
    assert_eq!(parts, [(Some(0.25), Some(2)), (Some(0.5), Some(2))]);
}

#[test]
fn labels_of_ones_own_are_read_and_told_apart() {
    let (network, labels, shape) = (scratch("labelled.onnx"), scratch("labels.txt"), "tests/fixtures/shape.png");
    assert!(decoy(&["export", "--model", MODEL, &network]).status.success());
    let names: Vec<String> =
        (0..20).map(|class| if class < 2 { "crane".into() } else { format!("Möwe {class}") }).collect();
    let marked = "\u{feff}".to_owned() + &names.join("\r\n");
    std::fs::write(&labels, marked.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>()).expect("written");
    let own = ["--network", &network, "--labels", &labels];
    let output = decoy(&[&["predict", "--top", "20"], &own[..], &[shape]].concat());
    let [seen, notes] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("it prints text"));
    assert!(seen.contains("crane (0)") && seen.contains("crane (1)") && seen.contains("Möwe 2\n"), "{seen}{notes}");
    assert!(notes.contains("Some classes have the same name"), "{notes}");
    let unclear = refusal(&[&["attack", "--target", "crane"], &own[..], &[shape]].concat());
    assert!(unclear.contains("did you mean “crane (0)”, “crane (1)”?"), "{unclear}");

    std::fs::write(&labels, b"M\xf6we").expect("it is written");
    let refused = refusal(&[&["predict"], &own[..], &[shape]].concat());
    assert!(refused.contains("labels.txt: expected text in UTF-8, or in UTF-16"), "{refused}");
}

#[test]
fn a_picture_that_is_not_written_is_told() {
    let out = scratch("unwritten.png");
    let pgd = [
        "attack",
        "--model",
        MODEL,
        "--attack",
        "pgd:norm=linf,epsilon=0.001",
        "--out",
        &out,
        "tests/fixtures/shape.png",
    ];
    let refused = refusal(&pgd);
    assert!(!Path::new(&out).exists() && !refused.is_empty(), "{refused}");
    let missing = refusal(&["attack", "--model", MODEL, "--out", "no/such/folder.png", "tests/fixtures/shape.png"]);
    assert!(missing.contains("expected a name in a folder where files can be written"), "{missing}");
}

/// Two new folders for one test: one with the clean photo network, one with photographs named as in the ImageNet
/// sample.
fn photographs(name: &str) -> (PathBuf, PathBuf) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let (models, sample) = (folder.join("models"), folder.join("sample"));
    std::fs::create_dir_all(&models).expect("a folder");
    std::fs::create_dir_all(&sample).expect("a folder");
    for file in ["models.json", "photos-sigma-0.00.safetensors"] {
        std::fs::copy(root().join("www/models").join(file), models.join(file)).expect("it is shipped");
    }
    let photos =
        [("chelsea", "0285_n02124075_cat"), ("coffee", "0967_n07920052_espresso"), ("red-panda", "0387_n02509815")];
    for (photo, name) in photos {
        let from = root().join(format!("tests/fixtures/photos/{photo}.png"));
        std::fs::copy(from, sample.join(name).with_extension("png")).expect("it is a fixture");
    }
    (models, sample)
}

#[test]
fn a_photo_network_is_tuned_and_used() {
    let (models, sample) = photographs("tuned");
    let (models, sample) = (models.display().to_string(), sample.display().to_string());
    let checkpoints = scratch("photo-checkpoints");
    let train = decoy(&[
        "train",
        "photos",
        "--sigma",
        "0.1,0.25",
        "--steps",
        "2",
        "--batch",
        "2",
        "--data",
        &sample,
        "--unlabelled",
        &sample,
        "--models",
        &models,
        "--checkpoints",
        &checkpoints,
        "--checkpoint-every",
        "1",
    ]);
    assert!(train.status.success(), "{}", said(&train));

    assert!(!Path::new(&checkpoints).join("photos-sigma-0.10.json").exists(), "a finished run keeps no checkpoint");

    let text = std::fs::read_to_string(Path::new(&models).join("models.json")).expect("the catalogue is there");
    let catalog: Value = serde_json::from_str(&text).expect("it is JSON");
    let family = catalog["families"].as_array().expect("a list").iter().find(|family| family["id"] == "photos");
    let networks = family.expect("the family is there")["models"].as_array().expect("a list");
    let tuned = networks.iter().find(|network| network["id"] == "photos-sigma-0.10").expect("it is listed");
    assert!(tuned["recipe"].as_str().is_some_and(|recipe| recipe.contains("2 steps of 2 crops")), "{tuned}");
    assert_ne!(tuned["sha256"], networks[0]["sha256"], "two steps change the weights");
    assert!(networks.iter().any(|network| network["id"] == "photos-sigma-0.25"), "both levels are trained");

    // After two small steps the network still recognises a cat, of any breed.
    let photo = "tests/fixtures/photos/chelsea.png";
    let seen = json(&["predict", "--models", &models, "--model", "photos-sigma-0.10", "--json", photo]);
    let label = seen[0]["predictions"][0]["label"].as_str().expect("a label").to_owned();
    assert!(label.contains("cat") || label == "Egyptian Mau", "{label}");
}

#[test]
fn a_photograph_is_fooled_and_saved_as_png() {
    let photo = "tests/fixtures/photos/coffee.png";
    let out = scratch("fooled-photo.png");
    let whole = ["--model", "photos-sigma-0.00", "--json", "--crop", "0,0,224"];
    let attack = json(&[&["attack", "--steps", "8", "--out", &out][..], &whole, &[photo]].concat());
    let (before, after) = (&attack[0]["original"]["label"], &attack[0]["eight_bit"]["label"]);
    assert_ne!(before, after);
    let read = json(&["predict", "--model", "photos-sigma-0.00", "--json", &out]); // it has the network's size: no crop
    assert_eq!(&read[0]["predictions"][0]["label"], after);

    let beyond = refusal(&["predict", "--model", "photos-sigma-0.00", "--crop", "100,100,200", photo]);
    assert!(beyond.contains("224"), "{beyond}");
    let words = refusal(&["predict", "--model", "photos-sigma-0.00", "--crop", "middle", photo]);
    assert!(words.contains("expected three numbers"), "{words}");
}

#[test]
fn weights_that_are_not_the_reference_are_refused() {
    let (_, sample) = photographs("sample");
    let sample = sample.display().to_string();
    let models = scratch("imported");
    let import = |path: &str| refusal(&["import", "efficientnet-lite0", path, "--data", &sample, "--models", &models]);
    let missing = import("no-such.whl");
    assert!(missing.contains("no-such.whl"), "{missing}");
    let other = import("Cargo.toml");
    assert!(other.contains("Cargo.toml"), "{other}");
}
