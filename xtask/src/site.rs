//! The site in dist/: the page, the package, the models, the galleries, and the npm packages the page uses.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};
use decoy_data::About;
use serde_json::{Value, json};

use crate::{
    command::{run, step},
    compress::{self, Effort},
    data::{self, External},
    json::{list, read},
    manual, publish,
    wasm::{self, PACKAGE, Profile, THREADS, copy_folder},
};

/// The assembled site.
pub const SITE: &str = "dist";

/// The folder in which it is assembled.
const MADE: &str = "dist/made";

/// The list of networks.
pub const CATALOG: &str = "www/models/models.json";

/// The chart's data, a summary of the results of all pictures.
const FIGURES: &str = "figures.json";

/// The chart library: its script, which is minified only in the version that is no module, and its styles.
const CHART: [&str; 2] = ["node_modules/uplot/dist/uPlot.iife.min.js", "node_modules/uplot/dist/uPlot.min.css"];

/// Builds the library, with `threads` both of its modules, and assembles the site around it.
pub fn build(profile: Profile, threads: bool, externals: &[External]) -> Result<()> {
    npm_packages(Path::new("."))?;
    wasm::build(profile, threads)?;
    step("Assembling the site in dist/", || {
        if Path::new(SITE).exists() {
            fs::remove_dir_all(SITE)?;
        }
        assemble(externals, Path::new(MADE))?;
        publish::publish(Path::new(MADE), Path::new(SITE))
    })?;
    compress::site(if profile == Profile::Quick { Effort::Fast } else { Effort::Best })
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

/// Puts everything into one folder.
fn assemble(externals: &[External], site: &Path) -> Result<()> {
    copy_folder(Path::new("www"), site)?;
    // What nobody asks for when the page runs.
    fs::remove_dir_all(site.join("lab"))?;
    fs::remove_file(site.join("vendor.d.ts"))?;
    copy_program(Path::new(PACKAGE), &site.join("pkg"))?;
    if Path::new(PACKAGE).join(THREADS).exists() {
        copy_program(&Path::new(PACKAGE).join(THREADS), &site.join("pkg").join(THREADS))?;
    }
    let [script, styles] = CHART;
    copy_into(&site.join("vendor"), Path::new(styles))?;
    let script = fs::read_to_string(script).with_context(|| format!("cannot read {script}"))?;
    fs::write(site.join("vendor/uPlot.js"), script + "\nexport default uPlot;\n")?;

    keep_figures(&site.join("robustness"))?;
    let source = manual::write(&site.join("manual"))?.map_or(String::new(), |address| {
        let address = if address.contains(':') { address.to_owned() } else { format!("manual/{address}") };
        format!(" <a href=\"{address}\">Source</a>.")
    });
    let page = site.join("index.html");
    fs::write(&page, fs::read_to_string(&page)?.replace("<!-- source -->", &source))?;

    add_galleries(&site.join("gallery"), externals)
}

/// Copies what the page uses of a module: the wasm file, its JavaScript, and scripts of crates.
fn copy_program(from: &Path, to: &Path) -> Result<()> {
    for file in ["decoy.js", "decoy_bg.wasm"] {
        copy_into(to, &from.join(file))?;
    }
    let snippets = from.join("snippets");
    if snippets.exists() { copy_folder(&snippets, &to.join("snippets")) } else { Ok(()) }
}

/// Adds the galleries that do not come with the repository. Writes for every family of the catalogue whether it has a
/// gallery, and if not, why.
fn add_galleries(folder: &Path, externals: &[External]) -> Result<()> {
    for External { set, pictures } in externals {
        let About { id, name, variable, .. } = set.about();
        match pictures {
            Some(pictures) => data::write_files(&folder.join(id), &set.gallery(pictures))?,
            None => println!(
                "   without the gallery of {name}: add it with `--data PATH` or {variable}, or `cargo xtask data {id}`"
            ),
        }
    }
    let catalog = read(CATALOG)?;
    let shipped = |family: &str| Path::new("www/gallery").join(family).join("gallery.json").exists();
    write_json(&folder.join("gallery.json"), &listed_galleries(&catalog, externals, shipped))
}

/// For every family of the catalogue whether its gallery is present, and if not, why: from `externals`, else from
/// `shipped`.
fn listed_galleries(catalog: &Value, externals: &[External], shipped: impl Fn(&str) -> bool) -> Value {
    let galleries = list(&catalog["families"]).filter_map(|family| family["id"].as_str()).map(|family| {
        let external = externals.iter().find(|external| external.set.about().id == family);
        match external {
            Some(External { set, pictures: None }) => {
                json!({ "family": family, "present": false, "why": set.about().missing })
            }
            Some(_) => json!({ "family": family, "present": true, "external": true }),
            None => json!({ "family": family, "present": shipped(family) }),
        }
    });
    json!({ "galleries": galleries.collect::<Vec<_>>() })
}

/// Removes the results of single pictures: the page only needs figures.json.
fn keep_figures(folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        if !path.ends_with(FIGURES) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use decoy_data::Pictures;

    use super::*;

    #[test]
    fn a_gallery_that_is_missing_says_why() {
        let catalog = json!({ "families": [{ "id": "photos" }, { "id": "coil20" }] });
        let set = decoy_data::by_id("coil20").expect("it is listed");
        let externals = [External { set, pictures: None }];
        let listed = listed_galleries(&catalog, &externals, |family| family == "photos");
        let galleries = listed["galleries"].as_array().expect("a list");
        assert_eq!(galleries[0], json!({ "family": "photos", "present": true }));
        assert_eq!(galleries[1]["present"], false);
        assert!(galleries[1]["why"].as_str().is_some_and(|why| why.contains("COIL20=")), "{listed}");
        let pictures = Pictures { pictures: Vec::new(), sha256: String::new(), source: "here".into() };
        let listed = listed_galleries(&catalog, &[External { set, pictures: Some(pictures) }], |_| false);
        assert_eq!(listed["galleries"][0], json!({ "family": "photos", "present": false }));
        assert_eq!(listed["galleries"][1], json!({ "family": "coil20", "present": true, "external": true }));
    }
}
