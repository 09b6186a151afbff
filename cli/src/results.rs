//! Result files: JSON that records the command, the commit and the data they were made with.

use std::path::Path;

use anyhow::{Context, Result, bail};
use decoy::attack::AttackOptions;
use decoy::catalog::Family;
use decoy::report::Origin;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::files::{read_bytes, write_bytes};
use crate::pictures::{DataArgs, Images};

/// Reads the JSON file at `path`.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    serde_json::from_slice(&read_bytes(path)?)
        .with_context(|| format!("{} is not a result file of this kind", path.display()))
}

/// Writes `result` as JSON, as [`write_bytes`] does.
pub fn write<T: Serialize>(path: &Path, result: &T) -> Result<()> {
    write_bytes(path, (serde_json::to_string(result)? + "\n").as_bytes())
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
pub fn command() -> String {
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
fn commit() -> String {
    env!("COMMIT").to_owned()
}

/// The commit of this program, where the file that it adds to was begun by another.
pub fn later_commit(origin: &Origin) -> Option<String> {
    Some(commit()).filter(|here| *here != origin.commit)
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
}
