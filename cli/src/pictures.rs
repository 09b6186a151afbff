//! Pictures from files and data sets, as a network takes them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clap::builder::RangedU64ValueParser;
use clap::{Args, ValueEnum};
use decoy::catalog::Family;
use decoy::classifier::Input;
use decoy::model::weights::sha256;
use decoy::photo::{self, Crop, Photo, Source};
use decoy::region::Region;
use decoy_data::{About, Content, Picture, Split};

/// Which pictures, and which part of them.
#[derive(Args)]
pub struct PictureArgs {
    /// Look at this square of every picture, in pixels of the upright picture; default: the middle square that the
    /// network was made for.
    #[arg(long, value_name = "LEFT,TOP,SIDE", value_parser = parse_crop, allow_hyphen_values = true)]
    crop: Option<Crop>,
    /// PNG, JPEG, WebP, GIF or BMP files, or folders of them.
    images: Vec<PathBuf>,
}

/// Files of a folder with these endings are read as pictures.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

impl PictureArgs {
    /// Checks that nothing is asked of pictures where a data set is taken.
    pub fn check_unused(&self) -> Result<()> {
        ensure!(self.crop.is_none(), "--crop is for pictures, and a data set is taken");
        Ok(())
    }

    /// The files, in the order given; those of a folder by name.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in &self.images {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let pictures = pictures_in(path)?;
            ensure!(!pictures.is_empty(), "{}: expected pictures in this folder, found none", path.display());
            files.extend(pictures);
        }
        ensure!(!files.is_empty(), "no picture is named: expected at least one file or folder");
        Ok(files)
    }

    /// Opens each of `files` at the input size of `family` and hands it to `work`. With several files, one that fails
    /// is reported on standard error and skipped.
    ///
    /// # Errors
    ///
    /// The error of the file, if there is only one.
    pub fn for_each(
        &self,
        files: &[PathBuf],
        family: &Family,
        mut work: impl FnMut(&Path, Photo) -> Result<()>,
    ) -> Result<Skipped> {
        self.for_each_source(files, |path, source| work(path, self.cut(&source, family)?))
    }

    /// Opens each of `files` and hands the whole picture to `work`; otherwise like [`for_each`](Self::for_each).
    ///
    /// # Errors
    ///
    /// The error of the file, if there is only one.
    pub fn for_each_source(
        &self,
        files: &[PathBuf],
        mut work: impl FnMut(&Path, Source) -> Result<()>,
    ) -> Result<Skipped> {
        let mut skipped = Skipped { count: 0, files: files.len() };
        for path in files {
            match open(path).and_then(|source| work(path, source).with_context(|| path.display().to_string())) {
                Ok(()) => {}
                Err(error) if files.len() == 1 => return Err(error),
                Err(error) => {
                    eprintln!("skipped: {error:#}");
                    skipped.count += 1;
                }
            }
        }
        Ok(skipped)
    }

    /// The part of `picture` that a network of `family` sees, at its input size.
    pub fn cut(&self, picture: &Source, family: &Family) -> Result<Photo> {
        let Input { channels, height, width } = family.input;
        Ok(picture.crop(self.frame(picture, family), channels, height, width)?)
    }

    /// The region that is white in the picture `mask`, at the input size of `family`. `mask` has the size of `picture`,
    /// and is then cropped like it, or the input size.
    pub fn region(&self, mask: &Source, picture: &Source, family: &Family) -> Result<Region> {
        let Input { height, width, .. } = family.input;
        let size = |source: &Source| (source.width() as usize, source.height() as usize);
        let crop = if size(mask) == (width, height) {
            mask.frame(1.0, height, width)
        } else {
            let ((found, rows), (columns, lines)) = (size(mask), size(picture));
            ensure!(
                size(mask) == size(picture),
                "expected {columns}×{lines} pixels, as the picture has, or {width}×{height}, as the network sees it; \
                 found {found}×{rows}"
            );
            self.frame(picture, family)
        };
        let levels = mask.crop(crop, 1, height, width)?.levels();
        let grey = levels.iter().filter(|level| (64..192).contains(*level)).count();
        ensure!(
            10 * grey <= levels.len(),
            "expected a black and white picture, found {} % of its pixels grey",
            100 * grey / levels.len()
        );
        let allowed = levels.into_iter().map(|level| level > 127).collect();
        Region::new(allowed, height, width).context("within what the network sees, no pixel of the mask is white")
    }

    /// The square of `picture` that a network of `family` sees.
    pub fn frame(&self, picture: &Source, family: &Family) -> Crop {
        self.crop.unwrap_or_else(|| picture.frame(family.crop, family.input.height, family.input.width))
    }
}

