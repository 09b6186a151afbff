//! Layers of random shapes, compared with sums over all pairs of an input and a weight, in double precision.

#![cfg(not(target_family = "wasm"))]

use decoy_cpu::{Activation, Convolution, Pointwise, Weights, dense, dense_backward};
use proptest::prelude::*;

/// Values in [−`scale`, `scale`] without an order.
fn values(count: usize, scale: f32) -> Vec<f32> {
    (0..count).map(|index| ((index * 7919 + count) % 1009) as f32 / 504.0 * scale - scale).collect()
}

/// A sum, and the sum of the sizes of its terms, to which its rounding is relative.
#[derive(Clone, Copy, Default)]
struct Sum(f64, f64);

impl Sum {
    fn add(&mut self, term: f64) {
        self.0 += term;
        self.1 += term.abs();
    }
}

/// What a layer shall give: its output, and the gradients in its input, weights and bias.
struct Expected {
    y: Vec<Sum>,
    x: Vec<Sum>,
    weight: Vec<Sum>,
    bias: Vec<Sum>,
}

/// A layer's input, weights and bias, and the gradient in its output.
struct Given {
    x: Vec<f32>,
    weight: Vec<f32>,
    bias: Vec<f32>,
    gradient: Vec<f32>,
}

fn given(layer: &Convolution) -> Given {
    let ([channels, height, width], [outputs, out_height, out_width]) = (layer.from, layer.to);
    let maps = layer.images * layer.groups;
    Given {
        x: values(maps * channels * height * width, 8.0),
        weight: values(layer.groups * outputs * channels * layer.size * layer.size, 1.0),
        bias: values(layer.groups * outputs, 1.0),
        gradient: values(maps * outputs * out_height * out_width, 1.0),
    }
}

fn expected(layer: &Convolution, given: &Given) -> Expected {
    let ([channels, height, width], [outputs, out_height, out_width]) = (layer.from, layer.to);
    let zeros = |values: &[f32]| vec![Sum::default(); values.len()];
    type Function = fn(f64) -> f64;
    let (activation, slope): (Function, Function) = match layer.activation {
        Activation::Identity => (|x| x, |_| 1.0),
        Activation::Relu => (|x| x.max(0.0), |x| f64::from(x > 0.0)),
        Activation::Relu6 => (|x| x.clamp(0.0, 6.0), |x| f64::from(x > 0.0 && x < 6.0)),
        Activation::Affine { .. } => (|x| 2.5 * x - 0.75, |_| 2.5),
    };
    let (y, x) = (zeros(&given.gradient), zeros(&given.x));
    let mut sums = Expected { y, x, weight: zeros(&given.weight), bias: zeros(&given.bias) };
    for (place, gradient) in given.gradient.iter().copied().map(f64::from).enumerate() {
        let (map, row, column) = (place / out_width / out_height, place / out_width % out_height, place % out_width);
        let (group, output) = (map / outputs, map % (layer.groups * outputs));
        sums.y[place].add(given.bias[output].into());
        sums.bias[output].add(gradient);
        for tap in 0..channels * layer.size * layer.size {
            let (channel, ky, kx) = (tap / layer.size / layer.size, tap / layer.size % layer.size, tap % layer.size);
            let from = |start: usize, tap: usize, axis: usize| {
                (start * layer.stride + tap).checked_sub(layer.padding[axis]).filter(|&at| at < layer.from[axis + 1])
            };
            let (Some(row), Some(column)) = (from(row, ky, 0), from(column, kx, 1)) else {
                continue; // zeros around the image
            };
            let from = ((group * channels + channel) * height + row) * width + column;
            let tap = output * channels * layer.size * layer.size + tap;
            let (value, weight) = (f64::from(given.x[from]), f64::from(given.weight[tap]));
            sums.y[place].add(activation(value) * weight);
            sums.x[from].add(slope(value) * weight * gradient);
            sums.weight[tap].add(activation(value) * gradient);
        }
    }
    sums
}

fn agree(found: &[f32], expected: &[Sum]) -> Result<(), TestCaseError> {
    prop_assert_eq!(found.len(), expected.len());
    for (index, (&found, &Sum(sum, size))) in found.iter().zip(expected).enumerate() {
        prop_assert!((f64::from(found) - sum).abs() <= 2e-5 * (size + 1e-6), "value {index}: {found}, expected {sum}");
    }
    Ok(())
}

