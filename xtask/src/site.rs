//! The site in dist/: the page, the package, the models, the galleries, and the npm packages the page uses.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use decoy_data::coil20::{self, Coil20};
use serde_json::{Value, json};

use crate::{
    command::{run, step},
    wasm::{self, PACKAGE, Profile, copy_folder},
};

/// The assembled site.
pub const SITE: &str = "dist";

/// The chart library: a script, of which only the one that is no module is minified, and its styles.
const CHART: [&str; 2] = ["node_modules/uplot/dist/uPlot.iife.min.js", "node_modules/uplot/dist/uPlot.min.css"];

/// What the page takes from the npm package `decoy`.
const WASM: [&str; 3] = ["decoy.js", "decoy_bg.wasm", "decoy.d.ts"];

/// Builds the library and assembles the site around it.
pub fn build(profile: Profile, coil20: &Option<Coil20>) -> Result<()> {
    npm_packages(Path::new("."))?;
    wasm::build(profile)?;
    step("Assembling the site in dist/", || assemble(coil20.as_ref()))
}

/// Installs the npm packages of a folder's lock file, unless they were installed after it was written.
pub fn npm_packages(folder: &Path) -> Result<()> {
    let modified = |path: &str| fs::metadata(folder.join(path)).and_then(|data| data.modified());
    let wanted = modified("package-lock.json").context("package-lock.json")?;
    if modified("node_modules/.package-lock.json").is_ok_and(|installed| installed >= wanted) {
        return Ok(());
    }
    step("Installing the npm packages", || run(npm().arg("ci").current_dir(folder)))
}

/// The command npm.
pub fn npm() -> Command {
    Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" })
}

fn assemble(coil20: Option<&Coil20>) -> Result<()> {
    let site = Path::new(SITE);
    copy_folder(Path::new("www"), site)?;
    for file in WASM {
        copy_into(&site.join("pkg"), &Path::new(PACKAGE).join(file))?;
    }
    let [script, styles] = CHART;
    copy_into(&site.join("vendor"), Path::new(styles))?;
    let script = fs::read_to_string(script).with_context(|| format!("cannot read {script}"))?;
    fs::write(site.join("vendor/uPlot.js"), script + "\nexport default uPlot;\n")?;

    add_results(&site.join("robustness"))?;

    let gallery = site.join("gallery");
    fs::create_dir_all(&gallery)?;
    let galleries = if coil20.is_some() { vec!["photos", "coil20"] } else { vec!["photos"] };
    write_json(&gallery.join("gallery.json"), &json!({ "galleries": galleries }))?;
    match coil20 {
        Some(coil20) => add_gallery(&gallery.join("coil20"), coil20),
        None => {
            println!(
                "   without the COIL-20 gallery: add it with `--data PATH`, a folder or a zip, or `cargo xtask data`"
            );
            Ok(())
        }
    }
}

/// Leaves out of the measured results what the page does not show, the figures of every single image, and lists them.
fn add_results(folder: &Path) -> Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir("www/robustness").context("www/robustness")? {
        let path = entry?.path();
        let mut result: Value =
            serde_json::from_slice(&fs::read(&path)?).with_context(|| path.display().to_string())?;
        for model in result["models"].as_array_mut().into_iter().flatten() {
            model.as_object_mut().and_then(|model| model.remove("images"));
        }
        let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
        write_json(&folder.join(&name), &result)?;
        names.push(name);
    }
    names.sort_by_key(|name: &String| name.trim_end_matches(".json").to_owned()); // the main result before its variants
    write_json(&folder.join("index.json"), &json!({ "evaluations": names }))
}

fn add_gallery(folder: &Path, coil20: &Coil20) -> Result<()> {
    fs::create_dir_all(folder)?;
    for image in &coil20.images {
        fs::write(folder.join(image.file_name()), &image.png)?;
    }
    write_json(
        &folder.join("gallery.json"),
        &json!({
            "family": "coil20",
            "labels": coil20::LABELS,
            "poses": coil20::POSES,
            "degrees_per_pose": 360 / coil20::POSES,
            "file": "obj{object}__{pose}.png",
        }),
    )
}

fn copy_into(folder: &Path, file: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let name = file.file_name().expect("a file has a name");
    fs::copy(file, folder.join(name)).with_context(|| format!("cannot copy {}", file.display()))?;
    Ok(())
}

fn write_json(path: &Path, value: &Value) -> Result<()> {
    fs::write(path, format!("{value}\n")).with_context(|| format!("cannot write {}", path.display()))
}
