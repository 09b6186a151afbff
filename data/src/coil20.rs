//! COIL-20, processed: 20 objects on a turntable in front of black, each photographed every 5°.
//!
//! S. A. Nene, S. K. Nayar, H. Murase, *Columbia Object Image Library (COIL-20)*, CUCS-005-96, 1996.
//!
//! The pictures are free for research but not ours to pass on, so they are looked for where the user says, and else
//! downloaded once from the university's page. What identifies the data set is [`SHA256`], a checksum of its pixels:
//! archives packed again, or unpacked into a folder, are the same data set.

use std::{
    env, fs,
    io::{self, Cursor, Read},
    path::{Path, PathBuf},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};

use crate::Error;

/// Where the university offers the archive.
pub const URL: &str = "https://www.cs.columbia.edu/CAVE/databases/SLAM_coil-20_coil-100/coil-20/coil-20-proc.zip";

/// The sha256 of all pixels: objects 1 to 20, each with poses 0 to 71, each row by row.
pub const SHA256: &str = "7274cbacb79ea6c57340827c9f9301745a8e9b3173dea4aa828e00b49c42946c";

/// Width and height of a picture in pixels.
pub const SIDE: usize = 128;

/// How many poses there are of each object, 5° apart.
pub const POSES: usize = 72;

/// What the objects are, 1 to 20, named as this project names them. The index is the class.
pub const LABELS: [&str; 20] = [
    "duck",
    "wooden block",
    "toy racecar",
    "lucky cat",
    "Anacin box",
    "toy convertible",
    "wooden block 2",
    "baby powder",
    "Tylenol box",
    "Vaseline jar",
    "wooden semicircle",
    "cup",
    "piggy bank",
    "valve",
    "bucket",
    "conditioner bottle",
    "pot",
    "teacup",
    "toy convertible 2",
    "cream cheese tub",
];

const PICTURES: usize = LABELS.len() * POSES;

/// The folder inside the university's archive.
const FOLDER: &str = "coil-20-proc";

/// No picture of the data set has a tenth of this; nothing longer is read from an archive.
const MAX_PNG: u64 = 1 << 20;

/// The archive has 12.7 MB; nothing longer is downloaded.
const MAX_ZIP: u64 = 64 << 20;

/// How long the server may be silent: a network that is not there shall not hold anybody up.
const SILENCE: Duration = Duration::from_secs(10);

/// How long [`load`] lets a download take: even a slow line is done by then.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// The whole data set.
#[derive(Clone, Debug)]
pub struct Coil20 {
    /// All 1440 pictures, by object, then by pose.
    pub images: Vec<CoilImage>,
    /// The sha256 of the pixels found: [`SHA256`], unless the user's own copy differs.
    pub sha256: String,
    /// The folder or archive they come from.
    pub source: PathBuf,
}

/// One picture, [`SIDE`]×[`SIDE`], 8-bit grey.
#[derive(Clone, Debug)]
pub struct CoilImage {
    /// 1 to 20.
    pub object: u8,
    /// 0 to 71; the turntable stood at 5° times this.
    pub pose: u8,
    /// The pixels, row by row.
    pub pixels: Vec<u8>,
    /// The file they were decoded from.
    pub png: Vec<u8>,
}

/// Which pictures: every fifth pose is held out of training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Poses not divisible by 5, to train on.
    Train,
    /// Poses divisible by 5, held out.
    Test,
    /// Every pose.
    All,
}

impl Coil20 {
    /// The pictures of a split, by object, then by pose.
    pub fn split(&self, split: Split) -> impl Iterator<Item = &CoilImage> {
        self.images.iter().filter(move |image| split.contains(image.pose))
    }
}

impl CoilImage {
    /// The class a network is to predict: the index of the object's name in [`LABELS`].
    pub fn class(&self) -> usize {
        usize::from(self.object) - 1
    }

    /// The name of its file, such as `obj1__0.png`.
    pub fn file_name(&self) -> String {
        file_name(self.object.into(), self.pose.into())
    }
}

impl Split {
    /// Whether a pose belongs to this split.
    pub fn contains(self, pose: u8) -> bool {
        match self {
            Split::Train => !pose.is_multiple_of(5),
            Split::Test => pose.is_multiple_of(5),
            Split::All => true,
        }
    }
}

