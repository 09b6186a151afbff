//! Weights as safetensors files: 8 bits a value with one scale per output channel in the file, single precision in
//! memory.
//!
//! A matrix or kernel `NAME` is stored as whole numbers from −127 to 127, next to its scales `NAME.scale`, one for each
//! output channel. A weight is its number times the scale of its channel. Biases and kernels with few input channels
//! have half precision: they are a small part of a network, and their rounding errors matter most.

use std::borrow::Cow;
use std::collections::HashMap;

use burn::tensor::{DType, TensorData};
use burn_store::{FloatCastAdapter, ModuleSnapshot, ModuleStore, SafetensorsStore};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, View};
use sha2::{Digest, Sha256};

use crate::error::Error;

/// The weights of `module` as a safetensors file with 8-bit weights.
///
/// The weights are first rounded to half precision, so that a network read from a file of 16-bit floats gives the same
/// file.
///
/// # Errors
///
/// If the weights cannot be read from their device.
pub fn to_safetensors<M: ModuleSnapshot>(model: &str, module: &M) -> Result<Vec<u8>, Error> {
    let mut store = SafetensorsStore::from_bytes(None).with_to_adapter(FloatCastAdapter::to(DType::F16));
    let floats = store.collect_from(module).and_then(|()| store.get_bytes());
    pack(&floats.map_err(|error| unusable(model, error))?).map_err(|error| unusable(model, error))
}

/// Fills `module` with the weights of a safetensors file: 8-bit weights with scales, or floats of any size.
///
/// # Errors
///
/// If the file is damaged, lacks a tensor, or has a tensor of another shape or an unknown name.
pub fn from_safetensors<M: ModuleSnapshot>(model: &str, module: &mut M, bytes: &[u8]) -> Result<(), Error> {
    let floats = check(bytes).and_then(|()| unpack(bytes)).map_err(|error| unusable(model, error))?;
    let mut store = SafetensorsStore::from_bytes(Some(floats)).with_from_adapter(FloatCastAdapter::to(DType::F32));
    let applied = store.apply_to(module).map_err(|error| unusable(model, error))?;
    match applied.unused.first() {
        None => Ok(()),
        Some(tensor) => Err(unusable(model, format!("an unknown tensor “{tensor}”"))),
    }
}

/// Whether the bytes seem to be a safetensors file, whole or not: they begin with the length of the header, then its
/// JSON.
pub fn are_safetensors(bytes: &[u8]) -> bool {
    bytes.get(8..10) == Some(b"{\"")
}

/// Checks that the file is whole and that its floats are finite.
pub(crate) fn check(bytes: &[u8]) -> Result<(), String> {
    let file =
        SafeTensors::deserialize(bytes).map_err(|error| format!("a file that is cut off or damaged: {error}"))?;
    let is_finite = |view: &TensorView<'_>| match view.dtype() {
        Dtype::F32 => view.data().as_chunks().0.iter().all(|&bytes| f32::from_le_bytes(bytes).is_finite()),
        // The exponent of an infinity and of NaN has all bits set.
        Dtype::F16 => view.data().as_chunks().0.iter().all(|&bytes| u16::from_le_bytes(bytes) & 0x7c00 != 0x7c00),
        _ => true,
    };
    match file.iter().find(|(_, view)| !is_finite(view)) {
        None => Ok(()),
        Some((name, _)) => Err(format!("values of “{name}” that are infinite or not a number")),
    }
}

