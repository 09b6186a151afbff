//! `models.json` and the weights beside it, on disk.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use burn::module::Module;
use burn::tensor::Device;
use burn_store::ModuleSnapshot;
use decoy::catalog::{Accuracies, Architecture, Catalog, Family, ModelEntry};
use decoy::classifier::{Classifier, Frozen};
use decoy::model::weights;
use decoy_data::{DataSet, Pictures, Split};

use super::family::describe;
use super::loaded::LoadedModel;
use crate::files::{read_bytes, write_bytes};
use crate::measure;
use crate::pictures::Images;

/// The folder of the shipped networks, which the commands take where they are told no other.
pub const MODELS: &str = "www/models";

/// A new network is measured on at most this many pictures of each split.
const MEASURED: usize = 10_000;

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
        let bytes = read_bytes(&path).with_context(|| format!("no catalogue of models at {}", path.display()))?;
        let text = String::from_utf8(bytes).with_context(|| path.display().to_string())?;
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
    fn save(&self) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.catalog)? + "\n";
        write_bytes(&self.folder.join("models.json"), text.as_bytes())
    }

    /// The family of this name; the first family for `None`.
    pub fn family(&self, named: Option<&str>) -> Result<&Family> {
        match named {
            Some(id) => Ok(self.catalog.family(id)?),
            None => self.catalog.families.first().with_context(|| {
                format!("{}: expected a family of networks, found none", self.folder.join("models.json").display())
            }),
        }
    }

    /// The network of this name and its family; for `None` the first network of the first family.
    pub fn model(&self, named: Option<&str>) -> Result<(&Family, &ModelEntry)> {
        match named {
            Some(id) => Ok(self.catalog.model(id)?),
            None => {
                let family = self.family(None)?;
                let first = family.models.first();
                Ok((family, first.with_context(|| format!("{}: expected a network, found none", family.id))?))
            }
        }
    }

    /// Updates the description of every family from its data set.
    pub fn describe(&mut self) -> Result<()> {
        for family in &mut self.catalog.families {
            let set = decoy_data::by_id(&family.data)?;
            let (id, models) = (family.id.clone(), std::mem::take(&mut family.models));
            *family = Family { id, models, ..describe(set, family.architecture) };
        }
        self.save()
    }

    /// All files of the catalogue.
    pub fn files(&self) -> Vec<PathBuf> {
        let models = self.catalog.families.iter().flat_map(|family| &family.models);
        let names = std::iter::once("models.json").chain(models.map(|model| &*model.file));
        names.map(|name| self.folder.join(name)).collect()
    }

    /// The weights file of `entry`.
    pub fn bytes(&self, entry: &ModelEntry) -> Result<Vec<u8>> {
        let path = self.folder.join(&entry.file);
        read_bytes(&path).with_context(|| format!("the weights of {} at {}", entry.id, path.display()))
    }

    /// The network of `entry`, from its file.
    pub fn load(&self, family: &Family, entry: &ModelEntry, device: &Device) -> Result<Frozen> {
        Ok(family.load(entry, &self.bytes(entry)?, device)?)
    }

    /// Loads the network of this name; for `None` the first network of the first family.
    pub fn open_model(&self, named: Option<&str>, device: &Device) -> Result<LoadedModel> {
        let (family, entry) = self.model(named)?;
        let network = self.load(family, entry, device)?;
        Ok(LoadedModel { family: family.clone(), entry: entry.clone(), network })
    }

    /// Writes the weights of a network beside the catalogue, measures the network with the weights as saved, and lists
    /// it in the family of its data set. Returns its accuracies.
    pub fn add<M>(
        &mut self,
        set: &dyn DataSet,
        architecture: Architecture,
        made: TrainedModel,
        model: &M,
        pictures: &Pictures,
    ) -> Result<Accuracies>
    where
        M: Module + Classifier + ModuleSnapshot + 'static,
    {
        let TrainedModel { id, sigma, seed, recipe } = made;
        let bytes = weights::to_safetensors(&id, model)?;
        let mut saved = model.clone();
        weights::from_safetensors(&id, &mut saved, &bytes)?;
        let file = format!("{id}.safetensors");
        let network = Frozen::new(&saved);
        let measure = |split| {
            let images = Images::of(set.about(), pictures.of(split))?.sample(MEASURED);
            measure::accuracy(&images, &network, sigma, seed)
        };
        let accuracy = Accuracies { train: measure(Split::Train)?, test: measure(Split::Test)? };
        write_bytes(&self.folder.join(&file), &bytes)?;
        let (bytes, sha256) = (bytes.len() as u32, weights::sha256(&bytes));
        let entry = ModelEntry { id, sigma, seed, recipe, file, bytes, sha256, accuracy, normalisation: None };
        self.insert(describe(set, architecture), entry)?;
        Ok(accuracy)
    }

    /// Lists a network, sorted by σ and seed, and writes the catalogue. Its family is added if it is missing; its
    /// description is replaced by that of `family`. A network of the same name is replaced. Networks that were listed
    /// since the catalogue was opened, by another training, are kept.
    fn insert(&mut self, family: Family, entry: ModelEntry) -> Result<()> {
        self.catalog = Self::open_or_new(&self.folder)?.catalog;
        let families = &mut self.catalog.families;
        let index = families.iter().position(|known| known.id == family.id).unwrap_or_else(|| {
            families.push(Family { models: Vec::new(), ..family.clone() });
            families.len() - 1
        });
        let models = std::mem::take(&mut families[index].models);
        families[index] = Family { models, ..family };
        let models = &mut families[index].models;
        models.retain(|model| model.id != entry.id);
        models.push(entry);
        models.sort_by(|a, b| a.sigma.total_cmp(&b.sigma).then(a.seed.cmp(&b.seed)));
        self.save()
    }
}

/// What is known of a network before it is measured: see [`ModelEntry`].
pub struct TrainedModel {
    /// Its name.
    pub id: String,
    /// Its noise level.
    pub sigma: f64,
    /// Its seed.
    pub seed: u32,
    /// How it was made.
    pub recipe: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_networks_have_a_first() {
        let mut file = CatalogFile { catalog: Catalog::default(), folder: "nowhere".into() };
        let none = file.model(None).expect_err("there is none").to_string();
        assert!(none.ends_with("models.json: expected a family of networks, found none"), "{none}");
        for set in decoy_data::sets() {
            file.catalog.families.push(describe(set, Architecture::Compact));
        }
        assert_eq!(file.family(None).expect("the first").id, decoy_data::sets()[0].about().id);
        let none = file.model(None).expect_err("it has no network").to_string();
        assert!(none.ends_with("expected a network, found none"), "{none}");
    }
}