/// The data set from `path`, else from the path in `COIL20`, else as downloaded before, else downloaded now.
///
/// # Errors
///
/// When the first of these that there is cannot be used; the next is not tried in its place.
pub fn load(path: Option<&Path>) -> Result<Coil20, Error> {
    match find(path)? {
        Some(found) => Ok(found),
        None => download(PATIENCE),
    }
}

/// The data set from `path`, else from the path in `COIL20`, else as downloaded before, else none.
///
/// A path is a folder that holds the pictures, itself or in `coil-20-proc`, or a zip archive of them. Other pixels
/// than those of [`SHA256`] are accepted from it, and told in [`Coil20::sha256`].
///
/// # Errors
///
/// When the first of these that there is cannot be used; the next is not tried in its place.
pub fn find(path: Option<&Path>) -> Result<Option<Coil20>, Error> {
    let variable = env::var_os("COIL20").filter(|value| !value.is_empty()).map(PathBuf::from);
    match path.map(Path::to_owned).or(variable) {
        Some(path) => read(&path).map(Some),
        None => Some(cached()).filter(|path| path.exists()).map(|path| verify(read(&path)?)).transpose(),
    }
}

/// Downloads the archive from [`URL`] into the user's cache folder, with a progress bar on a terminal, in at most
/// `timeout`. A server that cannot be reached is given up after ten seconds.
///
/// # Errors
///
/// [`Error::Download`], or what is wrong with the archive; nothing is kept of it then.
pub fn download(timeout: Duration) -> Result<Coil20, Error> {
    fetch(URL, &cached(), timeout)
}

/// The archive as downloaded: `~/.cache/decoy/coil-20-proc.zip`, or what the system has for `~/.cache`.
fn cached() -> PathBuf {
    dirs::cache_dir().unwrap_or_else(env::temp_dir).join("decoy").join("coil-20-proc.zip")
}

/// Downloads to a file beside `path` that takes its name only once its content is checked.
fn fetch(url: &str, path: &Path, timeout: Duration) -> Result<Coil20, Error> {
    let io_error = |cause| Error::Io { path: path.to_owned(), cause };
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(io_error)?;
    let mut part = tempfile::Builder::new().suffix(".part").tempfile_in(folder).map_err(io_error)?;

    let failed = |cause: String| Error::Download { url: url.to_owned(), cause };
    let silence = Some(timeout.min(SILENCE));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(timeout))
        .timeout_resolve(silence)
        .timeout_connect(silence)
        .timeout_recv_response(silence)
        .timeout_per_read(silence)
        .build()
        .into();
    let mut response = agent.get(url).call().map_err(|cause| failed(cause.to_string()))?;

    let bar = match response.body().content_length() {
        Some(length) => ProgressBar::new(length),
        None => ProgressBar::no_length(),
    };
    bar.set_style(
        ProgressStyle::with_template("COIL-20 {wide_bar} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left")
            .expect("a constant template"),
    );
    let mut body = bar.wrap_read(response.body_mut().with_config().limit(MAX_ZIP).reader());
    io::copy(&mut body, part.as_file_mut()).map_err(|cause| failed(cause.to_string()))?;
    bar.finish_and_clear();

    let coil20 = verify(read(part.path())?)?;
    part.persist(path).map_err(|error| io_error(error.error))?;
    Ok(Coil20 { source: path.to_owned(), ..coil20 })
}

/// Refuses other pixels than those of [`SHA256`].
fn verify(coil20: Coil20) -> Result<Coil20, Error> {
    if coil20.sha256 == SHA256 {
        Ok(coil20)
    } else {
        Err(Error::Checksum { path: coil20.source, expected: SHA256, found: coil20.sha256 })
    }
}

fn read(path: &Path) -> Result<Coil20, Error> {
    let mut shelf = Shelf::new();
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => read_folder(path, &mut shelf)?,
        Ok(_) => read_zip(path, &mut shelf)?,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            return Err(Error::NoSuchPath { path: path.to_owned() });
        }
        Err(cause) => return Err(Error::Io { path: path.to_owned(), cause }),
    }
    shelf.complete(path)
}

