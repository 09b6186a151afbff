//! A network of one's own, from an ONNX file, as a family of its own.

use std::collections::BTreeMap;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Accuracies, Accuracy, Architecture, Catalog, Family, Input, ModelEntry};
use crate::error::Error;
use crate::model::weights;
use crate::onnx::{self, Normalisation};

/// What an ONNX file does not say of its network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
#[serde(default)]
pub struct OwnOptions {
    /// What is done to pixels before the network sees them: `none`, `imagenet`, `symmetric`, `bytes`, or MEAN/DEVIATION.
    #[cfg_attr(target_family = "wasm", tsify(type = "string", optional))]
    pub normalisation: Normalisation,
    /// Height and width of its pictures, where the file leaves them open.
    #[cfg_attr(target_family = "wasm", tsify(optional))]
    pub input_size: Option<(usize, usize)>,
    /// The text of a file with the names of its classes: a line each, or JSON.
    #[cfg_attr(target_family = "wasm", tsify(optional))]
    pub labels: Option<String>,
}

/// A network of one's own, as a catalogue lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Own {
    /// A family of that one network.
    pub family: Family,
    /// What a person should know of how the file was read, a sentence each.
    pub notes: Vec<String>,
}

impl Catalog {
    /// Describes the network in the bytes of an ONNX file, which people call `name`, as a family to be added to a
    /// catalogue: its one entry has the length and the checksum of the file. The network itself comes with it, on `device`.
    ///
    /// Where no labels are given, a family of this catalogue with as many classes and colours lends its own, which a note
    /// says; else the classes are numbered.
    ///
    /// # Errors
    ///
    /// [`Error::Onnx`] if the network cannot be read, or there is not one label for each class.
    pub fn own(
        &self,
        name: &str,
        bytes: &[u8],
        options: &OwnOptions,
        device: &Device,
    ) -> Result<(Own, onnx::Network), Error> {
        let OwnOptions { normalisation, input_size, labels } = options;
        let read = onnx::Options { normalisation: normalisation.clone(), input_size: *input_size };
        let network = onnx::load(bytes, &read, device)?;
        let classes = network.classes();
        let input = Input { channels: network.channels(), height: network.height(), width: network.width() };
        let fits = |family: &&Family| family.labels.len() == classes && family.input.channels == input.channels;
        let mut notes = network.notes().to_vec();
        let labels = match (labels, self.families.iter().find(fits)) {
            (Some(text), _) => parse(text, classes)?,
            (None, Some(family)) => {
                notes.push(format!("Its {classes} classes are called as those of “{}”.", family.title));
                family.labels.clone()
            }
            (None, None) => (0..classes).map(|class| format!("class {class}")).collect(),
        };
        let unknown = Accuracy { clean: 0.0, noisy: 0.0 };
        let entry = ModelEntry {
            id: "own".to_owned(),
            sigma: 0.0,
            seed: 0,
            recipe: String::new(),
            file: name.to_owned(),
            bytes: bytes.len() as u32,
            sha256: weights::sha256(bytes),
            accuracy: Accuracies { train: unknown, test: unknown },
        };
        let family = Family {
            id: entry.id.clone(),
            title: name.to_owned(),
            data: String::new(),
            reader: name.to_owned(),
            note: None,
            patience: (input.height > 128).then_some(40),
            architecture: Architecture::Onnx,
            input,
            normalisation: Some(normalisation.clone()),
            crop: 1.0,
            labels,
            models: vec![entry],
        };
        Ok((Own { family, notes }, network))
    }
}

/// A line for each class; or JSON, a list of names or an object from numbers to names, as ImageNet's are passed on.
fn parse(text: &str, classes: usize) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        One(String),
        /// The last one is for people: `["n01440764", "tench"]`.
        Several(Vec<String>),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        List(Vec<Name>),
        Numbered(BTreeMap<String, Name>),
    }

    let trimmed = text.trim_start_matches('\u{feff}').trim();
    let labels: Vec<String> = if trimmed.starts_with(['[', '{']) {
        let names = serde_json::from_str(trimmed).map_err(|error| {
            Error::Onnx(format!("labels are expected as a list of names or an object from numbers to names: {error}"))
        })?;
        let names: Vec<Name> = match names {
            Names::List(names) => names,
            Names::Numbered(mut names) => {
                let missing = |class: usize| Error::Onnx(format!("the labels have no name for class {class}"));
                let all = 0..names.len();
                all.map(|class| names.remove(&class.to_string()).ok_or_else(|| missing(class)))
                    .collect::<Result<_, _>>()?
            }
        };
        let name = |name| match name {
            Name::One(name) => name,
            Name::Several(names) => names.into_iter().next_back().unwrap_or_default(),
        };
        names.into_iter().map(name).collect()
    } else {
        trimmed.lines().map(|line| line.trim().to_owned()).collect()
    };
    if labels.len() != classes {
        let found = labels.len();
        return Err(Error::Onnx(format!("{classes} labels are expected, one for each class, and {found} found")));
    }
    Ok(labels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CompactConfig;

    #[test]
    fn labels_come_in_every_form() {
        let expected = ["tench", "goldfish"];
        for text in [
            "tench\ngoldfish\n",
            "\u{feff}tench\r\ngoldfish",
            r#"["tench", "goldfish"]"#,
            r#"{"1": "goldfish", "0": "tench"}"#,
            r#"{"0": ["n01440764", "tench"], "1": ["n01443537", "goldfish"]}"#,
        ] {
            assert_eq!(parse(text, 2).expect(text), expected, "{text}");
        }
        for (text, words) in [
            ("tench", "2 labels are expected, one for each class, and 1 found"),
            (r#"{"0": "tench", "2": "goldfish"}"#, "the labels have no name for class 1"),
            ("[1, 2]", "a list of names"),
        ] {
            let error = parse(text, 2).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn an_exported_network_is_a_family_that_answers_alike() {
        let device = Device::flex();
        let input = Input { channels: 1, height: 32, width: 32 };
        let network = CompactConfig { side: 32, classes: 10 }.init(&device);
        let bytes = onnx::export(&network, input).expect("it can be written");
        let own = Catalog::default().own("mine.onnx", &bytes, &OwnOptions::default(), &device);
        let (Own { family, .. }, _) = own.expect("it is read");
        assert_eq!((family.input, family.labels.len()), (input, 10));
        assert_eq!(family.labels[3], "class 3");
        let read = family.load(&family.models[0], &bytes, &device).expect("it is that file");
        let pixels = burn::tensor::Tensor::full([1, 1, 32, 32], 0.3, &device);
        let [ours, theirs] = [crate::classifier::Frozen::new(&network), read]
            .map(|network| network.logits(pixels.clone()).into_data().try_to_vec::<f32>().expect("they are floats"));
        assert!(ours.iter().zip(&theirs).all(|(a, b)| (a - b).abs() < 1e-5), "{ours:?} {theirs:?}");
        let other = [&bytes[..], &[0]].concat();
        assert!(family.load(&family.models[0], &other, &device).is_err(), "another file is refused");
    }
}
