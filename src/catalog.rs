//! The catalogue of families, models, noise levels, labels and files: `models.json`.

use burn::module::Module;
use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Frozen, Input};
use crate::error::Error;
use crate::model::{CompactConfig, EfficientNetLite0Config, OriginalConfig, ResidualConfig, weights};
use crate::onnx::{self, Export, Normalisation};

mod own;

pub use own::{Own, OwnOptions};

/// All model families.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Catalog {
    /// The families, in the order in which a page shows them.
    pub families: Vec<Family>,
}

/// Networks of one architecture, trained on one data set, at different noise levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Family {
    /// Its name in commands and files.
    pub id: String,
    /// What its pictures show, in plain words.
    pub title: String,
    /// The data set its networks are trained on, by its name in commands.
    pub data: String,
    /// The page's label for this family, where a user's own picture is to be read.
    pub reader: String,
    /// A note for users whose own picture these networks read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The largest number of gradient steps that a user with a CPU should wait for, if a step is slow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patience: Option<u32>,
    /// The architecture of its networks.
    pub architecture: Architecture,
    /// The shape of its networks' input.
    pub input: Input,
    /// The share of a picture's shorter side that its networks were trained on. By default they see a square of this
    /// size in the middle of the picture; users can choose another square.
    pub crop: f64,
    /// The name of every class, by class index.
    pub labels: Vec<String>,
    /// The networks, by rising σ and seed.
    pub models: Vec<ModelEntry>,
}

/// The [patience](Family::patience) with networks of this input: on large pictures, 40 steps take a CPU about ten
/// seconds.
pub fn patience(input: Input) -> Option<u32> {
    input.is_large().then_some(40)
}

/// The supported architectures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// [`crate::model::Compact`].
    Compact,
    /// [`crate::model::EfficientNetLite0`].
    EfficientnetLite0,
    /// Any network from an ONNX file: [`crate::onnx`].
    Onnx,
    /// [`crate::model::Original`].
    Original,
    /// [`crate::model::Residual`].
    Residual,
}

/// One trained network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct ModelEntry {
    /// Its name in commands and on the page.
    pub id: String,
    /// σ: standard deviation of the Gaussian noise on its training images, for pixels in [0, 1].
    pub sigma: f64,
    /// Seed of its weights, its noise and the order of its images.
    pub seed: u32,
    /// How it was trained, in one sentence.
    pub recipe: String,
    /// The file with its weights, in the folder of the catalogue.
    pub file: String,
    /// Length of that file in bytes.
    pub bytes: u32,
    /// SHA-256 of that file, in hexadecimal.
    pub sha256: String,
    /// Share of images read correctly.
    pub accuracy: Accuracies,
    /// The normalisation of pixels before a network from an ONNX file. Other networks normalise inside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(target_family = "wasm", tsify(type = "string"))]
    pub normalisation: Option<Normalisation>,
}

/// [`Accuracy`] on the training images and on the held-out images.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Accuracies {
    /// On the training images.
    pub train: Accuracy,
    /// On the held-out images.
    pub test: Accuracy,
}

/// The share of images read correctly, in [0, 1].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Accuracy {
    /// On the unchanged images.
    pub clean: f64,
    /// On the images with Gaussian noise of the model's own σ.
    pub noisy: f64,
}

impl Catalog {
    /// Reads the text of `models.json`.
    ///
    /// # Errors
    ///
    /// If the text is not JSON of this schema.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Ok(serde_json::from_str(text)?)
    }

    /// The family named `id`.
    ///
    /// # Errors
    ///
    /// If there is no such family.
    pub fn family(&self, id: &str) -> Result<&Family, Error> {
        self.families
            .iter()
            .find(|family| family.id == id)
            .ok_or_else(|| unknown("family", id, self.families.iter().map(|family| &*family.id)))
    }

    /// The model named `id`, with its family.
    ///
    /// # Errors
    ///
    /// If there is no such model.
    pub fn model(&self, id: &str) -> Result<(&Family, &ModelEntry), Error> {
        let all = || self.families.iter().flat_map(|family| family.models.iter().map(move |model| (family, model)));
        all().find(|(_, model)| model.id == id).ok_or_else(|| unknown("model", id, all().map(|(_, model)| &*model.id)))
    }
}

