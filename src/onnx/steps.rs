//! Small steps on arrays that several operators take.

use burn::backend::ops::FloatTensorOps;
use burn::backend::{Dispatch, DispatchTensor};
use burn::tensor::Tensor;

use super::array::{Array, Checked, count};

/// Whether an array with a single value leaves the shape of `x` unchanged.
fn is_plain(x: &Array, scalar: &Array) -> bool {
    !x.is_constant() && scalar.rank() <= x.rank()
}

pub(super) fn add_value(x: &Array, value: f64, scalar: &Array) -> Checked<Array> {
    if is_plain(x, scalar) {
        return x.map(|x| Dispatch::float_add_scalar(x, value.into()));
    }
    x.pair(&Array::constant(vec![value as f32], scalar.shape())?, x.kind(), Dispatch::float_add)
}

pub(super) fn add(a: &Array, b: &Array) -> Checked<Array> {
    match (a.scalar(), b.scalar()) {
        (_, Some(value)) if is_plain(a, b) => a.map(|x| Dispatch::float_add_scalar(x, value.into())),
        (Some(value), _) if is_plain(b, a) => b.map(|x| Dispatch::float_add_scalar(x, value.into())),
        _ => a.pair(b, a.kind(), Dispatch::float_add),
    }
}

pub(super) fn multiply(a: &Array, b: &Array) -> Checked<Array> {
    match (a.scalar(), b.scalar()) {
        (_, Some(value)) if is_plain(a, b) => a.map(|x| Dispatch::float_mul_scalar(x, value.into())),
        (Some(value), _) if is_plain(b, a) => b.map(|x| Dispatch::float_mul_scalar(x, value.into())),
        _ => a.pair(b, a.kind(), Dispatch::float_mul),
    }
}

/// The index of an axis; negative numbers count from the end.
pub(super) fn axis_of(axis: i64, rank: usize) -> Checked<usize> {
    let counted = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(counted)
        .ok()
        .filter(|&axis| axis < rank)
        .ok_or_else(|| format!("an axis of {rank} is expected, {axis} found"))
}

/// Axes in ascending order.
pub(super) fn axes_of(axes: &[i64], rank: usize) -> Checked<Vec<usize>> {
    let mut axes = axes.iter().map(|&axis| axis_of(axis, rank)).collect::<Checked<Vec<_>>>()?;
    axes.sort_unstable();
    axes.dedup();
    Ok(axes)
}

pub(super) fn length_of(value: i64) -> Checked<usize> {
    usize::try_from(value).map_err(|_| format!("a length is expected, {value} found"))
}

pub(super) fn lengths_of(values: &[i64]) -> Checked<Vec<usize>> {
    values.iter().copied().map(length_of).collect()
}

/// The entries of `x` along `axis` at the constant indices `at`, in the shape of `at`.
pub(super) fn gather(x: &Array, at: &Array, axis: i64) -> Checked<Array> {
    let axis = axis_of(axis, x.rank())?;
    let length = x.shape()[axis] as i64;
    let place = |index: i64| length_of(if index < 0 { index + length } else { index });
    let places = at.whole_values()?.into_iter().map(place).collect::<Checked<Vec<_>>>()?;
    let shape = x.shape();
    let shape: Vec<usize> = [&shape[..axis], at.shape(), &shape[axis + 1..]].concat();
    x.select(axis, &places)?.reshape(&shape)
}

/// Work before the reduction, the reduction along an axis, and work after it.
pub(super) type Reduction =
    (fn(&Array) -> Checked<Array>, fn(DispatchTensor, usize) -> DispatchTensor, fn(&Array) -> Checked<Array>);

pub(super) fn reduction(kind: &str) -> Option<Reduction> {
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

pub(super) fn reduce(x: &Array, axes: &[usize], keep: bool, (before, along, after): &Reduction) -> Checked<Array> {
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

pub(super) fn scaled(x: &Array, factor: f64) -> Checked<Array> {
    if factor == 1.0 { Ok(x.clone()) } else { x.map(|x| Dispatch::float_mul_scalar(x, factor.into())) }
}

/// The square root, with the gradient 0 at 0, where Burn's is not a number: the length of a row of zeros has none.
pub(super) fn square_root(x: Tensor<1>) -> Tensor<1> {
    let zero = x.clone().equal_elem(0.0);
    x.mask_fill(zero.clone(), 1.0).sqrt().mask_fill(zero, 0.0)
}
