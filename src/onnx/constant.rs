//! The tensors in a file, as constants.

use burn::tensor::{bf16, f16};

use super::array::{Array, Checked, NumberKind, count};
use super::proto;

/// The type of numbers for an ONNX data type.
pub(super) fn kind_of(data_type: i64) -> Checked<NumberKind> {
    match data_type {
        1 | 10 | 11 | 16 => Ok(NumberKind::Float),
        2..=7 | 12 | 13 => Ok(NumberKind::Int),
        9 => Ok(NumberKind::Bool),
        other => Err(format!("numbers are expected, type {other} of ONNX found")),
    }
}

/// The values of a tensor in the file.
pub(super) fn tensor(tensor: &proto::Tensor) -> Checked<Array> {
    if tensor.location == Some(1) {
        return Err(
            "they lie in another file, which is not there: give both files together, or save the network as one file"
                .to_owned(),
        );
    }
    let lengths = tensor.dims.iter().map(|&length| usize::try_from(length).ok()).collect::<Option<Vec<_>>>();
    let shape = lengths.ok_or_else(|| format!("lengths are expected, {:?} found", tensor.dims))?;
    let size = count(&shape)?;
    let data_type = tensor.data_type.unwrap_or_default();
    let kind = kind_of(data_type.into())?;
    let raw = tensor.raw.as_deref();
    let width = match data_type {
        2 | 3 | 9 => 1,
        4 | 5 | 10 | 16 => 2,
        1 | 6 | 12 => 4,
        _ => 8,
    };
    if let Some(raw) = raw.filter(|raw| raw.len() != width * size) {
        return Err(format!("{} bytes are expected for {shape:?}, {} found", width * size, raw.len()));
    }
    /// Converts every `N` bytes by `read`.
    fn each<const N: usize, T>(raw: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        raw.chunks_exact(N).map(|bytes| read(bytes.try_into().expect("they are N"))).collect()
    }
    let small = |value: &i32| *value as u16;
    if kind == NumberKind::Float {
        let values: Vec<f32> = match (data_type, raw) {
            (1, Some(raw)) => each(raw, f32::from_le_bytes),
            (1, None) => tensor.floats.clone(),
            (10, Some(raw)) => each(raw, |bytes| f16::from_le_bytes(bytes).to_f32()),
            (10, None) => tensor.int32s.iter().map(|value| f16::from_bits(small(value)).to_f32()).collect(),
            (16, Some(raw)) => each(raw, |bytes| bf16::from_le_bytes(bytes).to_f32()),
            (16, None) => tensor.int32s.iter().map(|value| bf16::from_bits(small(value)).to_f32()).collect(),
            (_, Some(raw)) => each(raw, |bytes| f64::from_le_bytes(bytes) as f32),
            (_, None) => tensor.doubles.iter().map(|&value| value as f32).collect(),
        };
        if values.len() != size {
            return Err(format!("{size} values are expected for {shape:?}, {} found", values.len()));
        }
        return Array::constant(values, &shape);
    }
    let values: Vec<f64> = match (data_type, raw) {
        (2 | 9, Some(raw)) => each(raw, |[byte]: [u8; 1]| byte.into()),
        (3, Some(raw)) => each(raw, |bytes| i8::from_le_bytes(bytes).into()),
        (4, Some(raw)) => each(raw, |bytes| u16::from_le_bytes(bytes).into()),
        (5, Some(raw)) => each(raw, |bytes| i16::from_le_bytes(bytes).into()),
        (6, Some(raw)) => each(raw, |bytes| i32::from_le_bytes(bytes).into()),
        (12, Some(raw)) => each(raw, |bytes| u32::from_le_bytes(bytes).into()),
        (_, Some(raw)) => each(raw, |bytes| i64::from_le_bytes(bytes) as f64),
        (7, None) => tensor.int64s.iter().map(|&value| value as f64).collect(),
        (12 | 13, None) => tensor.uint64s.iter().map(|&value| value as f64).collect(),
        (_, None) => tensor.int32s.iter().map(|&value| value.into()).collect(),
    };
    if values.len() != size {
        return Err(format!("{size} values are expected for {shape:?}, {} found", values.len()));
    }
    Array::whole(values, &shape, kind)
}
