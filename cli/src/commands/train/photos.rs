//! `decoy train photos`: the network for photographs, tuned on noisy photographs.
//!
//! The teacher is the clean network: its probabilities on the clean crop are the student's target on the noisy crop, so
//! that photographs need no labels. The strength of the noise differs from image to image, since a network trained only
//! on strong noise becomes worse on clean images. The BatchNorm statistics are folded into the weights, and so stay
//! those of clean images. After folding, the sizes of the tensors differ a hundredfold between layers: so the steps are
//! relative to the size of each tensor.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use burn::module::Module;
use burn::optim::{Adam, AdamConfig, ModuleOptimizer, Optimizer};
use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Device, Tensor, TensorData};
use clap::Args;
use decoy::catalog::{Architecture, Family, ModelEntry};
use decoy::classifier::{Classifier, Frozen};
use decoy::model::efficientnet::SIDE;
use decoy::model::{EfficientNetLite0, EfficientNetLite0Config, weights};
use decoy::noise::Random;
use decoy::photo::{self, Crop};
use decoy_data::photographs::{self, Photograph};
use decoy_data::{Content, DataSet, ImagenetSample, Split};

use super::checkpoints::Checkpoints;
use super::steps::{Schedule, Steps};
use super::{add_noise, largest_sigma, model_id};
use crate::networks::{CatalogFile, DeviceChoice, MODELS, TrainedModel};

/// How to tune on photographs.
#[derive(Args)]
pub struct PhotosArgs {
    /// Noise levels: the largest standard deviation of the noise, pixels in [0, 1]; several with commas.
    #[arg(long, value_delimiter = ',', required = true, value_parser = largest_sigma())]
    sigma: Vec<f64>,
    /// The network to begin with; default: as for the shipped network of that level, else the one without noise.
    #[arg(long)]
    from: Option<String>,
    /// The network whose predictions are copied; the first for photographs if left out.
    #[arg(long)]
    teacher: Option<String>,
    /// Folder or archive of the ImageNet sample; default: the path in the environment variable IMAGENET_SAMPLE.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Folder or zip of more photographs, without labels; the shipped networks have seen 4009 of Caltech-101.
    #[arg(long, env = "UNLABELLED_PHOTOGRAPHS")]
    unlabelled: Option<PathBuf>,
    /// Steps of the optimiser; default: as for the shipped network of that level, else 1000.
    #[arg(long)]
    steps: Option<u32>,
    /// Images in a step.
    #[arg(long, default_value_t = 16)]
    batch: usize,
    /// Side of the crops, in pixels, for the first three quarters of the steps; then it is 224. Steps of smaller crops
    /// take less time, and more photographs are seen.
    #[arg(long, default_value_t = 160, value_parser = first_side)]
    first_side: usize,
    /// Largest step, relative to the root mean square of a tensor; it rises for a twentieth of the steps, then falls
    /// to 0 along a cosine.
    #[arg(long, default_value_t = 1e-3)]
    learning_rate: f64,
    /// Seed of crops, noise and order.
    #[arg(long, default_value_t = 1)]
    seed: u32,
    /// Where weights and models.json are and go.
    #[arg(long, default_value = MODELS)]
    models: PathBuf,
    /// Folder of checkpoints, to resume after an interruption.
    #[arg(long, default_value = "target/checkpoints")]
    checkpoints: PathBuf,
    /// Steps between two checkpoints.
    #[arg(long, default_value_t = 50)]
    checkpoint_every: u32,
    /// Device to train on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// How the network of a noise level is tuned.
struct Level {
    sigma: f64,
    steps: u32,
    /// The noise level of the network that the tuning begins with.
    from: f64,
}

/// The shipped networks.
const LEVELS: [Level; 3] = [
    Level { sigma: 0.1, steps: 600, from: 0.0 },
    Level { sigma: 0.25, steps: 3200, from: 0.0 },
    Level { sigma: 0.5, steps: 2000, from: 0.25 },
];

impl Level {
    /// The level of this `sigma`.
    fn of(sigma: f64) -> Self {
        let known = LEVELS.into_iter().find(|level| level.sigma == sigma);
        known.unwrap_or(Self { sigma, steps: 1000, from: 0.0 })
    }

    /// The network to begin with, of the training with `seed` where there are several.
    fn first<'a>(&self, family: &'a Family, seed: u32) -> Result<&'a ModelEntry> {
        let known = family.models.iter().filter(|model| model.sigma == self.from);
        let found = known.max_by_key(|model| model.seed == seed);
        found.with_context(|| {
            let Family { id, .. } = family;
            let Self { sigma, from, .. } = self;
            format!("{id}: expected a network of σ {from} to begin σ {sigma} with, found none: --from names another")
        })
    }
}

