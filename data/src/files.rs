//! The files in a folder or an archive.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read, Seek},
    path::{Path, PathBuf},
};

use flate2::read::GzDecoder;

use crate::Error;

/// A longer file is not read, in bytes; no data set has one.
const MAX_FILE: u64 = 32 << 20;

/// A file and where it was found.
pub struct Found {
    /// Its path inside the folder or archive.
    pub name: String,
    /// The path of the folder or archive, followed by the path inside, for messages.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// The files in `root` whose file name is `wanted`, sorted by name. `root` is a folder, with its subfolders, or a zip
/// or tar.gz archive. Hidden files, such as those that macOS adds beside pictures, are skipped.
pub fn read(root: &Path, wanted: impl Fn(&str) -> bool) -> Result<Vec<Found>, Error> {
    let wanted = |name: &str| !name.starts_with('.') && wanted(name);
    let mut found = Collection { root, wanted: &wanted, files: Vec::new() };
    match fs::metadata(root) {
        Ok(metadata) if metadata.is_dir() => found.add_folder()?,
        Ok(_) => found.add_archive()?,
        Err(cause) => return Err(Error::Io { path: root.to_owned(), cause }),
    }
    found.files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found.files)
}

/// The name of a file without its folders.
pub fn file_name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

struct Collection<'a> {
    root: &'a Path,
    wanted: &'a dyn Fn(&str) -> bool,
    files: Vec<Found>,
}

impl Collection<'_> {
    fn add(&mut self, name: String, content: impl Read) -> Result<(), Error> {
        if !(self.wanted)(file_name(&name)) {
            return Ok(());
        }
        let path = self.root.join(&name);
        let mut bytes = Vec::new();
        content.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|cause| Error::Io { path: path.clone(), cause })?;
        if bytes.len() as u64 > MAX_FILE {
            let expected = format!("a file of at most {MAX_FILE} bytes");
            return Err(Error::Unexpected { file: path, expected, found: "a longer one".to_owned() });
        }
        self.files.push(Found { name, path, bytes });
        Ok(())
    }

    fn add_folder(&mut self) -> Result<(), Error> {
        let mut folders = vec![self.root.to_owned()];
        while let Some(folder) = folders.pop() {
            let error = |path: &Path| {
                let path = path.to_owned();
                move |cause| Error::Io { path, cause }
            };
            for entry in fs::read_dir(&folder).map_err(error(&folder))? {
                let path = entry.map_err(error(&folder))?.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(self.root).unwrap_or(&path).to_string_lossy().into_owned();
                    if (self.wanted)(file_name(&name)) {
                        self.add(name, open(&path)?)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn add_archive(&mut self) -> Result<(), Error> {
        let root = self.root;
        let io_error = |cause| Error::Io { path: root.to_owned(), cause };
        let mut file = BufReader::new(open(root)?);
        let mut magic = [0; 2];
        let gzip = file.read_exact(&mut magic).is_ok() && magic == [0x1f, 0x8b];
        file.rewind().map_err(io_error)?;
        if gzip { self.add_tar_gz(file) } else { self.add_zip(file) }
    }

    fn add_zip(&mut self, file: impl Read + Seek) -> Result<(), Error> {
        let root = self.root;
        let damaged = |cause: zip::result::ZipError| not_an_archive(root, &cause);
        let mut archive = zip::ZipArchive::new(file).map_err(damaged)?;
        for index in 0..archive.len() {
            let entry = archive.by_index(index).map_err(damaged)?;
            if entry.is_file() {
                self.add(entry.name().to_owned(), entry)?;
            }
        }
        Ok(())
    }

    fn add_tar_gz(&mut self, file: impl Read) -> Result<(), Error> {
        let root = self.root;
        let damaged = |cause: io::Error| not_an_archive(root, &cause);
        let mut archive = tar::Archive::new(GzDecoder::new(file));
        for entry in archive.entries().map_err(damaged)? {
            let entry = entry.map_err(damaged)?;
            if entry.header().entry_type().is_file() {
                let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
                self.add(name, entry)?;
            }
        }
        Ok(())
    }
}

fn not_an_archive(path: &Path, cause: &dyn std::error::Error) -> Error {
    Error::NotAnArchive { path: path.to_owned(), cause: cause.to_string() }
}
/// Opens a file. A pipe or a device is refused, since reading it may not end.
fn open(path: &Path) -> Result<File, Error> {
    let error = |cause| Error::Io { path: path.to_owned(), cause };
    if !fs::metadata(path).map_err(error)?.is_file() {
        let found = "a pipe or a device".to_owned();
        return Err(Error::Unexpected { file: path.to_owned(), expected: "a file".to_owned(), found });
    }
    File::open(path).map_err(error)
}
