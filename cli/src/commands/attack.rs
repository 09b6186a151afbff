//! `decoy attack`: changes pictures until a network misclassifies them.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::Args;
use decoy::attack::{AttackOptions, Parameter, Passes, build, menu};
use decoy::certify::{Smoothed, Smoothing};
use decoy::classifier::Input;
use decoy::model::weights::sha256;
use decoy::onnx::Normalisation;
use decoy::photo::{self, Crop, Photo, Source};
use decoy::region::Rectangle;
use decoy::report::AttackReport;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::arguments::{MethodArgs, at_least_one, sigma};
use crate::files::{check_writable, read_bytes, write_bytes};
use crate::networks::ModelArgs;
use crate::pictures::PictureArgs;

/// Which pictures to attack, how, and where the result goes.
#[derive(Args)]
pub struct AttackArgs {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    method: MethodArgs,
    /// The label the network shall read, or the number of its class; any wrong one if left out.
    #[arg(long)]
    target: Option<String>,
    /// Change only this rectangle, in pixels of the network's input.
    #[arg(long, value_name = "LEFT,TOP,WIDTH,HEIGHT", conflicts_with = "mask", allow_hyphen_values = true)]
    region: Option<Rectangle>,
    /// Change only the pixels that are white in this picture (size of the attacked picture or of the network's input).
    #[arg(long, value_name = "FILE.png")]
    mask: Option<PathBuf>,
    /// Attack the smoothed network of `decoy certify`, which votes under noise of this standard deviation: through the
    /// mean probability over some draws of the noise.
    #[arg(long, value_name = "SIGMA", value_parser = sigma(1e-6), allow_hyphen_values = true)]
    smoothed: Option<f64>,
    /// The number of these draws; each costs a pass.
    #[arg(long, default_value_t = 16, requires = "smoothed", value_parser = at_least_one())]
    draws: usize,
    /// Write the picture that is misread here, as PNG; for a single picture.
    #[arg(long, value_name = "FILE.png")]
    out: Option<PathBuf>,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pictures: PictureArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    image: String,
    /// The square of the picture that the network has seen.
    crop: Crop,
    /// SHA-256 of the file of --mask.
    mask: Option<&'a str>,
    normalisation: Option<&'a Normalisation>,
    /// Standard deviation of the noise under which the network votes, and the number of draws.
    smoothed: Option<(f64, usize)>,
    options: &'a AttackOptions,
    #[serde(flatten)]
    report: AttackReport,
}

/// Runs `decoy attack`.
pub fn run(args: &AttackArgs) -> Result<()> {
    if args.method.attack.attack == "list" {
        return list(args.json);
    }
    let files = args.pictures.files()?;
    if let Some(out) = &args.out {
        check_out(out, &files)?;
        check_writable(out, files.iter().chain(&args.mask))?;
    }
    let options = AttackOptions { region: args.region, ..args.method.options()? };
    let attack = build(&options)?;
    let mut model = args.model.open()?;
    if let Some(sigma) = args.smoothed {
        let Input { channels, height, width } = model.family.input;
        let smoothing = Smoothing { sigma, draws: args.draws };
        model.network = Smoothed::of(model.network, [channels, height, width], smoothing, 0)?;
    }
    let target = args.target.as_deref().map(|target| model.label(target)).transpose()?;
    let options = AttackOptions { target, ..options };
    let aim = options.aim(&model.family)?;
    let mask = args.mask.as_deref().map(Mask::open).transpose()?;
    let mut failures = 0;
    let mut unwritten = false;
    let skipped = args.pictures.for_each_source(&files, |path, picture| {
        let photo = args.pictures.cut(&picture, &model.family)?;
        let pixels = photo::batch(&[photo], model.network.device());
        let aim = match &mask {
            None => aim.clone(),
            Some(Mask { path, picture: mask, .. }) => {
                let region = args.pictures.region(mask, &picture, &model.family);
                aim.clone().inside(region.with_context(|| path.display().to_string())?)
            }
        };
        let began = Instant::now();
        let outcome = pollster::block_on(async {
            let mut run = options.begin(&*attack, &model.network, pixels, aim).await?;
            let bar = ProgressBar::new(attack.about().steps as u64)
                .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}")?);
            while let Some(progress) = run.advance(10).await? {
                let image = progress.images[0];
                bar.set_position(progress.step as u64);
                bar.set_message(match image.norm {
                    Some(size) => format!("fooled, {} {size:.4}", run.norm().symbol()),
                    None => format!("probability {:.1} %", 100.0 * image.probability),
                });
            }
            bar.finish_and_clear();
            anyhow::Ok(run.finish().await?)
        })?;
        let milliseconds = began.elapsed().as_secs_f64() * 1e3;
        let report = AttackReport::new(&model.entry.id, &model.family, &options, &outcome, 0, milliseconds);
        failures += usize::from(!report.success);
        let misread = report.eight_bit.class != report.original.class; // as any wrong class, even if not as the target
        unwritten |= args.out.is_some() && !misread;
        if let Some(out) = args.out.as_ref().filter(|_| misread) {
            let values =
                outcome.eight_bit.into_data().try_to_vec::<f32>().map_err(|error| anyhow::anyhow!("{error:?}"))?;
            let input = model.family.input;
            let photo = Photo::from_unit(&values, input.channels, input.height, input.width)?;
            write_bytes(out, &photo.png())?;
            if !report.success {
                eprintln!("{}: written, and misread, though not as asked", out.display());
            }
        }
        if args.json {
            let line = Line {
                image: path.display().to_string(),
                crop: args.pictures.crop_of(&picture, &model.family),
                mask: mask.as_ref().map(|mask| &*mask.sha256),
                normalisation: model.entry.normalisation.as_ref(),
                smoothed: args.smoothed.map(|sigma| (sigma, args.draws)),
                options: &options,
                report,
            };
            println!("{}", serde_json::to_string(&line)?);
        } else {
            print(&path.display().to_string(), &report);
        }
        Ok(())
    })?;
    ensure!(
        failures == 0,
        "{failures} of {} pictures did not fool the network as asked",
        files.len() - skipped.count()
    );
    ensure!(!unwritten, "--out: nothing is written, since the picture in 256 shades does not fool the network");
    skipped.into_result()
}

