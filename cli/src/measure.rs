//! The share of pictures that a network classifies correctly, without an attack.

use anyhow::{Result, ensure};
use burn::tensor::Tensor;
use decoy::catalog::Accuracy;
use decoy::classifier::Frozen;
use decoy::noise::Random;

use crate::pictures::Images;

/// Images read at once.
const BATCH: usize = 40;

/// The share of `images` that `network` classifies correctly, without noise and with noise of standard deviation
/// `sigma` from `seed`.
pub fn accuracy(images: &Images, network: &Frozen, sigma: f64, seed: u32) -> Result<Accuracy> {
    let clean = share_right(images, network, 0.0, seed)?;
    Ok(Accuracy { clean, noisy: if sigma > 0.0 { share_right(images, network, sigma, seed)? } else { clean } })
}

/// The share of `images` that `network` classifies correctly with noise of standard deviation `sigma` from `seed`.
pub fn share_right(images: &Images, network: &Frozen, sigma: f64, seed: u32) -> Result<f64> {
    ensure!(images.len() > 0, "expected pictures to measure the network on, found none");
    let mut right = 0;
    for (batch, (mut pixels, classes)) in images.batches(BATCH, network.device()).enumerate() {
        if sigma > 0.0 {
            let noise =
                Random::new(seed.into(), batch as u64).normal_tensor(pixels.dims(), sigma as f32, network.device());
            pixels = pixels + noise;
        }
        right += self::right(network, pixels, classes)?.into_iter().filter(|&right| right).count();
    }
    Ok(right as f64 / images.len() as f64)
}

/// For each image of `pixels`, `[N, C, H, W]`, whether `network` classifies it as its class in `classes`, `[N]`.
pub fn right(network: &Frozen, pixels: Tensor<4>, classes: &[usize]) -> Result<Vec<bool>> {
    let answers = pollster::block_on(network.predict(pixels))?;
    Ok(answers.iter().zip(classes).map(|(answer, &class)| answer.class() == class).collect())
}
