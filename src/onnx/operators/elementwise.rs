//! Operators on each value, or on pairs of values.

use burn::backend::ops::{ActivationOps, FloatTensorOps};
use burn::backend::{Dispatch, DispatchTensor};
use burn::tensor::{Tensor, activation};

use super::{Operation, one};
use crate::onnx::array::{Array, Checked, NumberKind};
use crate::onnx::node::{Attributes, Inputs};
use crate::onnx::steps::{add, add_value, channels, multiply, raised, square_root};

/// Elementwise operators of any number of inputs.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    if let Some(work) = elementwise(kind, a) {
        return Ok(Some(one(move |inputs| work(inputs.get(0)?))));
    }
    Ok(arithmetic(kind, a))
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

/// Elementwise functions of two or more inputs.
fn arithmetic(kind: &str, a: &Attributes) -> Option<Operation> {
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

fn compare(work: impl Fn(Tensor<1>, Tensor<1>) -> Tensor<1> + 'static) -> Operation {
    one(move |inputs| inputs.get(0)?.pair_flat(inputs.get(1)?, NumberKind::Bool, &work))
}

fn many(work: impl Fn(&Array, &Array) -> Checked<Array> + 'static) -> Operation {
    one(move |inputs| fold(inputs, &work))
}

fn fold(inputs: &Inputs, work: impl Fn(&Array, &Array) -> Checked<Array>) -> Checked<Array> {
    (1..inputs.arrays.len()).try_fold(inputs.get(0)?.clone(), |sum, index| work(&sum, inputs.get(index)?))
}
