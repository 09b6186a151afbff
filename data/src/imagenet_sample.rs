//! A sample of ImageNet, at most one photograph of each of 1000 classes. The networks for photographs are tuned and
//! measured on it.
//!
//! The class is in the file name: `{class, 4 digits}_{WordNet id}_{name}.jpg`. The photographs may not be
//! redistributed, and there is no public address to download them from: they are read from a path that the user gives.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::{About, Content, DataSet, Error, Picture, Pictures, Split, files, photographs};

/// A sample of ImageNet: photographs of any size, at most one of each of 1000 classes.
#[derive(Clone, Copy, Debug)]
pub struct ImagenetSample;

static ABOUT: LazyLock<About> = LazyLock::new(|| About {
    id: "photos",
    name: "the ImageNet sample",
    title: "Photographs",
    reader: "Photo network, 1000 things",
    note: None,
    labels: include_str!("imagenet_labels.txt").lines().collect(),
    channels: 3,
    height: 224,
    width: 224,
    crop: 0.875, // 224 of 256, as EfficientNet-Lite0 was measured
    variable: "IMAGENET_SAMPLE",
    copy: "the folder or archive of the ImageNet sample",
    homepage: "https://www.image-net.org/",
    archive: None,
    missing: None,
    sha256: None,
});

/// Every second photograph is held out of training.
const HELD_OUT: usize = 2;

impl DataSet for ImagenetSample {
    fn about(&self) -> &About {
        &ABOUT
    }

    fn read(&self, path: &Path) -> Result<Pictures, Error> {
        let photographs::Photographs { photographs, sha256 } = photographs::load(path)?;
        let pictures = photographs.into_iter().enumerate().map(|(index, photograph)| {
            let class = class(path, &photograph.name)?;
            let split = if index.is_multiple_of(HELD_OUT) { Split::Test } else { Split::Train };
            // The name does not depend on whether it lies in a folder or in an archive.
            let name = files::file_name(&photograph.name).to_owned();
            Ok(Picture { name, class, split, content: Content::File(photograph.bytes) })
        });
        Ok(Pictures { pictures: pictures.collect::<Result<_, _>>()?, sha256, source: path.to_owned() })
    }
}

/// The class that a file name begins with.
fn class(root: &Path, name: &str) -> Result<usize, Error> {
    let class = files::file_name(name).split_once("_n").and_then(|(class, _)| class.parse().ok());
    class.filter(|class| *class < ABOUT.labels.len()).ok_or_else(|| Error::Unexpected {
        file: root.to_owned(),
        expected: "names such as 0281_n02123045_tabby.jpg, which begin with the class, 0 to 999".to_owned(),
        found: PathBuf::from(name).display().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_of_the_sample_names_its_class() {
        assert_eq!(class(Path::new(""), "imagenet-sample-256/0281_n02123045_tabby.jpg").ok(), Some(281));
        for wrong in ["tabby.jpg", "1000_n02123045_tabby.jpg", "x_n1_y.jpg"] {
            let message = class(Path::new("sample.zip"), wrong).expect_err(wrong).to_string();
            assert!(message.starts_with("sample.zip: expected names such as"), "{message}");
            assert!(message.ends_with(wrong), "{message}");
        }
    }

    #[test]
    fn every_second_photograph_is_held_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = folder.path().join("sample");
        fs::create_dir(&inner).expect("a folder");
        for class in 0..9 {
            fs::write(inner.join(format!("{class:04}_n0_thing.jpg")), [class]).expect("a file");
        }
        let sample = ImagenetSample.read(folder.path()).expect("9 photographs");
        let held_out: Vec<usize> = sample.of(Split::Test).map(|picture| picture.class).collect();
        assert_eq!(held_out, [0, 2, 4, 6, 8]);
        assert_eq!(sample.of(Split::Train).count(), 4);
        assert_eq!(sample.pictures[7].content, Content::File(vec![7]));
        assert_eq!(sample.pictures[7].name, "0007_n0_thing.jpg");
    }

    #[test]
    fn the_sample_is_not_downloaded() {
        let message = ImagenetSample.download(std::time::Duration::ZERO).expect_err("no address").to_string();
        assert!(message.starts_with("the ImageNet sample is not offered for download: give"), "{message}");
        assert!(message.contains("--data PATH or in IMAGENET_SAMPLE"), "{message}");
    }
}
