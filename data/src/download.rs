//! Downloads the archives of data sets into the user's cache folder.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{About, Archive, DataSet, Error, Pictures};

/// The download fails if the server is silent for this long: without a network nobody shall wait.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(10);

/// The data set from an earlier download, if there is one.
pub fn cached(set: &(impl DataSet + ?Sized)) -> Result<Option<Pictures>, Error> {
    let Some(archive) = &set.about().archive else { return Ok(None) };
    Some(cache_path(archive)).filter(|path| path.exists()).map(|path| verify(set.about(), set.read(&path)?)).transpose()
}

/// Downloads the data set in at most `timeout`.
pub fn fetch(set: &(impl DataSet + ?Sized), timeout: Duration) -> Result<Pictures, Error> {
    let about = set.about();
    match &about.archive {
        Some(archive) => fetch_to(&cache_path(archive), set, archive, timeout),
        None => Err(Error::NotOffered { name: about.name, give: about.give() }),
    }
}

/// Where a downloaded archive is kept, such as `~/.cache/decoy/coil-20-proc.zip`; `~/.cache` is elsewhere on other
/// systems.
fn cache_path(archive: &Archive) -> PathBuf {
    let name = archive.url.rsplit('/').next().unwrap_or(archive.url);
    dirs::cache_dir().unwrap_or_else(env::temp_dir).join("decoy").join(name)
}

/// Downloads to a temporary file, which is renamed to `path` once its content has been checked.
fn fetch_to(
    path: &Path,
    set: &(impl DataSet + ?Sized),
    archive: &Archive,
    timeout: Duration,
) -> Result<Pictures, Error> {
    let io_error = |cause| Error::Io { path: path.to_owned(), cause };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io_error)?;
    let mut part = tempfile::Builder::new().suffix(".part").tempfile_in(folder).map_err(io_error)?;

    let about = set.about();
    let failed =
        |cause: String| Error::Download { name: about.name, url: archive.url.to_owned(), cause, give: about.give() };
    let limit = Some(timeout.min(RESPONSE_TIMEOUT));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_resolve(limit)
        .timeout_connect(limit)
        .timeout_recv_response(limit)
        .timeout_per_read(limit)
        .build()
        .into();
    let mut response = agent.get(archive.url).call().map_err(|cause| failed(cause.to_string()))?;

    let bar = ProgressBar::new(response.body().content_length().unwrap_or(archive.bytes)).with_style(
        ProgressStyle::with_template("{prefix} {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
            .expect("a constant template"),
    );
    bar.set_prefix(about.name);
    // Stops at twice the expected length.
    let mut body = bar.wrap_read(response.body_mut().with_config().limit(2 * archive.bytes).reader());
    io::copy(&mut body, part.as_file_mut()).map_err(|cause| failed(cause.to_string()))?;
    bar.finish_and_clear();

    let pictures = verify(about, set.read(part.path())?)?;
    part.persist(path).map_err(|error| io_error(error.error))?;
    Ok(Pictures { source: path.to_owned(), ..pictures })
}

/// An error if the pixels do not have the checksum of the data set.
fn verify(about: &About, pictures: Pictures) -> Result<Pictures, Error> {
    match about.sha256 {
        Some(expected) if pictures.sha256 != expected => {
            Err(Error::Checksum { path: pictures.source, name: about.name, expected, found: pictures.sha256 })
        }
        _ => Ok(pictures),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        thread,
        time::Instant,
    };

    use tempfile::TempDir;

    use super::*;
    use crate::{ImagenetSample, files};

    /// A data set whose archive holds files named `a`, and whose checksum is their content.
    struct Letters(About);

    impl DataSet for Letters {
        fn about(&self) -> &About {
            &self.0
        }

        fn read(&self, path: &Path) -> Result<Pictures, Error> {
            let files = files::read(path, |name| name == "a")?;
            let sha256 = files.iter().map(|file| String::from_utf8_lossy(&file.bytes)).collect();
            Ok(Pictures { pictures: Vec::new(), sha256, source: path.to_owned() })
        }
    }

    fn letters() -> Letters {
        let about = ImagenetSample.about().clone();
        Letters(About { name: "the letters", variable: "LETTERS", sha256: Some("good"), ..about })
    }

    fn zip(content: &str) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("a", zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(content.as_bytes()).unwrap();
        zip.finish().unwrap().into_inner()
    }

    fn fetch(url: &str, path: &Path, timeout: Duration) -> Result<Pictures, Error> {
        let archive = Archive { url: url.to_owned().leak(), bytes: 1000 };
        fetch_to(path, &letters(), &archive, timeout)
    }

    /// The address of a server that answers a single request with `answer`.
    fn serve(answer: impl FnOnce(TcpStream) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/set.zip", listener.local_addr().unwrap());
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            answer(stream);
        });
        url
    }

    fn ok(mut stream: TcpStream, body: &[u8], promised: usize) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n");
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
    }

    #[test]
    fn a_good_download_is_kept() {
        let bytes = zip("good");
        let url = serve(move |stream| ok(stream, &bytes, bytes.len()));
        let cache = TempDir::new().unwrap();
        let path = cache.path().join("decoy").join("set.zip");
        let kept = fetch(&url, &path, Duration::from_secs(5)).unwrap();
        assert_eq!((&kept.source, &*kept.sha256), (&path, "good"));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_eq!(letters().read(&path).unwrap().sha256, "good");
    }

    #[test]
    fn bad_downloads_leave_nothing() {
        let other = zip("other");
        let half = zip("good")[..60].to_vec();
        let long = vec![0; 3000];
        let cases = [
            (
                "expected the pixels of the letters with sha256 good, found other",
                serve(move |stream| ok(stream, &other, other.len())),
            ),
            ("cannot download the letters from", serve(move |stream| ok(stream, &half, 120))),
            ("cannot download the letters from", serve(move |stream| ok(stream, &long, 3000))),
            ("expected a folder, a zip or a tar.gz", serve(|stream| ok(stream, b"<html>Welcome</html>", 20))),
            ("404", serve(|mut s| s.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap())),
            ("cannot download the letters from", "http://127.0.0.1:1/set.zip".into()),
        ];
        for (expected, url) in cases {
            let cache = TempDir::new().unwrap();
            let path = cache.path().join("decoy").join("set.zip");
            let message = fetch(&url, &path, Duration::from_secs(5)).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
            assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 0, "{message}");
        }
    }

    #[test]
    fn a_silent_server_is_given_up() {
        let url = serve(|_stream| thread::sleep(Duration::from_secs(60)));
        let cache = TempDir::new().unwrap();
        let start = Instant::now();
        let message = fetch(&url, &cache.path().join("set.zip"), Duration::from_secs(1)).unwrap_err().to_string();
        assert!(message.contains("timeout") && message.contains("--data PATH or in LETTERS"), "{message}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}
