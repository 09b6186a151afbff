//! Result files: JSON that records the command, the commit and the data they were made with.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use decoy::attack::AttackOptions;
use decoy::catalog::Family;
use decoy::report::Origin;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pictures::{DataArgs, Images};

/// Reads the JSON file at `path`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a result file of this kind", path.display()))
}

/// Checks that a file can be written to `path`, before the work whose result it is for. It must be none of `inputs`, nor
/// a file in a folder of them, except a result file, which is read before it is written.
pub fn check_writable<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    ensure!(!path.is_dir(), "{} is a folder: expected the name of a file", path.display());
    ensure!(!path.exists() || path.is_file(), "{} is no ordinary file: expected the name of one", path.display());
    let place = path.canonicalize();
    let is_result = path.extension().is_some_and(|extension| extension == "json");
    let is_lost = |input: &&PathBuf| match (&place, input.canonicalize()) {
        (Ok(place), Ok(input)) => place.starts_with(&input) && !(is_result && input.is_dir()),
        _ => false,
    };
    if let Some(input) = inputs.into_iter().find(is_lost) {
        bail!("{} would overwrite {}: expected another file", path.display(), input.display());
    }
    create_part(path)
        .and_then(|(part, _)| std::fs::remove_file(part))
        .with_context(|| format!("{}: expected a name in a folder where files can be written", path.display()))
}

/// Writes `result` as JSON, as [`write_bytes`] does.
pub fn write<T: Serialize>(path: &Path, result: &T) -> Result<()> {
    write_bytes(path, (serde_json::to_string(result)? + "\n").as_bytes())
}

/// Writes to a temporary file and renames it, so that an interruption leaves the previous file whole. Where `path` is a
/// link, what it points to is written.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let place = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    create_part(&place)
        .and_then(|(part, mut file)| {
            file.write_all(bytes)?;
            std::fs::rename(part, place)
        })
        .with_context(|| format!("writing {}", path.display()))
}

/// A new file beside `path`, for its content until that is complete.
fn create_part(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let file = File::create_new(&part)?;
    Ok((part, file))
}

/// An attack in words, with how sure the network must be.
pub fn settings(attack: &AttackOptions) -> String {
    attack.sure.map_or_else(|| attack.to_string(), |sure| format!("{attack}, at least {} % sure", 100.0 * sure))
}

/// The measurement in `path`, or `fresh` where there is no such file. `about` gives origin and settings of each: where
/// they differ from those of `fresh`, that is an error.
pub fn resume<T: DeserializeOwned>(path: &Path, fresh: T, about: impl Fn(&T) -> (&Origin, String)) -> Result<T> {
    if !path.exists() {
        return Ok(fresh);
    }
    let begun: T = read(path)?;
    let what = |one: &T| {
        let (Origin { family, split, data_sha256, pictures, normalisation, .. }, settings) = about(one);
        let pixels = normalisation.as_ref().map_or(String::new(), |how| format!(", normalised by {how}"));
        format!("{family}{pixels}, {settings}, {} pictures of {split}, data {data_sha256}", pictures.len())
    };
    let (found, expected) = (what(&begun), what(&fresh));
    if found != expected || about(&begun).0.pictures != about(&fresh).0.pictures {
        bail!("{} holds another measurement ({found}): expected {expected}; choose another --out", path.display());
    }
    Ok(begun)
}

/// Checks that a file ends in `.ending`, so that none of another kind is overwritten by mistake.
pub fn check_ending(path: &Path, ending: &str) -> Result<()> {
    let found = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    ensure!(found, "{}: expected a name that ends in .{ending}", path.display());
    Ok(())
}

/// Where a result of this run comes from.
pub fn origin(family: &Family, images: &Images, data: &DataArgs, data_sha256: String) -> Origin {
    Origin {
        family: family.id.clone(),
        title: family.title.clone(),
        data: family.data.clone(),
        split: data.split.name().to_owned(),
        command: command(),
        commit: commit(),
        data_sha256,
        pictures: images.names.clone(),
        normalisation: family.models.first().and_then(|own| own.normalisation.clone()).map(String::from),
    }
}

/// The command line of this run, as a person would type it.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).map(quoted).collect();
    format!("decoy {}", arguments.join(" "))
}

/// An argument as a shell reads it: in single quotes where it has other characters than those of names and numbers.
fn quoted(argument: String) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(&byte);
    match !argument.is_empty() && argument.bytes().all(plain) {
        true => argument,
        false => format!("'{}'", argument.replace('\'', r"'\''")),
    }
}

/// The commit of the source that the program is built from; with `-dirty` where the source differed from it.
pub fn commit() -> String {
    env!("COMMIT").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_can_be_typed_again() {
        for (argument, typed) in [("--out=a/b.json", "--out=a/b.json"), ("my cat.jpg", "'my cat.jpg'"), ("", "''")] {
            assert_eq!(quoted(argument.to_owned()), typed);
        }
        assert_eq!(quoted("it's".to_owned()), r"'it'\''s'");
    }

    #[test]
    fn what_would_be_lost_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a new folder");
        let (picture, part) = (folder.path().join("a.png"), folder.path().join("a.part"));
        for file in [&picture, &part] {
            std::fs::write(file, "precious").expect("it can be written");
        }
        let error = |path: &Path| check_writable(path, [&picture]).expect_err("it must not be written").to_string();
        assert!(error(&folder.path().join("./a.png")).contains("would overwrite"));
        let inside =
            check_writable(&picture, [&folder.path().to_owned()]).expect_err("it is in the folder of a data set");
        assert!(inside.to_string().contains("would overwrite"));
        assert!(error(folder.path()).contains("is a folder"));
        assert!(error(&folder.path().join("missing/a.json")).contains("in a folder where files can be written"));
        check_writable(&folder.path().join("a.json"), [&picture]).expect("it is a new name");
        write(&folder.path().join("a.json"), &[1, 2]).expect("it is a new name");
        assert_eq!(std::fs::read_to_string(folder.path().join("a.json")).expect("it is written"), "[1,2]\n");
        assert_eq!(std::fs::read_to_string(part).expect("it is still there"), "precious");
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 3);
    }
}
