//! The data sets, for the galleries and the tests. The site can be built without them.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use decoy_data::{About, DataSet, Pictures, Split, by_id, sets};

use crate::command::step;

/// The time limit of a download for a command that also works without the data set.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(60);

/// The help text of `--data`.
pub fn help() -> String {
    let externals = sets().into_iter().map(|set| set.about()).filter(|about| about.missing.is_some());
    let words = externals.map(|about| format!("{}; default: the path in {}", about.copy, about.variable));
    format!("Where it is: {}, or the copy downloaded earlier", words.collect::<Vec<_>>().join(", or "))
}

/// Where the user's copies of data sets are. Relative paths start from the folder in which the command was started.
pub struct DataPaths {
    /// The folder in which the command was started.
    pub start: PathBuf,
    /// The value of `--data`.
    pub path: Option<PathBuf>,
}

impl DataPaths {
    /// The path of a data set in `--data`, else in its environment variable. `--data` is only for a data set whose
    /// pictures do not come with the repository.
    pub fn copy(&self, about: &About) -> Option<PathBuf> {
        let variable = || env::var_os(about.variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let path = self.path.clone().filter(|_| about.missing.is_some()).or_else(variable);
        path.map(|path| self.start.join(path))
    }

    /// The path `given` for a data set, else that of [`copy`](Self::copy).
    fn given(&self, given: Option<PathBuf>, about: &About) -> Option<PathBuf> {
        given.map(|path| self.start.join(path)).or_else(|| self.copy(about))
    }

    /// Environment variables for other programs: of each data set with a copy, the variable's name and the path.
    pub fn variables(&self) -> impl Iterator<Item = (&'static str, PathBuf)> {
        sets().into_iter().filter_map(|set| Some((set.about().variable, self.copy(set.about())?)))
    }
}

/// A data set whose pictures do not come with the repository, with a copy if there is one.
pub struct External {
    /// The data set.
    pub set: &'static dyn DataSet,
    /// The copy.
    pub pictures: Option<Pictures>,
}

/// The data sets whose pictures do not come with the repository, each with the user's copy, else one downloaded before.
pub fn local_copies(paths: &DataPaths) -> Result<Vec<External>> {
    let externals = sets().into_iter().filter(|set| set.about().missing.is_some());
    externals.map(|set| Ok(External { set, pictures: set.find(paths.copy(set.about()).as_deref())? })).collect()
}

/// The same, and missing copies are downloaded, if this takes at most [`DOWNLOAD_TIMEOUT`] and did not fail before.
pub fn seek(paths: &DataPaths) -> Result<Vec<External>> {
    let mut externals = local_copies(paths)?;
    for External { set, pictures } in externals.iter_mut().filter(|external| external.pictures.is_none()) {
        let About { id, name, .. } = set.about();
        // This file marks a download that failed, so that later commands do not wait for it again.
        let unreachable = format!("target/{id}-unreachable");
        if Path::new(&unreachable).exists() {
            continue;
        }
        *pictures = step(&format!("Downloading {name} for the gallery"), || match set.download(DOWNLOAD_TIMEOUT) {
            Ok(pictures) => Ok(Some(pictures)),
            Err(error) => {
                println!("   {error}");
                fs::write(&unreachable, format!("`cargo xtask data {id}` tries again\n"))?;
                Ok(None)
            }
        })?;
    }
    Ok(externals)
}

/// Prints each data set and where its copy is; the data set `name` is downloaded if there is no copy.
pub fn describe(name: Option<&str>, start: PathBuf, path: Option<PathBuf>) -> Result<()> {
    let paths = DataPaths { start, path: None };
    let Some(name) = name else {
        for set in sets() {
            match set.find(paths.copy(set.about()).as_deref())? {
                Some(pictures) => print(set.about(), &pictures),
                None => println!("{}: not here; {}", set.about().name, set.about().give()),
            }
        }
        return Ok(());
    };
    let set = by_id(name)?;
    let pictures = set.load(paths.given(path, set.about()).as_deref())?;
    print(set.about(), &pictures);
    for (class, label) in set.about().labels.iter().enumerate() {
        println!("  class {class}: {label}");
    }
    Ok(())
}

fn print(about: &About, pictures: &Pictures) {
    let [train, test] = [Split::Train, Split::Test].map(|split| pictures.of(split).count());
    println!("{}: {}", about.name, pictures.source.display());
    println!("  {} classes, {train} pictures to train on, {test} held out", about.labels.len());
    println!("  seen by networks at {}×{} pixels, {}", about.width, about.height, colours(about));
    let verdict = match about.sha256 {
        None => "nothing to compare it with",
        Some(known) if known == pictures.sha256 => "as published",
        Some(_) => "not as published",
    };
    println!("  sha256 {} ({verdict})", pictures.sha256);
}

fn colours(about: &About) -> &'static str {
    if about.channels == 1 { "grey" } else { "in colour" }
}

/// Writes the gallery of a data set that comes with the repository, from a copy of the set.
pub fn write_gallery(name: &str, start: PathBuf, path: Option<PathBuf>) -> Result<()> {
    let set = by_id(name)?;
    if set.about().missing.is_some() {
        bail!("the pictures of {} are not ours to pass on: expected a set whose gallery may be kept", set.about().name);
    }
    let paths = DataPaths { start, path: None };
    let files = set.gallery(&set.load(paths.given(path, set.about()).as_deref())?);
    if files.is_empty() {
        bail!("the gallery of {} is not made of the data set: expected one that is", set.about().name);
    }
    let folder = Path::new("www/gallery").join(name);
    write_files(&folder, &files)?;
    println!("{}: written", folder.display());
    Ok(())
}

/// Writes files into a folder.
pub fn write_files(folder: &Path, files: &[(String, Vec<u8>)]) -> Result<()> {
    fs::create_dir_all(folder)?;
    for (name, bytes) in files {
        let path = folder.join(name);
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
