//! `decoy accuracy`: the accuracy of a family's networks on images with noise.

use anyhow::Result;
use clap::Args;
use decoy::metrics::{Interval, wilson};

use crate::arguments::sigma;
use crate::measure::share_right;
use crate::networks::NetworksArgs;
use crate::pictures::DataArgs;

/// What to measure.
#[derive(Args)]
pub struct AccuracyArgs {
    /// Standard deviations of the noise, pixels in [0, 1]; several with commas.
    #[arg(long, value_delimiter = ',', default_value = "0,0.1,0.25,0.5", value_parser = sigma(0.0), allow_hyphen_values = true)]
    sigma: Vec<f64>,
    /// Draws of the noise for every image.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    draws: u32,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    networks: NetworksArgs,
}

/// Runs `decoy accuracy`.
pub fn run(args: &AccuracyArgs) -> Result<()> {
    let device = args.networks.device.open()?;
    let files = args.networks.files()?;
    let (family, entries) = args.networks.chosen(&files)?;
    let (images, _) = args.data.images(&family)?;
    println!("{} images, in % right with noise of σ, with 95 % Wilson intervals over the images", images.len());
    let header: String = args.sigma.iter().map(|sigma| format!("{sigma:>20}")).collect();
    println!("{:<28}{header}", "model");
    for (file, entry) in &entries {
        let network = files[*file].load(&family, entry, &device)?;
        let mut line = format!("{:<28}", entry.id);
        for &sigma in &args.sigma {
            let mut sum = 0.0;
            for draw in 0..args.draws {
                sum += share_right(&images, &network, sigma, draw)?;
            }
            line += &format!("{:>20}", percent(sum / f64::from(args.draws), images.len()));
        }
        println!("{line}");
    }
    Ok(())
}

/// A share of `images` with its interval: `85.6 (81.8–88.7)`.
fn percent(share: f64, images: usize) -> String {
    let Interval { low, high, .. } = wilson((share * images as f64).round() as usize, images);
    let percent = |share: Option<f64>| 100.0 * share.expect("there are images");
    format!("{:.1} ({:.1}–{:.1})", 100.0 * share, percent(low), percent(high))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_shown_with_its_interval() {
        assert_eq!(percent(0.75, 20), "75.0 (53.1–88.8)"); // Newcombe 1998
        assert_eq!(percent(0.0, 10), "0.0 (0.0–27.8)");
    }
}
