//! `decoy train`: networks trained with Gaussian noise on every image at every step.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail, ensure};
use burn::module::Module;
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::store::ModuleRecord;
use burn::tensor::{Device, Distribution, Int, Tensor};
use clap::{Args, Subcommand};
use decoy::catalog::{Accuracies, Accuracy, Architecture, Catalog, Family, Input, ModelEntry};
use decoy::classifier::{Classifier, Frozen};
use decoy::model::compact::SIDE;
use decoy::model::{Compact, CompactConfig, weights};
use decoy_data::coil20::{self, Split};
use indicatif::{ProgressBar, ProgressStyle};
use rand::SeedableRng;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom;

use crate::catalog_file::CatalogFile;
use crate::device::DeviceChoice;
use crate::pictures::Images;

/// What to train.
#[derive(Subcommand)]
pub enum Train {
    /// The compact network on COIL-20: 57 poses of each object, 15 held out.
    Coil20(Coil20Args),
}

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

/// Runs `decoy train`.
pub fn run(train: Train) -> Result<()> {
    let Train::Coil20(args) = train;
    for &sigma in &args.sigma {
        ensure!((0.0..=1.0).contains(&sigma), "--sigma is {sigma}: expected 0 to 1, pixels being in [0, 1]");
    }
    ensure!(args.batch > 0, "--batch is 0: expected at least 1");
    ensure!(args.epochs > 0, "--epochs is 0: expected at least 1");
    static INTERRUPTED: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed))?;

    let device = args.device.open()?;
    let data = coil20::load(args.data.as_deref())?;
    let train = Images::of(&data, Split::Train, &device);
    let test = Images::of(&data, Split::Test, &device);
    let mut catalog = CatalogFile::open_or_new(&args.models)?;
    for &seed in &args.seed {
        for &sigma in &args.sigma {
            let run = Run { sigma, seed, args: &args, device: &device };
            let model = run.train(&train, &INTERRUPTED)?;
            let entry = run.finish(&model, &train, &test)?;
            insert(&mut catalog.catalog, entry);
            catalog.save()?;
            run.forget()?;
        }
    }
    Ok(())
}

impl Images {
    fn len(&self) -> usize {
        self.classes.len()
    }

    /// The share that `model` reads correctly with noise of strength `sigma` on the pixels.
    fn accuracy(&self, model: &Frozen, sigma: f64) -> Result<f64> {
        let mut right = 0;
        for (batch, classes) in self.classes.chunks(100).enumerate() {
            let pixels = self.pixels.clone().narrow(0, batch * 100, classes.len());
            let answers = pollster::block_on(model.predict(with_noise(pixels, sigma)))?;
            right += answers.iter().zip(classes).filter(|(answer, class)| answer.class() == **class).count();
        }
        Ok(right as f64 / self.len() as f64)
    }
}