fn first_side(text: &str) -> Result<usize, String> {
    // Five strides halve the side; the padding fits only where it is even each time.
    let side = text.parse().ok().filter(|side| (64..=SIDE).contains(side) && side % 32 == 0);
    side.ok_or_else(|| format!("expected a multiple of 32 from 64 to {SIDE}"))
}

/// Runs `decoy train photos`.
pub fn run(args: &PhotosArgs) -> Result<()> {
    ensure!(
        args.sigma.iter().all(|&sigma| sigma > 0.0),
        "--sigma is 0: that is the clean network, which `decoy import` makes"
    );
    ensure!(
        args.batch > 0 && args.steps != Some(0) && args.checkpoint_every > 0,
        "expected at least 1 step, image, checkpoint"
    );
    let device = args.device.open()?;
    let mut catalog = CatalogFile::open(&args.models)?;
    let sample = ImagenetSample.load(args.data.as_deref())?;
    let files = sample.of(Split::Train).filter_map(|picture| match &picture.content {
        Content::File(bytes) => Some(Photograph { name: picture.name.clone(), bytes: bytes.clone() }),
        Content::Pixels(_) => None,
    });
    let mut photographs: Vec<Photograph> = files.collect();
    let mut data = sample.sha256.clone();
    if let Some(path) = &args.unlabelled {
        let unlabelled = photographs::load(path)?;
        data = format!("{data} and {}", unlabelled.sha256);
        photographs.extend(unlabelled.photographs);
    } else {
        eprintln!("{} photographs, of the sample alone: --unlabelled adds more", photographs.len());
    }
    ensure!(
        !photographs.is_empty(),
        "expected photographs to train on, found none: the sample has one, which is held out"
    );
    for &sigma in &args.sigma {
        let family = catalog.catalog.family(ImagenetSample.about().id)?;
        let level = Level::of(sigma);
        let named = |id: &str| anyhow::Ok(catalog.catalog.model(id)?.1);
        let from = args.from.as_deref().map_or_else(|| level.first(family, args.seed), named)?;
        let first = || family.models.first().with_context(|| format!("{}: expected a network to copy", family.id));
        let teacher = args.teacher.as_deref().map_or_else(first, named)?;
        let mut model = EfficientNetLite0Config { classes: family.labels.len() }.init(&device.clone().autodiff());
        weights::from_safetensors(&from.id, &mut model, &catalog.bytes(from)?)?;
        let tuning = Tuning {
            args,
            device: &device,
            sigma,
            steps: args.steps.unwrap_or(level.steps),
            from: from.id.clone(),
            teacher: teacher.id.clone(),
            data: &data,
        };
        let teacher = catalog.load(family, teacher, &device)?;
        let model = tuning.train(model, &teacher, &photographs)?;
        let made = TrainedModel { id: tuning.id(), sigma, seed: args.seed, recipe: tuning.recipe(photographs.len()) };
        let accuracy = catalog.add(&ImagenetSample, Architecture::EfficientnetLite0, made, &model.valid(), &sample)?;
        tuning.checkpoints().finish(&accuracy)?;
    }
    Ok(())
}

/// Streams of random numbers from this one on give the order of photographs in each epoch; lower streams belong to
/// steps.
const ORDER_STREAMS: u64 = 1 << 32;

struct Tuning<'a> {
    args: &'a PhotosArgs,
    device: &'a Device,
    sigma: f64,
    steps: u32,
    /// Names of the networks to begin with and to learn from.
    from: String,
    teacher: String,
    /// The checksums of the photographs.
    data: &'a str,
}