/// The picture in the file at `path`, whole.
pub fn open(path: &Path) -> Result<Source> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    photo::open(&bytes).with_context(|| path.display().to_string())
}

/// The pictures directly in a folder, sorted by name.
fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
    let is_picture = |path: &PathBuf| ending(path).is_some_and(|ending| ENDINGS.contains(&&*ending));
    let mut pictures: Vec<_> = paths.into_iter().filter(|path| !is_hidden(path) && is_picture(path)).collect();
    pictures.sort();
    Ok(pictures)
}

/// Whether a file or folder is one that systems add beside pictures.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "__MACOSX" || name.to_string_lossy().starts_with('.'))
}

/// Count of the pictures that failed.
#[must_use]
#[derive(Default)]
pub struct Skipped {
    count: usize,
    files: usize,
}

impl Skipped {
    /// How many pictures failed.
    pub fn count(&self) -> usize {
        self.count
    }

    /// An error if any picture failed, for the end of a command.
    pub fn into_result(self) -> Result<()> {
        ensure!(self.count == 0, "{} of {} pictures were skipped: see the errors above", self.count, self.files);
        Ok(())
    }
}

/// Reads a number that is at least 1; at most a thousand million, so that sums of it stay numbers.
pub fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1_000_000_000)
}

/// Reads a number from `least` to `most`. The error says that `what` is expected, and the range.
pub fn within(what: &'static str, least: f64, most: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number: &f64| (least..=most).contains(number));
        let short = |number: f64| format!("{number:?}").trim_end_matches(".0").to_owned(); // 1e-6, 0.5, 100
        number.ok_or_else(|| format!("expected {what}, {} to {}", short(least), short(most)))
    }
}

/// Reads the standard deviation of the noise on pixels in [0, 1], from `least` to 100.
pub fn sigma(least: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    within("the standard deviation of the noise", least, 100.0)
}

fn parse_crop(text: &str) -> Result<Crop, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[left, top, side]) if side > 0.0 => Ok(Crop { left, top, side }),
        _ => Err("expected three numbers, such as 40,0,300, and a side above 0".to_owned()),
    }
}

/// The pixels of one picture, `[1, C, H, W]`, in [0, 1].
pub fn tensor(photo: &Photo, device: &Device) -> Tensor<4> {
    let shape = [1, photo.channels(), photo.height(), photo.width()];
    Tensor::from_data(TensorData::new(photo.to_unit(), shape), device)
}

/// Images of one size and their classes. Pixels have 8 bits, so that large data sets fit into memory.
pub struct Images {
    /// The size of each image.
    pub input: Input,
    /// Pixels 0 to 255, `[N, C, H, W]`, row-major.
    levels: Vec<u8>,
    /// Class indices, `[N]`.
    pub classes: Vec<usize>,
    /// Names of the images in the data set, `[N]`.
    pub names: Vec<String>,
    /// The files of the data set that could not be read.
    pub skipped: Skipped,
}

impl Images {
    /// An empty set of images of this size.
    pub fn new(input: Input) -> Self {
        Self { input, levels: Vec::new(), classes: Vec::new(), names: Vec::new(), skipped: Skipped::default() }
    }

