//! Networks trained from random weights on a labelled data set, with Gaussian noise on every picture at every step.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Int, Tensor, TensorData};
use burn_store::ModuleSnapshot;
use clap::Args;
use decoy::catalog::Architecture;
use decoy::classifier::Classifier;
use decoy::noise::Random;
use decoy_data::{About, Content, DataSet, Picture, Split};

use super::checkpoints::Checkpoints;
use super::steps::{Schedule, Steps};
use super::{add_noise, largest_sigma, model_id};
use crate::networks::{CatalogFile, MODELS, TrainedModel, describe};

/// Which networks to train.
#[derive(Args, Clone)]
pub struct SupervisedArgs {
    /// Noise levels: the largest standard deviation of the noise, pixels in [0, 1]; several with commas.
    #[arg(long, value_delimiter = ',', required = true, value_parser = largest_sigma())]
    sigma: Vec<f64>,
    /// Seeds of weights, noise and order; one network for every level and seed.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    seed: Vec<u32>,
    /// Times that every training picture is seen; default: as for the shipped networks.
    #[arg(long)]
    epochs: Option<u32>,
    /// Put noise of the full strength on every picture, instead of strengths from 0 to the level.
    #[arg(long)]
    fixed_noise: bool,
    /// Folder or archive of the data set; default: the path in its environment variable, else a download.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where weights and models.json go.
    #[arg(long, default_value = MODELS)]
    models: PathBuf,
    /// Folder of checkpoints, to resume after an interruption.
    #[arg(long, default_value = "target/checkpoints")]
    checkpoints: PathBuf,
}

/// How the networks of a data set are trained.
pub struct Recipe {
    /// Their architecture.
    pub architecture: Architecture,
    /// Times that every training picture is seen, by noise level.
    pub epochs: fn(f64) -> u32,
    /// Pictures in a step (batch size).
    pub batch: usize,
    /// The optimiser.
    pub optimizer: ModuleOptimizer,
    /// The learning rate.
    pub schedule: Schedule,
    /// A picture is shifted by at most this many pixels in each direction.
    pub shift: usize,
    /// Whether half of the pictures are mirrored.
    pub mirror: bool,
}

/// A network while it is trained.
pub trait Trainee: Module {
    /// The network that the trained one becomes.
    type Network: Module + Classifier + ModuleSnapshot + 'static;

    /// The logits `[N, K]` of `pixels` `[N, C, H, W]`.
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2>;

    /// The trained network. BatchNorm takes its moments from these `batches`, `[N, C, H, W]`.
    fn network(&self, batches: impl Iterator<Item = Tensor<4>>) -> Self::Network;
}

/// Trains networks of `set` by `recipe`, each begun by `init` with random weights for a device and a number of classes.
pub fn run<M: Trainee>(
    args: &SupervisedArgs,
    set: &dyn DataSet,
    recipe: &Recipe,
    init: impl Fn(&Device, usize) -> M,
) -> Result<()> {
    ensure!(args.epochs != Some(0), "--epochs is 0: expected at least 1");
    let about = set.about();
    let pictures = set.load(args.data.as_deref())?;
    let all: Vec<&Picture> = pictures.of(Split::Train).collect();
    let family = describe(set, recipe.architecture).id;
    let mut catalog = CatalogFile::open_or_new(&args.models)?;
    for &seed in &args.seed {
        for &sigma in &args.sigma {
            let id = model_id(&family, sigma, args.fixed_noise, seed);
            let (fixed, data) = (args.fixed_noise, &*pictures.sha256);
            let epochs = args.epochs.unwrap_or_else(|| (recipe.epochs)(sigma));
            let training = Training { id, sigma, seed, epochs, fixed, about, recipe, pictures: &all, data };
            let checkpoints = training.checkpoints(args);
            let network = training.train(&checkpoints, |device| init(device, about.labels.len()))?;
            let made = TrainedModel { id: training.id.clone(), sigma, seed, recipe: training.words() };
            let accuracy = catalog.add(set, recipe.architecture, made, &network, &pictures)?;
            checkpoints.finish(&accuracy)?;
        }
    }
    Ok(())
}

impl SupervisedArgs {
    /// The same with noise of the full strength on every picture.
    pub fn with_fixed_noise(&self) -> Self {
        Self { fixed_noise: true, ..self.clone() }
    }
}

/// The training of one network.
struct Training<'a> {
    id: String,
    sigma: f64,
    seed: u32,
    epochs: u32,
    fixed: bool,
    about: &'a About,
    recipe: &'a Recipe,
    pictures: &'a [&'a Picture],
    /// The checksum of their data set.
    data: &'a str,
}

/// The BatchNorm moments of a finished network are taken from this many batches.
const LAST_BATCHES: usize = 20;