fn read_folder(path: &Path, shelf: &mut Shelf) -> Result<(), Error> {
    let inner = path.join(FOLDER);
    let folder = if inner.is_dir() { &inner } else { path };
    let io_error = |path: &Path| {
        let path = path.to_owned();
        move |cause| Error::Io { path, cause }
    };
    let mut files = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>())
        .map_err(io_error(folder))?;
    files.sort(); // so that of several errors always the same is told
    for file in files {
        if let Some((object, pose)) = parse(&file) {
            let png = fs::read(&file).map_err(io_error(&file))?;
            shelf.put(file, object, pose, png)?;
        }
    }
    Ok(())
}

fn read_zip(path: &Path, shelf: &mut Shelf) -> Result<(), Error> {
    let file = fs::File::open(path).map_err(|cause| Error::Io { path: path.to_owned(), cause })?;
    let damaged = |cause: zip::result::ZipError| Error::NotAZip { path: path.to_owned(), cause: cause.to_string() };
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file)).map_err(damaged)?;
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(damaged)?;
        let file = path.join(entry.name());
        if let Some((object, pose)) = parse(&file) {
            let mut png = Vec::new();
            entry.take(MAX_PNG).read_to_end(&mut png).map_err(|cause| Error::Io { path: file.clone(), cause })?;
            shelf.put(file, object, pose, png)?;
        }
    }
    Ok(())
}

/// Object and pose by the name of a file; none for a file that is not of the data set.
fn parse(file: &Path) -> Option<(u32, u32)> {
    let name = file.file_name()?.to_str()?;
    let (object, pose) = name.strip_prefix("obj")?.strip_suffix(".png")?.split_once("__")?;
    Some((object.parse().ok()?, pose.parse().ok()?))
}

fn file_name(object: usize, pose: usize) -> String {
    format!("obj{object}__{pose}.png")
}

/// A place for every picture, filled in any order.
struct Shelf(Vec<Option<CoilImage>>);

impl Shelf {
    fn new() -> Self {
        Shelf(vec![None; PICTURES])
    }

    fn put(&mut self, file: PathBuf, object: u32, pose: u32, png: Vec<u8>) -> Result<(), Error> {
        if !(1..=LABELS.len() as u32).contains(&object) || pose >= POSES as u32 {
            return Err(Error::OutOfRange { file, object, pose });
        }
        let place = &mut self.0[(object as usize - 1) * POSES + pose as usize];
        let (object, pose) = (object as u8, pose as u8); // at most 20 and 71
        if place.is_some() {
            return Err(Error::Duplicate { file, object, pose });
        }
        let pixels = decode(&file, &png)?;
        *place = Some(CoilImage { object, pose, pixels, png });
        Ok(())
    }

    fn complete(self, source: &Path) -> Result<Coil20, Error> {
        let (path, expected) = (source.to_owned(), PICTURES);
        let missing: Vec<String> = (0..PICTURES)
            .filter(|&place| self.0[place].is_none())
            .map(|place| file_name(place / POSES + 1, place % POSES))
            .collect();
        if missing.len() == PICTURES {
            return Err(Error::NoPictures { path, expected });
        }
        if !missing.is_empty() {
            return Err(Error::Missing { path, expected, missing });
        }
        let images: Vec<CoilImage> = self.0.into_iter().flatten().collect();
        let sha256 = images.iter().fold(Sha256::new(), |sha256, image| sha256.chain_update(&image.pixels));
        Ok(Coil20 { images, sha256: format!("{:x}", sha256.finalize()), source: path })
    }
}

