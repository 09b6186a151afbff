//! Operators that reduce axes to one value.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, DispatchTensor};

use super::{Operation, one};
use crate::onnx::array::{Array, Checked, count};
use crate::onnx::node::Attributes;
use crate::onnx::steps::{axes_of, square_root};

/// Reductions.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    let axes = a.ints("axes");
    Ok(Some(match kind {
        "GlobalAveragePool" => global("ReduceMean"),
        "GlobalMaxPool" => global("ReduceMax"),
        _ if kind.starts_with("Reduce") => {
            let (keep, nothing) = (a.int("keepdims", 1) == 1, a.int("noop_with_empty_axes", 0) == 1);
            let Some(reduction) = reduction(kind) else {
                return Ok(None);
            };
            one(move |inputs| {
                let x = inputs.get(0)?;
                let axes = inputs.written_or(axes.as_ref(), 1)?.unwrap_or_default();
                if axes.is_empty() && nothing {
                    let (before, _, after) = &reduction;
                    return after(&before(x)?);
                }
                let axes = if axes.is_empty() { (0..x.rank()).collect() } else { axes_of(&axes, x.rank())? };
                reduce(x, &axes, keep, &reduction)
            })
        }
        _ => return Ok(None),
    }))
}

fn global(kind: &'static str) -> Operation {
    one(move |inputs| {
        let x = inputs.get(0)?;
        reduce_by(kind, x, 2..x.rank())
    })
}

/// Work before the reduction, the reduction along an axis, and work after it.
type Reduction =
    (fn(&Array) -> Checked<Array>, fn(DispatchTensor, usize) -> DispatchTensor, fn(&Array) -> Checked<Array>);

fn reduction(kind: &str) -> Option<Reduction> {
    fn same(x: &Array) -> Checked<Array> {
        Ok(x.clone())
    }
    fn square(x: &Array) -> Checked<Array> {
        x.map(|x| Dispatch::float_mul(x.clone(), x))
    }
    Some(match kind {
        "ReduceMean" => (same, Dispatch::float_mean_dim, same),
        "ReduceSum" => (same, Dispatch::float_sum_dim, same),
        "ReduceMax" => (same, Dispatch::float_max_dim, same),
        "ReduceMin" => (same, Dispatch::float_min_dim, same),
        "ReduceProd" => (same, Dispatch::float_prod_dim, same),
        "ReduceL1" => (|x| x.map(Dispatch::float_abs), Dispatch::float_sum_dim, same),
        "ReduceL2" => (square, Dispatch::float_sum_dim, |x| x.map_flat(square_root)),
        "ReduceSumSquare" => (square, Dispatch::float_sum_dim, same),
        "ReduceLogSum" => (same, Dispatch::float_sum_dim, |x| x.map(Dispatch::float_log)),
        _ => return None,
    })
}

/// `x` reduced by the operator `kind` along `axes`, each of length 1 in the result.
pub(super) fn reduce_by(kind: &str, x: &Array, axes: impl Iterator<Item = usize>) -> Checked<Array> {
    let reduction = reduction(kind).ok_or("a reduction is expected")?;
    reduce(x, &axes.collect::<Vec<_>>(), true, &reduction)
}

fn reduce(x: &Array, axes: &[usize], keep: bool, (before, along, after): &Reduction) -> Checked<Array> {
    let kept = |axis: &usize| keep || !axes.contains(axis);
    let shape: Vec<usize> = (0..x.rank()).map(|axis| if axes.contains(&axis) { 1 } else { x.shape()[axis] }).collect();
    let shape: Vec<usize> = (0..x.rank()).filter(kept).map(|axis| shape[axis]).collect();
    let mut x = before(x)?;
    // Neighbouring axes are reduced as one.
    let joined = axes.len() > 1 && axes.windows(2).all(|pair| pair[1] == pair[0] + 1);
    let mut axes = axes.to_vec();
    if joined {
        let (first, last) = (axes[0], axes[axes.len() - 1]);
        let lengths = x.shape();
        let flat = [&lengths[..first], &[count(&lengths[first..=last])?], &lengths[last + 1..]].concat();
        x = x.reshape(&flat)?;
        axes = vec![first];
    }
    for axis in axes {
        x = x.reduce(axis, along)?;
    }
    after(&x.reshape(&shape)?)
}
