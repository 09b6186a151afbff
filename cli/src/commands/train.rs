//! `decoy train`: networks trained with Gaussian noise on their images.

mod batch_norm;
mod checkpoints;
mod cifar10;
mod coil20;
mod original;
mod photos;
mod steps;
mod supervised;

use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use clap::Subcommand;
use decoy::noise::Random;

use crate::arguments::within;
use crate::networks::sigma_text;

/// What to train.
#[derive(Subcommand)]
pub enum Train {
    /// The compact network on COIL-20: 57 poses of each object, 15 held out.
    Coil20(supervised::SupervisedArgs),
    /// The network of the original experiment on COIL-20, 67 M weights, for a study: give it a folder by --models.
    Coil20Original(supervised::SupervisedArgs),
    /// The residual network on CIFAR-10: 50 000 pictures, 10 000 held out.
    Cifar10(supervised::SupervisedArgs),
    /// The network for photographs, tuned on noisy photographs to predict what the clean network predicts without
    /// noise.
    Photos(photos::PhotosArgs),
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs `decoy train`.
pub fn run(train: Train) -> Result<()> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))?;
    match train {
        Train::Coil20(args) => coil20::run(&args),
        Train::Coil20Original(args) => original::run(&args),
        Train::Cifar10(args) => cifar10::run(&args),
        Train::Photos(args) => photos::run(&args),
    }
}

/// Whether the training is to stop.
fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// Reads the largest standard deviation of the noise in a training, 0 to 10, for pixels in [0, 1].
fn largest_sigma() -> impl Fn(&str) -> Result<f64, String> + Clone {
    within("the largest standard deviation of the noise", 0.0, 10.0)
}

/// The networks of this seed are shipped. It is fixed in advance, so that they are not chosen by their results.
const SHIPPED_SEED: u32 = 1;

/// The name of a network: the noise level with two decimals, or more where it has more; `-fixed` where all its noise
/// has one strength; the seed where it is not [`SHIPPED_SEED`].
fn model_id(family: &str, sigma: f64, fixed: bool, seed: u32) -> String {
    let level = sigma_text(sigma);
    let kind = if fixed { "-fixed" } else { "" };
    let seed = if seed == SHIPPED_SEED { String::new() } else { format!("-seed-{seed}") };
    format!("{family}-sigma-{level}{kind}{seed}")
}

/// Adds Gaussian noise to one picture. Its standard deviation is `sigma` where `fixed`; else `sigma` times the square
/// root of a uniform number in [0, 1): strong noise is more frequent than weak, and some pictures stay almost clean.
fn add_noise(values: &mut [f32], sigma: f64, fixed: bool, random: &mut Random) {
    let share = if fixed { 1.0 } else { f64::from(random.unit()).sqrt() };
    let strength = (sigma * share) as f32;
    if strength > 0.0 {
        random.fill_normal(values, strength);
    }
}

#[cfg(test)]
mod tests {
    use super::model_id;

    #[test]
    fn no_two_networks_have_the_same_name() {
        for (sigma, fixed, seed, name) in [
            (0.0, false, 1, "a-sigma-0.00"),
            (0.25, false, 1, "a-sigma-0.25"),
            (0.001, false, 1, "a-sigma-0.001"),
            (0.101, true, 2, "a-sigma-0.101-fixed-seed-2"),
        ] {
            assert_eq!(model_id("a", sigma, fixed, seed), name);
        }
    }
}