    /// Pictures of a data set at the networks' input size. Picture files are cropped to the middle.
    pub fn of<'a>(about: &About, pictures: impl IntoIterator<Item = &'a Picture>) -> Result<Self> {
        let input = input(about);
        let mut images = Self::new(input);
        for Picture { name, class, content, .. } in pictures {
            match content {
                Content::Pixels(levels) => images.add(levels, *class, name),
                Content::File(bytes) => {
                    let photo = open_middle(bytes, input, about.crop).with_context(|| name.clone())?;
                    images.add(&photo.levels(), *class, name);
                }
            }
        }
        Ok(images)
    }

    /// Adds an image, `[C, H, W]`, row-major.
    pub fn add(&mut self, levels: &[u8], class: usize, name: &str) {
        self.levels.extend_from_slice(levels);
        self.classes.push(class);
        self.names.push(name.to_owned());
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.classes.len()
    }

    /// The pixels of all images, `[N, C, H, W]`, in [0, 1].
    pub fn all(&self, device: &Device) -> Tensor<4> {
        self.pixels(0..self.len(), device)
    }

    /// The pixels of the images at `indices`, in that order, `[N, C, H, W]`, in [0, 1].
    pub fn pixels(&self, indices: impl IntoIterator<Item = usize>, device: &Device) -> Tensor<4> {
        let Input { channels, height, width } = self.input;
        let values = indices.into_iter().flat_map(|index| self.levels(index)).map(|&level| f32::from(level) / 255.0);
        let values: Vec<f32> = values.collect();
        let shape = [values.len() / (channels * height * width), channels, height, width];
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// The pixels of `count` images at a time, `[N, C, H, W]`, with their classes.
    pub fn batches(&self, count: usize, device: &Device) -> impl Iterator<Item = (Tensor<4>, &[usize])> {
        let classes = self.classes.chunks(count).zip((0..).step_by(count));
        classes.map(move |(classes, first)| (self.pixels(first..first + classes.len(), device), classes))
    }

    /// The images at `indices`, in that order.
    pub fn pick(&self, indices: impl IntoIterator<Item = usize>) -> Self {
        let mut picked = Self::new(self.input);
        for index in indices {
            picked.add(self.levels(index), self.classes[index], &self.names[index]);
        }
        picked
    }

    /// `count` images, at least 1, evenly spread; all if there are fewer.
    pub fn sample(&self, count: usize) -> Self {
        let count = count.min(self.len());
        self.pick((0..count).map(|index| index * self.len() / count))
    }

    /// The 8-bit pixels of an image, `[C, H, W]`.
    fn levels(&self, index: usize) -> &[u8] {
        let Input { channels, height, width } = self.input;
        let size = channels * height * width;
        &self.levels[index * size..][..size]
    }
}

/// The input size of the networks of a data set.
pub fn input(about: &About) -> Input {
    Input { channels: about.channels, height: about.height, width: about.width }
}

/// A picture file at the size `input`, cropped to the middle square with this `share` of the shorter side.
fn open_middle(bytes: &[u8], input: Input, share: f64) -> Result<Photo> {
    let Input { channels, height, width } = input;
    let source = photo::open(bytes)?;
    Ok(source.crop(source.frame(share, height, width), channels, height, width)?)
}

/// Which images of a family's data set.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// Which images.
    #[arg(long, default_value = "all")]
    pub split: Part,
    /// Folder or archive of the data set; default: the path in its environment variable, such as COIL20, else a
    /// download where one is offered.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The part of a data set that is measured.
#[derive(Clone, Copy, ValueEnum)]
pub enum Part {
    /// Every image.
    All,
    /// Those held out of training.
    Test,
}

impl Part {
    /// Its name in commands and result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Test => "test",
        }
    }
}

impl DataArgs {
    /// The files and folders that a data set may be read from.
    pub fn files(&self) -> Vec<PathBuf> {
        let named = decoy_data::sets().map(|set| std::env::var_os(set.about().variable).map(PathBuf::from));
        self.data.iter().cloned().chain(named.into_iter().flatten()).collect()
    }

    /// Checks that nothing is asked of a data set where the command works on pictures.
    pub fn check_unused(&self) -> Result<()> {
        let used = self.data.is_some() || matches!(self.split, Part::Test);
        ensure!(!used, "--split and --data are for a data set, and pictures are given");
        Ok(())
    }

    /// The images of a family's data set, and its checksum.
    ///
    /// For a network of the user's own they lie in a folder that has one folder of pictures for each class.
    pub fn images(&self, family: &Family) -> Result<(Images, String)> {
        if family.data.is_empty() {
            return self.read_class_folders(family);
        }
        let set = decoy_data::by_id(&family.data)?;
        let data = set.load(self.data.as_deref())?;
        let wanted = |picture: &&Picture| match self.split {
            Part::All => true,
            Part::Test => picture.split == Split::Test,
        };
        Ok((Images::of(set.about(), data.pictures.iter().filter(wanted))?, data.sha256))
    }

