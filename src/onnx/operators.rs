//! The operators. Each reads its attributes once and returns a function that runs on arrays.

use burn::backend::Dispatch;
use burn::backend::DispatchTensor;
use burn::backend::ops::{ActivationOps, FloatTensorOps, PadMode};
use burn::tensor::{Tensor, activation};

use super::array::{Array, Checked, LARGEST, NumberKind, Window, count, within_growth};
use super::constant::{kind_of, tensor};
use super::einsum::Einsum;
use super::node::{Attributes, Inputs};
use super::steps::{
    add, add_value, axes_of, axis_of, gather, length_of, lengths_of, multiply, reduce, reduce_by, reduction, scaled,
    square_root,
};
use super::transformer::{Attention, RotaryEmbedding, rms_norm};

/// An operator ready to run.
pub(super) type Operation = Box<dyn Fn(&Inputs) -> Checked<Vec<Array>>>;

/// Operators that are not supported, with advice for each.
const REFUSED: [(&[&str], &str); 5] = [
    (
        &["If", "Loop", "Scan", "SequenceMap"],
        "control flow is not supported: export the network for inputs of one size, or simplify it with onnxsim",
    ),
    (
        &[
            "QuantizeLinear",
            "DequantizeLinear",
            "DynamicQuantizeLinear",
            "QLinearConv",
            "QLinearMatMul",
            "QLinearAdd",
            "ConvInteger",
            "MatMulInteger",
        ],
        "a quantised network has no gradient to follow: use the network before quantisation",
    ),
    (
        &["ArgMax", "ArgMin", "TopK", "NonMaxSuppression", "Hardmax", "NonZero", "Compress"],
        "it has no gradient: export the network up to its logits",
    ),
    (&["LSTM", "GRU", "RNN"], "recurrent layers are not read: image classifiers are"),
    (&["LinearClassifier", "TreeEnsembleClassifier", "SVMClassifier"], "only networks of layers are read"),
];

/// The operator named `kind`, in this version of the operator set.
///
/// # Errors
///
/// If the operator or one of its attributes is not supported.
pub(super) fn operator(kind: &str, attributes: &Attributes, opset: i64) -> Checked<Operation> {
    let a = attributes;
    if let Some((_, advice)) = REFUSED.iter().find(|(kinds, _)| kinds.contains(&kind)) {
        return Err((*advice).to_owned());
    }
    let run = known(kind, a, opset)?;
    a.check()?;
    run.ok_or(
        "this operator is not read: simplify the file with onnxsim, or export the network with an older operator set"
            .to_owned(),
    )
}

/// The operator named `kind`, if it is known. Its attributes are still to be checked.
fn known(kind: &str, a: &Attributes, opset: i64) -> Checked<Option<Operation>> {
    if let Some(work) = elementwise(kind, a) {
        return Ok(Some(one(move |inputs| work(inputs.get(0)?))));
    }
    if let Some(run) = arithmetic(kind) {
        return Ok(Some(run));
    }
    if let Some(run) = shaping(kind, a)? {
        return Ok(Some(run));
    }
    layers(kind, a, opset)
}

fn one(work: impl Fn(&Inputs) -> Checked<Array> + 'static) -> Operation {
    Box::new(move |inputs| Ok(vec![work(inputs)?]))
}

type Work = Box<dyn Fn(&Array) -> Checked<Array>>;

/// Elementwise functions of one input.
fn elementwise(kind: &str, a: &Attributes) -> Option<Work> {
    let simple: fn(DispatchTensor) -> DispatchTensor = match kind {
        "Relu" => Dispatch::relu,
        "Sigmoid" => Dispatch::sigmoid,
        "Tanh" => Dispatch::float_tanh,
        "Erf" => Dispatch::float_erf,
        "Exp" => Dispatch::float_exp,
        "Log" => Dispatch::float_log,
        "Abs" => Dispatch::float_abs,
        "Neg" => Dispatch::float_neg,
        "Reciprocal" => Dispatch::float_recip,
        "Sin" => Dispatch::float_sin,
        "Cos" => Dispatch::float_cos,
        "Floor" => Dispatch::float_floor,
        "Ceil" => Dispatch::float_ceil,
        "Round" => Dispatch::float_round,
        "Sign" => Dispatch::float_sign,
        _ => return composed(kind, a),
    };
    Some(Box::new(move |x| x.map(simple)))
}