/// Adds fresh Gaussian noise of standard deviation `sigma`.
fn with_noise(pixels: Tensor<4>, sigma: f64) -> Tensor<4> {
    if sigma == 0.0 {
        return pixels;
    }
    let noise = pixels.random_like(Distribution::Normal(0.0, sigma));
    pixels + noise
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
        let id = format!("coil20-sigma-{:.2}", self.sigma);
        if self.args.seed.len() == 1 { id } else { format!("{id}-seed-{}", self.seed) }
    }

    fn train(&self, images: &Images, interrupted: &AtomicBool) -> Result<Compact> {
        let device = self.device.clone().autodiff();
        device.seed(u64::from(self.seed));
        let config = CompactConfig { classes: coil20::LABELS.len() };
        let mut model = config.init(&device);
        let mut optimizer: ModuleOptimizer = AdamConfig::new().init();
        let mut first = 0;
        if let Some(epoch) = self.checkpointed()? {
            model = model.load_record(ModuleRecord::load(self.path("model"))?);
            optimizer = optimizer.load(self.path("optimizer"))?;
            first = epoch + 1;
            eprintln!("{}: going on after epoch {}", self.id(), epoch + 1);
        }

        let steps = images.len().div_ceil(self.args.batch);
        let progress = ProgressBar::new(u64::from(self.args.epochs) * steps as u64)
            .with_style(ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {msg} {eta}")?);
        progress.set_prefix(self.id());
        progress.set_position(u64::from(first) * steps as u64);
        for epoch in first..self.args.epochs {
            // Seeded by epoch, so that a resumed run is the run without the interruption.
            let stream = (u64::from(self.seed) << 32) | (u64::from(epoch) + 1);
            device.seed(stream);
            let mut order: Vec<i32> = (0..images.len() as i32).collect();
            order.shuffle(&mut SmallRng::seed_from_u64(stream));

            let mut loss_sum = Tensor::<1>::zeros([1], self.device);
            let mut right = Tensor::<1, Int>::zeros([1], self.device);
            for (step, batch) in order.chunks(self.args.batch).enumerate() {
                if interrupted.load(Ordering::Relaxed) {
                    bail!(
                        "interrupted: {} is kept up to epoch {epoch} in {}; the same command goes on",
                        self.id(),
                        self.args.checkpoints.display()
                    );
                }
                let picked = Tensor::<1, Int>::from_data(batch, self.device);
                let classes: Vec<i32> = batch.iter().map(|&image| images.classes[image as usize] as i32).collect();
                let classes = Tensor::<1, Int>::from_data(classes.as_slice(), self.device);
                let pixels = with_noise(images.pixels.clone().select(0, picked), self.sigma);

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
            self.checkpoint(epoch, &model, &optimizer)?;
        }
        progress.finish();
        Ok(model)
    }

    /// Writes the weights, reads them back as they will be used, and measures them.
    fn finish(&self, model: &Compact, train: &Images, test: &Images) -> Result<ModelEntry> {
        let id = self.id();
        let bytes = weights::to_safetensors(&id, &model.valid())?;
        let mut saved = model.valid();
        weights::from_safetensors(&id, &mut saved, &bytes)?;
        let saved = Frozen::new(&saved);
        self.device.seed(u64::from(self.seed));
        let accuracy = |images: &Images| -> Result<Accuracy> {
            Ok(Accuracy { clean: images.accuracy(&saved, 0.0)?, noisy: images.accuracy(&saved, self.sigma)? })
        };
        let entry = ModelEntry {
            file: format!("{id}.safetensors"),
            id,
            sigma: self.sigma,
            seed: self.seed,
            epochs: self.args.epochs,
            bytes: bytes.len() as u32,
            sha256: weights::sha256(&bytes),
            accuracy: Accuracies { train: accuracy(train)?, test: accuracy(test)? },
        };
        let file = self.args.models.join(&entry.file);
        std::fs::write(&file, bytes).with_context(|| format!("writing {}", file.display()))?;
        println!(
            "{}: held out {:.2} % right, {:.2} % under its own noise",
            entry.id,
            100.0 * entry.accuracy.test.clean,
            100.0 * entry.accuracy.test.noisy,
        );
        Ok(entry)
    }

    fn path(&self, part: &str) -> PathBuf {
        self.args.checkpoints.join(format!("{}.{part}", self.id()))
    }

    /// The last epoch kept, if a run with the same settings was.
    fn checkpointed(&self) -> Result<Option<u32>> {
        let path = self.path("json");
        if !path.exists() {
            return Ok(None);
        }
        let kept: Checkpoint = serde_json::from_str(&std::fs::read_to_string(&path)?)
            .with_context(|| format!("reading {}", path.display()))?;
        ensure!(
            kept.settings == self.settings(),
            "{} is of another run ({}, now {}): delete it or choose another --checkpoints",
            path.display(),
            kept.settings,
            self.settings(),
        );
        Ok(Some(kept.epoch))
    }

    fn checkpoint(&self, epoch: u32, model: &Compact, optimizer: &ModuleOptimizer) -> Result<()> {
        std::fs::create_dir_all(&self.args.checkpoints)?;
        model.clone().into_record().save(self.path("model"))?;
        optimizer.save(self.path("optimizer"))?;
        let kept = Checkpoint { epoch, settings: self.settings() };
        std::fs::write(self.path("json"), serde_json::to_string(&kept)?)?;
        Ok(())
    }

    /// Removes the checkpoint of a network that is finished.
    fn forget(&self) -> Result<()> {
        for part in ["json", "model", "optimizer"] {
            std::fs::remove_file(self.path(part))?;
        }
        Ok(())
    }

    /// What must be equal for a checkpoint to be gone on from.
    fn settings(&self) -> String {
        format!("{} epochs, batch {}, learning rate {}", self.args.epochs, self.args.batch, self.args.learning_rate)
    }
}

/// Where an interrupted run stands; the weights and the optimiser lie beside it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Checkpoint {
    epoch: u32,
    settings: String,
}

/// Puts a network in its place in the catalogue.
fn insert(catalog: &mut Catalog, entry: ModelEntry) {
    let family = match catalog.families.iter_mut().position(|family| family.id == "coil20") {
        Some(index) => &mut catalog.families[index],
        None => {
            catalog.families.push(Family {
                id: "coil20".to_owned(),
                title: "COIL-20 objects".to_owned(),
                architecture: Architecture::Compact,
                input: Input { channels: 1, height: SIDE, width: SIDE },
                labels: coil20::LABELS.map(str::to_owned).into(),
                models: Vec::new(),
            });
            catalog.families.last_mut().expect("one was just added")
        }
    };
    family.models.retain(|model| model.id != entry.id);
    family.models.push(entry);
    family.models.sort_by(|a, b| a.sigma.total_cmp(&b.sigma).then(a.seed.cmp(&b.seed)));
}
