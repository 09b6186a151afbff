//! Files that are read and written, with nothing lost.

use std::fs::{File, FileType};
use std::io::Write;
#[cfg(unix)]
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

/// The content of a file. Pipes and devices are refused, since reading them may not end, except the pipes that the
/// shell opens for the program: `<(command)` and `/dev/stdin`.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let found = std::fs::metadata(path).with_context(reading)?;
    ensure!(!found.is_dir(), "{} is a folder: expected a file", path.display());
    ensure!(
        found.is_file() || is_open_pipe(path, found.file_type()),
        "{} is a pipe or a device: expected a file",
        path.display()
    );
    std::fs::read(path).with_context(reading)
}

/// Whether this is a pipe that was open when the program began.
fn is_open_pipe(path: &Path, found: FileType) -> bool {
    let of_shell = path == Path::new("/dev/stdin")
        || [Some(Path::new("/dev/fd")), Some(Path::new("/proc/self/fd"))].contains(&path.parent());
    #[cfg(unix)]
    let is_pipe = found.is_fifo();
    #[cfg(not(unix))]
    let (is_pipe, _) = (false, found);
    of_shell && is_pipe
}

/// Checks that a file ends in `.ending`, so that none of another kind is overwritten by mistake.
pub fn check_ending(path: &Path, ending: &str) -> Result<()> {
    let found = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case(ending));
    ensure!(found, "{}: expected a name that ends in .{ending}", path.display());
    Ok(())
}

/// Checks that a file can be written to `path`, before the work whose result it is for. It must be none of `inputs`,
/// nor a file in a folder of them, except a result file, which is read before it is written.
pub fn check_writable<'a>(path: &Path, inputs: impl IntoIterator<Item = &'a PathBuf>) -> Result<()> {
    let is_folder = path.is_dir() || path.as_os_str().to_string_lossy().ends_with(std::path::is_separator);
    ensure!(!is_folder, "{} is a folder: expected the name of a file", path.display());
    ensure!(!path.exists() || path.is_file(), "{} is a pipe or a device: expected the name of a file", path.display());
    let place = path.canonicalize();
    let is_result = path.extension().is_some_and(|extension| extension == "json");
    let is_lost = |input: &&PathBuf| match (&place, input.canonicalize()) {
        (Ok(place), Ok(input)) => place.starts_with(&input) && !(is_result && input.is_dir()),
        _ => false,
    };
    if let Some(input) = inputs.into_iter().find(is_lost) {
        bail!("{} would overwrite {}: expected another file", path.display(), input.display());
    }
    create_part(&target(path))
        .and_then(|(part, _)| std::fs::remove_file(part))
        .with_context(|| format!("{}: expected a name in a folder where files can be written", path.display()))
}

/// Writes to a temporary file and renames it, so that an interruption leaves the previous file whole. Where `path` is a
/// link, what it points to is written.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    let place = target(path);
    let write = || {
        let (part, mut file) = create_part(&place)?;
        let written = file.write_all(bytes).and_then(|()| std::fs::rename(&part, &place));
        written.inspect_err(|_| drop(std::fs::remove_file(part)))
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// The file that is meant by `path`: where it is a link, what it points to, there or not.
fn target(path: &Path) -> PathBuf {
    let pointed = || Some(path.with_file_name(std::fs::read_link(path).ok()?));
    path.canonicalize().ok().or_else(pointed).unwrap_or_else(|| path.to_owned())
}

/// A new file beside `path`, for its content until that is complete.
fn create_part(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let file = File::create_new(&part)?;
    Ok((part, file))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_lost_is_not_overwritten() {
        let folder = tempfile::tempdir().expect("a new folder");
        let (picture, part) = (folder.path().join("a.png"), folder.path().join("a.part"));
        for file in [&picture, &part] {
            std::fs::write(file, "precious").expect("it can be written");
        }
        let error = |path: &Path| check_writable(path, [&picture]).expect_err("it must not be written").to_string();
        assert!(error(&folder.path().join("./a.png")).contains("would overwrite"));
        let inside =
            check_writable(&picture, [&folder.path().to_owned()]).expect_err("it is in the folder of a data set");
        assert!(inside.to_string().contains("would overwrite"));
        assert!(error(folder.path()).contains("is a folder"));
        assert!(error(&folder.path().join("missing/a.json")).contains("in a folder where files can be written"));
        check_writable(&folder.path().join("a.json"), [&picture]).expect("it is a new name");
        write_bytes(&folder.path().join("a.json"), b"[1,2]\n").expect("it is a new name");
        assert_eq!(std::fs::read_to_string(folder.path().join("a.json")).expect("it is written"), "[1,2]\n");
        assert_eq!(std::fs::read_to_string(part).expect("it is still there"), "precious");
        assert_eq!(std::fs::read_dir(folder.path()).expect("it is there").count(), 3);
    }
}