fn composed(kind: &str, a: &Attributes) -> Option<Work> {
    fn flat(work: impl Fn(Tensor<1>) -> Tensor<1> + 'static) -> Work {
        Box::new(move |x| x.map_flat(&work))
    }
    let [alpha, beta] = ["alpha", "beta"].map(|name| move |default: f64| a.float(name, default));
    Some(match kind {
        "Identity" => Box::new(|x| Ok(x.clone())),
        "Not" => flat(|x| x.neg() + 1.0),
        "Sqrt" => flat(square_root),
        "LeakyRelu" => {
            let slope = alpha(0.01);
            flat(move |x| activation::leaky_relu(x, slope))
        }
        "Elu" => {
            let alpha = alpha(1.0);
            flat(move |x| elu(x, alpha))
        }
        "Celu" => {
            let alpha = alpha(1.0);
            flat(move |x| elu(x / alpha, 1.0) * alpha)
        }
        "Selu" => {
            let alpha = alpha(1.673_263_192_176_818_8);
            let gamma = a.float("gamma", 1.050_700_902_938_843);
            flat(move |x| elu(x, alpha) * gamma)
        }
        "HardSigmoid" => {
            let (alpha, beta) = (alpha(0.2), beta(0.5));
            flat(move |x| (x * alpha + beta).clamp(0.0, 1.0))
        }
        "HardSwish" => flat(|x| (x.clone() / 6.0 + 0.5).clamp(0.0, 1.0) * x),
        "Swish" => {
            let alpha = alpha(1.0);
            flat(move |x| activation::sigmoid(x.clone() * alpha) * x)
        }
        "Mish" => flat(|x| activation::tanh(softplus(x.clone())) * x),
        "Softplus" => flat(softplus),
        "Softsign" => flat(|x| x.clone() / (x.abs() + 1.0)),
        "ThresholdedRelu" => {
            let alpha = alpha(1.0);
            flat(move |x| x.clone() * x.greater_elem(alpha).float())
        }
        "Gelu" if a.text("approximate", "none") == "tanh" => flat(|x| {
            let inner = (x.clone().powi_scalar(3) * 0.044_715 + x.clone()) * (2.0 / std::f64::consts::PI).sqrt();
            x * (activation::tanh(inner) + 1.0) * 0.5
        }),
        "Gelu" => flat(|x| x.clone() * ((x / std::f64::consts::SQRT_2).erf() + 1.0) * 0.5),
        _ => return None,
    })
}

/// x where x > 0, else `alpha` · (exp(x) − 1).
fn elu(x: Tensor<1>, alpha: f64) -> Tensor<1> {
    activation::relu(x.clone()) + (x.clamp_max(0.0).exp() - 1.0) * alpha
}

/// log(1 + exp(x)), without overflow.
fn softplus(x: Tensor<1>) -> Tensor<1> {
    activation::relu(x.clone()) + x.abs().neg().exp().log1p()
}

/// `x` to a power. Burn keeps a whole power of one number as an `i64`, and panics where it is larger than that.
fn raised(x: Tensor<1>, power: f64) -> Tensor<1> {
    if power.abs() < 1e6 {
        return x.powf_scalar(power);
    }
    let power = x.full_like(power);
    x.powf(power)
}

