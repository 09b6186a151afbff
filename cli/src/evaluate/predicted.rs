//! The distance of the nearest mistake that errors under noise predict.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use decoy::catalog::Family;
use decoy::classifier::Frozen;
use decoy::metrics::distance_under_noise;
use decoy::noise::Random;

/// The last strength of noise that is tried, 41 times the whole range of a pixel: see [`strength`].
const STRONGEST: f64 = 24.0;

/// How often the way between two strengths is halved, at most.
const HALVINGS: usize = 6;

/// The share of errors that tells most: fewer are seldom seen, more say little of the distance.
const BEST: f64 = 0.1;

/// Outside of these, a share of errors tells nothing.
const TELLING: std::ops::RangeInclusive<f64> = 0.02..=0.4;

/// The seed of the noise; no network is trained with it.
const SEED: u64 = u32::MAX as u64;

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
        (draws > 0).then(|| Self { draws: Random::new(SEED, 0).normal_tensor(shape, 1.0, device) })
    }

    /// For each image the distance that its errors under noise predict. Strengths of noise are tried that are √2 apart,
    /// and closer where errors come all at once; the one is taken whose share of errors is nearest to a tenth, on the
    /// scale of the distance. Where that is not between 2 % and 40 %, or the image is misread without noise, there is no
    /// prediction.
    ///
    /// The search begins where the share would be a tenth if the distance were the size that the attack `found`: that
    /// saves time, and changes nothing where errors grow with the noise.
    pub fn predict(
        &self,
        network: &Frozen,
        pixels: &Tensor<4>,
        classes: &[usize],
        found: &[Option<f64>],
    ) -> Result<Vec<Option<f64>>> {
        let images = classes.iter().zip(found).enumerate();
        images
            .map(|(image, (&class, &size))| match size {
                Some(0.0) => Ok(None),
                size => {
                    let pixels = pixels.clone().narrow(0, image, 1);
                    search(size.unwrap_or(1.0), |sigma| self.errors(network, &pixels, class, sigma))
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
    let per_sigma = distance_under_noise(1.0, BEST);
    let try_out = |index: f64| Ok::<_, anyhow::Error>((index, errors(strength(index))?));
    let begin = (2.0 * (begin / per_sigma / strength(0.0)).log2()).round().clamp(0.0, STRONGEST);
    let mut tried = vec![try_out(begin)?];
    let few = tried[0].1 < BEST;
    let (mut index, step) = (begin, if few { 1.0 } else { -1.0 });
    // Step by step to where the share passes a tenth,
    while (tried[tried.len() - 1].1 < BEST) == few && (0.0..=STRONGEST).contains(&(index + step)) {
        index += step;
        tried.push(try_out(index)?);
    }
    // and where it passes it like a cliff, by halves between the two strengths beside it.
    let (mut near, mut far) = (index - step, index);
    for _ in 0..HALVINGS {
        if tried.iter().any(|(_, share)| TELLING.contains(share)) {
            break;
        }
        let middle = try_out(f64::midpoint(near, far))?;
        if (middle.1 < BEST) == few {
            near = middle.0
        } else {
            far = middle.0
        }
        tried.push(middle);
    }
    let off = |share: f64| (distance_under_noise(1.0, share) - per_sigma).abs();
    let telling = tried.into_iter().filter(|(_, share)| TELLING.contains(share));
    let best = telling.min_by(|a, b| off(a.1).total_cmp(&off(b.1)));
    // Four digits are more than a hundred draws tell.
    let digits = |value: f64| format!("{value:.3e}").parse().expect("a printed number is a number");
    Ok(best.map(|(index, share)| digits(distance_under_noise(strength(index), share))))
}

/// The strength of noise: 0.01, and √2 times as much with each whole number.
fn strength(index: f64) -> f64 {
    0.01 * 2_f64.powf(index / 2.0)
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
        let cliff = |sigma| Ok(if sigma < 1.0 { 0.0 } else { 0.5 });
        assert_eq!(search(1.0, cliff).expect("nothing fails"), None);
    }

    #[test]
    fn a_steep_rise_of_errors_is_found_between_two_strengths() {
        // From 2 % to 40 % of errors within a twentieth of the strength, around 1.1.
        let steep = |sigma: f64| Ok(Normal::standard().cdf((sigma - 1.1) * 36.0 - 1.28));
        for begin in [0.1, 1.0, 30.0] {
            let found = search(begin, steep).expect("nothing fails").expect("it is there");
            // σ is 1.08 to 1.13, and −Φ⁻¹ of 40 % to 2 % is 0.25 to 2.05.
            assert!((1.08 * 0.25..1.13 * 2.05).contains(&found), "{found}");
        }
    }
}
