//! Photographs in a folder or an archive, without labels.
//!
//! The files are read whole, and decoded only when they are used.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::{Error, files};

/// One photograph.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// The path of its file inside the folder or archive.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Photographs, sorted by name.
#[derive(Clone, Debug)]
pub struct Photographs {
    /// The photographs.
    pub photographs: Vec<Photograph>,
    /// The sha256 of all files, concatenated.
    pub sha256: String,
}

/// The JPEG and PNG files in `path`, a folder with its subfolders or an archive.
///
/// # Errors
///
/// If there is nothing at `path`, it cannot be read, or holds no such file.
pub fn load(path: &Path) -> Result<Photographs, Error> {
    let files = files::read(path, is_photograph)?;
    if files.is_empty() {
        let (expected, found) = ("JPEG or PNG files".to_owned(), "none".to_owned());
        return Err(Error::Unexpected { file: path.to_owned(), expected, found });
    }
    let sha256 = files.iter().fold(Sha256::new(), |sha256, file| sha256.chain_update(&file.bytes));
    let photographs = files.into_iter().map(|file| Photograph { name: file.name, bytes: file.bytes }).collect();
    Ok(Photographs { photographs, sha256: format!("{:x}", sha256.finalize()) })
}

fn is_photograph(name: &str) -> bool {
    let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
    ["jpg", "jpeg", "png"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_read_by_name_with_its_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("b")).expect("a folder");
        for (name, bytes) in [("c.JPG", "3"), ("b/a.png", "2"), ("a.jpeg", "1"), ("notes.txt", "no")] {
            fs::write(folder.path().join(name), bytes).expect("a file");
        }
        let found = load(folder.path()).expect("three photographs");
        let names: Vec<&str> = found.photographs.iter().map(|photograph| &*photograph.name).collect();
        assert_eq!(names, ["a.jpeg", "b/a.png", "c.JPG"]);
        assert_eq!(found.sha256, format!("{:x}", Sha256::digest("123")));
    }

    #[test]
    fn an_empty_folder_and_a_missing_one_are_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = load(folder.path()).expect_err("there is nothing in it").to_string();
        assert!(empty.ends_with("expected JPEG or PNG files, found none"), "{empty}");
        assert!(matches!(load(&folder.path().join("none")), Err(Error::Io { .. })));
    }
}
