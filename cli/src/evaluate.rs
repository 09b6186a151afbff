//! `decoy evaluate`: an attack over a data set with every network of a family.

mod limits;
mod predicted;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Tensor;
use clap::{Args, ValueEnum};
use decoy::attack::{Attack, build};
use decoy::catalog::{Family, ModelEntry};
use decoy::classifier::Frozen;
use decoy::metrics::{columns, summarise};
use decoy::report::{Evaluation, ModelEvaluation};
use decoy::sweep::Sweep;
use indicatif::{ProgressBar, ProgressStyle};

use crate::attack::MethodArgs;
use crate::catalog_file::CatalogFile;
use crate::device::DeviceChoice;
use crate::pictures::{DataArgs, Images, Split};

/// What to measure, and where the result goes.
#[derive(Args)]
pub struct EvaluateArgs {
    /// The family of networks, and with it the data set, as `decoy models` lists it; the first one if left out.
    #[arg(long)]
    family: Option<String>,
    #[command(flatten)]
    method: MethodArgs,
    /// Measure what this result file measured: its family, attack, noise and pictures.
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["family", "attack", "steps", "confidence", "split"])]
    like: Option<PathBuf>,
    /// The result; networks that a file of the same measurement holds already are not measured again.
    #[arg(long, value_name = "FILE.json")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArgs,
    /// As many pictures, spread evenly over all there are; the same ones for every network.
    #[arg(long, value_name = "PICTURES")]
    limit: Option<usize>,
    /// Predict each picture's distance from the errors under this many draws of noise too; none if left out.
    #[arg(long, value_name = "DRAWS")]
    noise_draws: Option<usize>,
    /// Compute what no network can exceed too: half the distance from each picture to the nearest one of another class.
    #[arg(long)]
    class_distances: bool,
    /// Images attacked at once; as many as 60 small ones or 8 photographs if left out.
    #[arg(long)]
    batch: Option<usize>,
    /// Write the median ‖Δx‖₂ of each network into models.json too.
    #[arg(long)]
    update_catalog: bool,
    /// Folders of models.json and the weights; several with commas.
    #[arg(long, value_delimiter = ',', default_value = "www/models")]
    models: Vec<PathBuf>,
    /// Measure these networks alone; several with commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    model: Vec<String>,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// Runs `decoy evaluate`.
pub fn run(mut args: EvaluateArgs) -> Result<()> {
    let like = args.like.as_deref().map(read).transpose()?;
    let mut options = args.method.options(None);
    if let Some(like) = &like {
        args.family = Some(like.family.clone());
        args.data.split = Split::from_str(&like.split, false).map_err(anyhow::Error::msg)?;
        args.noise_draws = args.noise_draws.or(Some(like.noise_draws));
        options = like.attack.clone();
    }
    let noise_draws = args.noise_draws.unwrap_or(0);
    let device = args.device.open()?;
    let mut files = args.models.iter().map(|folder| CatalogFile::open(folder)).collect::<Result<Vec<_>>>()?;
    let (family, networks) = networks(&files, &args)?;
    let (all, data_sha256) = args.data.images(&family)?;
    let images = chosen(&all, like.as_ref().map(|like| &*like.pictures), args.limit)?;

    let mut evaluation = resume(
        &args.out,
        Evaluation {
            family: family.id.clone(),
            title: family.title.clone(),
            data: family.data.clone(),
            attack: options.clone(),
            split: args.data.split.name().to_owned(),
            command: command(),
            commit: commit(),
            data_sha256,
            pictures: images.names.clone(),
            noise_draws,
            limits: Vec::new(),
            models: Vec::new(),
        },
    )?;
    if args.class_distances && evaluation.limits.is_empty() {
        let mut everything = args.data.clone();
        everything.split = Split::All;
        evaluation.limits = limits::of(&images, &everything.images(&family)?.0, &device)?;
        write(&args.out, &evaluation)?;
    }

    let work = Work {
        attack: &*build(&options)?,
        confidence: options.sure.unwrap_or(0.0),
        batch: args.batch.unwrap_or(if family.input.height > 128 { 8 } else { 60 }),
        noise: predicted::Noise::new(&family, noise_draws, &device),
        bar: ProgressBar::new((networks.len() * images.len()) as u64)
            .with_style(ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {eta}")?),
        pixels: images.all(&device),
        images,
    };
    for (index, (file, entry)) in networks.iter().enumerate() {
        work.bar.set_position((index * work.images.len()) as u64);
        work.bar.set_prefix(entry.id.clone());
        if evaluation.models.iter().any(|done| done.sha256 == entry.sha256) {
            continue;
        }
        let network = Rc::new(files[*file].load(&family, entry, &device)?);
        let measured = work.measure(entry, network)?;
        evaluation.models.retain(|done| done.model != entry.id); // as it was before it was trained anew
        evaluation.models.push(measured);
        evaluation.models.sort_by(|a, b| a.sigma.total_cmp(&b.sigma).then(a.seed.cmp(&b.seed)));
        write(&args.out, &evaluation)?;
    }
    work.bar.finish_and_clear();
    if args.update_catalog {
        for (file, entry) in networks {
            let measured = evaluation.models.iter().find(|measured| measured.sha256 == entry.sha256);
            let perturbation = measured.and_then(|measured| measured.summary.median_l2.value);
            files[file].insert(family.clone(), ModelEntry { perturbation, ..entry })?;
        }
    }
    Ok(())
}

/// The networks to measure, each with the index of the file that lists it, and their family.
fn networks(files: &[CatalogFile], args: &EvaluateArgs) -> Result<(Family, Vec<(usize, ModelEntry)>)> {
    let family = files[0].family(args.family.as_deref())?.clone();
    let mut networks: Vec<(usize, ModelEntry)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        for entry in &file.catalog.family(&family.id)?.models {
            let wanted = args.model.is_empty() || args.model.contains(&entry.id);
            // A shipped network may lie among the further seeds too.
            if wanted && networks.iter().all(|(_, known)| known.sha256 != entry.sha256) {
                networks.push((index, entry.clone()));
            }
        }
    }
    for name in &args.model {
        ensure!(
            networks.iter().any(|(_, entry)| entry.id == *name),
            "--model is {name}: expected a network of {}, as `decoy models` lists them",
            family.id
        );
    }
    Ok((family, networks))
}

