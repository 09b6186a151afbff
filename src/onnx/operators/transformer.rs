//! Operators of transformers: attention, and what is computed for every position of a sequence.

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::activation;

use super::{Operation, one};
use crate::onnx::array::{Array, Checked, NumberKind, count, within_growth};
use crate::onnx::node::{Attributes, Inputs};
use crate::onnx::steps::{add, gather, length_of, multiply, scaled};

/// Added to the score of what must not be seen. It is finite because a GPU need not support infinity.
const HIDDEN: f32 = -1e30;

/// Operators of transformers.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    Ok(Some(match kind {
        "Attention" => {
            let attention = Attention::of(a)?;
            one(move |inputs| attention.run(inputs))
        }
        "RotaryEmbedding" => {
            let rotary = RotaryEmbedding::of(a)?;
            one(move |inputs| rotary.run(inputs))
        }
        _ => return Ok(None),
    }))
}

/// Softmax(Q·Kᵀ·scale + mask)·V, with several heads.
struct Attention {
    causal: bool,
    /// Heads of the queries, and of keys and values, where the inputs have no axis for them.
    heads: [usize; 2],
    scale: Option<f64>,
    softcap: f64,
}

impl Attention {
    fn of(a: &Attributes) -> Checked<Self> {
        if ["left_window_size", "right_window_size"].iter().any(|side| a.int(side, -1) >= 0) {
            return Err("attention to the whole sequence is expected, to a window found".to_owned());
        }
        let scale = a.float("scale", 0.0);
        Ok(Self {
            causal: a.int("is_causal", 0) == 1,
            heads: [length_of(a.int("q_num_heads", 1))?, length_of(a.int("kv_num_heads", 1))?],
            scale: (scale != 0.0).then_some(scale),
            softcap: a.float("softcap", 0.0),
        })
    }

    fn run(&self, inputs: &Inputs) -> Checked<Array> {
        if (4..=6).any(|index| inputs.maybe(index).is_some()) {
            return Err("attention within one sequence is expected, with earlier keys or lengths found".to_owned());
        }
        let flat = inputs.get(0)?.rank() == 3;
        let [queries, others] = self.heads;
        let query = heads(inputs.get(0)?, queries)?;
        let [_, queries, length, depth] = query.shape()[..] else {
            return Err("four axes are expected".to_owned());
        };
        let [key, value] = [1, 2].map(|index| shared(&heads(inputs.get(index)?, others)?, queries));
        let (key, value) = (key?, value?);
        let scale = self.scale.unwrap_or(1.0 / (depth as f64).sqrt());
        let mut scores = scaled(&query, scale)?.matmul(&key.permute(&[0, 1, 3, 2])?)?;
        if self.softcap > 0.0 {
            let cap = self.softcap;
            scores = scores.map_flat(|x| activation::tanh(x / cap) * cap)?;
        }
        let weights = match self.mask(inputs.maybe(3), length, key.shape()[2])? {
            None => scores.softmax(3, false)?,
            Some(mask) => {
                // A position that may see nothing gets 0.
                let seen = mask.map_flat(|x| x.greater_elem(HIDDEN / 10.0).float())?;
                multiply(&add(&scores, &mask)?.softmax(3, false)?, &seen)?
            }
        };
        let y = weights.matmul(&value)?;
        if flat { joined(&y) } else { Ok(y) }
    }

    /// What is added to the scores, if anything is hidden.
    fn mask(&self, given: Option<&Array>, queries: usize, keys: usize) -> Checked<Option<Array>> {
        let number = |value: f32| Array::constant(vec![value], &[]);
        let given = match given {
            None => None,
            Some(mask) if mask.kind() == NumberKind::Bool => Some(mask.choose(&number(0.0)?, &number(HIDDEN)?)?),
            Some(mask) => Some(mask.map_flat(|x| x.clamp_min(HIDDEN))?),
        };
        if !self.causal {
            return Ok(given);
        }
        let places = 0..within_growth(&[queries, keys])?;
        let later = places.map(|place| if place % keys > place / keys { HIDDEN } else { 0.0 });
        let causal = Array::constant(later.collect(), &[queries, keys])?;
        Ok(Some(match given {
            None => causal,
            Some(given) => add(&given, &causal)?,
        }))
    }
}

