//! Operators that take arrays apart and put them together.

use burn::backend::ops::PadMode;

use super::{Operation, one};
use crate::onnx::array::{Array, Checked, NumberKind, within_growth};
use crate::onnx::node::Attributes;
use crate::onnx::steps::{axis_of, gather, lengths_of};

/// Operators on parts of arrays.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    let axis = move |default| a.int("axis", default);
    Ok(Some(match kind {
        "Concat" => {
            let axis = axis(1);
            one(move |inputs| {
                let arrays = (0..inputs.arrays.len()).map(|index| inputs.get(index)).collect::<Checked<Vec<_>>>()?;
                let axis = axis_of(axis, arrays.first().ok_or("at least one input is expected")?.rank())?;
                // A constant that was written for one image, next to values for several images.
                let written =
                    |x: &Array| axis > 0 && x.is_constant() && x.shape().first() == Some(&1) && inputs.rewrites(1);
                if arrays.iter().any(|array| written(array)) && arrays.iter().any(|array| !array.is_constant()) {
                    let mut shape = vec![1; arrays[0].rank()];
                    shape[0] = inputs.batch;
                    let stretched = arrays
                        .iter()
                        .map(|array| if written(array) { array.expand(&shape) } else { Ok((*array).clone()) });
                    let stretched = stretched.collect::<Checked<Vec<_>>>()?;
                    return Array::cat(&stretched.iter().collect::<Vec<_>>(), axis);
                }
                Array::cat(&arrays, axis)
            })
        }
        "Split" => {
            let (axis, sizes) = (axis(0), a.ints("split"));
            Box::new(move |inputs| {
                let x = inputs.get(0)?;
                let axis = axis_of(axis, x.rank())?;
                let length = x.shape()[axis];
                let sizes = match inputs.written_or(sizes.as_ref(), 1)? {
                    Some(sizes) => lengths_of(&sizes)?,
                    None => {
                        let parts = inputs.outputs;
                        let part = length.div_ceil(parts.max(1));
                        (0..parts).map(|index| part.min(length.saturating_sub(index * part))).collect()
                    }
                };
                let mut start = 0_usize;
                let part = |size: usize| {
                    let begin = start;
                    start = begin.saturating_add(size);
                    x.narrow(axis, begin, start)
                };
                sizes.into_iter().map(part).collect()
            })
        }
        "Slice" => {
            let [starts, ends, axes] = ["starts", "ends", "axes"].map(|name| a.ints(name));
            one(move |inputs| {
                let x = inputs.get(0)?;
                let starts = inputs.written_or(starts.as_ref(), 1)?.ok_or("starts are expected")?;
                let ends = inputs.written_or(ends.as_ref(), 2)?.ok_or("ends are expected")?;
                let axes = inputs.written_or(axes.as_ref(), 3)?;
                let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
                let steps = inputs.whole(4)?.unwrap_or_else(|| vec![1; starts.len()]);
                if ends.len() != starts.len() || axes.len() != starts.len() || steps.len() != starts.len() {
                    return Err("as many starts as ends, axes and steps are expected".to_owned());
                }
                let mut ranges: Vec<_> = x.shape().iter().map(|&length| (0, length, 1)).collect();
                for (((&start, &end), &axis), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
                    let axis = axis_of(axis, x.rank())?;
                    ranges[axis] = range(start, end, step, x.shape()[axis])?;
                }
                x.slice(&ranges)
            })
        }
        "Gather" => {
            let axis = axis(0);
            one(move |inputs| gather(inputs.get(0)?, inputs.get(1)?, axis))
        }
        "ScatterND" => {
            let reduction = a.text("reduction", "none");
            if reduction != "none" {
                return Err(format!("the reduction none is expected, {reduction} found"));
            }
            one(|inputs| scatter(inputs.get(0)?, inputs.get(1)?, inputs.get(2)?))
        }
        "Trilu" => {
            let upper = a.int("upper", 1) == 1;
            one(move |inputs| {
                let x = inputs.get(0)?;
                let [.., rows, columns] = x.shape()[..] else {
                    return Err(format!("matrices are expected, {:?} found", x.shape()));
                };
                let diagonal = inputs.whole(1)?.and_then(|list| list.first().copied()).unwrap_or(0);
                let kept = |place: usize| {
                    let right = (place % columns) as i64 - (place / columns) as i64;
                    if upper { right >= diagonal } else { right <= diagonal }
                };
                let mask = (0..within_growth(&[rows, columns])?).map(|place| f64::from(u8::from(kept(place))));
                let mask = Array::whole(mask.collect(), &[rows, columns], NumberKind::Bool)?;
                mask.choose(x, &Array::constant(vec![0.0], &[])?)
            })
        }
        "Pad" => {
            let mode = a.text("mode", "constant");
            let (written, value) = (a.ints("pads").or_else(|| a.ints("paddings")), a.float("value", 0.0));
            one(move |inputs| {
                let x = inputs.get(0)?;
                let pads = inputs.written_or(written.as_ref(), 1)?.ok_or("pads are expected")?;
                let value = match inputs.maybe(2).filter(|_| written.is_none()) {
                    Some(value) => value.scalar().ok_or("one constant value is expected")?,
                    None => value,
                };
                let axes = match inputs.whole(3)? {
                    Some(axes) => axes.iter().map(|&axis| axis_of(axis, x.rank())).collect::<Checked<Vec<_>>>()?,
                    None => (0..x.rank()).collect(),
                };
                if pads.len() != 2 * axes.len() {
                    return Err(format!("{} pads are expected, {} found", 2 * axes.len(), pads.len()));
                }
                let mut both = vec![(0, 0); x.rank()];
                let mut cut: Vec<_> = x.shape().iter().map(|&length| (0, length, 1)).collect();
                for (index, &axis) in axes.iter().enumerate() {
                    let (before, after) = (pads[index], pads[axes.len() + index]);
                    both[axis] = (before.max(0) as usize, after.max(0) as usize);
                    cut[axis].0 = before.min(0).unsigned_abs() as usize;
                    cut[axis].1 = cut[axis].1.saturating_sub(after.min(0).unsigned_abs() as usize);
                }
                let mode = match &*mode {
                    "constant" => PadMode::Constant(value as f32),
                    "reflect" => PadMode::Reflect,
                    "edge" => PadMode::Edge,
                    other => return Err(format!("the mode constant, reflect or edge is expected, {other} found")),
                };
                x.slice(&cut)?.pad(&both, mode)
            })
        }
        _ => return Ok(None),
    }))
}

