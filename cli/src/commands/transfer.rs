//! `decoy transfer`: whether adversarial pictures of one network fool the others of its family.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use decoy::attack::{AttackOptions, Run, build};
use decoy::classifier::{Frozen, Goal};
use decoy::report::{TransferMatrix, Transferred};
use indicatif::{ProgressBar, ProgressStyle};

use crate::arguments::{MethodArgs, at_least_one};
use crate::files::check_writable;
use crate::measure;
use crate::networks::NetworksArgs;
use crate::pictures::DataArgs;
use crate::results::{origin, resume, settings, write};

/// What to attack, and where the result goes.
#[derive(Args)]
pub struct TransferArgs {
    #[command(flatten)]
    method: MethodArgs,
    #[command(flatten)]
    data: DataArgs,
    /// Number of pictures, evenly spread.
    #[arg(long, value_name = "PICTURES", default_value_t = 100, value_parser = at_least_one())]
    limit: usize,
    /// Pictures attacked at once.
    #[arg(long, default_value_t = 20, value_parser = at_least_one())]
    batch: usize,
    /// Write the result here too.
    #[arg(long, value_name = "FILE.json")]
    out: Option<PathBuf>,
    #[command(flatten)]
    networks: NetworksArgs,
}

/// Runs `decoy transfer`.
pub fn run(args: &TransferArgs) -> Result<()> {
    let options: AttackOptions = args.method.options()?;
    let attack = build(&options)?;
    if let Some(out) = &args.out {
        check_writable(out, [])?;
    }
    let device = args.networks.device.open()?;
    let files = args.networks.files()?;
    let (family, entries) = args.networks.chosen(&files)?;
    let (images, data_sha256) = args.data.images(&family)?;
    let images = images.sample(args.limit);
    let models = entries.iter().map(|(_, entry)| entry.into()).collect();
    let origin = origin(&family, &images, &args.data, data_sha256);
    let fresh = TransferMatrix { origin, attack: options.clone(), models, rows: Vec::new() };
    if let Some(out) = &args.out {
        // The same measurement is made anew, and no other is replaced.
        resume(out, fresh.clone(), |one| (&one.origin, settings(&one.attack)))?;
    }
    let loaded: Vec<Frozen> =
        entries.iter().map(|(file, entry)| files[*file].load(&family, entry, &device)).collect::<Result<_>>()?;

    let bar = ProgressBar::new((loaded.len() * images.len()) as u64)
        .with_style(ProgressStyle::with_template("{bar:30} {pos}/{len} attacks {eta}")?);
    let mut rows = vec![vec![Transferred::default(); loaded.len()]; loaded.len()];
    for (pixels, classes) in images.batches(args.batch, &device) {
        let right = loaded
            .iter()
            .map(|network| measure::right(network, pixels.clone(), classes))
            .collect::<Result<Vec<_>>>()?;
        for (from, network) in loaded.iter().enumerate() {
            let aim = Goal::Misread(classes.to_vec()).with_confidence(options.confidence())?;
            let outcome = pollster::block_on(async {
                Run::begin(&*attack, network, pixels.clone(), aim).await?.complete().await
            })?;
            for (to, other) in loaded.iter().enumerate() {
                let still = measure::right(other, outcome.eight_bit.clone(), classes)?;
                let cell = &mut rows[from][to];
                for (image, made) in outcome.images.iter().enumerate() {
                    let counts = right[from][image] && right[to][image] && made.eight_bit.success;
                    cell.of += usize::from(counts);
                    cell.fooled += usize::from(counts && !still[image]);
                }
            }
            bar.inc(classes.len() as u64);
        }
    }
    bar.finish_and_clear();
    let matrix = TransferMatrix { rows, ..fresh };
    print(&matrix);
    args.out.as_deref().map_or(Ok(()), |out| write(out, &matrix))
}

fn print(matrix: &TransferMatrix) {
    println!("% of the pictures that fool the network of a row and also fool that of a column");
    let header: String = matrix.models.iter().map(|model| format!("{:>8}", model.sigma)).collect();
    println!("{:<28}{header}", "made for, σ");
    for (model, row) in matrix.models.iter().zip(&matrix.rows) {
        let cell = |cell: &Transferred| cell.share().map_or("–".to_owned(), |share| format!("{:.1}", 100.0 * share));
        let cells: String = row.iter().map(|found| format!("{:>8}", cell(found))).collect();
        println!("{:<28}{cells}", model.model);
    }
}
