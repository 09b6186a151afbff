//! Measuring again gives the results in the result files, and the README and the page show what these files say.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use common::{decoy, root, said};
use decoy::catalog::{Catalog, Family};
use decoy::report::{Evaluation, ModelEvaluation};
use serde_json::Value;

/// Pictures of each result file that are attacked again with every shipped network.
const PICTURES: usize = 3;

/// Largest relative difference between a measured and a committed size. On the same processor they are equal to the
/// last digit. Another processor rounds sums differently: a last digit may change decisions of the search, and each
/// decision of DDN changes its radius by 5 %. Single photographs differed by up to 18 % between two processors.
const TOLERANCE: f64 = 0.3;

fn evaluation(path: &Path) -> Evaluation {
    let text = fs::read_to_string(path).expect("the result is there");
    serde_json::from_str(&text).expect("it is a result file")
}

/// The committed result files, without figures.json, which is made from them.
fn results() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("www/robustness")).expect("results are committed");
    let paths = folder.map(|entry| entry.expect("it can be listed").path());
    paths.filter(|path| !path.ends_with("figures.json")).collect()
}

/// A folder for one test.
fn scratch(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    folder
}

#[test]
fn readme_and_page_say_what_the_results_give() {
    let check = decoy(&["figures", "--check"]);
    assert!(check.status.success(), "{}", said(&check));
}

#[test]
fn what_the_results_do_not_give_is_named() {
    let folder = scratch("wrong-figures");
    let results = folder.join("results");
    fs::create_dir(&results).expect("a folder");
    let result = self::results().into_iter().next().expect("there is a result");
    let name = result.file_stem().expect("a file has a name").to_string_lossy().into_owned();
    fs::copy(&result, results.join(result.file_name().expect("a file has a name"))).expect("a copy");
    let readme = folder.join("README.md");
    let write = |text: &str| fs::write(&readme, text).expect("a file");
    let figures = |check: &[&str]| {
        let (results, readme) = (results.display().to_string(), readme.display().to_string());
        decoy(&[&["figures", "--results", &results, "--readme", &readme], check].concat())
    };

    write(&format!("Before\n<!-- figures:{name} -->\nold\n<!-- /figures -->\nAfter\n"));
    assert!(figures(&[]).status.success());
    assert!(figures(&["--check"]).status.success(), "{}", said(&figures(&["--check"])));
    let filled = fs::read_to_string(&readme).expect("it is there");
    assert!(filled.starts_with("Before\n") && filled.ends_with("<!-- /figures -->\nAfter\n"), "{filled}");
    assert!(filled.contains("\n| 0.00 | ") && !filled.contains("old"), "{filled}");

    write(&filled.replace("| 0.00 | ", "| 0.00 | 1"));
    let wrong = figures(&["--check"]);
    assert!(!wrong.status.success());
    let words = said(&wrong);
    assert!(words.contains("README.md, line 5: expected “| 0.00 | ") && words.contains("found “| 0.00 | 1"), "{words}");

    write("<!-- figures:nothing -->\n<!-- /figures -->\n");
    let unknown = said(&figures(&["--check"]));
    assert!(unknown.contains("figures:nothing") && unknown.contains(&name), "{unknown}");
    write(&format!("<!-- figures:{name} -->\n"));
    let open = said(&figures(&["--check"]));
    assert!(open.contains("is not followed by <!-- /figures -->"), "{open}");
}

#[test]
fn every_shipped_network_is_fooled_again_at_the_sizes_written() {
    let text = fs::read_to_string(root().join("www/models/models.json")).expect("the catalogue is there");
    let catalog = Catalog::parse(&text).expect("it is well formed");
    let folder = scratch("fooled-again");
    for family in &catalog.families {
        let shipped: BTreeSet<String> = family.models.iter().map(|model| model.sha256.clone()).collect();
        let (mut measured, here) = (BTreeSet::new(), is_here(&family.data));
        for path in results() {
            let committed = evaluation(&path);
            let networks: Vec<_> =
                committed.models.iter().filter(|model| shipped.contains(&model.network.sha256)).collect();
            if committed.origin.family != family.id || networks.is_empty() {
                continue;
            }
            measured.extend(networks.iter().map(|model| model.network.sha256.clone()));
            if !here {
                compare_gallery(family, &committed, &networks);
                continue;
            }
            let out = folder.join(path.file_name().expect("a file has a name"));
            let names: Vec<&str> = networks.iter().map(|model| &*model.network.model).collect();
            let again = decoy(&[
                "evaluate",
                "--like",
                &fs::canonicalize(&path).expect("it is there").display().to_string(),
                "--noise-draws",
                "0",
                "--limit",
                &PICTURES.to_string(),
                "--model",
                &names.join(","),
                "--out",
                &out.display().to_string(),
            ]);
            assert!(again.status.success(), "{}", said(&again));
            compare(&committed, &evaluation(&out));
        }
        assert_eq!(measured, shipped, "{}: expected a result for every shipped network", family.id);
    }
}

