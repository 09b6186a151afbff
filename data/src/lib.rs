//! The data sets Decoy trains and measures on: found, checked, decoded.
//!
//! Nothing here depends on a network: a [`DataSet`] describes itself and gives a list of labelled pictures. A copy that
//! cannot be used gives an [`Error`] that names the file, what was expected and what was found.

mod cifar10;
mod coil20;
mod download;
mod error;
mod files;
mod imagenet_sample;
pub mod photographs;
mod pixels;

use std::env;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use cifar10::Cifar10;
pub use coil20::Coil20;
pub use error::Error;
pub use imagenet_sample::ImagenetSample;

/// The time limit of a download in [`DataSet::load`], long enough for a slow line.
const DOWNLOAD_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// A labelled data set of pictures.
pub trait DataSet: Sync {
    /// Its description.
    fn about(&self) -> &About;

    /// Reads the data set from the folder or archive at `path`. Pixels that differ from [`About::sha256`] are accepted;
    /// their checksum is [`Pictures::sha256`].
    ///
    /// # Errors
    ///
    /// When there is nothing at `path`, or not the whole data set.
    fn read(&self, path: &Path) -> Result<Pictures, Error>;

    /// Names and contents of the files of the page's gallery, among them `gallery.json`; empty for a data set whose
    /// gallery shows other pictures.
    fn gallery(&self, _pictures: &Pictures) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// The data set from `path`, else from the path in [`About::variable`], else from an earlier download, else `None`.
    ///
    /// # Errors
    ///
    /// If the first of these that is given cannot be used; the next one is not tried.
    fn find(&self, path: Option<&Path>) -> Result<Option<Pictures>, Error> {
        let named = || env::var_os(self.about().variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        match path.map(Path::to_owned).or_else(named) {
            Some(path) if !path.exists() => Err(Error::NoSuchPath { path, give: self.about().give() }),
            Some(path) => self.read(&path).map(Some),
            None => download::cached(self),
        }
    }

    /// Downloads the data set into the user's cache folder in at most `timeout`, with a progress bar on a terminal. It
    /// fails after ten seconds if the server cannot be reached.
    ///
    /// # Errors
    ///
    /// If it is not offered for download, cannot be downloaded, or does not have the checksum [`About::sha256`]; then
    /// no file is kept.
    fn download(&self, timeout: Duration) -> Result<Pictures, Error> {
        download::fetch(self, timeout)
    }

    /// The data set from the first place that has it: those of [`find`](DataSet::find), else downloaded now.
    ///
    /// # Errors
    ///
    /// Those of [`find`](DataSet::find) and [`download`](DataSet::download).
    fn load(&self, path: Option<&Path>) -> Result<Pictures, Error> {
        match self.find(path)? {
            Some(found) => Ok(found),
            None => self.download(DOWNLOAD_TIMEOUT),
        }
    }
}

/// The description of a data set, for people and programs.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name in commands, files and the catalogue of networks, such as `coil20`.
    pub id: &'static str,
    /// The name its authors gave it, such as COIL-20.
    pub name: &'static str,
    /// What its pictures show, in plain words.
    pub title: &'static str,
    /// The page's label for the choice of its networks for a user's own picture.
    pub reader: &'static str,
    /// A note for users who choose its networks for their own picture.
    pub note: Option<&'static str>,
    /// The name of every class, by class index.
    pub labels: Vec<&'static str>,
    /// Channels of a pixel: 1 for grey, 3 for red, green and blue.
    pub channels: usize,
    /// Height of the networks' input in pixels.
    pub height: usize,
    /// Width of the networks' input in pixels.
    pub width: usize,
    /// The networks' input is cropped from the middle of a picture: this share of its shorter side, 0 to 1.
    pub crop: f64,
    /// The environment variable with the path of a copy.
    pub variable: &'static str,
    /// What such a copy is, in words.
    pub copy: &'static str,
    /// Address of its web page.
    pub homepage: &'static str,
    /// The archive to download, where one is offered.
    pub archive: Option<Archive>,
    /// For pictures that may not be redistributed: why the page lacks them, and how to add them. `None` if the gallery
    /// is part of the repository.
    pub missing: Option<&'static str>,
    /// The sha256 of its pixels, independent of how they are packed. `None` where copies differ.
    pub sha256: Option<&'static str>,
}

/// An archive offered for download.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its address.
    pub url: &'static str,
    /// Its approximate length in bytes.
    pub bytes: u64,
}

/// All pictures of a copy of a data set.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// The pictures, in the order of the data set.
    pub pictures: Vec<Picture>,
    /// The sha256 of their content: equal to [`About::sha256`], unless the copy differs.
    pub sha256: String,
    /// The folder or archive they come from.
    pub source: PathBuf,
}

/// One picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// Its name in the data set.
    pub name: String,
    /// Its class: an index into [`About::labels`].
    pub class: usize,
    /// Whether networks are trained on it.
    pub split: Split,
    /// The picture itself.
    pub content: Content,
}

/// Whether networks are trained on a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Used for training.
    Train,
    /// Held out, for testing.
    Test,
}

/// The content of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// 8-bit pixels of the networks' input size, `[C, H, W]`, row-major.
    Pixels(Vec<u8>),
    /// A picture file of any size, not yet decoded.
    File(Vec<u8>),
}

impl Pictures {
    /// The pictures of a split, in the order of the data set.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Picture> {
        self.pictures.iter().filter(move |picture| picture.split == split)
    }
}

impl Picture {
    /// Its pixels, `[C, H, W]`; `None` for a picture file.
    pub fn pixels(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Pixels(pixels) => Some(pixels),
            Content::File(_) => None,
        }
    }
}

/// Every data set, in the order in which the programs list them.
pub fn sets() -> [&'static dyn DataSet; 3] {
    [&ImagenetSample, &Coil20, &Cifar10]
}

/// The data set whose [`About::id`] is `id`.
///
/// # Errors
///
/// If there is none.
pub fn by_id(id: &str) -> Result<&'static dyn DataSet, Error> {
    sets().into_iter().find(|set| set.about().id == id).ok_or_else(|| {
        let known: Vec<&str> = sets().iter().map(|set| set.about().id).collect();
        Error::NoSuchSet { id: id.to_owned(), known: known.join(", ") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_set_says_what_it_is() {
        for set in sets() {
            let about = set.about();
            let found = by_id(about.id).expect("it is listed").about();
            assert_eq!(found.name, about.name);
            let mut labels = about.labels.clone();
            labels.sort_unstable();
            assert!(labels.len() > 1 && labels.iter().all(|label| !label.is_empty()), "{}", about.id);
            assert!([1, 3].contains(&about.channels) && about.height > 0 && about.width > 0, "{}", about.id);
            assert!(about.homepage.starts_with("https://"), "{}", about.id);
        }
        let unknown = by_id("mnist").err().expect("it is not here").to_string();
        assert_eq!(unknown, "there is no data set “mnist”: expected one of photos, coil20, cifar10");
    }
}