/// The picture of --mask.
struct Mask<'a> {
    path: &'a Path,
    picture: Source,
    sha256: String,
}

impl<'a> Mask<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let bytes = read_bytes(path)?;
        let picture = photo::open(&bytes).with_context(|| path.display().to_string())?;
        Ok(Self { path, picture, sha256: sha256(&bytes) })
    }
}

/// Checks the path of the adversarial picture: one input, and a `.png`.
fn check_out(out: &Path, files: &[PathBuf]) -> Result<()> {
    ensure!(files.len() == 1, "--out names one file for {} pictures: expected one picture", files.len());
    let ending = out.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    ensure!(
        ending.as_deref() == Some("png"),
        "--out is {}: expected a name that ends in .png, since other kinds of files would undo the change",
        out.display()
    );
    Ok(())
}

fn print(image: &str, report: &AttackReport) {
    let percent = |probability: f32| 100.0 * probability;
    println!("{image}");
    println!("  before  {} ({:.2} %)", report.original.label, percent(report.original.probability));
    println!("  after   {} ({:.2} %)", report.adversarial.label, percent(report.adversarial.probability));
    let norms = report.norms;
    println!("  ‖Δx‖    L2 {:.4}, L∞ {:.4}, L1 {:.2}, L0 {}", norms.l2, norms.linf, norms.l1, norms.l0);
    let rounded = &report.eight_bit;
    println!("  8-bit   {} ({:.2} %), L2 {:.4}", rounded.label, percent(rounded.probability), rounded.norms.l2);
    println!(
        "  cost    {} forward and {} backward passes, {:.0} ms",
        report.passes.forward, report.passes.backward, report.milliseconds
    );
    for doubt in &report.flags {
        println!("  doubt   {}: {}", doubt.name, doubt.message);
    }
    if let Some(message) = &report.message {
        println!("  {message}");
    }
}

/// Prints every attack, its norms, cost and parameters.
fn list(json: bool) -> Result<()> {
    for info in menu() {
        if json {
            println!("{}", serde_json::to_string(&info)?);
            continue;
        }
        println!("{} — {}", info.name, info.title);
        println!("  {}", info.summary);
        let aim = if info.targeted { "can aim at a label" } else { "cannot aim at a label" };
        let sight = if info.black_box { "uses only the network's answers" } else { "uses gradients" };
        println!("  {aim}; {sight}");
        for form in &info.forms {
            let Passes { forward, backward } = form.passes;
            println!(
                "  norm={}: up to {forward} forward and {backward} backward passes, and some to check the result",
                form.norm.name()
            );
            for Parameter { name, default, help, .. } in &form.parameters {
                println!("    {:<20} {help}", format!("{name}={default}"));
            }
        }
    }
    Ok(())
}
