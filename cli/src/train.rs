//! `decoy train`: networks trained with Gaussian noise on their images.

mod batch_norm;
mod cifar10;
mod coil20;
mod original;
mod photos;
mod supervised;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, anyhow, ensure};
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use clap::Subcommand;
use decoy::catalog::{Accuracies, Accuracy};
use decoy::noise::Random;
use indicatif::{ProgressBar, ProgressStyle};

use crate::pictures::within;
use crate::result_file::write;

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

/// The name of a network: the noise level with two decimals, or more where it has more; `-fixed` where all its noise has
/// one strength; the seed where it is not [`SHIPPED_SEED`].
fn model_id(family: &str, sigma: f64, fixed: bool, seed: u32) -> String {
    let short = format!("{sigma:.2}");
    let level = if short.parse() == Ok(sigma) { short } else { sigma.to_string() };
    let kind = if fixed { "-fixed" } else { "" };
    let seed = if seed == SHIPPED_SEED { String::new() } else { format!("-seed-{seed}") };
    format!("{family}-sigma-{level}{kind}{seed}")
}

/// The standard deviation of the noise on one picture: `sigma` times the square root of a uniform number in [0, 1).
/// Strong noise is more frequent than weak, and some pictures stay almost clean.
fn mixed_strength(sigma: f64, random: &mut Random) -> f32 {
    (sigma * f64::from(random.unit()).sqrt()) as f32
}

fn progress(id: &str, total: u64) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg} {eta}")?;
    Ok(ProgressBar::new(total).with_style(style).with_prefix(id.to_owned()))
}

/// Where the state of an unfinished training is saved, so that it can resume after an interruption.
struct Checkpoints<'a> {
    folder: &'a Path,
    id: String,
    /// A checkpoint with other settings is not resumed.
    settings: String,
}

/// Progress of a training; its weights and the state of the optimiser are files beside it, named by `done`.
#[derive(serde::Serialize, serde::Deserialize)]
struct Checkpoint {
    done: u32,
    settings: String,
}

impl Checkpoints<'_> {
    fn path(&self, part: &str) -> PathBuf {
        self.folder.join(format!("{}.{part}", self.id))
    }

    /// The saved state, and how many passes or steps are done; without a checkpoint the state given, and 0.
    ///
    /// # Errors
    ///
    /// A checkpoint with other settings, or one that cannot be read.
    fn resume<M: Module>(&self, model: M, optimizer: ModuleOptimizer) -> Result<(M, ModuleOptimizer, u32)> {
        let path = self.path("json");
        let Some(kept) = self.kept()? else {
            return Ok((model, optimizer, 0));
        };
        ensure!(
            kept.settings == self.settings,
            "{} is of another run ({}, now {}): delete it or choose another --checkpoints",
            path.display(),
            kept.settings,
            self.settings,
        );
        eprintln!("{}: resuming after {}", self.id, kept.done);
        let [weights, state] = self.parts(kept.done);
        let model = model.load_record(ModuleRecord::load(weights)?);
        Ok((model, optimizer.load(state)?, kept.done))
    }

    /// The checkpoint, if there is one.
    fn kept(&self) -> Result<Option<Checkpoint>> {
        let path = self.path("json");
        let text = path.exists().then(|| std::fs::read_to_string(&path)).transpose()?;
        let kept = text.map(|text| serde_json::from_str(&text)).transpose();
        kept.with_context(|| format!("{} is no checkpoint: delete it to begin anew", path.display()))
    }

    /// The files of the weights and of the optimiser's state after so many passes or steps.
    fn parts(&self, done: u32) -> [PathBuf; 2] {
        ["model", "optimizer"].map(|part| self.path(&format!("{done}.{part}")))
    }

    fn save<M: Module>(&self, done: u32, model: &M, optimizer: &ModuleOptimizer) -> Result<()> {
        std::fs::create_dir_all(self.folder)?;
        let before = self.kept()?;
        let [weights, state] = self.parts(done);
        model.clone().into_record().save(weights)?;
        optimizer.save(state)?;
        write(&self.path("json"), &Checkpoint { done, settings: self.settings.clone() })?;
        before.filter(|before| before.done != done).map_or(Ok(()), |before| self.remove(before.done))
    }

    /// Removes the files of a checkpoint, but for the one that names them.
    fn remove(&self, done: u32) -> Result<()> {
        for path in self.parts(done).iter().filter(|path| path.exists()) {
            std::fs::remove_file(path)?;
        }
        Ok(())
    }

    /// Prints the accuracy of the finished network, and removes its checkpoint. A short training may have none.
    fn finish(&self, accuracy: &Accuracies) -> Result<()> {
        let Accuracy { clean, noisy } = accuracy.test;
        println!("{}: held out {:.2} % right, {:.2} % under its own noise", self.id, 100.0 * clean, 100.0 * noisy);
        if let Some(kept) = self.kept()? {
            std::fs::remove_file(self.path("json"))?;
            self.remove(kept.done)?;
        }
        Ok(())
    }

    fn interruption(&self) -> anyhow::Error {
        anyhow!("{}: interrupted; checkpoint in {}; run the same command to resume", self.id, self.folder.display())
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
