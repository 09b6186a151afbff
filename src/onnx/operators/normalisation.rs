//! Operators that normalise.

use burn::backend::Dispatch;
use burn::backend::ops::{FloatTensorOps, PadMode};

use super::reduction::reduce_by;
use super::{Operation, one};
use crate::onnx::array::{Array, Checked, NumberKind, Window, count};
use crate::onnx::node::Attributes;
use crate::onnx::steps::{add, axis_of, channels, length_of, multiply, raised};

/// Normalisations. Some differ between operator sets.
pub(super) fn read(kind: &str, a: &Attributes, opset: i64) -> Checked<Option<Operation>> {
    let epsilon = a.float("epsilon", 1e-5);
    Ok(Some(match kind {
        "BatchNormalization" if a.int("training_mode", 0) == 1 => {
            return Err("it is in training mode: export the network after model.eval()".to_owned());
        }
        "BatchNormalization" => one(move |inputs| {
            let x = inputs.get(0)?;
            let [scale, shift] = folded_norm(&inputs.arrays, epsilon)?;
            let shape = channels(x)?;
            add(&multiply(x, &scale.reshape(&shape)?)?, &shift.reshape(&shape)?)
        }),
        "LayerNormalization" => {
            let axis = a.int("axis", -1);
            one(move |inputs| {
                let x = inputs.get(0)?;
                let axis = axis_of(axis, x.rank())?;
                let (before, after) = x.shape().split_at(axis);
                let inner = count(after)?;
                let flat = |x: &Array| x.expand(after)?.reshape(&[inner]);
                let shift = inputs.maybe(2).map(flat).transpose()?;
                let rows = x.reshape(&[count(before)?, inner])?;
                rows.normalise_last(&flat(inputs.get(1)?)?, shift.as_ref(), epsilon)?.reshape(x.shape())
            })
        }
        "RMSNormalization" => {
            let axis = a.int("axis", -1);
            one(move |inputs| rms_norm(inputs.get(0)?, inputs.get(1)?, axis, epsilon))
        }
        "LpNormalization" => {
            let (axis, kind) = (a.int("axis", -1), if a.int("p", 2) == 1 { "ReduceL1" } else { "ReduceL2" });
            one(move |inputs| {
                let x = inputs.get(0)?;
                let size = reduce_by(kind, x, [axis_of(axis, x.rank())?].into_iter())?;
                x.pair(&size.map_flat(|x| x.clamp_min(1e-30))?, NumberKind::Float, Dispatch::float_div)
            })
        }
        "Scaler" => {
            let [offset, scale] = ["offset", "scale"].map(|name| a.floats(name).unwrap_or_default());
            let [offset, scale] = [offset, scale].map(|list| {
                let values: Vec<f32> = list.into_iter().map(|value| value as f32).collect();
                Array::constant(values.clone(), &[values.len()])
            });
            let (offset, scale) = (offset?, scale?);
            one(move |inputs| multiply(&inputs.get(0)?.pair(&offset, NumberKind::Float, Dispatch::float_sub)?, &scale))
        }
        "InstanceNormalization" => one(move |inputs| {
            let x = inputs.get(0)?;
            grouped(x, x.shape().get(1).copied().unwrap_or(1), inputs.get(1)?, inputs.get(2)?, epsilon)
        }),
        "GroupNormalization" => {
            let groups = length_of(a.int("num_groups", 1))?;
            one(move |inputs| grouped(inputs.get(0)?, groups, inputs.get(1)?, inputs.get(2)?, epsilon))
        }
        "LRN" => {
            let (alpha, beta) = (a.float("alpha", 1e-4), a.float("beta", 0.75));
            let (bias, size) = (a.float("bias", 1.0), length_of(a.int("size", 1))?.max(1));
            one(move |inputs| {
                let x = inputs.get(0)?;
                let [n, c, ..] = x.shape()[..] else {
                    return Err(format!("pictures [N, C, H, W] are expected, {:?} found", x.shape()));
                };
                // The sum over neighbouring channels is computed as a mean over windows.
                let rows = x.reshape(&[n, 1, c, count(&x.shape()[2..])?])?;
                let squares = rows.map(|x| Dispatch::float_mul(x.clone(), x))?;
                let window = Window {
                    size: [size, 1],
                    stride: [1, 1],
                    dilation: [1, 1],
                    padding: [((size - 1) / 2, size / 2), (0, 0)],
                    ceil: false,
                };
                let pads = [(0, 0), (0, 0), window.padding[0], (0, 0)];
                let unpadded = Window { padding: [(0, 0); 2], ..window };
                let mean = squares.pad(&pads, PadMode::Constant(0.0))?.mean_pool(&unpadded, true)?;
                let power = mean.map_flat(|x| raised(x * alpha + bias, -beta))?;
                multiply(&rows, &power)?.reshape(x.shape())
            })
        }
        "Softmax" | "LogSoftmax" => {
            let (axis, logarithm) = (a.int("axis", if opset < 13 { 1 } else { -1 }), kind == "LogSoftmax");
            one(move |inputs| {
                let x = inputs.get(0)?;
                let axis = axis_of(axis, x.rank())?;
                if opset >= 13 {
                    return x.softmax(axis, logarithm);
                }
                // Before version 13 the softmax runs over all axes from `axis` on.
                let (before, after) = x.shape().split_at(axis);
                x.reshape(&[count(before)?, count(after)?])?.softmax(1, logarithm)?.reshape(x.shape())
            })
        }
        _ => return Ok(None),
    }))
}

