//! The networks of a catalogue, and the user's own.

mod catalog_file;
mod device;
mod family;
mod loaded;
mod own;

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args;
use decoy::catalog::{Family, ModelEntry};

pub use catalog_file::{CatalogFile, MODELS, TrainedModel};
pub use device::DeviceChoice;
pub use family::describe;
pub use loaded::LoadedModel;
pub use own::OwnArgs;

/// The folder of a catalogue, and a device.
#[derive(Args)]
pub struct CatalogArgs {
    /// Folder of models.json and the weights.
    #[arg(long, default_value = MODELS)]
    pub models: PathBuf,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
}

/// Which network, and where it runs.
#[derive(Args)]
pub struct ModelArgs {
    /// The network, as `decoy models` lists it; the first one if left out.
    #[arg(long)]
    model: Option<String>,
    #[command(flatten)]
    own: OwnArgs,
    #[command(flatten)]
    catalog: CatalogArgs,
}

impl ModelArgs {
    /// The files that a network may be read from.
    pub fn files(&self) -> Vec<PathBuf> {
        let listed = CatalogFile::open(&self.catalog.models).map(|file| file.files()).unwrap_or_default();
        self.own.files().into_iter().chain(listed).collect()
    }

    /// Loads the network.
    pub fn open(&self) -> Result<LoadedModel> {
        self.own.or_listed(self.model.as_deref(), &self.catalog.models, &self.catalog.device.open()?)
    }
}

/// Which networks of a family are measured, and on which device.
#[derive(Args)]
pub struct NetworksArgs {
    /// The family of networks, and with it the data set, as `decoy models` lists it; if left out, that of the first
    /// `--model`, else the first one.
    #[arg(long)]
    pub family: Option<String>,
    /// Folders of models.json and the weights; several with commas.
    #[arg(long, value_delimiter = ',', default_value = MODELS)]
    pub models: Vec<PathBuf>,
    /// Measure only these networks; several with commas.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    model: Vec<String>,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
}

impl NetworksArgs {
    /// The catalogues.
    pub fn files(&self) -> Result<Vec<CatalogFile>> {
        self.models.iter().map(|folder| CatalogFile::open(folder)).collect()
    }

    /// As [`networks`], those that were asked for.
    pub fn chosen(&self, files: &[CatalogFile]) -> Result<(Family, Vec<(usize, ModelEntry)>)> {
        networks(files, self.family.as_deref(), &self.model)
    }
}

/// A family and its networks, each with the index of the file that lists it. Where `names` is not empty, only the
/// networks named; where no family is named, it is that of the first of them.
pub fn networks(
    files: &[CatalogFile],
    family: Option<&str>,
    names: &[String],
) -> Result<(Family, Vec<(usize, ModelEntry)>)> {
    let of_the_first = || {
        let (family, _) = files.iter().find_map(|file| file.catalog.model(names.first()?).ok())?;
        Some(&*family.id)
    };
    let family = files[0].family(family.or_else(of_the_first))?.clone();
    let mut networks: Vec<(usize, ModelEntry)> = Vec::new();
    for (index, file) in files.iter().enumerate() {
        for entry in &file.catalog.family(&family.id)?.models {
            let wanted = names.is_empty() || names.contains(&entry.id);
            // The file of further seeds may list a shipped network again.
            if wanted && networks.iter().all(|(_, known)| known.sha256 != entry.sha256) {
                networks.push((index, entry.clone()));
            }
        }
    }
    for name in names {
        ensure!(
            networks.iter().any(|(_, entry)| entry.id == *name),
            "--model is {name}: expected a network of {}, as `decoy models` lists them",
            family.id
        );
    }
    Ok((family, networks))
}

/// A noise level with two decimals, or more where it has more.
pub fn sigma_text(sigma: f64) -> String {
    let short = format!("{sigma:.2}");
    if short.parse() == Ok(sigma) { short } else { sigma.to_string() }
}
