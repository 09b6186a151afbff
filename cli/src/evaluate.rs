//! `decoy evaluate`: an attack over a data set with every network of a family.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use anyhow::{Context, Result, ensure};
use clap::Args;
use decoy::attack::build;
use decoy::catalog::ModelEntry;
use decoy::metrics::{columns, summarise};
use decoy::report::{Evaluation, ModelEvaluation};
use decoy::sweep::Sweep;
use indicatif::{ProgressBar, ProgressStyle};

use crate::attack::MethodArgs;
use crate::catalog_file::CatalogFile;
use crate::device::DeviceChoice;
use crate::pictures::DataArgs;

/// What to measure, and where the result goes.
#[derive(Args)]
pub struct EvaluateArgs {
    /// The family of networks, and with it the data set, as `decoy models` lists it; the first one if left out.
    #[arg(long)]
    family: Option<String>,
    #[command(flatten)]
    method: MethodArgs,
    /// The result; networks that a file of the same measurement holds already are not measured again.
    #[arg(long, value_name = "FILE.json")]
    out: PathBuf,
    /// Images attacked at once; as many as 60 small ones or 8 photographs if left out.
    #[arg(long)]
    batch: Option<usize>,
    #[command(flatten)]
    data: DataArgs,
    /// Write the median ‖Δx‖₂ of each network into models.json too.
    #[arg(long)]
    update_catalog: bool,
    /// Folder of models.json and the weights.
    #[arg(long, default_value = "www/models")]
    models: PathBuf,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// Runs `decoy evaluate`.
pub fn run(args: &EvaluateArgs) -> Result<()> {
    let options = args.method.options(None);
    let attack = build(&options)?;
    let device = args.device.open()?;
    let mut file = CatalogFile::open(&args.models)?;
    let family = file.family(args.family.as_deref())?.clone();
    let (images, data_sha256) = args.data.images(&family)?;
    let (pixels, classes) = (images.all(&device), images.classes);
    let batch = args.batch.unwrap_or(if family.input.height > 128 { 8 } else { 60 });

    let fresh = Evaluation {
        family: family.id.clone(),
        attack: options.clone(),
        split: args.data.split.name().to_owned(),
        command: command(),
        commit: commit(),
        data_sha256,
        models: Vec::new(),
    };
    let mut evaluation = resume(&args.out, fresh)?;
    let total = (family.models.len() * classes.len()) as u64;
    let bar = ProgressBar::new(total).with_style(ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} {eta}")?);
    for (index, entry) in family.models.iter().enumerate() {
        let before = index * classes.len();
        bar.set_position(before as u64);
        bar.set_prefix(entry.id.clone());
        if evaluation.models.iter().any(|done| done.sha256 == entry.sha256) {
            continue;
        }
        let model = [Rc::new(file.load(&family, entry, &device)?)];
        let mut sweep = Sweep::new(&*attack, &model, pixels.clone(), classes.clone(), batch)?;
        while let Some(done) = pollster::block_on(sweep.advance(10))? {
            bar.set_position((before + done) as u64);
        }
        let measurements = &sweep.results()[0];
        let summary = summarise(measurements);
        let line = format!(
            "{}: mean ‖Δx‖₂ {}, {} of {} not fooled, {} misread without attack",
            entry.id,
            summary.mean_l2.value.map_or("∞".to_owned(), |mean| format!("{mean:.4}")),
            summary.failures,
            summary.images,
            summary.clean_errors,
        );
        bar.suspend(|| println!("{line}"));
        evaluation.models.push(ModelEvaluation {
            model: entry.id.clone(),
            sigma: entry.sigma,
            seed: entry.seed,
            sha256: entry.sha256.clone(),
            summary,
            images: columns(measurements),
        });
        evaluation.models.sort_by(|a, b| a.sigma.total_cmp(&b.sigma).then(a.seed.cmp(&b.seed)));
        write(&args.out, &evaluation)?;
    }
    bar.finish_and_clear();
    if args.update_catalog {
        for measured in evaluation.models {
            if let Some(entry) = family.models.iter().find(|entry| entry.sha256 == measured.sha256) {
                let perturbation = measured.summary.median_l2.value;
                file.insert(family.clone(), ModelEntry { perturbation, ..entry.clone() })?;
            }
        }
    }
    Ok(())
}

/// What `path` holds of the same measurement, or the `fresh` one.
fn resume(path: &Path, fresh: Evaluation) -> Result<Evaluation> {
    if !path.exists() {
        return Ok(fresh);
    }
    let text = std::fs::read_to_string(path)?;
    let begun: Evaluation =
        serde_json::from_str(&text).with_context(|| format!("{} is not a result file", path.display()))?;
    let what = |evaluation: &Evaluation| {
        (evaluation.family.clone(), evaluation.attack.clone(), evaluation.split.clone(), evaluation.data_sha256.clone())
    };
    ensure!(
        what(&begun) == what(&fresh),
        "{} holds another measurement ({:?}): expected {:?}; choose another --out",
        path.display(),
        what(&begun),
        what(&fresh)
    );
    Ok(begun)
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