impl Family {
    /// The index of the class with the name `label`; upper and lower case do not matter. If no class has that name, but
    /// it is a number, the class with this index.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchClass`] for a number that is too large, [`Error::Unknown`] for any other text.
    pub fn class(&self, label: &str) -> Result<usize, Error> {
        let classes = self.labels.len();
        let named = self.labels.iter().position(|known| known.eq_ignore_ascii_case(label));
        match (named, label.parse()) {
            (Some(class), _) => Ok(class),
            (None, Ok(class)) if class < classes => Ok(class),
            (None, Ok(class)) => Err(Error::NoSuchClass { class, classes }),
            (None, Err(_)) => Err(unknown("label", label, self.labels.iter().map(|label| &**label))),
        }
    }

    /// Reads the network of `entry` from the bytes of its weights file, freezes it and puts it on `device`.
    ///
    /// # Errors
    ///
    /// If the file is not the one the catalogue describes.
    pub fn load(&self, entry: &ModelEntry, bytes: &[u8], device: &Device) -> Result<Frozen, Error> {
        Ok(self.open(entry, bytes, device)?.freeze())
    }

    /// The network of `entry` as an ONNX file. It takes pixels `[N, C, H, W]` in [0, 1] and returns logits `[N, K]`.
    ///
    /// # Errors
    ///
    /// If the file is not the one the catalogue describes.
    pub fn export(&self, entry: &ModelEntry, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        self.open(entry, bytes, &Device::flex())?.export(self.input)
    }

    fn open(&self, entry: &ModelEntry, bytes: &[u8], device: &Device) -> Result<Box<dyn CatalogNetwork>, Error> {
        check(entry, bytes)?;
        let classes = self.labels.len();
        match self.architecture {
            Architecture::Compact => {
                filled(CompactConfig { side: self.input.height, classes }.init(device), &entry.id, bytes)
            }
            Architecture::EfficientnetLite0 => {
                filled(EfficientNetLite0Config { classes }.init(device), &entry.id, bytes)
            }
            Architecture::Onnx => {
                let normalisation = entry.normalisation.clone().unwrap_or_default();
                let options = onnx::Options { normalisation, input_size: Some((self.input.height, self.input.width)) };
                Ok(Box::new(onnx::load(bytes, &options, device)?))
            }
            Architecture::Original => {
                filled(OriginalConfig { side: self.input.height, classes }.init(device), &entry.id, bytes)
            }
            Architecture::Residual => {
                let channels = self.input.channels;
                filled(ResidualConfig { channels, classes }.init(device), &entry.id, bytes)
            }
        }
    }
}

/// Checks that `bytes` are the weights file of `entry`.
fn check(entry: &ModelEntry, bytes: &[u8]) -> Result<(), Error> {
    let mismatch = |expected: String, found: String| Error::Weights { model: entry.id.clone(), expected, found };
    if bytes.len() != entry.bytes as usize {
        return Err(mismatch(format!("{} bytes", entry.bytes), format!("{} bytes", bytes.len())));
    }
    let found = weights::sha256(bytes);
    if found == entry.sha256 { Ok(()) } else { Err(mismatch(format!("SHA-256 {}", entry.sha256), found)) }
}

/// A network of one of the architectures.
trait CatalogNetwork {
    fn freeze(self: Box<Self>) -> Frozen;
    fn export(&self, input: Input) -> Result<Vec<u8>, Error>;
}

impl<M: Module + Classifier + Export + 'static> CatalogNetwork for M {
    fn freeze(self: Box<Self>) -> Frozen {
        Frozen::new(&*self)
    }

    fn export(&self, input: Input) -> Result<Vec<u8>, Error> {
        onnx::export(self, input)
    }
}

impl CatalogNetwork for onnx::Network {
    fn freeze(self: Box<Self>) -> Frozen {
        (*self).freeze()
    }

    fn export(&self, _: Input) -> Result<Vec<u8>, Error> {
        Err(Error::Onnx("a network of Decoy is expected, and this one is an ONNX file already".to_owned()))
    }
}

fn filled<M: CatalogNetwork + Module + 'static>(
    mut model: M,
    id: &str,
    bytes: &[u8],
) -> Result<Box<dyn CatalogNetwork>, Error> {
    weights::from_safetensors(id, &mut model, bytes)?;
    Ok(Box::new(model))
}

fn unknown<'a>(what: &'static str, found: &str, known: impl Iterator<Item = &'a str>) -> Error {
    const SHOWN: usize = 20;
    let known: Vec<&str> = known.collect();
    let mut expected = known[..known.len().min(SHOWN)].join(", ");
    if let more @ 1.. = known.len().saturating_sub(SHOWN) {
        expected += &format!(" and {more} more");
    }
    Error::Unknown { what, found: found.to_owned(), expected }
}
