//! `decoy certify`: the radius within which no change of a picture alters its class, certified by votes under noise.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::Tensor;
use clap::Args;
use decoy::catalog::{Family, ModelEntry};
use decoy::certify::{Certificate, Certification, CertifyOptions};
use decoy::classifier::{Frozen, Input};
use decoy::photo;
use decoy::report::{CertifiedModel, CertifiedSet};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::arguments::{at_least_one, sigma, within};
use crate::files::check_writable;
use crate::networks::{CatalogArgs, CatalogFile, LoadedModel, OwnArgs, networks};
use crate::pictures::{DataArgs, Images, PictureArgs};
use crate::results::{later_commit, origin, resume, write};

/// What to certify, and how.
#[derive(Args)]
pub struct CertifyArgs {
    /// The networks, as `decoy models` lists them; several with commas. For pictures the first one if left out, for a
    /// data set all of the family that were trained with noise.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    model: Vec<String>,
    #[command(flatten)]
    own: OwnArgs,
    /// Standard deviation of the noise under which a network votes, pixels in [0, 1]; that of its training if left out.
    #[arg(long, value_parser = sigma(1e-6))]
    sigma: Option<f64>,
    /// Votes that choose the class.
    #[arg(long, default_value_t = 100, value_name = "N0", value_parser = at_least_one())]
    choose: usize,
    /// Votes that are counted for that class.
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = at_least_one())]
    votes: usize,
    /// The probability with which a certificate may be wrong, 1e-100 to 0.499.
    #[arg(long, default_value_t = 0.001, value_parser = within("a probability", 1e-100, 0.499))]
    alpha: f64,
    /// Seed of the noise.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Votes cast at once; default: 400 for small pictures, 8 for photographs.
    #[arg(long, value_parser = at_least_one())]
    batch: Option<usize>,
    /// Certify a data set instead of pictures, and write the result here; resume if the file holds a part of this
    /// measurement.
    #[arg(long, value_name = "FILE.json", conflicts_with_all = ["images", "json"])]
    out: Option<PathBuf>,
    /// The family of networks, and with it the data set, as `decoy models` lists it; if left out, that of the first
    /// `--model`, else the first one.
    #[arg(long, requires = "out", conflicts_with = "images")]
    family: Option<String>,
    #[command(flatten)]
    data: DataArgs,
    /// Number of pictures of the data set, evenly spread.
    #[arg(long, value_name = "PICTURES", requires = "out", conflicts_with = "images", value_parser = at_least_one())]
    limit: Option<usize>,
    #[command(flatten)]
    catalog: CatalogArgs,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pictures: PictureArgs,
}

#[derive(Serialize)]
struct Line<'a> {
    image: String,
    model: &'a str,
    label: &'a str,
    sigma: f64,
    alpha: f64,
    choose: usize,
    seed: u64,
    #[serde(flatten)]
    certificate: Certificate,
}

/// Runs `decoy certify`.
pub fn run(args: &CertifyArgs) -> Result<()> {
    match &args.out {
        Some(_) if args.own.is_named() => {
            bail!("--out is for the catalogue's networks: expected pictures beside --network")
        }
        Some(out) => args.data_set(CatalogFile::open(&args.catalog.models)?, out),
        None => args.each_picture(),
    }
}

impl CertifyArgs {
    fn options(&self, entry: &ModelEntry) -> Result<CertifyOptions> {
        let sigma = self.sigma.unwrap_or(entry.sigma);
        ensure!(
            sigma > 0.0,
            "{} {}: expected --sigma, the noise under which it votes",
            entry.id,
            if self.own.is_named() {
                "does not say what noise it was trained with"
            } else {
                "was trained without noise"
            }
        );
        Ok(CertifyOptions { sigma, choose: self.choose, count: self.votes, alpha: self.alpha, seed: self.seed })
    }

    fn each_picture(&self) -> Result<()> {
        self.data.check_unused()?;
        let files = self.pictures.files()?;
        ensure!(self.model.len() < 2, "{} networks for pictures: expected one --model", self.model.len());
        let named = self.model.first().map(String::as_str);
        let LoadedModel { family, entry, network } =
            &self.own.or_listed(named, &self.catalog.models, &self.catalog.device.open()?)?;
        let options = self.options(entry)?;
        let skipped = self.pictures.for_each(&files, family, |path, photo| {
            let bar = bar(options.choose + options.count)?;
            let certificate = self.certify(network, photo::batch(&[photo], network.device()), options, &bar)?;
            bar.finish_and_clear();
            let (image, label) = (path.display().to_string(), &*family.labels[certificate.class]);
            if self.json {
                let CertifyOptions { sigma, alpha, choose, seed, .. } = options;
                let line = Line { image, model: &entry.id, label, sigma, alpha, choose, seed, certificate };
                println!("{}", serde_json::to_string(&line)?);
                return Ok(());
            }
            let Certificate { votes, count, share, .. } = certificate;
            println!("{image}");
            println!("  votes   {votes} of {count} for {label}, at least {:.2} %", 100.0 * share);
            match certificate.radius {
                Some(radius) => println!(
                    "  proved  ‖Δx‖₂ below {} does not change the vote under noise of {}",
                    rounded_down(radius),
                    options.sigma
                ),
                None if votes == count => println!("  proved  nothing: {count} votes are too few"),
                None => println!("  proved  nothing: the votes are too divided"),
            }
            Ok(())
        })?;
        skipped.into_result()
    }

