//! `decoy compare`: several attacks on the same pictures, side by side.

use std::path::{Path, PathBuf};
use std::slice;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use decoy::attack::{About, Attack, AttackOptions, Run, build};
use decoy::classifier::{Criterion, Goal, Slope};
use decoy::compare::{converged, flags};
use decoy::metrics::median;
use decoy::norm::Norms;
use decoy::photo;
use decoy::report::{Comparison, FlagWords, Trial};
use indicatif::{ProgressBar, ProgressStyle};
use safetensors::tensor::{Dtype, TensorView, serialize};

use crate::arguments::at_least_one;
use crate::files::{check_ending, check_writable, write_bytes};
use crate::networks::{LoadedModel, ModelArgs};
use crate::pictures::{DataArgs, Images, PictureArgs, Skipped};

/// Which pictures to attack, how, and how to print what came out.
#[derive(Args)]
pub struct CompareArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// An attack with its parameters, as for `decoy attack`; several of them, each with its own --attack.
    #[arg(long = "attack", value_name = "NAME:PARAMETER=VALUE,…", required = true)]
    attacks: Vec<AttackOptions>,
    /// Least probability of the wrong class; without it, being the most probable is enough.
    #[arg(long, value_name = "0 TO 0.9999")]
    confidence: Option<f32>,
    /// Run every attack with twice as many steps too, and say where that still helps.
    #[arg(long)]
    double: bool,
    /// Take the family's data set in place of pictures, with its true classes; --split and --limit select its
    /// images.
    #[arg(long, conflicts_with = "images")]
    data_set: bool,
    /// Number of images, evenly spread.
    #[arg(long, requires = "data_set", conflicts_with = "images", value_parser = at_least_one())]
    limit: Option<usize>,
    #[command(flatten)]
    data: DataArgs,
    /// Images attacked at once.
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    batch: usize,
    /// Write pixels, classes, logits and the gradient of the margin too, for other programs to check.
    #[arg(long, value_name = "FILE.safetensors")]
    tensors: Option<PathBuf>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pictures: PictureArgs,
}

/// Runs `decoy compare`.
pub fn run(args: &CompareArgs) -> Result<()> {
    if let Some(tensors) = &args.tensors {
        let inputs = if args.data_set { args.data.files() } else { args.pictures.files()? };
        check_writable(tensors, inputs.iter().chain(&args.model.files()))?;
        check_ending(tensors, "safetensors")?;
    }
    // All are built before the first runs: a run may take long, and errors shall come early.
    let attacks = args.attacks.iter().map(|options| {
        let options = AttackOptions { sure: args.confidence, ..options.clone() };
        let attack = build(&options)?;
        let doubled = args.double.then(|| doubled(&options, &*attack)).transpose();
        let doubled = doubled.with_context(|| format!("--double, {options}"))?;
        anyhow::Ok((options, attack, doubled))
    });
    let attacks = attacks.collect::<Result<Vec<_>>>()?;
    let model = args.model.open()?;
    for (options, attack, _) in &attacks {
        let classes = attack.about().check_classes(model.family.labels.len());
        classes.with_context(|| format!("--attack {options}, {}", model.entry.id))?;
    }
    let (images, skipped) = args.images(&model)?;
    if let Some(path) = &args.tensors {
        write_tensors(path, &model, &images)?;
    }
    let total = attacks.len() * (1 + usize::from(args.double)) * images.len();
    let bar = ProgressBar::new(total as u64)
        .with_style(ProgressStyle::with_template("{msg} {bar:30} {pos}/{len} attacks, {eta}")?);
    let (mut trials, mut failed) = (Vec::new(), 0);
    for (options, attack, doubled) in attacks {
        bar.set_message(options.to_string());
        let measured = args.measure(&model, &images, &options, &*attack, &bar).and_then(|mut trial| {
            if let Some(doubled) = doubled {
                let again = args.measure(&model, &images, &options, &*doubled, &bar)?;
                let [once, twice] = [trial.median, again.median].map(|median| median.unwrap_or(f64::INFINITY));
                trial.median_doubled = again.median;
                trial.flags.extend(converged(once, twice));
            }
            Ok(trial)
        });
        match measured {
            Ok(trial) => trials.push(trial),
            Err(error) => {
                bar.suspend(|| eprintln!("skipped: {options}: {error:#}"));
                failed += 1;
            }
        }
    }
    bar.finish_and_clear();
    ensure!(!trials.is_empty(), "none of the attacks could be measured: see the errors above");
    let comparison = Comparison {
        model: model.entry.id.clone(),
        images: images.names,
        classes: images.classes,
        flags: flags(&trials),
        attacks: trials,
    };
    if args.json {
        println!("{}", serde_json::to_string(&comparison)?);
    } else {
        print(&comparison);
    }
    skipped.into_result()?;
    ensure!(failed == 0, "{failed} of the attacks were skipped: see the errors above");
    Ok(())
}

