//! A network of the user's own, from an ONNX or a safetensors file, as a family with one model.

use std::collections::BTreeMap;

use burn::tensor::Device;
use serde::{Deserialize, Serialize};

use super::{Accuracies, Accuracy, Architecture, Catalog, Family, ModelEntry, patience};
use crate::classifier::{Frozen, Input};
use crate::error::Error;
use crate::model::weights;
use crate::onnx::{self, Normalisation};

/// The name of the family of a user's own network.
const OWN: &str = "own";

/// What the file does not say about its network.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
#[serde(default)]
pub struct OwnOptions {
    /// The normalisation of pixels before a network from an ONNX file, as [`Normalisation`] reads it: `none`, which is
    /// the default, `imagenet`, `symmetric`, `bytes`, `caffe`, or MEAN/DEVIATION.
    #[cfg_attr(target_family = "wasm", tsify(optional))]
    pub normalisation: Option<String>,
    /// Height and width of the pictures, if the file does not fix them.
    #[cfg_attr(target_family = "wasm", tsify(optional))]
    pub input_size: Option<(usize, usize)>,
    /// The text of a file with the class names: one per line, or JSON.
    #[cfg_attr(target_family = "wasm", tsify(optional))]
    pub labels: Option<String>,
}

/// A network of the user's own, as a catalogue lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Own {
    /// A family with this one network.
    pub family: Family,
    /// Notes for the user on how the file was read, one sentence each.
    pub notes: Vec<String>,
}

impl Catalog {
    /// Describes the network in a file as a family that can be added to a catalogue. `name` is the file's name for
    /// users. The family's one model has this name, and the length and the checksum of the file. Also returns the
    /// network itself, on `device`.
    ///
    /// The file is an ONNX file, or it holds safetensors weights for the network of a family of this catalogue. If no
    /// labels are given, those of that family are used. For an ONNX file they are those of a family with as many
    /// classes and channels, and a note says so; if there is none, the classes are numbered. Classes with the same name
    /// have their number added to it, and a note says so.
    ///
    /// # Errors
    ///
    /// [`Error::Onnx`] if the network cannot be read; [`Error::Labels`] if there is not exactly one for each class;
    /// [`Error::Weights`] if the weights fit no network; [`Error::Parameter`] if the normalisation cannot be read.
    pub fn own(&self, name: &str, bytes: &[u8], options: &OwnOptions, device: &Device) -> Result<(Own, Frozen), Error> {
        let (mut own, network) = if weights::are_safetensors(bytes) {
            self.own_weights(name, bytes, options, device)?
        } else {
            self.own_onnx(name, bytes, options, device)?
        };
        own.notes.extend(tell_apart(&mut own.family.labels));
        Ok((own, network))
    }

    fn own_onnx(
        &self,
        name: &str,
        bytes: &[u8],
        OwnOptions { normalisation, input_size, labels }: &OwnOptions,
        device: &Device,
    ) -> Result<(Own, Frozen), Error> {
        let normalisation: Normalisation = normalisation.as_deref().unwrap_or("none").parse()?;
        let read = onnx::Options { normalisation: normalisation.clone(), input_size: *input_size };
        let network = onnx::load(bytes, &read, device)?;
        let classes = network.classes();
        let input = Input { channels: network.channels(), height: network.height(), width: network.width() };
        let fits = |family: &&Family| family.labels.len() == classes && family.input.channels == input.channels;
        let mut notes = network.notes().to_vec();
        let labels = match (labels, self.families.iter().find(fits)) {
            (Some(text), _) => parse(text, classes)?,
            (None, Some(family)) => {
                notes.push(format!("Its {classes} class names are those of “{}”.", family.title));
                family.labels.clone()
            }
            (None, None) => (0..classes).map(|class| format!("class {class}")).collect(),
        };
        let entry = ModelEntry { normalisation: Some(normalisation), ..entry(name, bytes) };
        let family = Family { patience: patience(input), ..family(entry, Architecture::Onnx, input, labels) };
        Ok((Own { family, notes }, network.freeze()))
    }

    fn own_weights(
        &self,
        name: &str,
        bytes: &[u8],
        OwnOptions { labels, .. }: &OwnOptions,
        device: &Device,
    ) -> Result<(Own, Frozen), Error> {
        let entry = entry(name, bytes);
        let fitting = |family| Some((family, Family::load(family, &entry, bytes, device).ok()?));
        let (known, network) = self.families.iter().find_map(fitting).ok_or_else(|| {
            let titles: Vec<_> = self.families.iter().map(|family| format!("“{}”", family.title)).collect();
            let expected = format!("the tensors of a network of {}", titles.join(", "));
            let found = weights::check(bytes).err().unwrap_or_else(|| "others".to_owned());
            Error::Weights { model: name.to_owned(), expected, found }
        })?;
        let notes = vec![format!("Weights for a network of “{}”, which takes pixels from 0 to 1.", known.title)];
        let labels = labels.as_ref().map_or(Ok(known.labels.clone()), |text| parse(text, known.labels.len()))?;
        let family = Family {
            patience: known.patience,
            crop: known.crop,
            ..family(entry, known.architecture, known.input, labels)
        };
        Ok((Own { family, notes }, network))
    }
}