/// The factor and the summand of a BatchNorm, from its five inputs.
pub(in crate::onnx) fn folded_norm(inputs: &[Option<&Array>], epsilon: f64) -> Checked<[Array; 2]> {
    let get = |index: usize| inputs.get(index).copied().flatten().ok_or("five inputs are expected");
    let (scale, shift, mean, variance) = (get(1)?, get(2)?, get(3)?, get(4)?);
    let deviation = variance.map(|x| Dispatch::float_sqrt(Dispatch::float_add_scalar(x, epsilon.into())))?;
    let factor = scale.pair(&deviation, NumberKind::Float, Dispatch::float_div)?;
    let moved = factor.pair(mean, NumberKind::Float, Dispatch::float_mul)?;
    Ok([factor, shift.pair(&moved, NumberKind::Float, Dispatch::float_sub)?])
}

/// Normalises every group of channels to mean 0 and standard deviation 1.
fn grouped(x: &Array, groups: usize, scale: &Array, shift: &Array, epsilon: f64) -> Checked<Array> {
    let images = x.shape().first().copied().unwrap_or(1);
    let all = count(&[images, groups])?;
    let inner = count(x.shape())? / all.max(1);
    let ones = Array::ones(&[inner])?;
    let normal = x.reshape(&[all, inner])?.normalise_last(&ones, None, epsilon)?.reshape(x.shape())?;
    let shape = channels(x)?;
    let each = |values: &Array| -> Checked<Array> {
        let times = shape[1] / count(values.shape())?.max(1);
        let spread = values.reshape(&[count(values.shape())?, 1])?.expand(&[1, times])?;
        spread.reshape(&shape)
    };
    add(&multiply(&normal, &each(scale)?)?, &each(shift)?)
}

/// `x` over the root of its mean square along the axes from `axis` on, times `scale`.
fn rms_norm(x: &Array, scale: &Array, axis: i64, epsilon: f64) -> Checked<Array> {
    let axis = axis_of(axis, x.rank())?;
    let values = count(&x.shape()[axis..])? as f64;
    let size = reduce_by("ReduceSumSquare", x, axis..x.rank())?.map_flat(|sum| (sum / values + epsilon).sqrt())?;
    multiply(&x.pair(&size, NumberKind::Float, Dispatch::float_div)?, scale)
}
