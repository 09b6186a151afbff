//! Pictures from files and data sets, as a network takes them.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use clap::{Args, ValueEnum};
use decoy::catalog::{Family, Input};
use decoy::model::efficientnet;
use decoy::photo::{self, Crop, Photo};
use decoy_data::coil20::{self, Coil20, SIDE, Split as CoilSplit};
use decoy_data::photographs::{self, Photograph};

/// Which pictures, and which part of them.
#[derive(Args)]
pub struct PictureArgs {
    /// Look at this square of every picture, in pixels of the upright picture; else the largest one in the middle.
    #[arg(long, value_name = "LEFT,TOP,SIDE", value_parser = parse_crop)]
    crop: Option<Crop>,
    /// PNG, JPEG, WebP, GIF or BMP files, or folders of them.
    images: Vec<PathBuf>,
}

/// The endings of files that are taken for pictures in a folder.
const ENDINGS: [&str; 6] = ["png", "jpg", "jpeg", "webp", "gif", "bmp"];

impl PictureArgs {
    /// The files, in the order given; those of a folder by name.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for path in &self.images {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let entries = std::fs::read_dir(path).with_context(|| format!("reading {}", path.display()))?;
            let paths = entries.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
            let ending = |path: &Path| path.extension().and_then(|ending| ending.to_str()).map(str::to_lowercase);
            let pictures = paths.into_iter().filter(|path| ending(path).is_some_and(|e| ENDINGS.contains(&&*e)));
            let mut pictures: Vec<PathBuf> = pictures.collect();
            ensure!(!pictures.is_empty(), "{}: expected pictures in this folder, found none", path.display());
            pictures.sort();
            files.extend(pictures);
        }
        ensure!(!files.is_empty(), "no picture is named: expected at least one file or folder");
        Ok(files)
    }

    /// The picture at `path`, at the network's input size.
    pub fn open(&self, path: &Path, input: Input) -> Result<Photo> {
        let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
        let Input { channels, height, width } = input;
        match self.crop {
            None => photo::decode(&bytes, channels, height, width),
            Some(crop) => photo::open(&bytes).and_then(|source| source.crop(crop, channels, height, width)),
        }
        .with_context(|| path.display().to_string())
    }
}

fn parse_crop(text: &str) -> Result<Crop, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some(&[left, top, side]) => Ok(Crop { left, top, side }),
        _ => Err("expected three numbers, such as 40,0,300".to_owned()),
    }
}

/// The pixels of one picture, `[1, C, H, W]`, in [0, 1].
pub fn tensor(photo: &Photo, device: &Device) -> Tensor<4> {
    let shape = [1, photo.channels(), photo.height(), photo.width()];
    Tensor::from_data(TensorData::new(photo.to_unit(), shape), device)
}

/// Images of a data set and their classes, on a device.
pub struct Images {
    /// `[N, C, H, W]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// `[N]`
    pub classes: Vec<usize>,
    /// What the data set calls them.
    pub names: Vec<String>,
}

impl Images {
    /// The images of a split, by object, then by pose.
    pub fn of(data: &Coil20, split: CoilSplit, device: &Device) -> Self {
        let pixels: Vec<f32> =
            data.split(split).flat_map(|image| image.pixels.iter().map(|&value| f32::from(value) / 255.0)).collect();
        let classes: Vec<usize> = data.split(split).map(|image| image.class()).collect();
        let shape = [classes.len(), 1, SIDE, SIDE];
        let names = data.split(split).map(|image| image.file_name()).collect();
        Self { pixels: Tensor::from_data(TensorData::new(pixels, shape), device), classes, names }
    }

