//! `models.json` and the weights beside it, on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::Device;
use burn_store::ModuleSnapshot;
use clap::Args;
use decoy::catalog::{Accuracies, Catalog, Family, ModelEntry};
use decoy::classifier::{Classifier, Frozen};
use decoy::model::weights;

use crate::accuracy;
use crate::device::DeviceChoice;
use crate::pictures::Images;

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

    /// The weights file of `entry`.
    pub fn bytes(&self, entry: &ModelEntry) -> Result<Vec<u8>> {
        let path = self.folder.join(&entry.file);
        std::fs::read(&path).with_context(|| format!("the weights of {} at {}", entry.id, path.display()))
    }

    /// The network of `entry`, from its file.
    pub fn load(&self, family: &Family, entry: &ModelEntry, device: &Device) -> Result<Frozen> {
        Ok(family.load(entry, &self.bytes(entry)?, device)?)
    }

    /// Writes the weights of a network beside the catalogue, measures it as it is read back from them, and puts it in
    /// its place. Returns what was measured.
    pub fn add<M>(&mut self, family: Family, made: Made, model: &M, train: &Images, test: &Images) -> Result<Accuracies>
    where
        M: Module + Classifier + ModuleSnapshot + 'static,
    {
        let Made { id, sigma, seed, recipe } = made;
        let bytes = weights::to_safetensors(&id, model)?;
        let mut saved = model.clone();
        weights::from_safetensors(&id, &mut saved, &bytes)?;
        let file = format!("{id}.safetensors");
        let path = self.folder.join(&file);
        std::fs::write(&path, &bytes).with_context(|| format!("writing {}", path.display()))?;

        let network = Frozen::new(&saved);
        network.device().seed(u64::from(seed));
        let measure = |images: &Images| accuracy::measure(images, &network, sigma);
        let accuracy = Accuracies { train: measure(train)?, test: measure(test)? };
        let (bytes, sha256) = (bytes.len() as u32, weights::sha256(&bytes));
        self.insert(family, ModelEntry { id, sigma, seed, recipe, file, bytes, sha256, accuracy, perturbation: None })?;
        Ok(accuracy)
    }

    /// Puts a network in its place, in a family that is made if there is none, and writes the catalogue.
    pub fn insert(&mut self, family: Family, entry: ModelEntry) -> Result<()> {
        let families = &mut self.catalog.families;
        let index = families.iter().position(|known| known.id == family.id).unwrap_or_else(|| {
            families.push(Family { models: Vec::new(), ..family });
            families.len() - 1
        });
        let models = &mut families[index].models;
        models.retain(|model| model.id != entry.id);
        models.push(entry);
        models.sort_by(|a, b| a.sigma.total_cmp(&b.sigma).then(a.seed.cmp(&b.seed)));
        self.save()
    }
}

/// What is known of a network before it is measured: see [`ModelEntry`].
pub struct Made {
    /// Its name.
    pub id: String,
    /// Its noise level.
    pub sigma: f64,
    /// Its seed.
    pub seed: u32,
    /// How it was made.
    pub recipe: String,
}

/// Which network, and where it runs.
#[derive(Args)]
pub struct ModelArgs {
    /// The network, as `decoy models` lists it.
    #[arg(long, default_value = "photos-sigma-0.00")]
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
