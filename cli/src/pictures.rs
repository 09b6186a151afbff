//! Pictures from files and data sets, as a network takes them.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use decoy::catalog::Input;
use decoy::photo::{self, Photo};
use decoy_data::coil20::{Coil20, SIDE, Split};

/// The picture at `path`, at the network's input size.
pub fn open(path: &Path, input: Input) -> Result<Photo> {
    let bytes = std::fs::read(path).with_context(|| format!("reading {}", path.display()))?;
    photo::decode(&bytes, input.channels, input.height, input.width).with_context(|| path.display().to_string())
}

/// The pixels of one picture, `[1, C, H, W]`, in [0, 1].
pub fn tensor(photo: &Photo, device: &Device) -> Tensor<4> {
    let shape = [1, photo.channels(), photo.height(), photo.width()];
    Tensor::from_data(TensorData::new(photo.to_unit(), shape), device)
}

/// Images of a data set and their classes, on a device.
pub struct Images {
    /// `[N, 1, 128, 128]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// `[N]`
    pub classes: Vec<usize>,
}

impl Images {
    /// The images of a split, by object, then by pose.
    pub fn of(data: &Coil20, split: Split, device: &Device) -> Self {
        let pixels: Vec<f32> =
            data.split(split).flat_map(|image| image.pixels.iter().map(|&value| f32::from(value) / 255.0)).collect();
        let classes: Vec<usize> = data.split(split).map(|image| image.class()).collect();
        let shape = [classes.len(), 1, SIDE, SIDE];
        Self { pixels: Tensor::from_data(TensorData::new(pixels, shape), device), classes }
    }
}
