//! What can be wrong with a copy of a data set.

use std::{io, path::PathBuf};

/// A data set that cannot be used: every message names the file, what was expected and what was found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing lies at the path that was asked for.
    #[error(
        "{}: no such file or folder. Give the folder or the zip archive of COIL-20 with --data PATH or in COIL20", .path.display()
    )]
    NoSuchPath {
        /// The path asked for.
        path: PathBuf,
    },

    /// The system refused to read or write a file or folder.
    #[error("{}: cannot be read or written: {cause}", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },

    /// A file that is no zip archive, or a damaged one.
    #[error("{}: expected a folder or a zip archive, found neither: {cause}", .path.display())]
    NotAZip {
        /// The file.
        path: PathBuf,
        /// What the archive reader said.
        cause: String,
    },

    /// A folder or archive without a single photograph.
    #[error("{}: expected JPEG or PNG files, found none", .path.display())]
    NoPhotographs {
        /// The folder or archive.
        path: PathBuf,
    },

    /// A file whose name does not tell the class of what it shows.
    #[error("{}: expected a name such as 0281_n02123045_tabby.jpg, which begins with the class, 0 to 999", .file.display())]
    NoClass {
        /// The file.
        file: PathBuf,
    },

    /// A folder or archive without a single picture of the data set.
    #[error("{}: expected {expected} pictures, obj1__0.png to obj20__71.png, found none", .path.display())]
    NoPictures {
        /// The folder or archive.
        path: PathBuf,
        /// How many pictures the data set has.
        expected: usize,
    },

    /// Some pictures of the data set are not there.
    #[error("{}: expected {expected} pictures, found {}; missing {}", .path.display(), .expected - .missing.len(), some(.missing))]
    Missing {
        /// The folder or archive.
        path: PathBuf,
        /// How many pictures the data set has.
        expected: usize,
        /// The file names of all that are missing.
        missing: Vec<String>,
    },

    /// A picture of an object or a pose that the data set does not have.
    #[error("{}: expected objects 1 to 20 and poses 0 to 71, found object {object}, pose {pose}", .file.display())]
    OutOfRange {
        /// The picture.
        file: PathBuf,
        /// Its object.
        object: u32,
        /// Its pose.
        pose: u32,
    },

    /// Two pictures of the same object and pose.
    #[error("{}: expected one picture of object {object}, pose {pose}, found a second", .file.display())]
    Duplicate {
        /// The second picture.
        file: PathBuf,
        /// Its object.
        object: u8,
        /// Its pose.
        pose: u8,
    },

    /// A picture of another size.
    #[error("{}: expected {side}×{side} pixels, found {width}×{height}", .file.display(), side = crate::coil20::SIDE)]
    Size {
        /// The picture.
        file: PathBuf,
        /// Its width in pixels.
        width: u32,
        /// Its height in pixels.
        height: u32,
    },

    /// A picture that is not grey with 8 bits a pixel.
    #[error("{}: expected 8-bit grey pixels, found {found}", .file.display())]
    PixelFormat {
        /// The picture.
        file: PathBuf,
        /// Its pixel format, such as `8-bit Rgb`.
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

    /// The download failed.
    #[error(
        "cannot download COIL-20 from {url}: {cause}. Give a copy you have, folder or zip, with --data PATH or in COIL20"
    )]
    Download {
        /// The address.
        url: String,
        /// What went wrong.
        cause: String,
    },

    /// A downloaded archive whose pixels are not those of COIL-20.
    #[error("{}: expected pixels with sha256 {expected}, found {found}. Remove the file, so that it is downloaded again", .path.display())]
    Checksum {
        /// The archive.
        path: PathBuf,
        /// The checksum of COIL-20's pixels.
        expected: &'static str,
        /// The checksum of the pixels found.
        found: String,
    },
}

/// The first few of many names, and how many more there are.
fn some(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
