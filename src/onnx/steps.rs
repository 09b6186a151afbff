//! Small steps on arrays that several operators take.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Tensor;

use super::array::{Array, Checked};

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

pub(super) fn scaled(x: &Array, factor: f64) -> Checked<Array> {
    if factor == 1.0 { Ok(x.clone()) } else { x.map(|x| Dispatch::float_mul_scalar(x, factor.into())) }
}

/// The square root, with the gradient 0 at 0, where Burn's is not a number: the length of a row of zeros has none.
pub(super) fn square_root(x: Tensor<1>) -> Tensor<1> {
    let zero = x.clone().equal_elem(0.0);
    x.mask_fill(zero.clone(), 1.0).sqrt().mask_fill(zero, 0.0)
}

/// `x` to a power. Burn keeps a whole power of one number as an `i64`, and panics where it is larger than that.
pub(super) fn raised(x: Tensor<1>, power: f64) -> Tensor<1> {
    if power.abs() < 1e6 {
        return x.powf_scalar(power);
    }
    let power = x.full_like(power);
    x.powf(power)
}

/// The shape of one value per channel, for broadcasting.
pub(super) fn channels(x: &Array) -> Checked<Vec<usize>> {
    let &[_, channels, ..] = x.shape() else {
        return Err(format!("an input with channels is expected, {:?} found", x.shape()));
    };
    let mut shape = vec![1; x.rank()];
    shape[1] = channels;
    Ok(shape)
}