    /// The pictures in one folder for each class, and a checksum of their files, classes and size. A folder's name is
    /// the label or the index of the class; if that is so for none of them, and there are as many folders as classes,
    /// the folders sorted by name have the order of the labels.
    fn read_class_folders(&self, family: &Family) -> Result<(Images, String)> {
        ensure!(matches!(self.split, Part::All), "--split test: a folder of pictures has no held-out part");
        let folder =
            self.data.as_deref().context("--data: expected a folder with one folder of pictures for each class")?;
        let entries = std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))?;
        let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
        let mut folders: Vec<PathBuf> = paths.into_iter().filter(|path| path.is_dir() && !is_hidden(path)).collect();
        folders.sort();
        let name = |path: &PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named: Vec<Option<usize>> = folders.iter().map(|path| family.class(&name(path)).ok()).collect();
        let classes = family.labels.len();
        let in_order = folders.len() == classes && named.iter().all(Option::is_none);
        let mut images = Images::new(family.input);
        let Input { channels, height, width } = family.input;
        let mut sums = format!("{channels}×{height}×{width}");
        for (index, (path, named)) in folders.into_iter().zip(named).enumerate() {
            let name = name(&path);
            let class = named.or(in_order.then_some(index)).with_context(|| {
                format!(
                    "{}: expected the label or number of a class, 0 to {}, as a name; or other names for all folders, \
                     one for each of the {classes} classes, sorted as the labels are",
                    path.display(),
                    classes - 1
                )
            })?;
            for file in pictures_in(&path)? {
                images.skipped.files += 1;
                let bytes = std::fs::read(&file).with_context(|| format!("reading {}", file.display()))?;
                let photo = match open_middle(&bytes, family.input, family.crop) {
                    Ok(photo) => photo,
                    Err(error) => {
                        eprintln!("skipped: {}: {error:#}", file.display());
                        images.skipped.count += 1;
                        continue;
                    }
                };
                let picture = file.file_name().unwrap_or_default().to_string_lossy();
                images.add(&photo.levels(), class, &format!("{name}/{picture}"));
                sums += &format!("{class} {}", sha256(&bytes));
            }
        }
        ensure!(images.len() > 0, "{}: expected one folder of pictures for each class, found none", folder.display());
        Ok((images, sha256(sums.as_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use decoy_data::{Cifar10, DataSet};

    use super::*;

    fn picture(class: usize, content: Content) -> Picture {
        Picture { name: class.to_string(), class, split: Split::Test, content }
    }

    fn values(images: &Images, indices: impl IntoIterator<Item = usize>) -> Vec<f32> {
        images.pixels(indices, &Device::flex()).into_data().try_to_vec().expect("they are floats")
    }

    #[test]
    fn pixels_and_files_become_the_same_tensors() {
        // Red, green and blue differ, and so do the four quarters of the picture.
        let level = |channel: usize, y: usize, x: usize| (50 * channel + 20 * (y / 16) + 10 * (x / 16)) as u8;
        let places = || (0..32).flat_map(|y| (0..32).map(move |x| (y, x)));
        let planes: Vec<u8> = (0..3).flat_map(|c| places().map(move |(y, x)| level(c, y, x))).collect();
        let rgba: Vec<u8> = places().flat_map(|(y, x)| [level(0, y, x), level(1, y, x), level(2, y, x), 255]).collect();
        let file = Photo::from_rgba(&rgba, 3, 32, 32).expect("it is a picture").png();

        let pictures = [picture(3, Content::Pixels(planes.clone())), picture(7, Content::File(file))];
        let images = Images::of(Cifar10.about(), &pictures).expect("both are pictures");
        let expected: Vec<f32> = planes.iter().map(|&level| f32::from(level) / 255.0).collect();
        assert_eq!(images.all(&Device::flex()).dims(), [2, 3, 32, 32]);
        assert_eq!((values(&images, [0]), values(&images, [1])), (expected.clone(), expected));
        assert_eq!((&*images.classes, &*images.names), (&[3, 7][..], &["3".to_owned(), "7".to_owned()][..]));
    }

    #[test]
    fn a_sample_is_spread_evenly() {
        let pictures = (0..10).map(|class| picture(class, Content::Pixels(vec![class as u8; 3 * 32 * 32])));
        let images = Images::of(Cifar10.about(), &pictures.collect::<Vec<_>>()).expect("they are pictures");
        let sample = images.sample(4);
        assert_eq!(sample.classes, [0, 2, 5, 7]);
        assert_eq!(values(&sample, 0..4)[2 * 3 * 32 * 32], 5.0 / 255.0);
        assert_eq!(images.sample(99).len(), 10);
    }
}
