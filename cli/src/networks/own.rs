//! The network that a command uses: one of the catalogue, or the user's own, from an ONNX file or weights in
//! safetensors.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use clap::Args;
use decoy::catalog::{Architecture, Own, OwnOptions};
use decoy::error::Error;
use decoy::onnx::{self, Normalisation};

use super::catalog_file::CatalogFile;
use super::loaded::LoadedModel;
use crate::files::read_bytes;

/// A network of one's own in place of one of the catalogue.
#[derive(Args)]
pub struct OwnArgs {
    /// A network of your own: an image classifier as an ONNX file (weights in another file are read beside it), or
    /// weights in safetensors for a network of the catalogue.
    #[arg(long, value_name = "FILE", conflicts_with = "model")]
    network: Option<PathBuf>,
    /// Its labels: a text with one a line, or a list or object in JSON. Default: those of a family of the catalogue
    /// with as many classes and colours, else numbers.
    #[arg(long, value_name = "FILE", requires = "network")]
    labels: Option<PathBuf>,
    /// How it normalises pixels in [0, 1]: none, imagenet, symmetric ([-1, 1]), bytes (0 to 255), caffe (blue, green,
    /// red, less the mean), or mean and deviation, for all colours or each, such as 0.5/0.25 or
    /// 0.49,0.48,0.45/0.25,0.24,0.26.
    #[arg(long, value_name = "HOW", default_value = "none", requires = "network", allow_hyphen_values = true)]
    normalise: Normalisation,
    /// Height and width of its pictures, where the file leaves them open: 224 or 224x256.
    #[arg(long, value_name = "SIZE", value_parser = parse_size, requires = "network")]
    input_size: Option<(usize, usize)>,
}

impl OwnArgs {
    /// The files that are read, those with weights of the network among them.
    pub fn files(&self) -> Vec<PathBuf> {
        let network = self.network.iter().flat_map(|path| {
            // A pipe is read once.
            let bytes = if path.is_file() { read_bytes(path).unwrap_or_default() } else { Vec::new() };
            let names = onnx::other_files(&bytes);
            names.into_iter().map(|name| path.with_file_name(name)).chain([path.clone()])
        });
        network.chain(self.labels.clone()).collect()
    }

    /// Whether a file is given.
    pub fn is_named(&self) -> bool {
        self.network.is_some()
    }

    /// Opens the network, if one is given. Its labels may come from the catalogue in `models`.
    pub fn open(&self, models: &Path, device: &Device) -> Result<Option<LoadedModel>> {
        let Some(path) = &self.network else {
            return Ok(None);
        };
        let bytes = read_network(path)?;
        let options = OwnOptions {
            normalisation: Some(self.normalise.clone().into()),
            input_size: self.input_size,
            labels: self.labels.as_deref().map(read_text).transpose()?,
        };
        let name =
            path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned());
        // For labels and known networks.
        let catalog = CatalogFile::open(models).map(|file| file.catalog).unwrap_or_default();
        let read = catalog.own(&name, &bytes, &options, device);
        let (Own { family, notes }, network) = read.map_err(|error| {
            let file = self.labels.as_ref().filter(|_| matches!(error, Error::Labels(_))).unwrap_or(path);
            anyhow::Error::from(error).context(file.display().to_string())
        })?;
        let takes_options = family.architecture == Architecture::Onnx;
        ensure!(
            takes_options || (self.normalise == Normalisation::None && self.input_size.is_none()),
            "{}: --normalise and --input-size are for ONNX files, and these weights are for a network that has both",
            path.display()
        );
        let independent = pollster::block_on(network.check_independent(family.input));
        independent.with_context(|| path.display().to_string())?;
        for note in notes {
            eprintln!("{}: {note}", path.display());
        }
        let entry = family.models[0].clone();
        Ok(Some(LoadedModel { family, entry, network }))
    }

    /// Opens the user's own network if one is given, else the one `named` in the catalogue in `models`, or its first.
    pub fn or_listed(&self, named: Option<&str>, models: &Path, device: &Device) -> Result<LoadedModel> {
        match self.open(models, device)? {
            Some(own) => Ok(own),
            None => CatalogFile::open(models)?.open_model(named, device),
        }
    }
}

/// The network file at `path`, with the weights that an ONNX file has in other files of its folder.
fn read_network(path: &Path) -> Result<Vec<u8>> {
    let bytes = read_bytes(path)?;
    let names = onnx::other_files(&bytes);
    if names.is_empty() {
        return Ok(bytes);
    }
    let mut files = BTreeMap::new();
    for name in names {
        let inside = Path::new(&name).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(inside, "{}: weights in files beside it are expected, found “{name}”", path.display());
        let other = path.with_file_name(&name);
        let read = read_bytes(&other);
        let read =
            read.with_context(|| format!("{}: its weights are expected in {}", path.display(), other.display()))?;
        files.insert(name, read);
    }
    let joined = onnx::join(&bytes, |name| files.get(name).map(|bytes| &**bytes));
    joined.with_context(|| path.display().to_string())
}

/// The text in the file at `path`, in UTF-8, or in UTF-16 if it begins with a byte order mark, as some editors write
/// it.
fn read_text(path: &Path) -> Result<String> {
    let bytes = read_bytes(path)?;
    decode_text(&bytes).with_context(|| {
        format!("{}: expected text in UTF-8, or in UTF-16 with a byte order mark, found neither", path.display())
    })
}

/// The text of these bytes; see [`read_text`]. `None` if they are in another encoding.
fn decode_text(bytes: &[u8]) -> Option<String> {
    let units = |read: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs[1..].iter().map(|&pair| read(pair)).collect(); // without the mark
        String::from_utf16(&units).ok().filter(|_| rest.is_empty())
    };
    let text = match bytes {
        [0xff, 0xfe, ..] => units(u16::from_le_bytes),
        [0xfe, 0xff, ..] => units(u16::from_be_bytes),
        _ => String::from_utf8(bytes.to_vec()).ok(),
    };
    text.filter(|text| !text.contains('\0')) // zeros: UTF-16 without a mark, or UTF-32
}

fn parse_size(text: &str) -> Result<(usize, usize), String> {
    let (height, width) = text.split_once('x').unwrap_or((text, text));
    match (height.parse(), width.parse()) {
        (Ok(height), Ok(width)) => Ok((height, width)),
        _ => Err("expected one number or two, such as 224 or 224x256".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_in_its_encoding() {
        let text = "Kranich\nΓερανός\n";
        let wide = |write: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(write).collect() };
        let (little, big) = (wide(u16::to_le_bytes), wide(u16::to_be_bytes));
        let marked =
            [[&[0xff, 0xfe][..], &little].concat(), [&[0xfe, 0xff][..], &big].concat(), text.as_bytes().to_vec()];
        for bytes in marked {
            assert_eq!(decode_text(&bytes).as_deref(), Some(text));
        }
        for bytes in [&*little, &[0xff, 0xfe, 0x41], &[0xff, 0xfe, 0, 0, 0x41, 0, 0, 0], b"M\xf6we"] {
            assert_eq!(decode_text(bytes), None);
        }
    }

    #[test]
    fn a_size_is_one_number_or_two() {
        assert_eq!(parse_size("224"), Ok((224, 224)));
        assert_eq!(parse_size("224x256"), Ok((224, 256)));
        assert!(parse_size("large").is_err());
    }
}
