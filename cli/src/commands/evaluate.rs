//! `decoy evaluate`: an attack over a data set with every network of a family.

mod limits;
mod predicted;

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use burn::tensor::Tensor;
use clap::builder::RangedU64ValueParser;
use clap::{ArgGroup, Args, ValueEnum};
use decoy::attack::{Attack, build};
use decoy::catalog::{Accuracies, Accuracy, ModelEntry};
use decoy::classifier::Frozen;
use decoy::metrics::{columns, summarise};
use decoy::report::{Evaluation, ModelEvaluation};
use decoy::sweep::Sweep;
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::{MethodArgs, at_least_one};
use crate::files::check_writable;
use crate::networks::{LoadedModel, NetworksArgs, OwnArgs};
use crate::pictures::{DataArgs, Images, Part, Skipped};
use crate::results::{command, later_commit, origin, read, resume, settings, write};

/// What to measure, and where the result goes.
#[derive(Args)]
#[command(group = ArgGroup::new("whose").args(["family", "network"]))]
pub struct EvaluateArgs {
    #[command(flatten)]
    own: OwnArgs,
    #[command(flatten)]
    method: MethodArgs,
    /// Measure what this result file measured: its family, attack, noise and pictures.
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["family", "network", "attack", "steps", "confidence", "split"])]
    like: Option<PathBuf>,
    /// The result; networks that a file of the same measurement holds already are not measured again, and to a file
    /// without predictions these are added.
    #[arg(long, value_name = "FILE.json")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// Number of pictures, evenly spread; the same ones for every network.
    #[arg(long, value_name = "PICTURES", value_parser = at_least_one())]
    limit: Option<usize>,
    /// Predict each picture's distance from the errors under this many draws of noise too; if left out, none, or
    /// with `--like` as many as there.
    #[arg(long, value_name = "DRAWS", value_parser = RangedU64ValueParser::<usize>::new().range(0..=1_000_000))]
    noise_draws: Option<usize>,
    /// Also compute the upper limit for any network: half the distance from each picture to the nearest one of another
    /// class.
    #[arg(long)]
    class_distances: bool,
    /// Images attacked at once; default: 60 small ones, 8 photographs.
    #[arg(long, value_parser = at_least_one())]
    batch: Option<usize>,
    #[command(flatten)]
    networks: NetworksArgs,
}