/// `[N, S, heads · D]` as `[N, heads, S, D]`; four axes stay as they are.
fn heads(x: &Array, heads: usize) -> Checked<Array> {
    match x.shape()[..] {
        [_, _, _, _] => Ok(x.clone()),
        [images, length, width] if heads > 0 && width % heads == 0 => {
            x.reshape(&[images, length, heads, width / heads])?.permute(&[0, 2, 1, 3])
        }
        _ => Err(format!("sequences [N, S, D] for {heads} heads are expected, {:?} found", x.shape())),
    }
}

/// `[N, heads, S, D]` as `[N, S, heads · D]`.
fn joined(x: &Array) -> Checked<Array> {
    let [images, heads, length, depth] = x.shape()[..] else {
        return Err(format!("four axes are expected, {:?} found", x.shape()));
    };
    x.permute(&[0, 2, 1, 3])?.reshape(&[images, length, count(&[heads, depth])?])
}

/// Keys or values for `queries` heads, each repeated for neighbouring ones.
fn shared(x: &Array, queries: usize) -> Checked<Array> {
    let [images, heads, length, depth] = x.shape()[..] else {
        return Err(format!("four axes are expected, {:?} found", x.shape()));
    };
    if heads == queries || heads == 0 || !queries.is_multiple_of(heads) {
        return Ok(x.clone());
    }
    let each = [images, heads, queries / heads, length, depth];
    x.reshape(&[images, heads, 1, length, depth])?.expand(&each)?.reshape(&[images, queries, length, depth])
}

/// Turns pairs of values by angles that grow with the position in the sequence.
struct RotaryEmbedding {
    interleaved: bool,
    /// How many values of a head are turned; 0 for all.
    turned: usize,
    heads: usize,
}

impl RotaryEmbedding {
    fn of(a: &Attributes) -> Checked<Self> {
        Ok(Self {
            interleaved: a.int("interleaved", 0) == 1,
            turned: length_of(a.int("rotary_embedding_dim", 0))?,
            heads: length_of(a.int("num_heads", 1))?,
        })
    }

    fn run(&self, inputs: &Inputs) -> Checked<Array> {
        let given = inputs.get(0)?;
        let x = heads(given, self.heads)?;
        let depth = x.shape()[3];
        let turned = if self.turned == 0 { depth } else { self.turned };
        if turned > depth || turned % 2 == 1 {
            return Err(format!("an even number of turned values, at most {depth}, is expected, {turned} found"));
        }
        let part = |x: &Array, start: usize, end: usize, step: i64| {
            let mut ranges: Vec<_> = x.shape().iter().map(|&length| (0, length, 1)).collect();
            ranges[3] = (start, end, step);
            x.slice(&ranges)
        };
        let [cos, sin] = [1, 2].map(|index| {
            let table = inputs.get(index)?;
            let table = inputs.maybe(3).map_or_else(|| Ok(table.clone()), |places| gather(table, places, 0))?;
            // The heads of an image share the angles.
            let [images, length, half] = table.shape()[..] else {
                return Err(format!("a table [N, S, D / 2] is expected, {:?} found", table.shape()));
            };
            table.reshape(&[images, 1, length, half])
        });
        let (cos, sin) = (cos?, sin?);
        let half = turned / 2;
        let (first, second) = if self.interleaved {
            (part(&x, 0, turned, 2)?, part(&x, 1, turned, 2)?)
        } else {
            (part(&x, 0, half, 1)?, part(&x, half, turned, 1)?)
        };
        let difference = |a: Array, b: Array| a.pair(&b, NumberKind::Float, Dispatch::float_sub);
        let real = difference(multiply(&first, &cos)?, multiply(&second, &sin)?)?;
        let imaginary = add(&multiply(&first, &sin)?, &multiply(&second, &cos)?)?;
        let mut shape = x.shape().to_vec();
        shape[3] = turned;
        let pairs = if self.interleaved {
            let apart = [&real.shape()[..3], &[half, 1]].concat();
            Array::cat(&[&real.reshape(&apart)?, &imaginary.reshape(&apart)?], 4)?
        } else {
            Array::cat(&[&real, &imaginary], 3)?
        };
        let mut y = pairs.reshape(&shape)?;
        if turned < depth {
            y = Array::cat(&[&y, &part(&x, turned, depth, 1)?], 3)?;
        }
        if given.rank() == 3 { joined(&y) } else { Ok(y) }
    }
}