fn activation() -> impl Strategy<Value = Activation> {
    prop::sample::select(vec![
        Activation::Identity,
        Activation::Relu,
        Activation::Relu6,
        Activation::Affine { scale: 2.5, shift: -0.75 },
    ])
}

prop_compose! {
    fn convolution()(
        activation in activation(),
        images in 0..3_usize,
        groups in 1..4_usize,
        [channels, outputs] in prop::array::uniform2(1..7_usize),
        size in 1..7_usize,
        stride in 1..6_usize,
        padding in prop::array::uniform2(0..5_usize),
        after in prop::array::uniform2(0..5_usize),
        image in prop_oneof![[1..12_usize, 1..24_usize], [1..3_usize, 1..3_usize], [30..50_usize, 30..70_usize]],
    ) -> Convolution {
        // An image that is too small for the kernels grows.
        let image = [0, 1].map(|axis| image[axis].max(size.saturating_sub(padding[axis] + after[axis])));
        let to = [0, 1].map(|axis| (image[axis] + padding[axis] + after[axis] - size) / stride + 1);
        let (from, to) = ([channels, image[0], image[1]], [outputs, to[0], to[1]]);
        Convolution { activation, images, groups, from, to, size, stride, padding }
    }
}

prop_compose! {
    fn pointwise()(
        activation in activation(),
        images in 0..4_usize,
        [channels, outputs] in prop_oneof![[1..140_usize, 1..140_usize], [500..1100_usize, 1..20_usize]],
        pixels in 1..150_usize,
    ) -> Convolution {
        let [from, to] = [[channels, 1, pixels], [outputs, 1, pixels]];
        Convolution { activation, images, groups: 1, from, to, size: 1, stride: 1, padding: [0; 2] }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn convolutions_are_sums(layer in convolution()) {
        let given = given(&layer);
        let expected = expected(&layer, &given);
        let weights = Weights::new(&given.weight);
        agree(&layer.forward(&given.x, &weights, &given.bias), &expected.y)?;
        agree(&layer.backward(&given.gradient, &given.x, &weights), &expected.x)?;
        let gradients = layer.weight_gradients(&given.gradient, &given.x);
        agree(&gradients.weight, &expected.weight)?;
        agree(&gradients.bias, &expected.bias)?;
    }

    #[test]
    fn pointwise_layers_are_sums(layer in pointwise()) {
        let given = given(&layer);
        let expected = expected(&layer, &given);
        let Convolution { activation, from: [channels, _, pixels], to: [outputs, ..], .. } = layer;
        let (layer, weights) = (Pointwise { activation, channels, outputs, pixels }, Weights::new(&given.weight));
        agree(&layer.forward(&given.x, &weights, &given.bias), &expected.y)?;
        agree(&layer.backward(&given.gradient, &given.x, &weights), &expected.x)?;
    }

    #[test]
    fn dense_layers_are_sums(layer in pointwise(), images in 0..20_usize) {
        let [from, to] = [layer.from, layer.to].map(|[channels, ..]| [channels, 1, 1]);
        let layer = Convolution { images, from, to, ..layer };
        let given = given(&layer);
        let expected = expected(&layer, &given);
        let (activation, channels, outputs) = (layer.activation, from[0], to[0]);
        let weight: Vec<f32> =
            (0..channels * outputs).map(|index| given.weight[index % outputs * channels + index / outputs]).collect();
        let y = dense(activation, &given.x, &weight, &given.bias);
        agree(&y, &expected.y)?;
        for (x, y) in given.x.chunks(channels).zip(y.chunks(outputs)) {
            prop_assert_eq!(&dense(activation, x, &weight, &given.bias), y, "an image alone and in a batch");
        }
        agree(&dense_backward(activation, &given.gradient, &given.x, &weight, outputs), &expected.x)?;
    }
}

#[test]
fn a_long_stride_costs_no_memory() {
    let layer = Convolution {
        activation: Activation::Identity,
        images: 1,
        groups: 1,
        from: [1, 2, 2],
        to: [1, 1, 1],
        size: 1,
        stride: 1 << 27,
        padding: [0; 2],
    };
    let weights = [3.0];
    assert_eq!(layer.forward(&[1.0, 2.0, 4.0, 8.0], &Weights::new(&weights), &[0.5]), [3.5]);
    assert_eq!(layer.backward(&[2.0], &[1.0; 4], &Weights::new(&weights)), [6.0, 0.0, 0.0, 0.0]);
    assert_eq!(layer.weight_gradients(&[2.0], &[5.0; 4]).weight, [10.0]);
}