/// Checks that the pictures measured again have the committed sizes.
fn compare(committed: &Evaluation, again: &Evaluation) {
    assert_eq!(again.origin.data_sha256, committed.origin.data_sha256);
    for found in &again.models {
        let known = committed
            .models
            .iter()
            .find(|known| known.network.sha256 == found.network.sha256)
            .expect("it was asked for");
        for (row, picture) in again.origin.pictures.iter().enumerate() {
            let place =
                committed.origin.pictures.iter().position(|name| name == picture).expect("it was taken from there");
            let what = format!("{}, {}: {picture}", committed.attack, found.network.model);
            assert_eq!(found.images.before[row], known.images.before[place], "{what}");
            compare_sizes(found.images.l2[row], known.images.l2[place], &what);
        }
    }
}

/// Checks that two changes of a picture have about the same size, or that neither was found.
fn compare_sizes(found: Option<f64>, known: Option<f64>, what: &str) {
    match (found, known) {
        (Some(found), Some(known)) => {
            assert!((found - known).abs() <= TOLERANCE * known, "{what}: ‖Δx‖₂ {found}, expected {known}");
        }
        (found, known) => assert_eq!(found, known, "{what}"),
    }
}

/// Attacks pictures that lie on one sheet in the family's gallery, and checks that their changes have the committed
/// sizes: for data sets that are not here.
fn compare_gallery(family: &Family, committed: &Evaluation, networks: &[&ModelEvaluation]) {
    let folder = format!("www/gallery/{}", family.id);
    let Ok(text) = fs::read_to_string(root().join(&folder).join("gallery.json")) else { return };
    let gallery: Value = serde_json::from_str(&text).expect("it is JSON");
    if gallery["kind"] != "sheet" {
        return;
    }
    let number = |value: &Value| value.as_u64().expect("a number") as usize;
    let sheet = format!("{folder}/{}", gallery["file"].as_str().expect("a name"));
    let (columns, side) = (number(&gallery["columns"]), family.input.width);
    let (attack, names) = (committed.attack.to_string(), &committed.origin.pictures);
    for network in networks {
        let pictures = gallery["pictures"].as_array().expect("a list").iter().enumerate();
        let measured = pictures.filter_map(|(square, picture)| {
            let name = format!("/{}", number(&picture["index"]));
            let place = names.iter().position(|known| known.ends_with(&name))?;
            // One that is misread by itself was not attacked.
            (network.images.before[place] == number(&picture["class"])).then_some((square, place))
        });
        let measured: Vec<_> = measured.take(PICTURES).collect();
        assert_eq!(measured.len(), PICTURES, "{folder}: expected so many pictures that were attacked");
        for (square, place) in measured {
            let what = format!("{attack}, {}: {}", network.network.model, names[place]);
            let crop = format!("{},{},{side}", square % columns * side, square / columns * side);
            let model = &network.network.model;
            let line = decoy(&["attack", "--json", "--model", model, "--attack", &attack, "--crop", &crop, &sheet]);
            assert!(line.status.success(), "{what}: {}", said(&line));
            let line: Value = serde_json::from_slice(&line.stdout).expect("it is JSON");
            compare_sizes(line["norms"]["l2"].as_f64(), network.images.l2[place], &what);
        }
    }
}

/// Whether a data set is available without a download; prints a note if it is not.
fn is_here(data: &str) -> bool {
    let set = decoy_data::by_id(data).expect("the catalogue names it");
    let here = set.find(None).expect("it is whole").is_some();
    if !here {
        let about = set.about();
        eprintln!("skipped: {} is not here; set {} to {}", about.name, about.variable, about.copy);
    }
    here
}
