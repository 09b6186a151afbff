//! Weights that lie in other files than the graph, as PyTorch writes them.

use std::collections::BTreeSet;

use prost::Message;

use super::proto::{Model, Tensor};
use super::{decode, in_a_sentence, refuse};
use crate::error::Error;

/// `TensorProto.DataLocation`: the values are in the file, or in another.
const INSIDE: i32 = 0;
const EXTERNAL: i32 = 1;

/// All tensors together may take this many times the bytes of the other files: tensors may share values.
const SHARED: usize = 4;

/// The tensors of a model that lie in other files.
fn external_tensors(model: &mut Model) -> impl Iterator<Item = &mut Tensor> {
    let tensors = model.graph.iter_mut().flat_map(|graph| {
        let attributes = graph.nodes.iter_mut().flat_map(|node| &mut node.attributes);
        graph.initializers.iter_mut().chain(attributes.filter_map(|attribute| attribute.tensor.as_deref_mut()))
    });
    tensors.filter(|tensor| tensor.location == Some(EXTERNAL))
}

/// The name of the other file with the values of a tensor; `./` before it says nothing.
fn location(tensor: &Tensor) -> Option<&str> {
    let name = entry(tensor, "location")?;
    Some(name.trim_start_matches("./")).filter(|name| !name.is_empty())
}

/// The entry of a tensor that says where its values lie.
fn entry<'a>(tensor: &'a Tensor, key: &str) -> Option<&'a str> {
    tensor.external.iter().find(|entry| entry.key.as_deref() == Some(key))?.value.as_deref()
}

/// The names of the other files with weights of an ONNX file, as it has them, relative to its folder. There are none if
/// all weights are inside, or if it is no ONNX file.
pub fn other_files(bytes: &[u8]) -> Vec<String> {
    decode(bytes).map(|mut model| locations(&mut model)).unwrap_or_default()
}

/// The names of the other files of a model, each once.
fn locations(model: &mut Model) -> Vec<String> {
    let names: BTreeSet<String> =
        external_tensors(model).filter_map(|tensor| location(tensor)).map(str::to_owned).collect();
    names.into_iter().collect()
}

/// An ONNX file and the other files with its weights, as one ONNX file. `find` gives the bytes of a file that
/// [`other_files`] names.
///
/// # Errors
///
/// [`Error::Onnx`] if `bytes` is no ONNX file, if another file is not found, or is too short.
pub fn join<'a>(bytes: &[u8], find: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Vec<u8>, Error> {
    in_a_sentence(joined(bytes, find))
}

fn joined<'a>(bytes: &[u8], find: impl Fn(&str) -> Option<&'a [u8]>) -> Result<Vec<u8>, Error> {
    let mut model = decode(bytes)?;
    let mut left: usize =
        locations(&mut model).iter().filter_map(|name| find(name)).map(|file| SHARED * file.len()).sum();
    for tensor in external_tensors(&mut model) {
        let weights = tensor.name.clone().unwrap_or_default();
        let Some(location) = location(tensor) else {
            return refuse(format!("weights “{weights}”: the name of a file is expected, and none found"));
        };
        let Some(file) = find(location) else {
            return refuse(format!("weights “{weights}”: they lie in “{location}”, which is not there"));
        };
        let number = |key: &str| entry(tensor, key).map(str::parse::<usize>).transpose();
        let (Ok(start), Ok(length)) = (number("offset"), number("length")) else {
            return refuse(format!(
                "weights “{weights}”: offset and length in “{location}” are expected to be numbers"
            ));
        };
        let start = start.unwrap_or(0);
        let end = length.map_or(Some(file.len()), |length| start.checked_add(length));
        let Some(values) = end.and_then(|end| file.get(start..end)) else {
            let count = length.map_or("bytes".to_owned(), |length| format!("{length} bytes"));
            let found = file.len();
            return refuse(format!(
                "weights “{weights}”: {count} from {start} on are expected in “{location}”, which has {found}"
            ));
        };
        match left.checked_sub(values.len()) {
            Some(rest) => left = rest,
            None => {
                return refuse(format!("weights “{weights}”: they need more bytes than “{location}” has"));
            }
        }
        tensor.raw = Some(values.to_vec());
        (tensor.location, tensor.external) = (Some(INSIDE), Vec::new());
    }
    Ok(model.encode_to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::CompactConfig;
    use crate::onnx::proto::Entry;
    use crate::onnx::{Options, export, load};
    use burn::tensor::{Device, Tensor as Images};

    use crate::classifier::{Classifier, Input};

    /// A network, with its weights inside and in another file.
    fn both() -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        let network = CompactConfig { side: 16, classes: 4 }.init(&Device::flex());
        let whole = export(&network, Input { channels: 1, height: 16, width: 16 }).expect("it is written");
        let mut model = Model::decode(&*whole).expect("it is a model");
        let mut file = Vec::new();
        for tensor in &mut model.graph.as_mut().expect("a graph").initializers {
            let Some(raw) = tensor.raw.take() else { continue };
            let entry = |key: &str, value: String| Entry { key: Some(key.to_owned()), value: Some(value) };
            tensor.external = vec![
                entry("location", "weights/a.data".to_owned()),
                entry("offset", file.len().to_string()),
                entry("length", raw.len().to_string()),
            ];
            tensor.location = Some(EXTERNAL);
            file.extend(raw);
        }
        (whole, model.encode_to_vec(), file)
    }

    #[test]
    fn weights_of_another_file_are_taken_in() {
        let (whole, bytes, file) = both();
        assert!(other_files(&whole).is_empty());
        assert_eq!(other_files(&bytes), ["weights/a.data"]);
        let joined = join(&bytes, |name| (name == "weights/a.data").then_some(&*file)).expect("they belong together");
        let device = Device::flex();
        let [expected, found] = [&whole, &joined].map(|bytes| {
            let network = load(bytes, &Options::default(), &device).expect("it is read");
            network.logits(Images::full([1, 1, 16, 16], 0.3, &device)).into_data()
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_missing_is_told() {
        let (_, bytes, file) = both();
        let message = |found: Result<Vec<u8>, Error>| found.expect_err("something is missing").to_string();
        assert!(message(join(&bytes, |_| None)).contains("in “weights/a.data”, which is not there"));
        assert!(message(join(&bytes, |_| Some(&file[..100]))).contains("which has 100"));
        let alone = load(&bytes, &Options::default(), &Device::flex()).err().map(|error| error.to_string());
        assert!(alone.is_some_and(|words| words.contains("give both files together")));
        assert!(message(join(b"a letter", |_| None)).contains("found a text"));
    }
}
