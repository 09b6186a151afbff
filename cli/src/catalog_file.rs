//! `models.json` and the weights beside it, on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::tensor::Device;
use clap::Args;
use decoy::catalog::{Catalog, Family, ModelEntry};
use decoy::classifier::Frozen;

use crate::device::DeviceChoice;

/// A catalogue and the folder it lies in.
pub struct CatalogFile {
    /// What it lists.
    pub catalog: Catalog,
    folder: PathBuf,
}

impl CatalogFile {
    /// The catalogue in `folder`.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("models.json");
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("no catalogue of models at {}", path.display()))?;
        Ok(Self {
            catalog: Catalog::parse(&text).with_context(|| path.display().to_string())?,
            folder: folder.to_owned(),
        })
    }

    /// The catalogue in `folder`, empty if there is none yet.
    pub fn open_or_new(folder: &Path) -> Result<Self> {
        if folder.join("models.json").exists() {
            return Self::open(folder);
        }
        std::fs::create_dir_all(folder)?;
        Ok(Self { catalog: Catalog::default(), folder: folder.to_owned() })
    }

    /// Writes the catalogue back.
    pub fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.catalog)? + "\n";
        std::fs::write(self.folder.join("models.json"), text)?;
        Ok(())
    }

    /// The network of `entry`, from its file.
    pub fn load(&self, family: &Family, entry: &ModelEntry, device: &Device) -> Result<Frozen> {
        let path = self.folder.join(&entry.file);
        let bytes =
            std::fs::read(&path).with_context(|| format!("the weights of {} at {}", entry.id, path.display()))?;
        Ok(family.load(entry, &bytes, device)?)
    }
}

/// Which network, and where it runs.
#[derive(Args)]
pub struct ModelArgs {
    /// The network, as `decoy models` lists it.
    #[arg(long)]
    model: String,
    /// Folder of models.json and the weights.
    #[arg(long, default_value = "www/models")]
    models: PathBuf,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// A network ready to be asked.
pub struct OpenModel {
    /// Its family.
    pub family: Family,
    /// Its line in the catalogue.
    pub entry: ModelEntry,
    /// The network.
    pub network: Frozen,
}

impl ModelArgs {
    /// Loads the network.
    pub fn open(&self) -> Result<OpenModel> {
        let file = CatalogFile::open(&self.models)?;
        let (family, entry) = file.catalog.model(&self.model)?;
        let network = file.load(family, entry, &self.device.open()?)?;
        Ok(OpenModel { family: family.clone(), entry: entry.clone(), network })
    }
}
