//! Pictures from files, as a network takes them.

use std::path::Path;

use anyhow::{Context, Result};
use burn::tensor::{Device, Tensor, TensorData};
use decoy::catalog::Input;
use decoy::photo::{self, Photo};

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