impl CompareArgs {
    fn images(&self, model: &LoadedModel) -> Result<(Images, Skipped)> {
        if self.data_set {
            self.pictures.check_unused()?;
            let (all, _) = self.data.images(&model.family)?;
            return Ok((all.sample(self.limit.unwrap_or(all.len())), all.skipped));
        }
        self.data.check_unused()?;
        let mut images = Images::new(model.family.input);
        let skipped = self.pictures.for_each(&self.pictures.files()?, &model.family, |path, photo| {
            let answer = pollster::block_on(
                model.network.predict(photo::batch(slice::from_ref(&photo), model.network.device())),
            )?;
            images.add(&photo.levels(), answer[0].class(), &path.display().to_string());
            Ok(())
        })?;
        ensure!(images.len() > 0, "none of the pictures can be used: see the errors above");
        Ok((images, skipped))
    }

    fn measure(
        &self,
        model: &LoadedModel,
        images: &Images,
        options: &AttackOptions,
        attack: &dyn Attack,
        bar: &ProgressBar,
    ) -> Result<Trial> {
        let began = Instant::now();
        let About { norm, black_box, .. } = attack.about();
        let mut trial = Trial {
            options: options.clone(),
            norm,
            black_box,
            sizes: Vec::new(),
            norms: Vec::new(),
            attacked: 0,
            median: None,
            median_doubled: None,
            passes: Default::default(),
            milliseconds: 0.0,
            flags: Vec::new(),
        };
        let mut flags = Vec::new();
        let mut clean_errors: Vec<bool> = Vec::new();
        for (pixels, classes) in images.batches(self.batch, model.network.device()) {
            let aim = Goal::Misread(classes.to_vec()).with_confidence(options.confidence())?;
            let outcome =
                pollster::block_on(async { Run::begin(attack, &model.network, pixels, aim).await?.complete().await });
            let names = || images.names[clean_errors.len()..][..classes.len()].join(", ");
            let outcome = outcome.with_context(|| format!("one of the pictures {}", names()))?;
            for (image, &class) in outcome.images.iter().zip(classes) {
                trial.sizes.push(image.success.then(|| image.norms.of(norm)));
                trial.norms.push(image.success.then_some(image.norms));
                clean_errors.push(image.original.class() != class);
                flags.extend(image.flags.clone());
            }
            trial.passes = outcome.passes;
            bar.inc(classes.len() as u64);
        }
        let attacked = trial.sizes.iter().zip(&clean_errors).filter(|(_, clean_error)| !**clean_error);
        let sizes: Vec<f64> = attacked.map(|(size, _)| size.unwrap_or(f64::INFINITY)).collect();
        trial.attacked = sizes.len();
        trial.median = Some(median(&sizes)).filter(|median| median.is_finite());
        trial.milliseconds = began.elapsed().as_secs_f64() * 1e3;
        flags.sort();
        flags.dedup();
        trial.flags = flags.into_iter().map(FlagWords::from).collect();
        Ok(trial)
    }
}

