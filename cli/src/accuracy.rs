//! `decoy accuracy`: the accuracy of a family's networks on images with noise.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::catalog_file::CatalogFile;
use crate::device::DeviceChoice;
use crate::measure::share_right;
use crate::pictures::{DataArgs, sigma};

/// What to measure.
#[derive(Args)]
pub struct AccuracyArgs {
    /// The family of networks, and with it the data set, as `decoy models` lists it; the first one if left out.
    #[arg(long)]
    family: Option<String>,
    /// Standard deviations of the noise, pixels in [0, 1]; several with commas.
    #[arg(long, value_delimiter = ',', default_value = "0,0.1,0.25,0.5", value_parser = sigma(0.0), allow_hyphen_values = true)]
    sigma: Vec<f64>,
    /// Draws of the noise for every image.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    draws: u32,
    #[command(flatten)]
    data: DataArgs,
    /// Folder of models.json and the weights.
    #[arg(long, default_value = "www/models")]
    models: PathBuf,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// Runs `decoy accuracy`.
pub fn run(args: &AccuracyArgs) -> Result<()> {
    let device = args.device.open()?;
    let file = CatalogFile::open(&args.models)?;
    let family = file.family(args.family.as_deref())?;
    let (images, _) = args.data.images(family)?;
    println!("{} images, in % right with noise of σ", images.len());
    let header: String = args.sigma.iter().map(|sigma| format!("{sigma:>8}")).collect();
    println!("{:<28}{header}", "model");
    for entry in &family.models {
        let network = file.load(family, entry, &device)?;
        let mut line = format!("{:<28}", entry.id);
        for &sigma in &args.sigma {
            let mut sum = 0.0;
            for draw in 0..args.draws {
                sum += share_right(&images, &network, sigma, draw)?;
            }
            line += &format!("{:>8.1}", 100.0 * sum / f64::from(args.draws));
        }
        println!("{line}");
    }
    Ok(())
}
