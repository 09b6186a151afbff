//! The distance of the nearest mistake that errors under noise predict.

use anyhow::Result;
use burn::tensor::{Device, Tensor, TensorData};
use decoy::catalog::Family;
use decoy::classifier::Frozen;
use decoy::metrics::distance_under_noise;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

use crate::pictures::Images;

/// The strengths of noise that are tried: 0.01 to 40, each √2 times the one before.
const STRENGTHS: i32 = 25;

/// The share of errors that tells most: fewer are seldom seen, more say little of the distance.
const BEST: f64 = 0.1;

/// Outside of these, a share of errors tells nothing.
const TELLING: std::ops::RangeInclusive<f64> = 0.02..=0.4;

/// Pixel values computed with at once.
const VALUES_AT_ONCE: usize = 4_000_000;

/// Draws of standard normal noise, the same for every picture and every network.
pub struct Noise {
    /// `[draws, C, H, W]`
    draws: Tensor<4>,
}

impl Noise {
    /// As many draws for the pictures of a family; nothing for none.
    pub fn new(family: &Family, draws: usize, device: &Device) -> Option<Self> {
        let shape = [draws, family.input.channels, family.input.height, family.input.width];
        let values = standard_normal(shape.iter().product());
        (draws > 0).then(|| Self { draws: Tensor::from_data(TensorData::new(values, shape), device) })
    }

    /// For each image the distance that its errors under noise predict. Of the strengths of noise the one is taken whose
    /// share of errors is nearest to a tenth, on the scale of the distance; where that is not between 2 % and 40 %, or
    /// the image is misread without noise, there is no prediction.
    ///
    /// The search begins where the share would be a tenth if the distance were the size that the attack `found`: that
    /// saves time, and changes nothing where errors grow with the noise.
    pub fn predict(&self, network: &Frozen, images: &Images, found: &[Option<f64>]) -> Result<Vec<Option<f64>>> {
        (0..images.classes.len())
            .map(|image| match found[image] {
                Some(0.0) => Ok(None),
                size => {
                    let pixels = images.pixels.clone().narrow(0, image, 1);
                    let errors = |sigma| self.errors(network, &pixels, images.classes[image], sigma);
                    search(size.unwrap_or(1.0), errors)
                }
            })
            .collect()
    }

    /// The share of draws with which `network` does not read `class`.
    fn errors(&self, network: &Frozen, pixels: &Tensor<4>, class: usize, sigma: f64) -> Result<f64> {
        let [draws, channels, height, width] = self.draws.dims();
        let at_once = (VALUES_AT_ONCE / (channels * height * width)).clamp(1, draws);
        let mut errors = 0;
        for start in (0..draws).step_by(at_once) {
            let noise = self.draws.clone().narrow(0, start, at_once.min(draws - start));
            let answers = pollster::block_on(network.predict(noise.mul_scalar(sigma) + pixels.clone()))?;
            errors += answers.iter().filter(|answer| answer.class() != class).count();
        }
        Ok(errors as f64 / draws as f64)
    }
}

/// The distance that `errors`, the share of errors under noise of a strength, predicts.
fn search(begin: f64, errors: impl Fn(f64) -> Result<f64>) -> Result<Option<f64>> {
    let strength = |index: i32| 0.01 * 2_f64.powf(f64::from(index) / 2.0);
    let per_sigma = distance_under_noise(1.0, BEST);
    let nearest = (2.0 * (begin / per_sigma / strength(0)).log2()).round();
    let mut index = (nearest as i32).clamp(0, STRENGTHS - 1);
    let mut share = errors(strength(index))?;
    let step = if share < BEST { 1 } else { -1 };
    let mut tried = Vec::new();
    loop {
        tried.push((strength(index), share));
        let crossed = (share < BEST) != (step == 1);
        index += step;
        if crossed || !(0..STRENGTHS).contains(&index) {
            break;
        }
        share = errors(strength(index))?;
    }
    let off = |share: f64| (distance_under_noise(1.0, share) - per_sigma).abs();
    let best =
        tried.into_iter().filter(|(_, share)| TELLING.contains(share)).min_by(|a, b| off(a.1).total_cmp(&off(b.1)));
    // Four digits are more than a hundred draws tell.
    let digits = |value: f64| format!("{value:.3e}").parse().expect("a printed number is a number");
    Ok(best.map(|(sigma, share)| digits(distance_under_noise(sigma, share))))
}

/// Standard normal values, by the polar method of Box and Muller, from a fixed seed.
fn standard_normal(count: usize) -> Vec<f32> {
    let mut random = SmallRng::seed_from_u64(0);
    let pair = |_| {
        let (radius, angle): (f64, f64) = (random.random(), random.random());
        let (sine, cosine) = (std::f64::consts::TAU * angle).sin_cos();
        let size = (-2.0 * (1.0 - radius).ln()).sqrt();
        [(size * cosine) as f32, (size * sine) as f32]
    };
    let mut values: Vec<f32> = (0..count.div_ceil(2)).flat_map(pair).collect();
    values.truncate(count);
    values
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use statrs::distribution::{ContinuousCDF, Normal};

    use super::*;

    #[test]
    fn the_distance_of_a_plane_is_found_from_anywhere() {
        for distance in [0.05, 1.0, 7.3] {
            let calls = Cell::new(0);
            let errors = |sigma: f64| {
                calls.set(calls.get() + 1);
                Ok(Normal::standard().cdf(-distance / sigma))
            };
            for begin in [0.001, distance, 100.0] {
                let found = search(begin, errors).expect("nothing fails").expect("it is within reach");
                assert!((found / distance - 1.0).abs() < 1e-3, "{found}, expected {distance}");
            }
            calls.set(0);
            search(distance, errors).expect("nothing fails");
            assert!(calls.get() <= 3, "a good beginning saves time: {} strengths", calls.get());
        }
    }

    #[test]
    fn what_noise_does_not_tell_is_absent() {
        for share in [0.0, 0.01, 0.9] {
            assert_eq!(search(1.0, |_| Ok(share)).expect("nothing fails"), None);
        }
        // From no error to half of them in one step.
        let cliff = |sigma| Ok(if sigma < 1.0 { 0.0 } else { 0.5 });
        assert_eq!(search(1.0, cliff).expect("nothing fails"), None);
    }
}