/// Elementwise functions of two or more inputs.
fn arithmetic(kind: &str) -> Option<Operation> {
    Some(match kind {
        "Add" => one(|inputs| add(inputs.get(0)?, inputs.get(1)?)),
        "Sub" => one(|inputs| {
            let (a, b) = (inputs.get(0)?, inputs.get(1)?);
            match b.scalar() {
                Some(value) if !a.is_constant() => add_value(a, -value, b),
                _ => a.pair(b, a.kind(), Dispatch::float_sub),
            }
        }),
        "Mul" => one(|inputs| multiply(inputs.get(0)?, inputs.get(1)?)),
        "Div" => one(|inputs| {
            let (a, b) = (inputs.get(0)?, inputs.get(1)?);
            let quotient = a.pair(b, a.kind(), Dispatch::float_div)?;
            if a.kind() == NumberKind::Int { quotient.map(Dispatch::float_trunc) } else { Ok(quotient) }
        }),
        "Pow" => one(|inputs| {
            let (a, b) = (inputs.get(0)?, inputs.get(1)?);
            match b.scalar() {
                Some(2.0) => a.map(|x| Dispatch::float_mul(x.clone(), x)),
                Some(power) if !a.is_constant() => a.map_flat(|x| raised(x, power)),
                _ => a.pair(&b.cast(a.kind())?, a.kind(), Dispatch::float_powf),
            }
        }),
        "Sum" => many(add),
        "Mean" => one(|inputs| {
            let sum = fold(inputs, add)?;
            sum.map(|x| Dispatch::float_div_scalar(x, (inputs.arrays.len() as f64).into()))
        }),
        "Max" => many(|a, b| a.pair_flat(b, a.kind(), Tensor::max_pair)),
        "Min" => many(|a, b| a.pair_flat(b, a.kind(), Tensor::min_pair)),
        "PRelu" => one(|inputs| {
            let (x, slope) = (inputs.get(0)?, inputs.get(1)?);
            let of_channels =
                x.rank() > 1 && slope.shape() == [x.shape()[1]] && x.shape()[x.rank() - 1] != x.shape()[1];
            let slope = if of_channels { &slope.reshape(&channels(x)?)? } else { slope };
            let below = multiply(&x.map_flat(|x| x.clamp_max(0.0))?, slope)?;
            add(&x.map(Dispatch::relu)?, &below)
        }),
        "Dropout" => one(|inputs| match inputs.maybe(2).and_then(Array::scalar) {
            Some(1.0) => Err("it is in training mode: export the network after model.eval()".to_owned()),
            _ => inputs.get(0).cloned(),
        }),
        "Equal" => compare(|a, b| a.equal(b).float()),
        "Greater" => compare(|a, b| a.greater(b).float()),
        "GreaterOrEqual" => compare(|a, b| a.greater_equal(b).float()),
        "Less" => compare(|a, b| a.lower(b).float()),
        "LessOrEqual" => compare(|a, b| a.lower_equal(b).float()),
        "And" => compare(|a, b| a * b),
        "Or" => compare(|a, b| a.max_pair(b)),
        "Xor" => compare(|a, b| a.not_equal(b).float()),
        "Where" => one(|inputs| inputs.get(0)?.choose(inputs.get(1)?, inputs.get(2)?)),
        _ => return None,
    })
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

fn compare(work: impl Fn(Tensor<1>, Tensor<1>) -> Tensor<1> + 'static) -> Operation {
    one(move |inputs| inputs.get(0)?.pair_flat(inputs.get(1)?, NumberKind::Bool, &work))
}

fn many(work: impl Fn(&Array, &Array) -> Checked<Array> + 'static) -> Operation {
    one(move |inputs| fold(inputs, &work))
}

fn fold(inputs: &Inputs, work: impl Fn(&Array, &Array) -> Checked<Array>) -> Checked<Array> {
    (1..inputs.arrays.len()).try_fold(inputs.get(0)?.clone(), |sum, index| work(&sum, inputs.get(index)?))
}

/// Operators that change shapes, and operators on shapes.
fn shaping(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    let axis = move |default| a.int("axis", default);
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
            let axis = axis(1);
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
            let [starts, ends] = ["starts", "ends"].map(|name| a.ints(name));
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
        "ScatterND" => {
            let reduction = a.text("reduction", "none");
            if reduction != "none" {
                return Err(format!("the reduction none is expected, {reduction} found"));
            }
            one(|inputs| scatter(inputs.get(0)?, inputs.get(1)?, inputs.get(2)?))
        }
        "Gather" => {
            let axis = axis(0);
            one(move |inputs| gather(inputs.get(0)?, inputs.get(1)?, axis))
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
        "Mod" => {
            let truncated = a.int("fmod", 0) == 1;
            one(move |inputs| {
                let (a, b) = (inputs.get(0)?, inputs.get(1)?);
                if !truncated {
                    return a.pair(b, a.kind(), Dispatch::float_remainder);
                }
                a.pair(b, a.kind(), |a, b| {
                    let whole = Dispatch::float_trunc(Dispatch::float_div(a.clone(), b.clone()));
                    Dispatch::float_sub(a, Dispatch::float_mul(whole, b))
                })
            })
        }
        "DepthToSpace" | "SpaceToDepth" => {
            let block = length_of(a.int("blocksize", 1))?;
            if block == 0 {
                return Err("a block of at least 1 pixel is expected, 0 found".to_owned());
            }
            let block = block.min(256);
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

/// Convolutions, matrices, pooling and normalisation.
fn layers(kind: &str, a: &Attributes, opset: i64) -> Checked<Option<Operation>> {
    let epsilon = a.float("epsilon", 1e-5);
    Ok(Some(match kind {
        "Conv" => {
            let (frame, groups) = (Frame::of(a), length_of(a.int("group", 1))?);
            let kernel = a.ints("kernel_shape").map(|kernel| lengths_of(&kernel)).transpose()?;
            one(move |inputs| {
                let (x, w) = (inputs.get(0)?, inputs.get(1)?);
                let found = w.shape().get(2..).unwrap_or_default();
                if let Some(kernel) = kernel.as_ref().filter(|kernel| **kernel != found) {
                    return Err(format!("weights with a kernel of {kernel:?} are expected, {found:?} found"));
                }
                flat_pictures(x, |x| {
                    let w =
                        if w.rank() == 3 { &w.reshape(&[&w.shape()[..2], &[1], &w.shape()[2..]].concat())? } else { w };
                    let size = w.shape().get(2..).unwrap_or_default();
                    x.convolve(w, inputs.maybe(2), &frame.window(size, x.shape())?, groups)
                })
            })
        }
        "MaxPool" | "AveragePool" => {
            let (frame, size) = (Frame::of(a), a.ints("kernel_shape").unwrap_or_default());
            let (largest, all) = (kind == "MaxPool", a.int("count_include_pad", 0) == 1);
            let size = lengths_of(&size)?;
            one(move |inputs| {
                flat_pictures(inputs.get(0)?, |x| {
                    let size = if size.len() == 1 { vec![1, size[0]] } else { size.clone() };
                    let window = frame.window(&size, x.shape())?;
                    if largest { x.max_pool(&window) } else { x.mean_pool(&window, all) }
                })
            })
        }
        "GlobalAveragePool" => global("ReduceMean"),
        "GlobalMaxPool" => global("ReduceMax"),
        "MatMul" => one(|inputs| inputs.get(0)?.matmul(inputs.get(1)?)),
        "Gemm" => {
            let [first, second] = ["transA", "transB"].map(|name| a.int(name, 0) == 1);
            let (alpha, beta) = (a.float("alpha", 1.0), a.float("beta", 1.0));
            one(move |inputs| {
                let turn = |x: &Array, turned: bool| if turned { x.permute(&[1, 0]) } else { Ok(x.clone()) };
                let product = turn(inputs.get(0)?, first)?.matmul(&turn(inputs.get(1)?, second)?)?;
                let product = scaled(&product, alpha)?;
                match inputs.maybe(2) {
                    Some(bias) => add(&product, &scaled(bias, beta)?),
                    None => Ok(product),
                }
            })
        }
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
                let flat = |x: &Array| x.reshape(&[inner]);
                let shift = inputs.maybe(2).map(flat).transpose()?;
                let rows = x.reshape(&[count(before)?, inner])?;
                rows.normalise_last(&flat(inputs.get(1)?)?, shift.as_ref(), epsilon)?.reshape(x.shape())
            })
        }
        "RMSNormalization" => {
            let axis = a.int("axis", -1);
            one(move |inputs| rms_norm(inputs.get(0)?, inputs.get(1)?, axis, epsilon))
        }
        "RotaryEmbedding" => {
            let rotary = RotaryEmbedding::of(a)?;
            one(move |inputs| rotary.run(inputs))
        }
        "Attention" => {
            let attention = Attention::of(a)?;
            one(move |inputs| attention.run(inputs))
        }
        "Einsum" => {
            let einsum = Einsum::of(&a.text("equation", ""))?;
            one(move |inputs| einsum.run(&inputs.arrays))
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
        "Clip" => {
            let written = [a.float("min", f64::NEG_INFINITY), a.float("max", f64::INFINITY)];
            one(move |inputs| {
                let x = inputs.get(0)?;
                let bound = |index: usize| match inputs.maybe(index + 1) {
                    Some(bound) => bound.scalar().ok_or("one constant value is expected".to_owned()),
                    None => Ok(written[index]),
                };
                let (low, high) = (bound(0)?, bound(1)?);
                x.map_flat(|x| match (low.max(f64::from(f32::MIN)), high.min(f64::from(f32::MAX))) {
                    (low, high) if low > high => x.clamp(high, high),
                    (0.0, high) if high >= f64::from(f32::MAX) => activation::relu(x),
                    (low, high) => x.clamp(low, high),
                })
            })
        }
        "Resize" | "Upsample" => {
            let resize = super::resize::Resize::of(kind, a)?;
            one(move |inputs| resize.run(inputs.get(0)?, &inputs.arrays))
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

/// The shape of one value per channel, for broadcasting.
fn channels(x: &Array) -> Checked<Vec<usize>> {
    let &[_, channels, ..] = x.shape() else {
        return Err(format!("an input with channels is expected, {:?} found", x.shape()));
    };
    let mut shape = vec![1; x.rank()];
    shape[1] = channels;
    Ok(shape)
}

/// The factor and the summand of a BatchNorm, from its five inputs.
pub(super) fn folded_norm(inputs: &[Option<&Array>], epsilon: f64) -> Checked<[Array; 2]> {
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

/// Applies `work` to rows `[N, C, L]` as pictures `[N, C, 1, L]`.
fn flat_pictures(x: &Array, work: impl Fn(&Array) -> Checked<Array>) -> Checked<Array> {
    match x.shape()[..] {
        [n, c, length] => {
            let y = work(&x.reshape(&[n, c, 1, length])?)?;
            let shape = y.shape();
            y.reshape(&[shape[0], shape[1], shape[3]])
        }
        [_, _, _, _] => work(x),
        _ => Err(format!("pictures [N, C, H, W] are expected, {:?} found", x.shape())),
    }
}

/// The attributes of a window. Its padding may depend on the size of the picture.
pub(super) struct Frame {
    strides: Vec<i64>,
    dilations: Vec<i64>,
    pads: Vec<i64>,
    auto: String,
    ceil: bool,
}

impl Frame {
    pub fn of(a: &Attributes) -> Self {
        Self {
            strides: a.ints("strides").unwrap_or_default(),
            dilations: a.ints("dilations").unwrap_or_default(),
            pads: a.ints("pads").unwrap_or_default(),
            auto: a.text("auto_pad", "NOTSET"),
            ceil: a.int("ceil_mode", 0) == 1,
        }
    }

    /// The window of `size`, for pictures of the shape `x`.
    pub fn window(&self, size: &[usize], x: &[usize]) -> Checked<Window> {
        let &[height, width] = size else {
            return Err(format!("a window with height and width is expected, {size:?} found"));
        };
        let both = |values: &[i64]| -> Checked<[usize; 2]> {
            Ok(match values {
                [] => [1, 1],
                &[one] => [1, length_of(one)?],
                &[first, second] => [length_of(first)?, length_of(second)?],
                _ => return Err(format!("two numbers are expected, {values:?} found")),
            })
        };
        let (size, mut stride, mut dilation) = ([height, width], both(&self.strides)?, both(&self.dilations)?);
        let mut padding = match self.pads[..] {
            [] => [(0, 0); 2],
            [left, right] => [(0, 0), (length_of(left)?, length_of(right)?)],
            [top, left, bottom, right] => {
                [(length_of(top)?, length_of(bottom)?), (length_of(left)?, length_of(right)?)]
            }
            _ => return Err(format!("four pads are expected, {:?} found", self.pads)),
        };
        if !["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER", ""].contains(&&*self.auto) {
            return Err(format!("auto_pad NOTSET, VALID, SAME_UPPER or SAME_LOWER is expected, {} found", self.auto));
        }
        if self.auto == "VALID" {
            padding = [(0, 0); 2];
        } else if self.auto.starts_with("SAME") {
            for axis in 0..2 {
                let length = *x.get(axis + 2).ok_or("a picture is expected")?;
                let reach = size[axis].saturating_sub(1).saturating_mul(dilation[axis]).saturating_add(1);
                let places = length.div_ceil(stride[axis].max(1)).saturating_sub(1);
                let whole = places.saturating_mul(stride[axis]).saturating_add(reach);
                let total = whole.saturating_sub(length);
                let (less, more) = (total / 2, total.div_ceil(2));
                padding[axis] = if self.auto == "SAME_LOWER" { (more, less) } else { (less, more) };
            }
        }
        for axis in 0..2 {
            // No picture is as long, so a larger step gives the same.
            stride[axis] = stride[axis].min(LARGEST);
            if size[axis] == 1 && dilation[axis] > 0 {
                dilation[axis] = 1;
            }
        }
        Ok(Window { size, stride, dilation, padding, ceil: self.ceil })
    }
}