/// The indices from `start` up to but not including `end`, in the form of [`Array::slice`].
fn range(start: i64, end: i64, step: i64, length: usize) -> Checked<(usize, usize, i64)> {
    let length = length as i64;
    let step = step.clamp(-length.max(1), length.max(1)); // a larger step gives the same
    let counted = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let (start, end) = (counted(start), counted(end));
    Ok(match step {
        0 => return Err("a step other than 0 is expected".to_owned()),
        1.. => {
            let start = start.clamp(0, length);
            (start as usize, end.clamp(start, length) as usize, step)
        }
        _ => {
            let start = start.clamp(-1, length - 1);
            let end = end.clamp(-1, start);
            ((end + 1) as usize, (start + 1) as usize, step)
        }
    })
}

/// `x` with `updates` in the places `at` `[…, Q]`, each the first Q indices of a part of `x`. All are constants: masks are
/// made so.
fn scatter(x: &Array, at: &Array, updates: &Array) -> Checked<Array> {
    let (shape, mut values) = (x.shape(), x.values()?);
    let (places, updates) = (at.whole_values()?, updates.values()?);
    let indexed = at.shape().last().copied().filter(|&indexed| indexed > 0 && indexed <= shape.len());
    let indexed = indexed.ok_or_else(|| format!("indices into {shape:?} are expected, {:?} found", at.shape()))?;
    let part: usize = shape[indexed..].iter().product();
    if updates.len() != places.len() / indexed * part {
        return Err(format!(
            "{} values are expected for {:?}, {} found",
            places.len() / indexed * part,
            at.shape(),
            updates.len()
        ));
    }
    for (place, updates) in places.chunks_exact(indexed).zip(updates.chunks_exact(part.max(1))) {
        let index = place.iter().zip(shape).try_fold(0, |sum, (&index, &length)| {
            let index = if index < 0 { index + length as i64 } else { index };
            let index = usize::try_from(index).ok().filter(|&index| index < length)?;
            Some(sum * length + index)
        });
        let index = index.ok_or_else(|| format!("indices into {shape:?} are expected, {place:?} found"))?;
        values[index * part..][..part].copy_from_slice(updates);
    }
    match x.kind() {
        NumberKind::Float => Array::constant(values.into_iter().map(|value| value as f32).collect(), shape),
        kind => Array::whole(values, shape, kind),
    }
}
