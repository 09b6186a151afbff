//! `decoy train coil20`: the compact network, with Gaussian noise on every image at every step.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Int, Tensor};
use clap::Args;
use decoy::catalog::Architecture;
use decoy::classifier::Classifier;
use decoy::model::{Compact, CompactConfig};
use decoy_data::{Coil20, DataSet, Split};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use super::{Checkpoints, check_sigma, interrupted, progress};
use crate::accuracy;
use crate::catalog_file::{CatalogFile, Made};
use crate::device::DeviceChoice;
use crate::pictures::Images;

/// How to train on COIL-20.
#[derive(Args)]
pub struct Coil20Args {
    /// Noise levels: standard deviations of the noise, pixels in [0, 1]; several with commas.
    #[arg(long, value_delimiter = ',', required = true)]
    sigma: Vec<f64>,
    /// Seeds of weights, noise and order; one network for every level and seed.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seed: Vec<u32>,
    /// Passes over the training images.
    #[arg(long, default_value_t = 10)]
    epochs: u32,
    /// Images in a step.
    #[arg(long, default_value_t = 38)]
    batch: usize,
    /// Adam's largest learning rate; it falls to 0 along a cosine.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Folder or zip of COIL-20; else the variable COIL20; else downloaded.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where weights and models.json go.
    #[arg(long, default_value = "www/models")]
    models: PathBuf,
    /// Where a run is kept while it lasts, to go on from there after an interruption.
    #[arg(long, default_value = "target/checkpoints")]
    checkpoints: PathBuf,
    /// Device to train on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// Runs `decoy train coil20`.
pub fn run(args: &Coil20Args) -> Result<()> {
    args.sigma.iter().try_for_each(|&sigma| check_sigma(sigma))?;
    ensure!(args.batch > 0, "--batch is 0: expected at least 1");
    ensure!(args.epochs > 0, "--epochs is 0: expected at least 1");
    let device = args.device.open()?;
    let data = Coil20.load(args.data.as_deref())?;
    let train = Images::of(Coil20.about(), data.of(Split::Train))?;
    let mut catalog = CatalogFile::open_or_new(&args.models)?;
    for &seed in &args.seed {
        for &sigma in &args.sigma {
            let run = Run { sigma, seed, args, device: &device };
            let model = run.train(&train)?;
            let made = Made { id: run.id(), sigma, seed, recipe: recipe(args.epochs, sigma) };
            let accuracy = catalog.add(&Coil20, Architecture::Compact, made, &model.valid(), &data)?;
            run.checkpoints().finish(&accuracy)?;
        }
    }
    Ok(())
}

/// The training of one network.
struct Run<'a> {
    sigma: f64,
    seed: u32,
    args: &'a Coil20Args,
    device: &'a Device,
}

impl Run<'_> {
    /// Names the noise level, and the seed where there are several.
    fn id(&self) -> String {
        let id = format!("{}-sigma-{:.2}", Coil20.about().id, self.sigma);
        if self.args.seed.len() == 1 { id } else { format!("{id}-seed-{}", self.seed) }
    }

    fn checkpoints(&self) -> Checkpoints<'_> {
        let Coil20Args { epochs, batch, learning_rate, .. } = self.args;
        Checkpoints {
            folder: &self.args.checkpoints,
            id: self.id(),
            settings: format!("{epochs} epochs, batch {batch}, learning rate {learning_rate}"),
        }
    }

    fn train(&self, images: &Images) -> Result<Compact> {
        let checkpoints = self.checkpoints();
        let device = self.device.clone().autodiff();
        device.seed(u64::from(self.seed));
        let config = CompactConfig { side: images.input.height, classes: Coil20.about().labels.len() };
        let (mut model, mut optimizer, first) = checkpoints.resume(config.init(&device), AdamConfig::new().init())?;

        let steps = images.len().div_ceil(self.args.batch);
        let progress = progress(&self.id(), u64::from(self.args.epochs) * steps as u64)?;
        progress.set_position(u64::from(first) * steps as u64);
        for epoch in first..self.args.epochs {
            // Seeded by epoch, so that a resumed run is the run without the interruption.
            let stream = (u64::from(self.seed) << 32) | (u64::from(epoch) + 1);
            device.seed(stream);
            let mut order: Vec<usize> = (0..images.len()).collect();
            order.shuffle(&mut SmallRng::seed_from_u64(stream));

            let mut loss_sum = Tensor::<1>::zeros([1], self.device);
            let mut right = Tensor::<1, Int>::zeros([1], self.device);
            for (step, batch) in order.chunks(self.args.batch).enumerate() {
                if interrupted() {
                    return Err(checkpoints.interruption());
                }
                let classes: Vec<i32> = batch.iter().map(|&image| images.classes[image] as i32).collect();
                let classes = Tensor::<1, Int>::from_data(classes.as_slice(), self.device);
                let pixels = accuracy::with_noise(images.pixels(batch.iter().copied(), self.device), self.sigma);

                let logits = model.logits(pixels.autodiff());
                right = right + logits.clone().inner().argmax(1).squeeze_dim::<1>(1).equal(classes.clone()).int().sum();
                let loss = CrossEntropyLossConfig::new().init(&device).forward(logits, classes.autodiff());
                loss_sum = loss_sum + loss.clone().inner() * batch.len() as f32;
                let gradients = GradientsParams::from_grads(loss.backward(), &model);
                let done = (f64::from(epoch) + step as f64 / steps as f64) / f64::from(self.args.epochs);
                let rate = self.args.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
                model = optimizer.step(rate, model, gradients);
                progress.inc(1);
            }
            let loss = loss_sum.into_scalar::<f32>() / images.len() as f32;
            let right = right.into_scalar::<i32>() as f32 / images.len() as f32;
            progress.set_message(format!("loss {loss:.4}, right {:.1} %", 100.0 * right));
            checkpoints.save(epoch + 1, &model, &optimizer)?;
        }
        progress.finish();
        Ok(model)
    }
}

fn recipe(epochs: u32, sigma: f64) -> String {
    let noise = if sigma == 0.0 {
        "without noise".to_owned()
    } else {
        format!("with fresh Gaussian noise of {sigma} on every image")
    };
    format!("Trained from random weights for {epochs} passes over 57 poses of each object, {noise}.")
}