/// The SHA-256 of a file, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A tensor to write into a file.
struct Stored {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Stored {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        (&self.bytes).into()
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The suffix of the name of the scales: `NAME.scale` are the scales of `NAME`.
const SCALE: &str = ".scale";

/// Whether a tensor of this shape is stored in 8 bits: matrices, and kernels with more than three input channels.
fn is_packed(shape: &[usize]) -> bool {
    shape.len() == 2 || shape.get(1).is_some_and(|&channels| channels > 3)
}

/// `value / scale`, rounded to a whole number from −127 to 127.
fn number(value: f32, scale: f32) -> f32 {
    if scale == 0.0 { 0.0 } else { (value / scale).round().clamp(-127.0, 127.0) }
}

/// Converts a file of floats into a file of 8-bit weights.
fn pack(floats: &[u8]) -> Result<Vec<u8>, String> {
    let mut tensors = Vec::new();
    for (name, view) in SafeTensors::deserialize(floats).map_err(|error| error.to_string())?.iter() {
        let shape = view.shape().to_vec();
        if !is_packed(&shape) {
            tensors.push((name.to_owned(), Stored { dtype: view.dtype(), shape, bytes: view.data().to_vec() }));
            continue;
        }
        let values = to_f32(&view)?;
        let channels = Channels::of(&shape);
        let scales = channels.scales(&values);
        let numbers = values.iter().enumerate().map(|(index, value)| number(*value, scales[channels.at(index)]));
        let bytes = numbers.map(|number| (number as i8).cast_unsigned()).collect();
        tensors.push((name.to_owned(), Stored { dtype: Dtype::I8, shape, bytes }));
        let bytes = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        tensors.push((format!("{name}{SCALE}"), Stored { dtype: Dtype::F32, shape: vec![scales.len()], bytes }));
    }
    safetensors::serialize(tensors, None).map_err(|error| error.to_string())
}

/// Converts a file of 8-bit weights into a file of floats. A file of floats is not changed.
fn unpack(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| error.to_string())?;
    let all: HashMap<&str, _> = file.iter().collect();
    if all.values().all(|view| view.dtype() != Dtype::I8) {
        return Ok(bytes.to_vec());
    }
    let is_scale =
        |name: &str| name.strip_suffix(SCALE).and_then(|name| all.get(name)).is_some_and(|of| of.dtype() == Dtype::I8);
    let mut tensors = Vec::new();
    for (&name, view) in all.iter().filter(|(name, _)| !is_scale(name)) {
        let (dtype, shape) = (view.dtype(), view.shape().to_vec());
        if dtype != Dtype::I8 {
            tensors.push((name, Stored { dtype, shape, bytes: view.data().to_vec() }));
            continue;
        }
        let channels = Channels::of(&shape);
        let scales = all.get(format!("{name}{SCALE}").as_str()).map(to_f32).transpose()?.unwrap_or_default();
        if scales.len() != channels.count {
            return Err(format!("{} scales of “{name}” in place of {}", scales.len(), channels.count));
        }
        let numbers = view.data().iter().map(|byte| f32::from(byte.cast_signed()));
        let values = numbers.enumerate().map(|(index, number)| number * scales[channels.at(index)]);
        let bytes = values.flat_map(f32::to_le_bytes).collect();
        tensors.push((name, Stored { dtype: Dtype::F32, shape, bytes }));
    }
    safetensors::serialize(tensors, None).map_err(|error| error.to_string())
}

/// The axis of the output channels in a tensor: the first one of kernels `[O, C, K, K]`, the last one of matrices `[C,
/// O]`.
struct Channels {
    count: usize,
    /// Distance in memory between the first values of neighbouring channels.
    apart: usize,
}

impl Channels {
    fn of(shape: &[usize]) -> Self {
        match shape {
            &[_, count] => Self { count, apart: 1 },
            [count, kernel @ ..] => Self { count: *count, apart: kernel.iter().product::<usize>().max(1) },
            [] => Self { count: 1, apart: 1 },
        }
    }

    fn at(&self, index: usize) -> usize {
        index / self.apart % self.count
    }