/// The family of a user's own network, which sees the whole middle square of a picture.
fn family(entry: ModelEntry, architecture: Architecture, input: Input, labels: Vec<String>) -> Family {
    Family {
        id: OWN.to_owned(),
        title: entry.id.clone(),
        data: String::new(),
        reader: entry.id.clone(),
        note: None,
        patience: None,
        architecture,
        input,
        crop: 1.0,
        labels,
        models: vec![entry],
    }
}

/// The catalogue entry of a network, without any measured figures.
fn entry(name: &str, bytes: &[u8]) -> ModelEntry {
    let unknown = Accuracy { clean: 0.0, noisy: 0.0 };
    ModelEntry {
        id: name.to_owned(),
        sigma: 0.0,
        seed: 0,
        recipe: String::new(),
        file: name.to_owned(),
        bytes: bytes.len() as u32,
        sha256: weights::sha256(bytes),
        accuracy: Accuracies { train: unknown, test: unknown },
        normalisation: None,
    }
}

/// Reads one label per line, or JSON: a list of names, or an object from class numbers to names, as for ImageNet, or
/// from names to class numbers.
fn parse(text: &str, classes: usize) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Name {
        One(String),
        /// The last one is the readable name: `["n01440764", "tench"]`.
        Several(Vec<String>),
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Names {
        List(Vec<Name>),
        ClassByName(BTreeMap<String, usize>),
        NameByClass(BTreeMap<String, Name>),
    }
    let wrong = |message: String| Error::Labels(message);

    let trimmed = text.trim_start_matches('\u{feff}').trim();
    let labels: Vec<String> = if trimmed.starts_with(['[', '{']) {
        let names = serde_json::from_str(trimmed).map_err(|error| {
            let place = if error.line() > 0 { format!(" (line {})", error.line()) } else { String::new() };
            wrong(format!(
                "in JSON, a list of names or an object from numbers to names is expected, others found{place}"
            ))
        })?;
        let names: Vec<Name> = match names {
            Names::List(names) => names,
            Names::ClassByName(numbers) => {
                let mut names: Vec<(usize, String)> =
                    numbers.into_iter().map(|(name, number)| (number, name)).collect();
                names.sort();
                if let Some(class) = (0..names.len()).find(|&class| names[class].0 != class) {
                    return Err(wrong(format!("one name for class {class} is expected, none or several found")));
                }
                names.into_iter().map(|(_, name)| Name::One(name)).collect()
            }
            Names::NameByClass(mut names) => {
                let missing = |class: usize| wrong(format!("a name for class {class} is expected, none found"));
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
        return Err(wrong(format!("{classes} are expected, one for each class, {} found", labels.len())));
    }
    if let Some(class) = labels.iter().position(String::is_empty) {
        return Err(wrong(format!("a name for class {class} is expected, an empty one found")));
    }
    match labels.iter().position(|label| label.contains(char::is_control)) {
        Some(class) => Err(wrong(format!("a name for class {class} is expected, one with control characters found"))),
        None => Ok(labels),
    }
}

/// Adds the class number to every label that several classes have, whether in upper or lower case. Returns a note for
/// the user if there is one.
fn tell_apart(labels: &mut [String]) -> Option<String> {
    let mut first = None;
    loop {
        let folded: Vec<String> = labels.iter().map(|label| label.to_ascii_lowercase()).collect();
        let mut counts = BTreeMap::new();
        folded.iter().for_each(|label| *counts.entry(label).or_insert(0) += 1);
        let mut apart = true;
        for (class, (label, folded)) in labels.iter_mut().zip(&folded).enumerate() {
            if counts[folded] > 1 {
                apart = false;
                *label = format!("{label} ({class})");
                first.get_or_insert_with(|| label.clone());
            }
        }
        if apart {
            break; // a number may make a name that another class has already
        }
    }
    first.map(|label| format!("Some classes have the same name, so each has its number added, such as “{label}”."))
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
            r#"{"goldfish": 1, "tench": 0}"#,
        ] {
            assert_eq!(parse(text, 2).expect(text), expected, "{text}");
        }
        for (text, words) in [
            ("tench", "2 are expected, one for each class, 1 found"),
            ("tench\n\ngoldfish", "3 found"),
            (r#"["tench", ""]"#, "a name for class 1 is expected, an empty one found"),
            (r#"{"0": "tench", "2": "goldfish"}"#, "a name for class 1 is expected, none found"),
            (r#"{"tench": 0, "goldfish": 2}"#, "one name for class 1 is expected, none or several found"),
            ("[1, 2]", "a list of names"),
        ] {
            let error = parse(text, 2).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn classes_of_the_same_name_are_told_apart() {
        let mut labels = ["crane", "duck", "Crane"].map(str::to_owned);
        let note = tell_apart(&mut labels).expect("two have the same name");
        assert_eq!(labels, ["crane (0)", "duck", "Crane (2)"]);
        let mut labels = ["a (0)", "a", "a", "a (1)"].map(str::to_owned);
        tell_apart(&mut labels).expect("two have the same name");
        assert_eq!(labels, ["a (0)", "a (1) (1)", "a (2)", "a (1) (3)"]);
        let mut labels = ["crane (0)", "duck", "Crane (2)"].map(str::to_owned);
        assert!(note.contains("“crane (0)”"), "{note}");
        assert_eq!(tell_apart(&mut labels), None);
    }

    #[test]
    fn a_class_is_found_by_its_name_or_number() {
        let labels = ["crane (0)", "7", "Duck"].map(str::to_owned).to_vec();
        let input = Input { channels: 1, height: 32, width: 32 };
        let family = family(entry("mine.onnx", &[]), Architecture::Onnx, input, labels);
        for (text, class) in [("crane (0)", 0), ("duck", 2), ("7", 1), ("0", 0), ("2", 2)] {
            assert_eq!(family.class(text).expect(text), class);
        }
        for (text, words) in [("3", "the network has 3 classes, 0 to 2"), ("crane", "there is no label named “crane”")]
        {
            let error = family.class(text).expect_err(text).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_normalisation_that_cannot_be_read_is_told() {
        let options = OwnOptions { normalisation: Some("0.5".to_owned()), ..OwnOptions::default() };
        let refused = Catalog::default().own("mine.onnx", b"", &options, &Device::flex()).err();
        let words = refused.expect("a deviation is missing").to_string();
        assert_eq!(
            words,
            "normalisation is 0.5: expected none, imagenet, symmetric, bytes, caffe, or MEAN/DEVIATION, such as 0.5/0.25"
        );
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

    #[test]
    fn weights_are_those_of_a_known_network() {
        let device = Device::flex();
        let network = CompactConfig { side: 16, classes: 3 }.init(&device);
        let bytes = weights::to_safetensors("mine", &network).expect("it can be written");
        let input = Input { channels: 1, height: 16, width: 16 };
        let labels = ["cup", "car", "duck"].map(str::to_owned).to_vec();
        let known = Family { architecture: Architecture::Compact, input, labels, ..an_onnx_family(16) };
        let catalog = Catalog { families: vec![an_onnx_family(32), known.clone()] };

        let own = catalog.own("mine.safetensors", &bytes, &OwnOptions::default(), &device);
        let (Own { family, notes }, read) = own.expect("it is read");
        assert_eq!((&*family.id, &*family.models[0].id, family.input), (OWN, "mine.safetensors", input));
        assert_eq!(family.labels, known.labels);
        assert!(notes[0].contains(&known.title), "{notes:?}");
        let pixels = burn::tensor::Tensor::full([1, 1, 16, 16], 0.3, &device);
        let again = family.load(&family.models[0], &bytes, &device).expect("it is that file");
        assert_eq!(read.logits(pixels.clone()).into_data(), again.logits(pixels).into_data());

        let strange = CompactConfig { side: 32, classes: 3 }.init(&device);
        let bytes = weights::to_safetensors("strange", &strange).expect("it can be written");
        let refused = catalog.own("strange.safetensors", &bytes, &OwnOptions::default(), &device).err();
        let words = refused.expect("it fits no network").to_string();
        assert!(
            words.starts_with("the weights of strange.safetensors: expected the tensors of a network of"),
            "{words}"
        );
    }

    fn an_onnx_family(side: usize) -> Family {
        let input = Input { channels: 1, height: side, width: side };
        let network = CompactConfig { side, classes: 10 }.init(&Device::flex());
        let bytes = onnx::export(&network, input).expect("it can be written");
        let own = Catalog::default().own("mine.onnx", &bytes, &OwnOptions::default(), &Device::flex());
        own.expect("it is read").0.family
    }
}
