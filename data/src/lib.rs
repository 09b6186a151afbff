//! The data sets Decoy trains and measures on: found, checked, decoded.
//!
//! Nothing here knows a network: a [`DataSet`] says what it is and gives a list of labelled pictures. What is wrong
//! with a copy is an [`Error`] that names the file, what was expected and what was found.

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

/// How long [`DataSet::load`] lets a download take: even a slow line is done by then.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// A labelled data set of pictures.
pub trait DataSet: Sync {
    /// What it is.
    fn about(&self) -> &About;

    /// The data set in the folder or archive at `path`. Other pixels than those of [`About::sha256`] are accepted, and
    /// told in [`Pictures::sha256`].
    ///
    /// # Errors
    ///
    /// When there is nothing at `path`, or not the whole data set.
    fn read(&self, path: &Path) -> Result<Pictures, Error>;

    /// The files of the gallery that the page shows of it, `gallery.json` among them; none for a set whose gallery is
    /// not made of its pictures.
    fn gallery(&self, _pictures: &Pictures) -> Vec<(String, Vec<u8>)> {
        Vec::new()
    }

    /// The data set from `path`, else from the path in [`About::variable`], else as downloaded before, else none.
    ///
    /// # Errors
    ///
    /// When the first of these that there is cannot be used; the next is not tried in its place.
    fn find(&self, path: Option<&Path>) -> Result<Option<Pictures>, Error> {
        let named = || env::var_os(self.about().variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        match path.map(Path::to_owned).or_else(named) {
            Some(path) if !path.exists() => Err(Error::NoSuchPath { path, give: self.about().give() }),
            Some(path) => self.read(&path).map(Some),
            None => download::kept(self),
        }
    }

    /// Downloads the data set into the user's cache folder, with a progress bar on a terminal, in at most `timeout`. A
    /// server that cannot be reached is given up after ten seconds.
    ///
    /// # Errors
    ///
    /// If it is not offered for download, cannot be downloaded, or is not what [`About::sha256`] says; nothing is kept
    /// of it then.
    fn download(&self, timeout: Duration) -> Result<Pictures, Error> {
        download::fetch(self, timeout)
    }

    /// The data set from the first place that has it: those of [`find`](DataSet::find), else downloaded now.
    ///
    /// # Errors
    ///
    /// As those two.
    fn load(&self, path: Option<&Path>) -> Result<Pictures, Error> {
        match self.find(path)? {
            Some(found) => Ok(found),
            None => self.download(PATIENCE),
        }
    }
}

/// What a data set is, for people and programs.
#[derive(Clone, Debug)]
pub struct About {
    /// Its name in commands, files and the catalogue of networks, such as `coil20`.
    pub id: &'static str,
    /// What it is called where it comes from, such as COIL-20.
    pub name: &'static str,
    /// What its pictures show, in plain words.
    pub title: &'static str,
    /// The choice to have a picture of one's own read by its networks.
    pub reader: &'static str,
    /// What people should know who have a picture of their own read by them.
    pub note: Option<&'static str>,
    /// The name of every class, by class index.
    pub labels: Vec<&'static str>,
    /// How many numbers a pixel has: 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// The rows that a network sees of a picture.
    pub height: usize,
    /// The columns that a network sees of a picture.
    pub width: usize,
    /// The share of a picture's shorter side that networks were made to see: the middle of it.
    pub crop: f64,
    /// The environment variable that names a copy of it.
    pub variable: &'static str,
    /// What such a copy is.
    pub copy: &'static str,
    /// Where it is described.
    pub homepage: &'static str,
    /// The archive to download, where one is offered.
    pub archive: Option<Archive>,
    /// Where its pictures are not to be passed on: why a page is without them, and how to add them. Everywhere else the
    /// gallery is part of the repository.
    pub missing: Option<&'static str>,
    /// What identifies it: the sha256 of its pixels, however they are packed. None where copies differ.
    pub sha256: Option<&'static str>,
}

/// An archive offered for download.
#[derive(Clone, Debug)]
pub struct Archive {
    /// Its address.
    pub url: &'static str,
    /// About its length in bytes.
    pub bytes: u64,
}

/// All pictures of a copy of a data set.
#[derive(Clone, Debug)]
pub struct Pictures {
    /// The pictures, in the order of the data set.
    pub pictures: Vec<Picture>,
    /// The sha256 of what they show: [`About::sha256`], unless the copy differs.
    pub sha256: String,
    /// The folder or archive they come from.
    pub source: PathBuf,
}

/// One picture.
#[derive(Clone, Debug)]
pub struct Picture {
    /// What the data set calls it.
    pub name: String,
    /// What it shows: an index into [`About::labels`].
    pub class: usize,
    /// Whether networks are trained on it.
    pub split: Split,
    /// The picture itself.
    pub content: Content,
}

/// Whether networks are trained on a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// They are.
    Train,
    /// They are not: it is held out, to test them.
    Test,
}

/// A picture as a data set holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// 8-bit pixels of the size that networks see, `[C, H, W]`, row by row.
    Pixels(Vec<u8>),
    /// A picture file of any size, decoded when it is looked at.
    File(Vec<u8>),
}

impl Pictures {
    /// The pictures of a split, in the order of the data set.
    pub fn of(&self, split: Split) -> impl Iterator<Item = &Picture> {
        self.pictures.iter().filter(move |picture| picture.split == split)
    }
}

impl Picture {
    /// Its pixels, `[C, H, W]`, unless it is a file.
    pub fn pixels(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Pixels(pixels) => Some(pixels),
            Content::File(_) => None,
        }
    }
}

/// Every data set, in the order in which people are shown them.
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
