//! Errors of reading or downloading a data set.

use std::{io, path::PathBuf};

use crate::About;

/// A data set that cannot be used: every message names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The name of a data set that does not exist.
    #[error("there is no data set “{id}”: expected one of {known}")]
    NoSuchSet {
        /// The name asked for.
        id: String,
        /// The names of all data sets.
        known: String,
    },

    /// Nothing lies at the path that was asked for.
    #[error("{}: no such file or folder; {give}", .path.display())]
    NoSuchPath {
        /// The path asked for.
        path: PathBuf,
        /// How to give a copy, in words.
        give: String,
    },

    /// The system refused to read or write a file or folder.
    #[error("{}: cannot be read or written: {cause}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },

    /// A file that is no archive, or a damaged one.
    #[error("{}: expected a folder, a zip or a tar.gz archive, found none of them, or a damaged one: {cause}", .path.display())]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What the archive reader said.
        cause: String,
    },

    /// Some files of the data set are not there.
    #[error("{}: expected {expected} files, found {}; missing {}", .path.display(), .expected - .missing.len(), first_few(.missing))]
    Missing {
        /// The folder or archive.
        path: PathBuf,
        /// How many files the data set has.
        expected: usize,
        /// The names of all that are missing.
        missing: Vec<String>,
    },

    /// A file or folder that differs from the data set's.
    #[error("{}: expected {expected}, found {found}", .file.display())]
    Unexpected {
        /// The file or folder.
        file: PathBuf,
        /// What the data set has there.
        expected: String,
        /// What was found there.
        found: String,
    },

    /// A picture that is truncated, damaged or no PNG.
    #[error("{}: expected a whole PNG, found {found_bytes} bytes that cannot be decoded: {cause}", .file.display())]
    Png {
        /// The picture.
        file: PathBuf,
        /// Its length in bytes.
        found_bytes: usize,
        /// What the PNG decoder said.
        cause: png::DecodingError,
    },

    /// A data set that nobody offers for download.
    #[error("{name} is not offered for download: {give}")]
    NotOffered {
        /// The data set.
        name: &'static str,
        /// How to give a copy instead, in words.
        give: String,
    },

    /// The download failed.
    #[error("cannot download {name} from {url}: {cause}. If you have a copy, {give}")]
    Download {
        /// The data set.
        name: &'static str,
        /// The address.
        url: String,
        /// What went wrong.
        cause: String,
        /// How to give a copy instead, in words.
        give: String,
    },

    /// A downloaded archive whose pixels are not those of the data set.
    #[error(
        "{}: expected the pixels of {name} with sha256 {expected}, found {found}. Remove the file, so that it is \
         downloaded again", .path.display()
    )]
    Checksum {
        /// The archive.
        path: PathBuf,
        /// The data set.
        name: &'static str,
        /// The checksum of its pixels.
        expected: &'static str,
        /// The checksum of the pixels found.
        found: String,
    },
}

impl About {
    /// How to give a copy of the data set, in words for the end of a message.
    pub fn give(&self) -> String {
        format!("give {} with --data PATH or in {}", self.copy, self.variable)
    }
}

/// The first few of many names, and how many more there are.
fn first_few(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
