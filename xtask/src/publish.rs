//! All files of the site go into one folder, named by the checksum of its contents: an old page never loads a new
//! script, and a browser may cache these files for ever. Only the page itself stays outside, and the weights of the
//! networks: their addresses contain their own checksums, so that they can be reused by the next versions of the page.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

/// The page.
const PAGE: &str = "index.html";

/// What stays beside the page: the service worker, since it only handles addresses below its own; what installing the
/// page needs; and the manual, whose address must not change.
const BESIDE: [&str; 4] = ["sw.js", "manifest.webmanifest", "icons", "manual"];

/// Folder of the weights and of files about them.
const WEIGHTS: &str = "models";

/// The only file in the folder of the weights that must fit the version of the page.
const CATALOG: &str = "models.json";

/// Folder of the pictures. The service worker caches a picture when it is first shown, all other files at the first
/// visit.
const PICTURES: &str = "gallery";

/// The list of files that the service worker caches at the first visit.
const FILES: &str = "files.json";

/// Number of hexadecimal digits in the folder's name.
const DIGITS: usize = 16;

/// Whether this is the name of a checksum folder.
pub fn is_checksum_folder(name: &str) -> bool {
    name.len() == DIGITS && name.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Moves the files of the folder `made`, where everything lies together, to their places in `site`.
pub fn publish(made: &Path, site: &Path) -> Result<()> {
    fs::create_dir_all(site.join(WEIGHTS))?;
    for name in BESIDE {
        fs::rename(made.join(name), site.join(name)).context(name)?;
    }
    for name in names(&made.join(WEIGHTS))?.into_iter().filter(|name| name != CATALOG) {
        let file = Path::new(WEIGHTS).join(name);
        fs::rename(made.join(&file), site.join(&file)).with_context(|| file.display().to_string())?;
    }
    let page = fs::read_to_string(made.join(PAGE)).context(PAGE)?;
    fs::remove_file(made.join(PAGE))?;

    let files = files(made, Path::new(""))?;
    let folder = checksum(made, &files)?;
    fs::write(site.join(PAGE), linked(&page, &folder, made)?)?;
    let kept: Vec<_> = files.iter().filter(|file| !is_picture(file)).collect();
    fs::write(made.join(FILES), format!("{}\n", json!(kept)))?;
    fs::rename(made, site.join(folder))?;
    Ok(())
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let mut names =
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

/// Every file in a folder and its subfolders, as a path with slashes, sorted.
fn files(root: &Path, folder: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for name in names(&root.join(folder))? {
        let path = folder.join(name);
        if root.join(&path).is_dir() {
            found.extend(files(root, &path)?);
        } else {
            let parts: Vec<_> = path.iter().map(|part| part.to_string_lossy()).collect();
            found.push(parts.join("/"));
        }
    }
    Ok(found)
}

fn checksum(root: &Path, files: &[String]) -> Result<String> {
    let mut sum = Sha256::new();
    for file in files {
        let content = fs::read(root.join(file)).with_context(|| file.clone())?;
        sum.update(format!("{file}\n{}\n", content.len()));
        sum.update(content);
    }
    let mut digits = format!("{:x}", sum.finalize());
    digits.truncate(DIGITS);
    Ok(digits)
}

fn is_picture(file: &str) -> bool {
    file.starts_with(PICTURES) && !file.ends_with(".json")
}

/// The page, with links into the checksum folder, and with the size of the wasm module for the progress bar.
fn linked(page: &str, folder: &str, made: &Path) -> Result<String> {
    let mut linked = String::new();
    let mut rest = page;
    while let Some(start) = ["src=\"", "href=\""].iter().filter_map(|name| Some(rest.find(name)? + name.len())).min() {
        let (before, after) = rest.split_at(start);
        let (link, after) = after.split_once('"').context("a link of the page has no end")?;
        let part = made.join(link);
        linked += before;
        if !link.is_empty() && part.is_file() {
            linked += &format!("{folder}/{link}\"");
            if link.ends_with(".wasm") {
                linked += &format!(" data-bytes=\"{}\"", fs::metadata(part)?.len());
            }
        } else {
            linked += &format!("{link}\"");
        }
        rest = after;
    }
    Ok(linked + rest)
}

#[cfg(test)]
mod tests {
    use std::{env, path::PathBuf, process};

    use super::*;

    /// A site of these files, and its checksum folder.
    fn published(name: &str, script: &str, weights: &str) -> (PathBuf, PathBuf) {
        let folder = env::temp_dir().join(format!("decoy-publish-{name}-{}", process::id()));
        let (made, site) = (folder.join("made"), folder.join("site"));
        let page =
            r##"<link rel="icon" href="data:,"><link href="a.wasm"><a href="#x">x</a><script src="main.js"></script>"##;
        let files = [
            ("index.html", page),
            ("main.js", script),
            ("a.wasm", "12345"),
            ("sw.js", ""),
            ("manifest.webmanifest", ""),
            ("icons/a.svg", ""),
            ("manual/index.html", ""),
            ("models/models.json", ""),
            ("models/a.safetensors", weights),
            ("gallery/photos/gallery.json", ""),
            ("gallery/photos/a.jpg", ""),
        ];
        for (file, content) in files {
            let path = made.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        publish(&made, &site).unwrap();
        let name = names(&site).unwrap().into_iter().find(|name| is_checksum_folder(name)).unwrap();
        let parts = site.join(name);
        (site, parts)
    }

    #[test]
    fn parts_lie_in_one_folder_and_the_page_links_there() {
        let (site, parts) = published("links", "1", "2");
        let name = parts.file_name().unwrap().to_str().unwrap();
        let page = fs::read_to_string(site.join("index.html")).unwrap();
        let expected = format!(
            r##"<link rel="icon" href="data:,"><link href="{name}/a.wasm" data-bytes="5"><a href="#x">x</a><script src="{name}/main.js"></script>"##
        );
        assert_eq!(page, expected);
        for file in ["sw.js", "manifest.webmanifest", "icons/a.svg", "models/a.safetensors"] {
            assert!(site.join(file).exists() && !parts.join(file).exists(), "{file}");
        }
        let kept = fs::read_to_string(parts.join(FILES)).unwrap();
        assert_eq!(kept, "[\"a.wasm\",\"gallery/photos/gallery.json\",\"main.js\",\"models/models.json\"]\n");
        assert!(parts.join("gallery/photos/a.jpg").exists());
        fs::remove_dir_all(site.parent().unwrap()).unwrap();
    }

    #[test]
    fn another_script_is_another_folder_and_other_weights_are_not() {
        let sites = [published("one", "1", "2"), published("two", "1", "3"), published("three", "4", "2")];
        let [one, two, three] = sites.each_ref().map(|(_, parts)| parts.file_name().unwrap());
        assert_eq!(one, two);
        assert_ne!(one, three);
        for (site, _) in &sites {
            fs::remove_dir_all(site.parent().unwrap()).unwrap();
        }
    }
}
