//! Photographs in a folder or a zip archive, such as the ImageNet sample that the photo networks are tuned on.
//!
//! They are read as files and decoded only when they are looked at. None of them are ours to pass on, and there is no
//! public address to download them from, so that they come from a path the user gives.

use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::Error;

/// No photograph of a data set is longer than this; nothing longer is read from an archive.
const MAX_FILE: u64 = 32 << 20;

/// One photograph.
#[derive(Clone, Debug)]
pub struct Photograph {
    /// The path of its file inside the folder or archive.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Photographs, by name.
#[derive(Clone, Debug)]
pub struct Photographs {
    /// The photographs.
    pub photographs: Vec<Photograph>,
    /// The sha256 of all files, one after another.
    pub sha256: String,
}

impl Photograph {
    /// The class a file of the ImageNet sample is of, `{class, 4 digits}_{WordNet id}_{name}.jpg`.
    ///
    /// # Errors
    ///
    /// If the name is of another form.
    pub fn imagenet_class(&self) -> Result<usize, Error> {
        let file = self.name.rsplit('/').next().unwrap_or_default();
        let class = file.split_once("_n").and_then(|(class, _)| class.parse().ok());
        class.filter(|class| *class < 1000).ok_or_else(|| Error::NoClass { file: PathBuf::from(&self.name) })
    }
}

/// The JPEG and PNG files in `path`, a folder with its folders or a zip archive.
///
/// # Errors
///
/// If there is nothing at `path`, it cannot be read, or holds no such file.
pub fn load(path: &Path) -> Result<Photographs, Error> {
    let mut photographs = match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => from_folder(path)?,
        Ok(_) => from_zip(path)?,
        Err(cause) => return Err(Error::Io { path: path.to_owned(), cause }),
    };
    if photographs.is_empty() {
        return Err(Error::NoPhotographs { path: path.to_owned() });
    }
    photographs.sort_by(|a, b| a.name.cmp(&b.name));
    let sha256 = photographs.iter().fold(Sha256::new(), |sha256, photograph| sha256.chain_update(&photograph.bytes));
    Ok(Photographs { photographs, sha256: format!("{:x}", sha256.finalize()) })
}

fn from_folder(root: &Path) -> Result<Vec<Photograph>, Error> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let error = |path: &Path| {
            let path = path.to_owned();
            move |cause| Error::Io { path, cause }
        };
        for entry in fs::read_dir(&folder).map_err(error(&folder))? {
            let path = entry.map_err(error(&folder))?.path();
            if path.is_dir() {
                folders.push(path);
            } else if is_photograph(&path) {
                let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
                found.push(Photograph { name, bytes: fs::read(&path).map_err(error(&path))? });
            }
        }
    }
    Ok(found)
}

fn from_zip(path: &Path) -> Result<Vec<Photograph>, Error> {
    let file = fs::File::open(path).map_err(|cause| Error::Io { path: path.to_owned(), cause })?;
    let damaged = |cause: zip::result::ZipError| Error::NotAZip { path: path.to_owned(), cause: cause.to_string() };
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(damaged)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        let name = entry.name().to_owned();
        if entry.is_file() && is_photograph(Path::new(&name)) {
            let mut bytes = Vec::new();
            let error = |cause| Error::Io { path: path.join(&name), cause };
            entry.take(MAX_FILE).read_to_end(&mut bytes).map_err(error)?;
            found.push(Photograph { name, bytes });
        }
    }
    Ok(found)
}

fn is_photograph(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
    ["jpg", "jpeg", "png"].iter().any(|known| known.eq_ignore_ascii_case(extension))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photograph(name: &str) -> Photograph {
        Photograph { name: name.into(), bytes: Vec::new() }
    }

    #[test]
    fn a_file_of_the_sample_names_its_class() {
        let class = |name| photograph(name).imagenet_class();
        assert_eq!(class("imagenet-sample-256/0281_n02123045_tabby.jpg").ok(), Some(281));
        for wrong in ["tabby.jpg", "1000_n02123045_tabby.jpg", "x_n1_y.jpg"] {
            assert!(matches!(class(wrong), Err(Error::NoClass { .. })), "{wrong}");
        }
    }

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
        assert!(matches!(load(folder.path()), Err(Error::NoPhotographs { .. })));
        assert!(matches!(load(&folder.path().join("none")), Err(Error::Io { .. })));
    }
}