/// The same attack with twice as many steps.
fn doubled(options: &AttackOptions, attack: &dyn Attack) -> Result<Box<dyn Attack>> {
    let (about, mut options) = (attack.about(), options.clone());
    let steps = options.parameters.get("steps").copied();
    let usual = || {
        let info = decoy::attack::menu().into_iter().find(|info| info.name == options.attack)?;
        let form = info.forms.into_iter().find(|form| form.norm == about.norm)?;
        Some(form.parameters.into_iter().find(|parameter| parameter.name == "steps")?.default)
    };
    let steps = steps.or_else(usual).with_context(|| format!("{} has no steps to double", about.name))?;
    options.parameters.insert("steps".to_owned(), 2.0 * steps);
    Ok(build(&options)?)
}

fn write_tensors(path: &Path, model: &LoadedModel, images: &Images) -> Result<()> {
    let goal = Goal::Misread(images.classes.clone());
    let criterion = Criterion::new(&goal, model.family.labels.len(), model.network.device())?;
    let pixels = images.all(model.network.device());
    let Slope { logits, gradient, .. } = model.network.gradient(pixels.clone(), |logits| criterion.margin(logits));
    let bytes = |data: burn::tensor::TensorData| data.bytes().to_vec();
    let classes: Vec<u8> = images.classes.iter().flat_map(|&class| (class as i32).to_le_bytes()).collect();
    let tensors = [
        ("pixels", Dtype::F32, pixels.dims().to_vec(), bytes(pixels.to_data())),
        ("classes", Dtype::I32, vec![images.len()], classes),
        ("logits", Dtype::F32, logits.dims().to_vec(), bytes(logits.to_data())),
        ("gradient", Dtype::F32, gradient.dims().to_vec(), bytes(gradient.to_data())),
    ];
    let views = tensors
        .iter()
        .map(|(name, dtype, shape, bytes)| Ok((*name, TensorView::new(*dtype, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>>>()?;
    write_bytes(path, &serialize(views, None)?)
}

fn print(comparison: &Comparison) {
    let pictures = comparison.images.len();
    println!("{} on {pictures} picture{}", comparison.model, if pictures == 1 { "" } else { "s" });
    println!(
        "{:<36} {:>5} {:>12} {:>8} {:>17} {:>10}",
        "attack", "norm", "median ‖Δx‖", "fooled", "passes a picture", "time"
    );
    for trial in &comparison.attacks {
        let fooled = trial.sizes.iter().flatten().filter(|&&size| size > 0.0).count();
        println!(
            "{:<36} {:>5} {:>12} {:>8} {:>17} {:>8.1} s",
            trial.options.to_string(),
            trial.norm.name(),
            match trial.median {
                Some(median) => figure(median),
                None if trial.attacked == 0 => "—".to_owned(),
                None => "∞".to_owned(),
            },
            format!("{fooled}/{}", trial.attacked),
            format!("{} + {} back", trial.passes.forward, trial.passes.backward),
            trial.milliseconds / 1e3,
        );
    }
    match comparison.attacks.first().map_or(0, |trial| pictures - trial.attacked) {
        0 => {}
        misread if misread == pictures => println!("No picture is read correctly, so there is no median."),
        misread => println!("{misread} of the pictures are misread without attack, and do not count."),
    }
    for trial in &comparison.attacks {
        for doubt in &trial.flags {
            println!("{}: {} ({})", trial.options, doubt.message, doubt.name);
        }
    }
    for doubt in &comparison.flags {
        println!("{} ({})", doubt.message, doubt.name);
    }
    if pictures == 1 {
        for trial in &comparison.attacks {
            if let Some(Norms { l0, l1, l2, linf }) = trial.norms[0] {
                let [l1, l2, linf] = [l1, l2, linf].map(figure);
                println!("  {:<36} L2 {l2}, L∞ {linf}, L1 {l1}, L0 {l0}", trial.options.to_string());
            }
        }
        return;
    }
    for (index, name) in comparison.images.iter().enumerate() {
        let sizes = comparison.attacks.iter().map(|trial| match trial.sizes[index] {
            Some(size) => format!("{:>12}", figure(size)),
            None => format!("{:>12}", "—"),
        });
        println!("  {}  {name}", sizes.collect::<String>());
    }
}

/// Four significant digits.
fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = 3 - value.abs().max(1e-9).log10().floor() as i32;
    format!("{value:.0$}", decimals.clamp(0, 12) as usize)
}