/// The pixels of a PNG that must be [`SIDE`]×[`SIDE`] and 8-bit grey.
fn decode(file: &Path, png: &[u8]) -> Result<Vec<u8>, Error> {
    let file = || file.to_owned();
    let damaged = |cause| Error::Png { file: file(), found_bytes: png.len(), cause };
    let mut reader = png::Decoder::new(Cursor::new(png)).read_info().map_err(damaged)?;
    let (width, height) = reader.info().size();
    if (width as usize, height as usize) != (SIDE, SIDE) {
        return Err(Error::Size { file: file(), width, height });
    }
    let (color, depth) = reader.output_color_type();
    if (color, depth) != (png::ColorType::Grayscale, png::BitDepth::Eight) {
        return Err(Error::PixelFormat { file: file(), found: format!("{}-bit {color:?}", depth as u8) });
    }
    let mut pixels = vec![0; SIDE * SIDE];
    reader.next_frame(&mut pixels).map_err(damaged)?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        net::{TcpListener, TcpStream},
        thread,
        time::Instant,
    };

    use tempfile::TempDir;

    use super::*;

    fn png(side: u32, color: png::ColorType, value: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(color);
        encoder.set_depth(png::BitDepth::Eight);
        let length = side as usize * side as usize * color.samples();
        encoder.write_header().unwrap().write_image_data(&vec![value; length]).unwrap();
        bytes
    }

    fn grey(value: u8) -> Vec<u8> {
        png(128, png::ColorType::Grayscale, value)
    }

    /// Names and files of a whole set, every picture one flat grey.
    fn whole_set() -> Vec<(String, Vec<u8>)> {
        let pngs: Vec<_> = (0..POSES).map(|pose| grey(pose as u8)).collect();
        (0..PICTURES).map(|i| (file_name(i / POSES + 1, i % POSES), pngs[i % POSES].clone())).collect()
    }

    fn folder(files: &[(String, Vec<u8>)]) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
        let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
        zip.add_directory(FOLDER, zip::write::SimpleFileOptions::default()).unwrap();
        for (name, bytes) in files {
            zip.start_file(format!("{FOLDER}/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// What is said about a folder of one picture.
    fn complaint(name: &str, bytes: &[u8]) -> String {
        let folder = folder(&[(name.to_owned(), bytes.to_owned())]);
        let message = read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        message
    }

    #[test]
    fn folder_and_zip_hold_the_same_data() {
        let files = whole_set();
        let direct = folder(&files);
        let from_folder = read(direct.path()).unwrap();
        let packed = TempDir::new().unwrap();
        let path = packed.path().join("set.zip");
        fs::write(&path, zip(&files)).unwrap();
        let from_zip = read(&path).unwrap();
        let nested = TempDir::new().unwrap();
        fs::rename(direct.path(), nested.path().join(FOLDER)).unwrap();
        let from_nested = read(nested.path()).unwrap();

        for set in [&from_folder, &from_zip, &from_nested] {
            assert_eq!(set.images.len(), 1440);
            assert_eq!(set.sha256, from_folder.sha256);
            assert_ne!(set.sha256, SHA256, "other pixels have another checksum");
            for (place, image) in set.images.iter().enumerate() {
                assert_eq!((image.class(), usize::from(image.pose)), (place / POSES, place % POSES));
                assert_eq!(image.pixels, vec![image.pose; SIDE * SIDE]);
                assert_eq!((&image.file_name(), &image.png), (&files[place].0, &files[place].1));
            }
        }
        assert_eq!(from_zip.source, path);
        assert_eq!(from_zip.split(Split::Test).count(), 20 * 15);
        assert_eq!(from_zip.split(Split::Train).count(), 20 * 57);
        assert_eq!(from_zip.split(Split::All).count(), 1440);
        assert!(Split::Test.contains(0) && Split::Test.contains(70) && !Split::Train.contains(5));
        assert!(matches!(verify(from_zip), Err(Error::Checksum { .. })));
    }

    #[test]
    fn missing_pictures_are_named() {
        let mut files = whole_set();
        files.retain(|(name, _)| name != "obj3__17.png");
        let message = read(folder(&files).path()).unwrap_err().to_string();
        assert!(message.ends_with("expected 1440 pictures, found 1439; missing obj3__17.png"), "{message}");

        let message = read(folder(&files[..3]).path()).unwrap_err().to_string();
        let end = "found 3; missing obj1__3.png, obj1__4.png, obj1__5.png, obj1__6.png, obj1__7.png and 1432 more";
        assert!(message.ends_with(end), "{message}");

        let message = read(folder(&[]).path()).unwrap_err().to_string();
        assert!(message.ends_with("found none"), "{message}");
    }

    #[test]
    fn bad_pictures_are_named() {
        let small = png(64, png::ColorType::Grayscale, 0);
        assert!(complaint("obj2__1.png", &small).ends_with("expected 128×128 pixels, found 64×64"));
        let rgb = png(128, png::ColorType::Rgb, 0);
        assert!(complaint("obj2__1.png", &rgb).ends_with("expected 8-bit grey pixels, found 8-bit Rgb"));
        let whole = grey(7);
        for tenth in 0..10 {
            let part = &whole[..whole.len() * tenth / 10];
            let expected = format!("expected a whole PNG, found {} bytes", part.len());
            assert!(complaint("obj2__1.png", part).contains(&expected));
        }
        assert!(complaint("obj2__1.png", b"not a picture").contains("expected a whole PNG"));
        assert!(complaint("obj21__0.png", &whole).ends_with("found object 21, pose 0"));
        assert!(complaint("obj0__0.png", &whole).ends_with("found object 0, pose 0"));
        assert!(complaint("obj1__72.png", &whole).ends_with("found object 1, pose 72"));

        let twice = folder(&[("obj1__0.png".into(), whole.clone()), ("obj1__00.png".into(), whole)]);
        let message = read(twice.path()).unwrap_err().to_string();
        assert!(message.ends_with("expected one picture of object 1, pose 0, found a second"), "{message}");
    }

    #[test]
    fn other_paths_are_refused() {
        let folder = folder(&[("notes.txt".into(), b"hello".to_vec()), ("cut.zip".into(), zip(&whole_set()))]);
        let nowhere = find(Some(&folder.path().join("nowhere"))).unwrap_err().to_string();
        assert!(nowhere.contains("nowhere: no such file or folder") && nowhere.contains("--data"), "{nowhere}");
        let text = read(&folder.path().join("notes.txt")).unwrap_err().to_string();
        assert!(text.contains("notes.txt: expected a folder or a zip archive"), "{text}");

        let cut = folder.path().join("cut.zip");
        let length = fs::metadata(&cut).unwrap().len();
        fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(length / 2).unwrap();
        let cut = read(&cut).unwrap_err().to_string();
        assert!(cut.contains("cut.zip: expected a folder or a zip archive"), "{cut}");
    }

    /// The address of a server that answers one request, when it has one, with `answer`.
    fn serve(answer: impl FnOnce(TcpStream) + Send + 'static) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/coil-20-proc.zip", listener.local_addr().unwrap());
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
    fn bad_downloads_leave_nothing() {
        let archive = zip(&whole_set());
        let half = archive[..archive.len() / 2].to_vec();
        let length = archive.len();
        let cases = [
            ("expected pixels with sha256 7274", serve(move |stream| ok(stream, &archive, length))),
            ("cannot download COIL-20 from", serve(move |stream| ok(stream, &half, length))),
            ("expected a folder or a zip archive", serve(|stream| ok(stream, b"<html>Welcome</html>", 20))),
            ("404", serve(|mut s| s.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n").unwrap())),
            ("cannot download COIL-20 from", "http://127.0.0.1:1/coil-20-proc.zip".into()),
        ];
        for (expected, url) in cases {
            let cache = TempDir::new().unwrap();
            let path = cache.path().join("decoy").join("coil-20-proc.zip");
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
        assert!(message.contains("timeout") && message.contains("--data PATH"), "{message}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn the_real_set_is_whole() {
        let Some(path) = env::var_os("COIL20").filter(|path| !path.is_empty()) else {
            println!("skipped: the pictures of COIL-20 are not here; COIL20 names their folder or zip");
            return;
        };
        let set = load(None).unwrap();
        assert_eq!((set.sha256.as_str(), set.source.as_path()), (SHA256, Path::new(&path)));
        // A download of the same data is kept, and found.
        if Path::new(&path).is_file() {
            let bytes = fs::read(&path).unwrap();
            let url = serve(move |stream| ok(stream, &bytes, bytes.len()));
            let cache = TempDir::new().unwrap();
            let path = cache.path().join("coil-20-proc.zip");
            let kept = fetch(&url, &path, Duration::from_secs(60)).unwrap();
            assert_eq!(kept.source, path);
            assert_eq!(fs::read_dir(cache.path()).unwrap().count(), 1);
            assert_eq!(verify(read(&path).unwrap()).unwrap().sha256, kept.sha256);
        }
    }
}
