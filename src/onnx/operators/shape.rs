//! Operators on the shape of an array, and those that only change it.

use super::{Operation, one};
use crate::onnx::array::{Array, Checked, count};
use crate::onnx::node::{Attributes, Inputs};
use crate::onnx::steps::{axes_of, axis_of, length_of, lengths_of};

/// Operators on shapes.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    let axes = a.ints("axes");
    Ok(Some(match kind {
        "Shape" => {
            let (start, end) = (a.int("start", 0), a.int("end", i64::MAX));
            one(move |inputs| {
                let shape = inputs.get(0)?.shape();
                let rank = shape.len() as i64;
                let place =
                    |index: i64| (if index < 0 { index.saturating_add(rank) } else { index }).clamp(0, rank) as usize;
                let (start, end) = (place(start), place(end));
                let lengths: Vec<i64> = shape[start..end.max(start)].iter().map(|&length| length as i64).collect();
                Array::integers(&lengths, &[lengths.len()])
            })
        }
        "Size" => one(|inputs| Array::integers(&[count(inputs.get(0)?.shape())? as i64], &[])),
        "Reshape" => {
            let (written, keep_zeros) = (a.ints("shape"), a.int("allowzero", 0) == 1);
            one(move |inputs| {
                let x = inputs.get(0)?;
                let shape = match &written {
                    Some(shape) => shape.clone(),
                    None => inputs.get(1)?.whole_list()?,
                };
                x.reshape(&target(x, shape, keep_zeros, inputs)?)
            })
        }
        "Flatten" => {
            let axis = a.int("axis", 1);
            one(move |inputs| {
                let x = inputs.get(0)?;
                let rank = x.rank();
                let axis = if axis == rank as i64 { rank } else { axis_of(axis, rank.max(1))? };
                let (before, after) = x.shape().split_at(axis.min(rank));
                x.reshape(&[count(before)?, count(after)?])
            })
        }
        "Squeeze" => one(move |inputs| {
            let x = inputs.get(0)?;
            let gone = match inputs.written_or(axes.as_ref(), 1)? {
                Some(axes) => axes_of(&axes, x.rank())?,
                None => (0..x.rank()).filter(|&axis| x.shape()[axis] == 1).collect(),
            };
            let kept = x.shape().iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, &length)| length);
            x.reshape(&kept.collect::<Vec<_>>())
        }),
        "Unsqueeze" => one(move |inputs| {
            let x = inputs.get(0)?;
            let axes = inputs.written_or(axes.as_ref(), 1)?.ok_or("axes are expected")?;
            let rank = x.rank() + axes.len();
            count(&vec![1; rank])?;
            let axes = axes_of(&axes, rank)?;
            let mut left = x.shape().iter();
            let shape: Option<Vec<usize>> =
                (0..rank).map(|axis| if axes.contains(&axis) { Some(1) } else { left.next().copied() }).collect();
            x.reshape(&shape.ok_or("axes that differ are expected")?)
        }),
        "Transpose" => {
            let order = a.ints("perm");
            one(move |inputs| {
                let x = inputs.get(0)?;
                match &order {
                    None => x.permute(&(0..x.rank()).rev().collect::<Vec<_>>()),
                    Some(order) => {
                        x.permute(&order.iter().map(|&axis| axis_of(axis, x.rank())).collect::<Checked<Vec<_>>>()?)
                    }
                }
            })
        }
        "Expand" => one(|inputs| {
            let mut shape = inputs.get(1)?.whole_list()?;
            if inputs.get(0)?.is_constant() && shape.first().is_some_and(|&first| first > 1 && inputs.rewrites(first)) {
                shape[0] = inputs.batch as i64;
            }
            inputs.get(0)?.expand(&lengths_of(&shape)?)
        }),
        "Tile" => one(|inputs| {
            let times = lengths_of(&inputs.get(1)?.whole_list()?)?;
            let x = inputs.get(0)?;
            if times.len() != x.rank() {
                return Err(format!("a number of times for each axis of {:?} is expected", x.shape()));
            }
            times
                .iter()
                .enumerate()
                .filter(|(_, times)| **times != 1)
                .try_fold(x.clone(), |x, (axis, &times)| x.repeat(axis, times))
        }),
        "DepthToSpace" | "SpaceToDepth" => {
            let block = length_of(a.int("blocksize", 1))?;
            if !(1..=256).contains(&block) {
                return Err(format!("a block of 1 to 256 pixels is expected, {block} found"));
            }
            let (deep, crd) = (kind == "DepthToSpace", a.text("mode", "DCR") == "CRD");
            let order = if crd { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
            one(move |inputs| {
                let x = inputs.get(0)?;
                let [n, c, h, w] = x.shape()[..] else {
                    return Err(format!("pictures [N, C, H, W] are expected, {:?} found", x.shape()));
                };
                let b = block;
                if deep {
                    let inner = c / (b * b);
                    let (apart, order) = if crd {
                        ([n, inner, b, b, h, w], [0, 1, 4, 2, 5, 3])
                    } else {
                        ([n, b, b, inner, h, w], [0, 3, 4, 1, 5, 2])
                    };
                    return x.reshape(&apart)?.permute(&order)?.reshape(&[n, inner, h * b, w * b]);
                }
                let apart = x.reshape(&[n, c, h / b, b, w / b, b])?.permute(&order)?;
                apart.reshape(&[n, c * b * b, h / b, w / b])
            })
        }
        _ => return Ok(None),
    }))
}

/// The requested shape, where 0 keeps a length and −1 is replaced by the length that is left.
fn target(x: &Array, mut shape: Vec<i64>, keep_zeros: bool, inputs: &Inputs) -> Checked<Vec<usize>> {
    if !x.is_constant() && shape.first().is_some_and(|&first| inputs.rewrites(first)) {
        shape[0] = inputs.batch as i64;
    }
    let mut known = Vec::with_capacity(shape.len());
    let mut open = None;
    for (index, &length) in shape.iter().enumerate() {
        known.push(match length {
            0 if !keep_zeros => *x.shape().get(index).ok_or_else(|| {
                format!("dimension {index} is to be kept, but the input has {} dimensions", x.shape().len())
            })?,
            -1 if open.is_none() => {
                open = Some(index);
                1
            }
            _ => length_of(length)?,
        });
    }
    if let Some(open) = open {
        let (whole, part) = (count(x.shape())?, count(&known)?);
        if part == 0 || whole % part != 0 {
            return Err(format!("a shape that fits {:?} is expected, {shape:?} found", x.shape()));
        }
        known[open] = whole / part;
    }
    Ok(known)
}