    /// The middle 224×224 pixels of photographs of the sample, whose shorter side has 256.
    pub fn of_photographs(photographs: &[Photograph], device: &Device) -> Result<Self> {
        const SIDE: usize = efficientnet::SIDE;
        let mut pixels = Vec::with_capacity(photographs.len() * 3 * SIDE * SIDE);
        let mut classes = Vec::with_capacity(photographs.len());
        for photograph in photographs {
            let source = photo::open(&photograph.bytes).with_context(|| photograph.name.clone())?;
            let (width, height) = (f64::from(source.width()), f64::from(source.height()));
            let side = width.min(height).min(SIDE as f64);
            let middle = |length: f64| ((length - side) / 2.0).floor();
            let crop = Crop { left: middle(width), top: middle(height), side };
            pixels.extend(source.crop(crop, 3, SIDE, SIDE)?.to_unit());
            classes.push(photograph.imagenet_class()?);
        }
        let shape = [classes.len(), 3, SIDE, SIDE];
        let names = photographs.iter().map(|photograph| photograph.name.clone()).collect();
        Ok(Self { pixels: Tensor::from_data(TensorData::new(pixels, shape), device), classes, names })
    }

    /// `count` of them, evenly spread.
    pub fn sample(self, count: usize) -> Self {
        let all = self.classes.len();
        let chosen: Vec<usize> = (0..count.min(all)).map(|index| index * all / count.min(all)).collect();
        let rows = chosen.iter().map(|&image| self.pixels.clone().narrow(0, image, 1)).collect();
        Self {
            pixels: Tensor::cat(rows, 0),
            classes: chosen.iter().map(|&image| self.classes[image]).collect(),
            names: chosen.iter().map(|&image| self.names[image].clone()).collect(),
        }
    }
}

/// The ImageNet sample, divided.
pub struct Sample {
    /// To tune on.
    pub train: Vec<Photograph>,
    /// Every tenth photograph, held out.
    pub test: Vec<Photograph>,
    /// The checksum of all.
    pub sha256: String,
}

impl Sample {
    /// Reads it from a folder or zip.
    pub fn load(path: &Path) -> Result<Self> {
        let photographs::Photographs { photographs, sha256 } = photographs::load(path)?;
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (index, photograph) in photographs.into_iter().enumerate() {
            if index % 10 == 0 { test.push(photograph) } else { train.push(photograph) }
        }
        Ok(Self { train, test, sha256 })
    }
}

/// Which images of a family's data set.
#[derive(Args, Clone)]
pub struct DataArgs {
    /// Which images.
    #[arg(long, default_value = "all")]
    pub split: Split,
    /// Folder or zip of the data set; else what the variable COIL20 or IMAGENET_SAMPLE names; else COIL-20 is
    /// downloaded.
    #[arg(long)]
    data: Option<PathBuf>,
}

/// The images of a measurement.
#[derive(Clone, Copy, ValueEnum)]
pub enum Split {
    /// Every image.
    All,
    /// Those held out of training.
    Test,
}

impl Split {
    /// Its name in commands and result files.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Test => "test",
        }
    }
}

impl DataArgs {
    /// The images of a family's data set, and its checksum.
    pub fn images(&self, family: &Family, device: &Device) -> Result<(Images, String)> {
        match &*family.id {
            "coil20" => {
                let data = coil20::load(self.data.as_deref())?;
                let split = match self.split {
                    Split::All => CoilSplit::All,
                    Split::Test => CoilSplit::Test,
                };
                Ok((Images::of(&data, split, device), data.sha256))
            }
            "photos" => {
                let named = std::env::var_os("IMAGENET_SAMPLE").map(PathBuf::from);
                let path = self.data.clone().or(named);
                let path =
                    path.context("--data or IMAGENET_SAMPLE: expected the folder or zip of the ImageNet sample")?;
                let Sample { mut train, test, sha256 } = Sample::load(&path)?;
                let photographs = match self.split {
                    Split::All => {
                        train.extend(test);
                        train
                    }
                    Split::Test => test,
                };
                Ok((Images::of_photographs(&photographs, device)?, sha256))
            }
            other => bail!("--family is {other}: expected one with a data set, coil20 or photos"),
        }
    }
}