    fn certify(
        &self,
        network: &Frozen,
        pixels: Tensor<4>,
        options: CertifyOptions,
        bar: &ProgressBar,
    ) -> Result<Certificate> {
        let [_, channels, height, width] = pixels.dims();
        let batch = self.batch.unwrap_or(if (Input { channels, height, width }).is_large() { 8 } else { 400 });
        pollster::block_on(async {
            let mut certification = Certification::begin(network, pixels, options).await?;
            let mut before = 0;
            while let Some(progress) = certification.advance(batch).await? {
                bar.inc((progress.votes - before) as u64);
                before = progress.votes;
            }
            Ok(certification.finish())
        })
    }

    fn data_set(&self, file: CatalogFile, out: &Path) -> Result<()> {
        self.pictures.check_unused()?;
        check_writable(out, [])?;
        let files = [file];
        let (family, networks) = networks(&files, self.family.as_deref(), &self.model)?;
        let wanted = |entry: &ModelEntry| self.sigma.is_some() || !self.model.is_empty() || entry.sigma > 0.0;
        let networks: Vec<ModelEntry> = networks.into_iter().map(|(_, entry)| entry).filter(wanted).collect();
        let (images, data_sha256) = self.data.images(&family)?;
        let images = images.sample(self.limit.unwrap_or(images.len()));
        let mut set = self.resume(out, &family, &images, data_sha256)?;
        let bar = bar(networks.len() * images.len() * (self.choose + self.votes))?;
        let device = self.catalog.device.open()?;
        for entry in &networks {
            let options = self.options(entry)?;
            bar.set_prefix(entry.id.clone());
            let network = files[0].load(&family, entry, &device)?;
            set.models.retain(|model| model.network.model != entry.id || model.network.sha256 == entry.sha256);
            let same =
                |model: &CertifiedModel| (&model.network.model, model.network.sigma) == (&entry.id, options.sigma);
            let index = set.models.iter().position(same).unwrap_or_else(|| {
                let mut model = CertifiedModel::new(entry, options.sigma);
                model.network.commit = later_commit(&set.origin);
                let index = set.models.partition_point(|known| known.network.order(&model.network).is_lt());
                set.models.insert(index, model);
                index
            });
            let done = set.models[index].certificates.len();
            bar.inc((done * (self.choose + self.votes)) as u64);
            for image in done..images.len() {
                let pixels = images.pixels([image], network.device());
                let certificate = self.certify(&network, pixels, options, &bar)?;
                set.models[index].certificates.push(certificate);
                write(out, &set)?;
            }
            let line = format!("{}, σ {}: {}", entry.id, options.sigma, summary(&set.models[index], &images.classes));
            bar.suspend(|| println!("{line}"));
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// The part of this measurement that `out` already holds, or an empty result.
    fn resume(&self, out: &Path, family: &Family, images: &Images, data_sha256: String) -> Result<CertifiedSet> {
        let fresh = CertifiedSet {
            origin: origin(family, images, &self.data, data_sha256),
            classes: images.classes.clone(),
            choose: self.choose,
            count: self.votes,
            alpha: self.alpha,
            seed: self.seed,
            models: Vec::new(),
        };
        resume(out, fresh, |set| {
            let CertifiedSet { origin, choose, count, alpha, seed, .. } = set;
            (origin, format!("{choose} and {count} votes, α {alpha}, seed {seed}"))
        })
    }
}

/// `value`, above 0, with four significant digits and no larger: a radius rounded up would not be proved.
fn rounded_down(value: f64) -> f64 {
    let scale = 10_f64.powf(3.0 - value.log10().floor());
    (value * scale).floor() / scale
}

fn bar(votes: usize) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{prefix} {bar:30} {pos}/{len} votes {eta}").context("a style")?;
    Ok(ProgressBar::new(votes as u64).with_style(style))
}

/// The share of pictures whose vote is right and certified at least to each of four radii.
fn summary(model: &CertifiedModel, classes: &[usize]) -> String {
    let shares = [0.0, 0.25, 0.5, 1.0].map(|radius| {
        let share = model.certified_accuracy(classes, radius);
        format!("{:.1} % at {radius}", 100.0 * share)
    });
    format!("certified {}", shares.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_radius_is_not_rounded_up() {
        for (radius, shown) in [(0.450_19, "0.4501"), (1.999_99, "1.999"), (0.000_012_349, "0.00001234")] {
            assert_eq!(rounded_down(radius).to_string(), shown);
        }
    }
}
