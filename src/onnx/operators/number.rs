//! Operators on kinds of numbers, and those that make constants.

use super::{Operation, one};
use crate::onnx::array::{Array, Checked, NumberKind, within_growth};
use crate::onnx::constant::{kind_of, tensor};
use crate::onnx::node::Attributes;
use crate::onnx::steps::lengths_of;

/// Operators on numbers.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    Ok(Some(match kind {
        "Cast" => {
            let data_type = a.int("to", 1);
            let to = kind_of(data_type)?;
            one(move |inputs| {
                let x = inputs.get(0)?;
                if x.is_constant() && x.kind() != NumberKind::Bool {
                    within_type(&x.values()?, data_type)?;
                }
                x.cast(to)
            })
        }
        "CastLike" => one(|inputs| inputs.get(0)?.cast(inputs.get(1)?.kind())),
        "ConstantOfShape" => {
            let value = a.tensor("value").map(tensor).transpose()?;
            one(move |inputs| {
                let shape = lengths_of(&inputs.get(0)?.whole_list()?)?;
                match &value {
                    Some(value) => value.reshape(&[])?.expand(&shape),
                    None => Array::constant(vec![0.0], &[])?.expand(&shape),
                }
            })
        }
        "Range" => one(|inputs| {
            let number = |index: usize| inputs.get(index)?.scalar().ok_or("one constant value is expected".to_owned());
            let (start, limit, delta) = (number(0)?, number(1)?, number(2)?);
            let length = ((limit - start) / delta).ceil().max(0.0);
            if !length.is_finite() {
                return Err(format!("a step other than {delta} is expected"));
            }
            let length = within_growth(&[length as usize])?;
            let values = (0..length).map(|index| start + delta * index as f64).collect();
            let kind = inputs.get(0)?.kind();
            match kind {
                NumberKind::Float => Array::whole(values, &[length], NumberKind::Int)?.cast(NumberKind::Float),
                _ => Array::whole(values, &[length], kind),
            }
        }),
        _ => return Ok(None),
    }))
}

/// An error if a value does not fit into the whole numbers of an ONNX data type: other runtimes would wrap it around.
fn within_type(values: &[f64], data_type: i64) -> Checked<()> {
    let (name, low, high) = match data_type {
        2 => ("uint8", 0.0, 255.0),
        3 => ("int8", -128.0, 127.0),
        4 => ("uint16", 0.0, 65_535.0),
        5 => ("int16", -32_768.0, 32_767.0),
        6 => ("int32", f64::from(i32::MIN), f64::from(i32::MAX)),
        12 => ("uint32", 0.0, f64::from(u32::MAX)),
        _ => return Ok(()),
    };
    match values.iter().find(|value| !(low..=high).contains(&value.trunc())) {
        Some(found) => Err(format!("values of {name} are expected, {found} found")),
        None => Ok(()),
    }
}
