//! Pictures from files and data sets, as a network takes them.

mod data_set;
mod images;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use decoy::catalog::Family;
use decoy::classifier::Input;
use decoy::photo::{self, Crop, Photo, Source};
use decoy::region::Region;

pub use data_set::{DataArgs, Part};
pub use images::{Images, input};

use crate::files::read_bytes;

/// Which pictures, and which part of them.
#[derive(Args)]
pub struct PictureArgs {
    /// Look at this square of every picture, in pixels of the upright picture; default: the middle square that the
    /// network was made for.
    #[arg(long, value_name = "LEFT,TOP,SIDE", value_parser = parse_crop, allow_hyphen_values = true)]
    crop: Option<Crop>,
    /// PNG, JPEG, WebP, GIF or BMP files, or folders of them.
    images: Vec<PathBuf>,
}

/// Files of a folder with these endings are read as pictures.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

impl PictureArgs {
    /// Checks that nothing is asked of pictures where a data set is taken.
    pub fn check_unused(&self) -> Result<()> {
        ensure!(self.crop.is_none(), "--crop is for pictures, and a data set is taken");
        Ok(())
    }

    /// The files, in the order given; those of a folder by name.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in &self.images {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let pictures = pictures_in(path)?;
            ensure!(!pictures.is_empty(), "{}: expected pictures in this folder, found none", path.display());
            files.extend(pictures);
        }
        ensure!(!files.is_empty(), "no picture is named: expected at least one file or folder");
        Ok(files)
    }

    /// Opens each of `files` at the input size of `family` and hands it to `work`. With several files, one that fails
    /// is reported on standard error and skipped.
    ///
    /// # Errors
    ///
    /// The error of the file, if there is only one.
    pub fn for_each(
        &self,
        files: &[PathBuf],
        family: &Family,
        mut work: impl FnMut(&Path, Photo) -> Result<()>,
    ) -> Result<Skipped> {
        self.for_each_source(files, |path, source| work(path, self.cut(&source, family)?))
    }

    /// Opens each of `files` and hands the whole picture to `work`; otherwise like [`for_each`](Self::for_each).
    ///
    /// # Errors
    ///
    /// The error of the file, if there is only one.
    pub fn for_each_source(
        &self,
        files: &[PathBuf],
        mut work: impl FnMut(&Path, Source) -> Result<()>,
    ) -> Result<Skipped> {
        let mut skipped = Skipped { count: 0, files: files.len() };
        for path in files {
            match open(path).and_then(|source| work(path, source).with_context(|| path.display().to_string())) {
                Ok(()) => {}
                Err(error) if files.len() == 1 => return Err(error),
                Err(error) => {
                    eprintln!("skipped: {error:#}");
                    skipped.count += 1;
                }
            }
        }
        Ok(skipped)
    }

    /// The part of `picture` that a network of `family` sees, at its input size.
    pub fn cut(&self, picture: &Source, family: &Family) -> Result<Photo> {
        let Input { channels, height, width } = family.input;
        Ok(picture.crop(self.crop_of(picture, family), channels, height, width)?)
    }

    /// The region that is white in the picture `mask`, at the input size of `family`. `mask` has the size of `picture`,
    /// and is then cropped like it, or the input size.
    pub fn region(&self, mask: &Source, picture: &Source, family: &Family) -> Result<Region> {
        let Input { height, width, .. } = family.input;
        let size = |source: &Source| (source.width() as usize, source.height() as usize);
        let crop = if size(mask) == (width, height) {
            mask.default_crop(1.0, height, width)
        } else {
            let ((found, rows), (columns, lines)) = (size(mask), size(picture));
            ensure!(
                size(mask) == size(picture),
                "expected {columns}×{lines} pixels, as the picture has, or {width}×{height}, as the network sees it; \
                 found {found}×{rows}"
            );
            self.crop_of(picture, family)
        };
        let levels = mask.crop(crop, 1, height, width)?.levels();
        let grey = levels.iter().filter(|level| (64..192).contains(*level)).count();
        ensure!(
            10 * grey <= levels.len(),
            "expected a black and white picture, found {} % of its pixels grey",
            100 * grey / levels.len()
        );
        let allowed = levels.into_iter().map(|level| level > 127).collect();
        Region::new(allowed, height, width).context("within what the network sees, no pixel of the mask is white")
    }

    /// The square of `picture` that a network of `family` sees.
    pub fn crop_of(&self, picture: &Source, family: &Family) -> Crop {
        self.crop.unwrap_or_else(|| picture.default_crop(family.crop, family.input.height, family.input.width))
    }
}

/// The picture in the file at `path`, whole.
pub fn open(path: &Path) -> Result<Source> {
    let bytes = read_bytes(path)?;
    photo::open(&bytes).with_context(|| path.display().to_string())
}

/// The pictures directly in a folder, sorted by name.
fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    let is_picture = |path: &PathBuf| ending(path).is_some_and(|ending| ENDINGS.contains(&&*ending));
    let mut pictures: Vec<_> = paths.into_iter().filter(|path| !is_hidden(path) && is_picture(path)).collect();
    pictures.sort();
    Ok(pictures)
}

/// Whether a file or folder is one that systems add beside pictures.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "__MACOSX" || name.to_string_lossy().starts_with('.'))
}

/// Count of the pictures that failed.
#[must_use]
#[derive(Default)]
pub struct Skipped {
    count: usize,
    files: usize,
}

impl Skipped {
    /// Counts one more of the pictures as failed.
    pub fn add(&mut self) {
        self.count += 1;
    }

    /// How many pictures failed.
    pub fn count(&self) -> usize {
        self.count
    }

    /// An error if any picture failed, for the end of a command.
    pub fn into_result(self) -> Result<()> {
        ensure!(self.count == 0, "{} of {} pictures were skipped: see the errors above", self.count, self.files);
        Ok(())
    }
}

fn parse_crop(text: &str) -> Result<Crop, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[left, top, side]) if side > 0.0 => Ok(Crop { left, top, side }),
        _ => Err("expected three numbers, such as 40,0,300, and a side above 0".to_owned()),
    }
}