/// Runs `decoy evaluate`.
pub fn run(mut args: EvaluateArgs) -> Result<()> {
    let like: Option<Evaluation> = args.like.as_deref().map(read).transpose()?;
    let mut options = args.method.options()?;
    if let Some(like) = &like {
        args.networks.family = Some(like.origin.family.clone());
        args.data.split = Part::from_str(&like.origin.split, false).map_err(anyhow::Error::msg)?;
        args.noise_draws = args.noise_draws.or(Some(like.noise_draws));
        options = like.attack.clone();
    }
    let attack = build(&options)?;
    let noise_draws = args.noise_draws.unwrap_or(0);
    check_writable(&args.out, &args.own.files())?;
    let device = args.networks.device.open()?;
    let mut own = args.own.open(&args.networks.models[0], &device)?;
    let files = if own.is_some() { Vec::new() } else { args.networks.files()? };
    let (family, networks) = match &own {
        Some(own) => (own.family.clone(), vec![(0, own.entry.clone())]),
        None => args.networks.chosen(&files)?,
    };
    let (all, data_sha256) = args.data.images(&family)?;
    let mut images = chosen(&all, like.as_ref().map(|like| &*like.origin.pictures), args.limit)?;
    let mut skipped = all.skipped;
    if let Some(own) = &own {
        images = answered(&images, own, &mut skipped)?;
    }

    let mut evaluation = resume(
        &args.out,
        Evaluation {
            origin: origin(&family, &images, &args.data, data_sha256),
            attack: options.clone(),
            noise_draws,
            limits: Vec::new(),
            models: Vec::new(),
        },
        |one| {
            // Predictions may be added to what was measured without them.
            let draws = if one.noise_draws == 0 { noise_draws } else { one.noise_draws };
            (&one.origin, format!("{}, {draws} draws of noise", settings(&one.attack)))
        },
    )?;
    if evaluation.noise_draws != noise_draws {
        evaluation.noise_draws = noise_draws;
        evaluation.origin.command = command();
    }
    if args.class_distances && evaluation.limits.is_empty() {
        let mut everything = args.data.clone();
        everything.split = Part::All;
        evaluation.limits = limits::of(&images, &everything.images(&family)?.0, &device)?;
        write(&args.out, &evaluation)?;
    }

    let work = Work {
        attack: &*attack,
        confidence: options.confidence(),
        batch: args.batch.unwrap_or(if family.input.is_large() { 8 } else { 60 }),
        noise: predicted::Noise::new(&family, noise_draws, &device),
        bar: ProgressBar::new((networks.len() * images.len()) as u64)
            .with_style(ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {eta}")?),
        pixels: images.all(&device),
        images,
    };
    for (index, (file, entry)) in networks.iter().enumerate() {
        work.bar.set_position((index * work.images.len()) as u64);
        work.bar.set_prefix(entry.id.clone());
        let before = evaluation.models.iter_mut().find(|done| done.network.sha256 == entry.sha256);
        let is_complete = |done: &ModelEvaluation| noise_draws == 0 || !done.images.predicted.is_empty();
        if let Some(done) = before.as_deref().filter(|done| is_complete(done)) {
            work.bar.suspend(|| println!("{}, measured before", line(done)));
            continue;
        }
        let network = match own.take() {
            None => files[*file].load(&family, entry, &device)?,
            Some(own) => own.network,
        };
        if let Some(done) = before {
            done.images.predicted = work.predict(&network, &done.images.l2)?;
            let said = line(done);
            write(&args.out, &evaluation)?;
            work.bar.suspend(|| println!("{said}, measured before; its distances are predicted now"));
            continue;
        }
        let mut measured = work.measure(entry, &network)?;
        if args.own.is_named() {
            let right = 1.0 - measured.summary.clean_errors as f64 / measured.summary.images.max(1) as f64;
            let here = Accuracy { clean: right, noisy: right };
            measured.accuracy = Accuracies { train: here, test: here };
        }
        measured.network.commit = later_commit(&evaluation.origin);
        let said = line(&measured);
        // An older result, from before a new training.
        let replaced = evaluation.models.extract_if(.., |done| done.network.model == entry.id).count() > 0;
        evaluation.models.push(measured);
        evaluation.models.sort_by(|a, b| a.network.order(&b.network));
        write(&args.out, &evaluation)?;
        let how = if replaced { ", in place of the result of another file of this name" } else { "" };
        work.bar.suspend(|| println!("{said}{how}"));
    }
    work.bar.finish_and_clear();
    skipped.into_result()
}

/// A result in words.
fn line(ModelEvaluation { network, summary, .. }: &ModelEvaluation) -> String {
    let mean = match summary.mean_l2.value {
        Some(mean) => format!("mean ‖Δx‖₂ {mean:.4}"),
        None if summary.clean_errors == summary.images => {
            "no picture is read correctly, so there is no mean".to_owned()
        }
        None => "mean ‖Δx‖₂ ∞".to_owned(),
    };
    let (failures, images, errors) = (summary.failures, summary.images, summary.clean_errors);
    let model = &network.model;
    format!("{model}: {mean}, {failures} of {images} not fooled, {errors} misread without attack")
}

/// The pictures for which the user's own network has an answer. The others are reported and counted.
fn answered(images: &Images, own: &LoadedModel, skipped: &mut Skipped) -> Result<Images> {
    let mut sound = Vec::new();
    for (index, name) in images.names.iter().enumerate() {
        match pollster::block_on(own.network.predict(images.pixels([index], own.network.device()))) {
            Ok(_) => sound.push(index),
            Err(error) => {
                eprintln!("skipped: {name}: {error}");
                skipped.add();
            }
        }
    }
    ensure!(!sound.is_empty(), "{} answers none of the pictures: see the errors above", own.entry.id);
    Ok(images.pick(sound))
}

/// The pictures of these names, or all for `None`; of these at most `limit`, evenly spread.
fn chosen(all: &Images, named: Option<&[String]>, limit: Option<usize>) -> Result<Images> {
    let images = match named {
        None => all.pick(0..all.len()),
        Some(names) => {
            let row = |name: &String| all.names.iter().position(|known| known == name);
            let find = |name| row(name).with_context(|| format!("the data set has no picture named {name}"));
            all.pick(names.iter().map(find).collect::<Result<Vec<_>>>()?)
        }
    };
    let Some(limit) = limit else { return Ok(images) };
    ensure!(limit <= images.len(), "--limit is {limit}: expected 1 to {}", images.len());
    Ok(images.sample(limit))
}

/// What is measured with each network.
struct Work<'a> {
    attack: &'a dyn Attack,
    confidence: f32,
    batch: usize,
    noise: Option<predicted::Noise>,
    bar: ProgressBar,
    images: Images,
    /// The pixels of `images`, `[N, C, H, W]`.
    pixels: Tensor<4>,
}

impl Work<'_> {
    fn measure(&self, entry: &ModelEntry, network: &Frozen) -> Result<ModelEvaluation> {
        let before = self.bar.position();
        let classes = self.images.classes.clone();
        let sweep = Sweep::new(self.attack, [network], self.pixels.clone(), classes, self.batch)?;
        let mut sweep = sweep.with_confidence(self.confidence);
        let mut done = 0;
        while let Some(now) = pollster::block_on(sweep.advance(10)).with_context(|| {
            let next = &self.images.names[done..self.images.len().min(done + self.batch)];
            format!("{}, one of the pictures {}", entry.id, next.join(", "))
        })? {
            done = now;
            self.bar.set_position(before + done as u64);
        }
        let measurements = &sweep.results()[0];
        let summary = summarise(measurements);
        let mut images = columns(measurements);
        images.predicted = self.predict(network, &images.l2)?;
        Ok(ModelEvaluation { network: entry.into(), accuracy: entry.accuracy, summary, images })
    }

    /// For each picture the distance predicted from the errors under noise, where the attack `found` a change of this
    /// size; empty without noise.
    fn predict(&self, network: &Frozen, found: &[Option<f64>]) -> Result<Vec<Option<f64>>> {
        let noise = self.noise.as_ref();
        noise.map_or(Ok(Vec::new()), |noise| noise.predict(network, &self.pixels, &self.images.classes, found))
    }
}