    /// The scale of every channel with the smallest sum of squared errors. It is the scale that just reaches the
    /// largest value, or a smaller one: that clips the largest values and represents the others more precisely.
    fn scales(&self, values: &[f32]) -> Vec<f32> {
        let mut largest = vec![0.0_f32; self.count];
        for (index, value) in values.iter().enumerate() {
            largest[self.at(index)] = largest[self.at(index)].max(value.abs());
        }
        let mut best: Vec<(f32, f32)> = vec![(f32::INFINITY, 0.0); self.count];
        for hundredths in (50..=100).rev().step_by(2) {
            let scales: Vec<f32> = largest.iter().map(|largest| largest * hundredths as f32 / 12_700.0).collect();
            let mut errors = vec![0.0_f32; self.count];
            for (index, value) in values.iter().enumerate() {
                let scale = scales[self.at(index)];
                errors[self.at(index)] += (number(*value, scale) * scale - value).powi(2);
            }
            for (best, tried) in best.iter_mut().zip(errors.into_iter().zip(scales)) {
                if tried.0 < best.0 {
                    *best = tried;
                }
            }
        }
        best.into_iter().map(|(_, scale)| scale).collect()
    }
}

fn to_f32(view: &TensorView<'_>) -> Result<Vec<f32>, String> {
    let dtype = match view.dtype() {
        Dtype::F16 => DType::F16,
        Dtype::F32 => DType::F32,
        other => return Err(format!("{other:?} in place of floats")),
    };
    let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
    data.convert::<f32>().try_to_vec().map_err(|error| error.to_string())
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
        // Every weight is wrong by at most half a step; a step is 1/127 of the largest weight of its channel.
        before.assert_approx_eq::<f32>(&after, Tolerance::rel_abs(5e-2, 5e-3));

        let mut store = SafetensorsStore::from_bytes(None);
        store.collect_from(&saved).expect("weights are collected");
        let floats = store.get_bytes().expect("weights are written");
        from_safetensors("m", &mut read, &floats).expect("single precision");
        assert_eq!(read.logits(pixels).into_data(), before);

        let cut = from_safetensors("m", &mut read, &bytes[..bytes.len() / 2]);
        assert!(matches!(cut, Err(Error::Weights { .. })), "{cut:?}");
        let mut narrower = CompactConfig { side: 128, classes: 10 }.init(&device);
        let shape = from_safetensors("m", &mut narrower, &bytes);
        assert!(matches!(shape, Err(Error::Weights { .. })), "{shape:?}");
    }

    fn file(tensors: impl IntoIterator<Item = (&'static str, Vec<usize>, Vec<f32>)>) -> Vec<u8> {
        let stored = tensors.into_iter().map(|(name, shape, values)| {
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            (name, Stored { dtype: Dtype::F32, shape, bytes })
        });
        safetensors::serialize(stored, None).expect("tensors with names of their own")
    }

    fn values(bytes: &[u8], name: &str) -> Vec<f32> {
        to_f32(&SafeTensors::deserialize(bytes).expect("a file").tensor(name).expect("a tensor")).expect("floats")
    }

    #[test]
    fn every_output_channel_has_its_scale() {
        // The first value of each channel is 127 steps large. A channel of zeros stays zero.
        let kernel = |largest: f32| [largest, -0.5 * largest, 0.25 * largest, 0.0];
        let kernels = [kernel(1.27), kernel(0.0), kernel(-254.0)].concat();
        let packed = pack(&file([
            ("kernels", vec![3, 4, 1, 1], kernels.clone()),
            ("matrix", vec![4, 3], (0..12).map(|index| kernels[index % 3 * 4 + index / 3]).collect()),
            ("first", vec![1, 3, 1, 1], vec![0.1, 0.2, 0.3]),
            ("bias", vec![2], vec![0.125, 9.0]),
        ]));
        let packed = packed.expect("floats");
        assert_eq!(values(&packed, "kernels.scale").len(), 3);
        let read = unpack(&packed).expect("a packed file");
        let [read_kernels, matrix] = ["kernels", "matrix"].map(|name| values(&read, name));
        for (index, (read, value)) in read_kernels.iter().zip(&kernels).enumerate() {
            let largest = kernels[index / 4 * 4].abs();
            assert!((read - value).abs() <= 0.51 * largest / 127.0, "{index}: {read} for {value}");
            assert_eq!(matrix[index % 4 * 3 + index / 4], *read, "a matrix ends with its output channels");
        }
        assert_eq!(values(&read, "first"), [0.1, 0.2, 0.3]);
        assert_eq!(values(&read, "bias"), [0.125, 9.0]);
    }

    #[test]
    fn one_large_value_may_be_cut_off_for_the_others() {
        let mut values = vec![0.004; 1000];
        values[0] = 1.0; // 0.004 is half a step if 127 steps reach 1
        let scale = Channels::of(&[1, 1000, 1, 1]).scales(&values)[0];
        assert!(scale < 1.0 / 127.0, "{scale}");
    }

    #[test]
    fn numbers_without_their_scales_are_refused() {
        let stored = Stored { dtype: Dtype::I8, shape: vec![2, 3], bytes: vec![1; 6] };
        let bytes = safetensors::serialize([("matrix", stored)], None).expect("one tensor");
        assert_eq!(unpack(&bytes), Err("0 scales of “matrix” in place of 3".to_owned()));
    }
}
