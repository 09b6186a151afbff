//! Weights as safetensors: half precision on disk, single precision in memory.

use burn::tensor::DType;
use burn_store::{FloatCastAdapter, ModuleSnapshot, ModuleStore, SafetensorsStore};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The weights of `module` as a safetensors file of 16-bit floats.
///
/// # Errors
///
/// If the weights cannot be read from their device.
pub fn to_safetensors<M: ModuleSnapshot>(model: &str, module: &M) -> Result<Vec<u8>, Error> {
    let store = SafetensorsStore::from_bytes(None).clear_metadata(); // which has no fixed order
    let mut store = store.with_to_adapter(FloatCastAdapter::to(DType::F16));
    store.collect_from(module).and_then(|()| store.get_bytes()).map_err(|error| unusable(model, error))
}

/// Fills `module` with the weights of a safetensors file of any floats.
///
/// # Errors
///
/// If the file is damaged, or lacks a tensor, or has one of another shape or name.
pub fn from_safetensors<M: ModuleSnapshot>(model: &str, module: &mut M, bytes: &[u8]) -> Result<(), Error> {
    let mut store =
        SafetensorsStore::from_bytes(Some(bytes.to_vec())).with_from_adapter(FloatCastAdapter::to(DType::F32));
    let applied = store.apply_to(module).map_err(|error| unusable(model, error))?;
    match applied.unused.first() {
        None => Ok(()),
        Some(tensor) => Err(unusable(model, format!("an unknown tensor “{tensor}”"))),
    }
}

/// The SHA-256 of a file, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unusable(model: &str, found: impl ToString) -> Error {
    Error::Weights {
        model: model.to_owned(),
        expected: "a safetensors file with exactly the network's tensors".to_owned(),
        found: found.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classifier::Classifier;
    use crate::model::CompactConfig;
    use burn::tensor::{Device, Tensor, Tolerance};

    #[test]
    fn weights_survive_the_file_and_damage_is_told() {
        let device = Device::flex();
        let config = CompactConfig { side: 128, classes: 20 };
        let saved = config.init(&device);
        let bytes = to_safetensors("m", &saved).expect("weights are written");
        let mut read = config.init(&device);
        from_safetensors("m", &mut read, &bytes).expect("weights are read");
        let pixels = Tensor::full([1, 1, 128, 128], 0.5, &device);
        let [before, after] = [&saved, &read].map(|model| model.logits(pixels.clone()).into_data());
        // Half precision keeps three digits.
        before.assert_approx_eq::<f32>(&after, Tolerance::rel_abs(1e-2, 1e-3));

        let mut store = SafetensorsStore::from_bytes(None);
        store.collect_from(&saved).expect("weights are collected");
        from_safetensors("m", &mut read, &store.get_bytes().expect("weights are written")).expect("single precision");
        assert_eq!(read.logits(pixels).into_data(), before);

        let cut = from_safetensors("m", &mut read, &bytes[..bytes.len() / 2]);
        assert!(matches!(cut, Err(Error::Weights { .. })), "{cut:?}");
        let mut narrower = CompactConfig { side: 128, classes: 10 }.init(&device);
        let shape = from_safetensors("m", &mut narrower, &bytes);
        assert!(matches!(shape, Err(Error::Weights { .. })), "{shape:?}");
    }
}