impl Training<'_> {
    fn checkpoints<'a>(&self, args: &'a SupervisedArgs) -> Checkpoints<'a> {
        let Recipe { batch, schedule, shift, mirror, .. } = self.recipe;
        let Self { epochs, fixed, seed, data, .. } = self;
        Checkpoints {
            folder: &args.checkpoints,
            id: self.id.clone(),
            settings: format!(
                "seed {seed}, {epochs} epochs, batch {batch}, {schedule:?}, shift {shift}, mirrored {mirror}, fixed \
                 noise {fixed}, data {data}"
            ),
        }
    }

    fn train<M: Trainee>(&self, checkpoints: &Checkpoints, init: impl Fn(&Device) -> M) -> Result<M::Network> {
        let plain = Device::flex();
        let device = plain.clone().autodiff();
        device.seed(self.seed.into());
        let Recipe { batch: size, schedule, optimizer, .. } = self.recipe;
        let steps = self.pictures.len().div_ceil(*size) as u32;
        let batch = |step: u32| {
            let (epoch, step) = (step / steps, step % steps);
            let order = self.random(epoch, 0).order(self.pictures.len());
            let chosen = order.chunks(*size).nth(step as usize).expect("an epoch has so many batches");
            let classes: Vec<i32> = chosen.iter().map(|&picture| self.pictures[picture].class as i32).collect();
            let pixels = self.batch(chosen, &mut self.random(epoch, step + 1), &plain)?;
            Ok((pixels, Tensor::<1, Int>::from_data(classes.as_slice(), &plain)))
        };
        let training = Steps { count: self.epochs * steps, checkpoint_every: steps, schedule, checkpoints };
        let model = training.train(init(&device), optimizer.clone(), batch, |model: &M, step, (pixels, classes)| {
            // Seeds dropout, so that a resumed training gives the same network. The first epoch keeps the initial seed:
            // the random weights are drawn when they are first used.
            let epoch = step / steps;
            if epoch > 0 && step % steps == 0 {
                device.seed((u64::from(self.seed) << 32) | u64::from(epoch + 1));
            }
            let logits = model.logits(pixels.autodiff());
            CrossEntropyLossConfig::new().init(&device).forward(logits, classes.autodiff())
        })?;
        let mut random = self.random(self.epochs, 0);
        let order = random.order(self.pictures.len());
        let batches = order.chunks(*size).take(LAST_BATCHES);
        let batches = batches.map(|chosen| self.batch(chosen, &mut random, &plain)).collect::<Result<Vec<_>>>()?;
        Ok(model.valid().network(batches.into_iter()))
    }

    /// Random numbers of an epoch: for its order with `step` 0, for its steps with 1 and more. They depend on nothing
    /// else, so that a resumed training gives the same network.
    fn random(&self, epoch: u32, step: u32) -> Random {
        Random::new(self.seed.into(), (u64::from(epoch) << 16) | u64::from(step))
    }

    /// The chosen pictures, `[N, C, H, W]`: shifted, mirrored, with noise.
    fn batch(&self, chosen: &[usize], random: &mut Random, device: &Device) -> Result<Tensor<4>> {
        let &About { channels, height, width, .. } = self.about;
        let mut values = vec![0.0; chosen.len() * channels * height * width];
        for (&index, values) in chosen.iter().zip(values.chunks_exact_mut(channels * height * width)) {
            let picture = self.pictures[index];
            let Content::Pixels(pixels) = &picture.content else {
                bail!("{}: expected pixels of {width}×{height}, found a file", picture.name);
            };
            add_noise(values, self.sigma, self.fixed, random);
            let mut shift = || random.below(2 * self.recipe.shift as u32 + 1) as usize;
            let (down, right) = (shift(), shift());
            let mirrored = self.recipe.mirror && random.coin();
            for (row, line) in values.chunks_exact_mut(width).enumerate() {
                let (channel, y) = (row / height, row % height + down);
                let Some(y) = y.checked_sub(self.recipe.shift).filter(|&y| y < height) else { continue };
                let pixels = &pixels[(channel * height + y) * width..][..width];
                for (x, value) in line.iter_mut().enumerate() {
                    let x = if mirrored { width - 1 - x } else { x } + right;
                    if let Some(pixel) = x.checked_sub(self.recipe.shift).and_then(|x| pixels.get(x)) {
                        *value += f32::from(*pixel) / 255.0;
                    }
                }
            }
        }
        Ok(Tensor::from_data(TensorData::new(values, [chosen.len(), channels, height, width]), device))
    }

    fn words(&self) -> String {
        let noise = match (self.sigma, self.fixed) {
            (0.0, _) => "without noise".to_owned(),
            (sigma, true) => format!("with fresh Gaussian noise of standard deviation {sigma} on every picture"),
            (sigma, false) => format!("with fresh Gaussian noise on every picture, of standard deviation 0 to {sigma}"),
        };
        let (epochs, pictures) = (self.epochs, self.pictures.len());
        format!("Trained from random weights for {epochs} epochs of {pictures} pictures, {noise}.")
    }
}