/// The pictures named, or all, and of these as many as `limit` says.
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
    ensure!((1..=images.len()).contains(&limit), "--limit is {limit}: expected 1 to {}", images.len());
    Ok(images.sample(limit))
}

/// What is done with each network.
struct Work<'a> {
    attack: &'a dyn Attack,
    confidence: f32,
    batch: usize,
    noise: Option<predicted::Noise>,
    bar: ProgressBar,
    images: Images,
    /// Those of the images.
    pixels: Tensor<4>,
}

impl Work<'_> {
    fn measure(&self, entry: &ModelEntry, network: Rc<Frozen>) -> Result<ModelEvaluation> {
        let before = self.bar.position();
        let networks = [network];
        let classes = self.images.classes.clone();
        let sweep = Sweep::new(self.attack, &networks, self.pixels.clone(), classes, self.batch)?;
        let mut sweep = sweep.with_confidence(self.confidence);
        while let Some(done) = pollster::block_on(sweep.advance(10))? {
            self.bar.set_position(before + done as u64);
        }
        let measurements = &sweep.results()[0];
        let summary = summarise(measurements);
        let mut images = columns(measurements);
        if let Some(noise) = &self.noise {
            images.predicted = noise.predict(&networks[0], &self.pixels, &self.images.classes, &images.l2)?;
        }
        let mean = match summary.mean_l2.value {
            Some(mean) => format!("mean ‖Δx‖₂ {mean:.4}"),
            None if summary.clean_errors == summary.images => {
                "no picture is read correctly, so there is no mean".to_owned()
            }
            None => "mean ‖Δx‖₂ ∞".to_owned(),
        };
        let line = format!(
            "{}: {mean}, {} of {} not fooled, {} misread without attack",
            entry.id, summary.failures, summary.images, summary.clean_errors,
        );
        self.bar.suspend(|| println!("{line}"));
        Ok(ModelEvaluation {
            model: entry.id.clone(),
            sigma: entry.sigma,
            seed: entry.seed,
            sha256: entry.sha256.clone(),
            accuracy: entry.accuracy,
            summary,
            images,
        })
    }
}

/// What `path` holds of the same measurement, or the `fresh` one.
fn resume(path: &Path, fresh: Evaluation) -> Result<Evaluation> {
    if !path.exists() {
        return Ok(fresh);
    }
    let begun = read(path)?;
    let what = |one: &Evaluation| {
        let Evaluation { family, attack, split, data_sha256, noise_draws, pictures, .. } = one;
        let pictures = pictures.len();
        format!("{family}, {attack}, {pictures} pictures of {split}, {noise_draws} draws of noise, data {data_sha256}")
    };
    if what(&begun) != what(&fresh) || begun.pictures != fresh.pictures {
        bail!(
            "{} holds another measurement ({}): expected {}; choose another --out",
            path.display(),
            what(&begun),
            what(&fresh)
        );
    }
    Ok(begun)
}

fn read(path: &Path) -> Result<Evaluation> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| format!("{} is not a result file", path.display()))
}

/// Writes beside the file and renames, so that an interruption leaves the last whole result.
fn write(path: &Path, evaluation: &Evaluation) -> Result<()> {
    let part = path.with_extension("part");
    std::fs::write(&part, serde_json::to_string(evaluation)? + "\n")
        .and_then(|()| std::fs::rename(&part, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// The arguments that make this result, as a person would type them.
fn command() -> String {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    format!("decoy {}", arguments.join(" "))
}

/// The commit of the working tree, if git knows it.
fn commit() -> String {
    Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()
        .filter(|output| output.status.success())
        .map_or("unknown".to_owned(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
