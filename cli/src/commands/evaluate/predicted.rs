//! Predicts the distance of the nearest misclassified image from the share of errors under noise.

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use decoy::catalog::Family;
use decoy::classifier::Frozen;
use decoy::metrics::{distance_under_noise, significant};
use decoy::noise::Random;

/// Index of the strongest noise that is tried: σ is 41 times the range of a pixel, see [`strength`].
const STRONGEST: f64 = 24.0;

/// At most this many bisection steps between two strengths.
const HALVINGS: usize = 6;

/// The share of errors that gives the best prediction: rarer errors are seldom drawn, more frequent ones say little of
/// the distance.
const BEST: f64 = 0.1;

/// Shares of errors outside this range give no prediction.
const USABLE_SHARES: std::ops::RangeInclusive<f64> = 0.02..=0.4;

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
    /// This many draws for the pictures of a family; `None` for 0 draws.
    pub fn new(family: &Family, draws: usize, device: &Device) -> Option<Self> {
        let shape = [draws, family.input.channels, family.input.height, family.input.width];
        (draws > 0).then(|| Self { draws: Random::new(SEED, 0).normal_tensor(shape, 1.0, device) })
    }

    /// For each image the distance predicted from its share of errors under noise, in units of ‖Δx‖₂.
    ///
    /// Each σ tried is √2 times the one before, with smaller steps where the share of errors rises steeply. The
    /// prediction uses the σ whose share of errors is nearest to a tenth, measured on the scale of the distance. There
    /// is no prediction where no share is between 2 % and 40 %, or where the image is misclassified without noise.
    ///
    /// The search begins at the σ whose share would be a tenth if the distance were the size `found` by the attack.
    /// This saves time, and does not change the result where the share of errors grows with σ.
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

    /// The share of noisy draws that `network` does not classify as `class`.
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

/// The distance predicted from `errors`, which gives the share of errors under noise of a given σ. The search starts
/// from the guess `begin` of the distance.
fn search(begin: f64, errors: impl Fn(f64) -> Result<f64>) -> Result<Option<f64>> {
    let per_sigma = distance_under_noise(1.0, BEST);
    let try_out = |index: f64| Ok::<_, anyhow::Error>((index, errors(strength(index))?));
    let begin = (2.0 * (begin / per_sigma / strength(0.0)).log2()).round().clamp(0.0, STRONGEST);
    let mut tried = vec![try_out(begin)?];
    let few = tried[0].1 < BEST;
    let (mut index, step) = (begin, if few { 1.0 } else { -1.0 });
    // One index at a time, until the share passes a tenth.
    while (tried[tried.len() - 1].1 < BEST) == few && (0.0..=STRONGEST).contains(&(index + step)) {
        index += step;
        tried.push(try_out(index)?);
    }
    // If it jumps over the whole usable range, bisect between the last two strengths.
    let (mut near, mut far) = (index - step, index);
    for _ in 0..HALVINGS {
        if tried.iter().any(|(_, share)| USABLE_SHARES.contains(share)) {
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
    let usable = tried.into_iter().filter(|(_, share)| USABLE_SHARES.contains(share));
    let best = usable.min_by(|a, b| off(a.1).total_cmp(&off(b.1)));
    // Four digits are more than a hundred draws can give.
    Ok(best.map(|(index, share)| significant(distance_under_noise(strength(index), share), 4)))
}

/// The σ of an index: 0.01 at 0, and √2 times as much for each step of 1.
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
        // The share of errors rises from 2 % to 40 % within a twentieth of σ, around 1.1.
        let steep = |sigma: f64| Ok(Normal::standard().cdf((sigma - 1.1) * 36.0 - 1.28));
        for begin in [0.1, 1.0, 30.0] {
            let found = search(begin, steep).expect("nothing fails").expect("it is there");
            // σ is 1.08 to 1.13, and −Φ⁻¹ of 40 % to 2 % is 0.25 to 2.05.
            assert!((1.08 * 0.25..1.13 * 2.05).contains(&found), "{found}");
        }
    }
}