impl Tuning<'_> {
    fn id(&self) -> String {
        model_id(ImagenetSample.about().id, self.sigma, false, self.args.seed)
    }

    fn checkpoints(&self) -> Checkpoints<'_> {
        let Self { steps, from, teacher, data, .. } = self;
        let PhotosArgs { batch, first_side, learning_rate, seed, .. } = self.args;
        Checkpoints {
            folder: &self.args.checkpoints,
            id: self.id(),
            settings: format!(
                "{steps} steps, batch {batch}, first side {first_side}, learning rate {learning_rate}, from {from}, \
                 teacher {teacher}, seed {seed}, data {data}"
            ),
        }
    }

    fn train(
        &self,
        model: EfficientNetLite0,
        teacher: &Frozen,
        photographs: &[Photograph],
    ) -> Result<EfficientNetLite0> {
        let args = self.args;
        let training = Steps {
            count: self.steps,
            checkpoint_every: args.checkpoint_every,
            schedule: &Schedule { rate: args.learning_rate, warm_up: 0.05, decay: true },
            checkpoints: &self.checkpoints(),
        };
        let optimizer = ModuleOptimizer::from(RelativeAdam(AdamConfig::new().build()));
        let batch = |step| {
            let mut random = Random::new(args.seed.into(), u64::from(step));
            let clean = self.batch(photographs, step, &mut random)?;
            let noise = self.noise(clean.dims(), &mut random);
            Ok((clean, noise))
        };
        training.train(model, optimizer, batch, |model, _, (clean, noise)| {
            let target = softmax(teacher.logits(clean.clone()), 1);
            let answer = log_softmax(model.logits((clean + noise).autodiff()), 1);
            -(answer * target.autodiff()).sum() / args.batch as f32
        })
    }

    /// The side of the crops of a step.
    fn side(&self, step: u32) -> usize {
        if 4 * u64::from(step) < 3 * u64::from(self.steps) { self.args.first_side } else { SIDE }
    }

    /// The crops of a step, `[N, 3, S, S]`: each epoch uses every photograph once, in a new order.
    fn batch(&self, photographs: &[Photograph], step: u32, random: &mut Random) -> Result<Tensor<4>> {
        let (batch, side) = (self.args.batch, self.side(step));
        let place = step as usize * batch;
        let mut pixels = Vec::with_capacity(batch * 3 * side * side);
        let mut order = (usize::MAX, Vec::new());
        for place in place..place + batch {
            let epoch = place / photographs.len();
            if order.0 != epoch {
                let indices = Random::new(self.args.seed.into(), ORDER_STREAMS + epoch as u64).order(photographs.len());
                order = (epoch, indices);
            }
            let photograph = &photographs[order.1[place % photographs.len()]];
            pixels.extend(crop(photograph, side, random).with_context(|| photograph.name.clone())?);
        }
        Ok(Tensor::from_data(TensorData::new(pixels, [batch, 3, side, side]), self.device))
    }

    /// Gaussian noise whose strength differs from image to image.
    fn noise(&self, shape: [usize; 4], random: &mut Random) -> Tensor<4> {
        let mut values = vec![0.0; shape.iter().product()];
        for image in values.chunks_exact_mut(shape[1..].iter().product()) {
            add_noise(image, self.sigma, false, random);
        }
        Tensor::from_data(TensorData::new(values, shape), self.device)
    }

    fn recipe(&self, photographs: usize) -> String {
        let Self { sigma, steps, from, teacher, .. } = self;
        let PhotosArgs { batch, first_side, .. } = self.args;
        format!(
            "{from}, retrained briefly on noisy photographs, copying the clean network: {steps} steps of {batch} crops \
             from {photographs} photographs, the first three quarters of them of {first_side}×{first_side} pixels, with \
             Gaussian noise of strength 0 to {sigma}, each to be seen as {teacher} sees it without noise."
        )
    }
}

/// A random square of a photograph, three quarters to all of its shorter side, mirrored or not: values in [0, 1],
/// `[3, S, S]` for `to` = S.
fn crop(photograph: &Photograph, to: usize, random: &mut Random) -> Result<Vec<f32>> {
    let source = photo::open(&photograph.bytes)?;
    let (width, height) = (f64::from(source.width()), f64::from(source.height()));
    let mut unit = || f64::from(random.unit());
    let side = width.min(height) * (0.75 + 0.25 * unit());
    let crop = Crop { left: (width - side) * unit(), top: (height - side) * unit(), side };
    let mut values = source.crop(crop, 3, to, to)?.to_unit();
    if random.coin() {
        values.chunks_exact_mut(to).for_each(<[f32]>::reverse);
    }
    Ok(values)
}

/// Adam with steps relative to the root mean square of each tensor.
#[derive(Clone)]
struct RelativeAdam(Adam);

impl Optimizer for RelativeAdam {
    type State<const D: usize> = <Adam as Optimizer>::State<D>;

    fn step<const D: usize>(
        &self,
        rate: f64,
        tensor: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        // Adam's step does not depend on the scale of the gradient, so only the tensor is scaled.
        let size = tensor.clone().square().mean().sqrt().clamp_min(1e-6).unsqueeze::<D>();
        let (tensor, state) = self.0.step(rate, tensor / size.clone(), gradient, state);
        (tensor * size, state)
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        Adam::to_device(state, device)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_shipped_networks_were_made_so() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../www/models");
        let catalog = CatalogFile::open(&folder).expect("it is shipped").catalog;
        let family = catalog.family(ImagenetSample.about().id).expect("it is shipped");
        for level in LEVELS {
            let shipped = family.models.iter().find(|model| model.sigma == level.sigma).expect("it is shipped");
            let from = level.first(family, shipped.seed).expect("it is shipped");
            let (begin, steps) = (format!("{}, ", from.id), format!(" {} steps ", level.steps));
            assert!(shipped.recipe.starts_with(&begin) && shipped.recipe.contains(&steps), "{}", shipped.recipe);
        }
    }
}
