//! COIL-20, processed: 20 objects on a turntable in front of black, each photographed every 5°.
//!
//! S. A. Nene, S. K. Nayar, H. Murase, *Columbia Object Image Library (COIL-20)*, CUCS-005-96, 1996.
//!
//! The pictures are free for research but may not be redistributed. So they are read from the path that the user gives,
//! and otherwise downloaded once from the university's page. The data set may also be repacked, or unpacked into a
//! folder.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use png::ColorType;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::{About, Archive, Content, DataSet, Error, Picture, Pictures, Split, files, pixels};

/// COIL-20, processed: 1440 grey pictures of 20 objects, 72 poses each. S. A. Nene, S. K. Nayar, H. Murase, 1996.
#[derive(Clone, Copy, Debug)]
pub struct Coil20;

/// The sha256 of all pixels: objects 1 to 20, each with poses 0 to 71, each row by row.
const SHA256: &str = "7274cbacb79ea6c57340827c9f9301745a8e9b3173dea4aa828e00b49c42946c";

/// Width and height of a picture in pixels.
const SIDE: usize = 128;

/// How many poses there are of each object, 5° apart.
const POSES: usize = 72;

/// Every fifth pose is held out of training.
const HELD_OUT: usize = 5;

/// Labels of objects 1 to 20. The data set has only numbers; these names are the project's.
const LABELS: [&str; 20] = [
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

static ABOUT: LazyLock<About> = LazyLock::new(|| About {
    id: "coil20",
    name: "COIL-20",
    title: "Toy objects",
    reader: "Toy network, 20 objects",
    note: Some("The toy network knows only twenty objects, in shades of grey, and reads every picture as one of them."),
    labels: LABELS.into(),
    channels: 1,
    height: SIDE,
    width: SIDE,
    crop: 1.0,
    variable: "COIL20",
    copy: "the folder or archive of COIL-20",
    homepage: "https://www.cs.columbia.edu/CAVE/software/softlib/coil-20.php",
    archive: Some(Archive {
        url: "https://www.cs.columbia.edu/CAVE/databases/SLAM_coil-20_coil-100/coil-20/coil-20-proc.zip",
        bytes: 12_699_090,
    }),
    missing: Some(
        "This needs the pictures of COIL-20, which are not ours to pass on: this copy of the site was built without \
         them. To add them, get `coil-20-proc.zip` from Columbia University and run \
         `COIL20=coil-20-proc.zip cargo xtask serve`.",
    ),
    sha256: Some(SHA256),
});

impl DataSet for Coil20 {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn read(&self, path: &Path) -> Result<Pictures, Error> {
        let mut by_pose = PicturesByPose(vec![None; PICTURES]);
        for file in files::read(path, |name| parse(name).is_some())? {
            if let Some((object, pose)) = parse(files::file_name(&file.name)) {
                by_pose.put(file.path, object, pose, &file.bytes)?;
            }
        }
        by_pose.complete(path)
    }

    fn gallery(&self, pictures: &Pictures) -> Vec<(String, Vec<u8>)> {
        let turntable = json!({
            "family": ABOUT.id,
            "kind": "turntable",
            "poses": POSES,
            "degrees_per_pose": 360 / POSES,
            "file": "obj{object}__{pose}.png",
        });
        let png = |picture: &Picture| Some((picture.name.clone(), pixels::encode(picture.pixels()?, SIDE, SIDE, 1)));
        let mut files: Vec<_> = pictures.pictures.iter().filter_map(png).collect();
        files.push(("gallery.json".to_owned(), format!("{turntable:#}\n").into_bytes()));
        files
    }
}

/// Object and pose from a file name; `None` for a file that is not part of the data set.
fn parse(name: &str) -> Option<(usize, usize)> {
    let (object, pose) = name.strip_prefix("obj")?.strip_suffix(".png")?.split_once("__")?;
    Some((object.parse().ok()?, pose.parse().ok()?))
}

fn file_name(object: usize, pose: usize) -> String {
    format!("obj{object}__{pose}.png")
}

/// The pixels of every picture, by object and pose; files may come in any order.
struct PicturesByPose(Vec<Option<Vec<u8>>>);

impl PicturesByPose {
    fn put(&mut self, file: PathBuf, object: usize, pose: usize, png: &[u8]) -> Result<(), Error> {
        if !(1..=LABELS.len()).contains(&object) || pose >= POSES {
            let expected = "objects 1 to 20 and poses 0 to 71".to_owned();
            return Err(Error::Unexpected { file, expected, found: format!("object {object}, pose {pose}") });
        }
        let place = &mut self.0[(object - 1) * POSES + pose];
        if place.is_some() {
            let expected = format!("one picture of object {object}, pose {pose}");
            return Err(Error::Unexpected { file, expected, found: "a second".to_owned() });
        }
        *place = Some(pixels::decode(&file, png, (SIDE, SIDE), ColorType::Grayscale)?);
        Ok(())
    }

    fn complete(self, source: &Path) -> Result<Pictures, Error> {
        let path = source.to_owned();
        let name = |place| file_name(place / POSES + 1, place % POSES);
        let missing: Vec<String> = (0..PICTURES).filter(|&place| self.0[place].is_none()).map(name).collect();
        if missing.len() == PICTURES {
            let expected = format!("{PICTURES} pictures, obj1__0.png to obj20__71.png");
            return Err(Error::Unexpected { file: path, expected, found: "none".to_owned() });
        }
        if !missing.is_empty() {
            return Err(Error::Missing { path, expected: PICTURES, missing });
        }
        let mut sha256 = Sha256::new();
        let pictures = self.0.into_iter().flatten().enumerate().map(|(place, pixels)| {
            sha256.update(&pixels);
            let split = if (place % POSES).is_multiple_of(HELD_OUT) { Split::Test } else { Split::Train };
            Picture { name: name(place), class: place / POSES, split, content: Content::Pixels(pixels) }
        });
        let pictures = pictures.collect();
        Ok(Pictures { pictures, sha256: format!("{:x}", sha256.finalize()), source: path })
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::io::{Cursor, Write};

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

    /// Names and files of a complete data set, every picture a single grey.
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
        zip.add_directory("coil-20-proc", zip::write::SimpleFileOptions::default()).unwrap();
        for (name, bytes) in files {
            zip.start_file(format!("coil-20-proc/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(bytes).unwrap();
        }
        zip.finish().unwrap().into_inner()
    }

    /// The error message for a folder with this one picture.
    fn complaint(name: &str, bytes: &[u8]) -> String {
        let folder = folder(&[(name.to_owned(), bytes.to_owned())]);
        let message = Coil20.read(folder.path()).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        message
    }

    #[test]
    fn folder_and_zip_hold_the_same_data() {
        let files = whole_set();
        let direct = folder(&files);
        let from_folder = Coil20.read(direct.path()).unwrap();
        let packed = TempDir::new().unwrap();
        let path = packed.path().join("set.zip");
        fs::write(&path, zip(&files)).unwrap();
        let from_zip = Coil20.read(&path).unwrap();
        let nested = TempDir::new().unwrap();
        fs::rename(direct.path(), nested.path().join("coil-20-proc")).unwrap();
        let from_nested = Coil20.read(nested.path()).unwrap();

        for set in [&from_folder, &from_zip, &from_nested] {
            assert_eq!(set.pictures.len(), 1440);
            assert_eq!(set.sha256, from_folder.sha256);
            assert_ne!(set.sha256, SHA256, "other pixels have another checksum");
            for (place, picture) in set.pictures.iter().enumerate() {
                let (object, pose) = (place / POSES, place % POSES);
                assert_eq!((picture.class, &picture.name), (object, &files[place].0));
                assert_eq!(picture.content, Content::Pixels(vec![pose as u8; SIDE * SIDE]));
                assert_eq!(picture.split == Split::Test, pose % 5 == 0);
            }
        }
        assert_eq!(from_zip.source, path);
        assert_eq!((from_zip.of(Split::Test).count(), from_zip.of(Split::Train).count()), (20 * 15, 20 * 57));

        let gallery = Coil20.gallery(&from_zip);
        assert_eq!(gallery.len(), PICTURES + 1);
        let pixels = pixels::decode(Path::new("a"), &gallery[73].1, (SIDE, SIDE), ColorType::Grayscale).unwrap();
        assert_eq!((&*gallery[73].0, pixels), ("obj2__1.png", vec![1; SIDE * SIDE]));
    }

    #[test]
    fn missing_pictures_are_named() {
        let mut files = whole_set();
        files.retain(|(name, _)| name != "obj3__17.png");
        let message = Coil20.read(folder(&files).path()).unwrap_err().to_string();
        assert!(message.ends_with("expected 1440 files, found 1439; missing obj3__17.png"), "{message}");

        let message = Coil20.read(folder(&files[..3]).path()).unwrap_err().to_string();
        let end = "found 3; missing obj1__3.png, obj1__4.png, obj1__5.png, obj1__6.png, obj1__7.png and 1432 more";
        assert!(message.ends_with(end), "{message}");

        let message = Coil20.read(folder(&[]).path()).unwrap_err().to_string();
        assert!(message.ends_with("found none"), "{message}");
    }

    #[test]
    fn bad_pictures_are_named() {
        let small = png(64, png::ColorType::Grayscale, 0);
        assert!(complaint("obj2__1.png", &small).ends_with("expected 128×128 pixels, found 64×64"));
        let rgb = png(128, png::ColorType::Rgb, 0);
        assert!(complaint("obj2__1.png", &rgb).ends_with("expected 8-bit Grayscale pixels, found 8-bit Rgb"));
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
        let message = Coil20.read(twice.path()).unwrap_err().to_string();
        assert!(message.ends_with("expected one picture of object 1, pose 0, found a second"), "{message}");
    }

    #[test]
    fn other_paths_are_refused() {
        let folder = folder(&[("notes.txt".into(), b"hello".to_vec()), ("cut.zip".into(), zip(&whole_set()))]);
        let nowhere = Coil20.find(Some(&folder.path().join("nowhere"))).unwrap_err().to_string();
        assert!(nowhere.contains("nowhere: no such file or folder") && nowhere.contains("--data"), "{nowhere}");
        let text = Coil20.read(&folder.path().join("notes.txt")).unwrap_err().to_string();
        assert!(text.contains("notes.txt: expected a folder, a zip or a tar.gz archive"), "{text}");

        let cut = folder.path().join("cut.zip");
        let length = fs::metadata(&cut).unwrap().len();
        fs::OpenOptions::new().write(true).open(&cut).unwrap().set_len(length / 2).unwrap();
        let cut = Coil20.read(&cut).unwrap_err().to_string();
        assert!(cut.contains("cut.zip: expected a folder, a zip or a tar.gz archive"), "{cut}");
    }

    #[test]
    fn the_real_set_is_whole() {
        if env::var_os(ABOUT.variable).is_none_or(|path| path.is_empty()) {
            println!("skipped: the pictures of COIL-20 are not here; COIL20 names their folder or archive");
            return;
        }
        assert_eq!(Coil20.load(None).unwrap().sha256, SHA256);
    }
}
