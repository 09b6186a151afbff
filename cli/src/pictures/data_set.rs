//! The images of a data set, or of a folder with one folder for each class.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use decoy::catalog::Family;
use decoy::classifier::Input;
use decoy::model::weights::sha256;
use decoy_data::{Picture, Split};

use super::images::{Images, open_middle};
use super::{is_hidden, pictures_in};
use crate::files::read_bytes;

/// Which images of a family's data set.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// Which images.
    #[arg(long, default_value = "all")]
    pub split: Part,
    /// Folder or archive of the data set; default: the path in its environment variable, such as COIL20, else a
    /// download where one is offered. With `--network`: a folder with one folder of pictures for each class.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The part of a data set that is measured.
#[derive(Clone, Copy, ValueEnum)]
pub enum Part {
    /// Every image.
    All,
    /// Those held out of training.
    Test,
}

impl Part {
    /// Its name in commands and result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Test => "test",
        }
    }
}

impl DataArgs {
    /// The files and folders that a data set may be read from.
    pub fn files(&self) -> Vec<PathBuf> {
        let named = decoy_data::sets().map(|set| std::env::var_os(set.about().variable).map(PathBuf::from));
        self.data.iter().cloned().chain(named.into_iter().flatten()).collect()
    }

    /// Checks that nothing is asked of a data set where the command works on pictures.
    pub fn check_unused(&self) -> Result<()> {
        let used = self.data.is_some() || matches!(self.split, Part::Test);
        ensure!(!used, "--split and --data are for a data set, and pictures are given");
        Ok(())
    }

    /// The images of a family's data set, and its checksum.
    ///
    /// For a network of the user's own they lie in a folder that has one folder of pictures for each class.
    pub fn images(&self, family: &Family) -> Result<(Images, String)> {
        if family.data.is_empty() {
            return self.read_class_folders(family);
        }
        let set = decoy_data::by_id(&family.data)?;
        let data = set.load(self.data.as_deref())?;
        let wanted = |picture: &&Picture| match self.split {
            Part::All => true,
            Part::Test => picture.split == Split::Test,
        };
        Ok((Images::of(set.about(), data.pictures.iter().filter(wanted))?, data.sha256))
    }

    /// The pictures in one folder for each class, and a checksum of their files, classes and size. A folder's name is
    /// the label or the index of the class; if that is so for none of them, and there are as many folders as classes,
    /// the folders sorted by name have the order of the labels.
    fn read_class_folders(&self, family: &Family) -> Result<(Images, String)> {
        ensure!(matches!(self.split, Part::All), "--split test: a folder of pictures has no held-out part");
        let folder =
            self.data.as_deref().context("--data: expected a folder with one folder of pictures for each class")?;
        let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        let mut folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_dir() && !is_hidden(path)).collect();
        folders.sort();
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named: Vec<Option<usize>> = folders.iter().map(|path| family.class(&name(path)).ok()).collect();
        let classes = family.labels.len();
        let in_order = folders.len() == classes && named.iter().all(Option::is_none);
        let mut images = Images::new(family.input);
        let Input { channels, height, width } = family.input;
        let mut sums = format!("{channels}×{height}×{width}");
        for (index, (path, named)) in folders.into_iter().zip(named).enumerate() {
            let name = name(&path);
            let class = named.or(in_order.then_some(index)).with_context(|| {
                format!(
                    "{}: expected the label or number of a class, 0 to {}, as a name; or other names for all folders, \
                     one for each of the {classes} classes, sorted as the labels are",
                    path.display(),
                    classes - 1
                )
            })?;
            for file in pictures_in(&path)? {
                images.skipped.files += 1;
                let opened = read_bytes(&file).and_then(|bytes| {
                    let photo = open_middle(&bytes, family.input, family.crop);
                    Ok((photo.with_context(|| file.display().to_string())?, bytes))
                });
                let (photo, bytes) = match opened {
                    Ok(opened) => opened,
                    Err(error) => {
                        eprintln!("skipped: {error:#}");
                        images.skipped.add();
                        continue;
                    }
                };
                let picture = file.file_name().unwrap_or_default().to_string_lossy();
                images.add(&photo.levels(), class, &format!("{name}/{picture}"));
                sums += &format!("{class} {}", sha256(&bytes));
            }
        }
        ensure!(images.len() > 0, "{}: expected one folder of pictures for each class, found none", folder.display());
        Ok((images, sha256(sums.as_bytes())))
    }
}
