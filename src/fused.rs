//! Fast layers for networks under attack. A layer is an activation, then a convolution or a matrix, then a bias, all in
//! one pass over the input. Another pass computes the gradient in the input. The gradients in weights and bias are
//! computed only where they are asked for, in training.
//!
//! The networks here use these layers, and yours can too: [`convolve`] replaces an activation and [`Conv2d::forward`],
//! [`connect`] an activation and [`Linear::forward`].
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::conv::{Conv2d, Conv2dConfig};
//! use burn::tensor::{Device, Tensor};
//! use decoy::classifier::Classifier;
//! use decoy::fused::{Activation, convolve};
//!
//! #[derive(Module, Debug)]
//! struct Tiny {
//!     first: Conv2d,
//!     second: Conv2d,
//! }
//!
//! impl Classifier for Tiny {
//!     fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
//!         let x = convolve(&self.first, Activation::Identity, pixels);
//!         convolve(&self.second, Activation::Relu, x).flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2)
//!     }
//! }
//!
//! let conv = |channels| Conv2dConfig::new(channels, [3, 3]).init(&Device::flex());
//! let tiny = Tiny { first: conv([1, 4]), second: conv([4, 10]) };
//! assert_eq!(tiny.logits(Tensor::zeros([2, 1, 8, 8], &Device::flex())).dims(), [2, 10]);
//! ```

// On a GPU a pass is one kernel of our own, in `gpu/`, two for a dense layer with many inputs; the convolutions that
// `Layer::has_kernel` excludes are Burn's. On the CPU it is a loop of `decoy-cpu`, called in `cpu/`; only 1×1
// convolutions in the module with WebGPU are Burn's matrix products. The gradients in weights are Burn's, except those
// of convolutions on the CPU.
use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, TensorMetadata, backend_extension};
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::{Shape, Tensor};
pub use decoy_cpu::Activation;

/// A layer without its weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Layer {
    pub activation: Activation,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Square kernels `[O, C / groups, K, K]`. `padding` holds the zeros before and after: for the rows, then for the
    /// columns.
    Convolution { stride: usize, padding: [(usize, usize); 2], groups: usize },
    /// Kernels `[O, C, 1, 1]`: each pixel is computed separately.
    Pointwise,
    /// A matrix `[C, O]`.
    Dense,
}

impl Kind {
    /// A convolution with kernels of this `size`; a 1×1 convolution has a kind of its own.
    pub fn convolution(size: [usize; 2], stride: usize, padding: [(usize, usize); 2], groups: usize) -> Self {
        match (size, stride, padding, groups) {
            ([1, 1], 1, [(0, 0), (0, 0)], 1) => Self::Pointwise,
            _ => Self::Convolution { stride, padding, groups },
        }
    }
}

impl Layer {
    /// The layer without its activation.
    pub fn linear(self) -> Self {
        Self { activation: Activation::Identity, ..self }
    }

    /// # Panics
    ///
    /// If the weights are for an input with other channels, or for larger images.
    fn assert_fits(&self, x: &Shape, weight: &Shape) {
        let channels = match self.kind {
            Kind::Dense => weight[0],
            Kind::Pointwise => weight[1],
            Kind::Convolution { groups, .. } => weight[1] * groups,
        };
        assert!(channels == x[1], "a layer for {channels} channels was given {}", x[1]);
        if let Kind::Convolution { padding, .. } = self.kind {
            let fits = |axis: usize| x[axis + 2] + padding[axis].0 + padding[axis].1 >= weight[2];
            assert!(
                fits(0) && fits(1),
                "kernels of {0}×{0} pixels do not fit into {1}×{2} with padding {padding:?}",
                weight[2],
                x[2],
                x[3]
            );
        }
    }

    /// The shape of the output, from the shapes of the input and the weights.
    pub fn output(&self, x: &Shape, weight: &Shape) -> Shape {
        match self.kind {
            Kind::Pointwise => Shape::new([x[0], weight[0], x[2], x[3]]),
            Kind::Dense => Shape::new([x[0], weight[1]]),
            Kind::Convolution { stride, padding, .. } => {
                let length = |axis: usize| (x[axis + 2] + padding[axis].0 + padding[axis].1 - weight[2]) / stride + 1;
                Shape::new([x[0], weight[0], length(0), length(1)])
            }
        }
    }
}

/// Applies `activation` and then `conv` to `x`.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - returns: `[N, O, H', W']`
///
/// # Panics
///
/// If the kernels or strides of `conv` are not square, if it has a dilation or no bias, if its padding is not a number of
/// pixels, or if it is for other channels than C or for larger images.
pub fn convolve(conv: &Conv2d, activation: Activation, x: Tensor<4>) -> Tensor<4> {
    let square = |[height, width]: [usize; 2]| height == width;
    assert!(
        square(conv.kernel_size) && square(conv.stride) && conv.dilation == [1; 2],
        "a layer's kernels and strides are square, without dilation: found kernels of {:?}, strides of {:?}, dilation {:?}",
        conv.kernel_size,
        conv.stride,
        conv.dilation
    );
    let [top, left, bottom, right] = padding(conv);
    let kind = Kind::convolution(conv.kernel_size, conv.stride[0], [(top, bottom), (left, right)], conv.groups);
    let bias = conv.bias.as_ref().expect("a layer has a bias").val();
    apply(Layer { activation, kind }, x, conv.weight.val(), bias)
}

/// The zeros above, to the left, below and to the right.
///
/// # Panics
///
/// If the padding is not a number of pixels.
pub(crate) fn padding(conv: &Conv2d) -> [usize; 4] {
    match conv.padding {
        PaddingConfig2d::Explicit(top, left, bottom, right) => [top, left, bottom, right],
        PaddingConfig2d::Valid => [0; 4],
        PaddingConfig2d::Same => panic!("a layer's padding is a number of pixels: found “same”"),
    }
}

/// Applies `activation` and then `linear` to `x`.
///
/// # Shapes
/// - `x`: `[N, C]`
/// - returns: `[N, O]`
///
/// # Panics
///
/// If `linear` has no bias, or if it is for other channels than C.
pub fn connect(linear: &Linear, activation: Activation, x: Tensor<2>) -> Tensor<2> {
    let bias = linear.bias.as_ref().expect("a layer has a bias").val();
    apply(Layer { activation, kind: Kind::Dense }, x, linear.weight.val(), bias)
}

fn apply<const D: usize, const W: usize>(layer: Layer, x: Tensor<D>, weight: Tensor<W>, bias: Tensor<1>) -> Tensor<D> {
    layer.assert_fits(&x.shape(), &weight.shape());
    Tensor::from_dispatch(Dispatch::apply(x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch(), layer))
}

/// A layer as an operation of Burn's dispatch between devices.
#[backend_extension(Flex, Cube: cfg(gpu), Autodiff)]
pub(crate) trait LayerOps: Backend {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self>;
}

/// The backward pass on one device.
pub(crate) trait LayerBackward: LayerOps {
    /// The gradient in `x`, from the `gradient` in the output.
    fn backward(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self>;

    /// The gradients in weights and bias, from the `gradient` in the output.
    fn weight_gradients(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: Layer,
    ) -> [FloatTensor<Self>; 2] {
        composed_weight_gradients::<Self>(gradient, x, weight, layer)
    }
}

/// A convolution made of Burn's operations. A pointwise one is one matrix product per image.
pub(crate) fn composed<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    layer: Layer,
) -> FloatTensor<B> {
    let x = composed_activation::<B>(layer.activation, x);
    let (from, kernels) = (x.shape(), weight.shape());
    match layer.kind {
        Kind::Convolution { stride, padding, groups } => {
            B::conv2d(x, weight, Some(bias), options(stride, padding, groups))
        }
        Kind::Pointwise => {
            let x = B::float_reshape(x, Shape::new([from[0], from[1], from[2] * from[3]]));
            let weight = B::float_reshape(weight, Shape::new([1, kernels[0], kernels[1]]));
            let bias = B::float_reshape(bias, Shape::new([1, kernels[0], 1]));
            let y = B::float_add(B::float_matmul(weight, x), bias);
            B::float_reshape(y, Shape::new([from[0], kernels[0], from[2], from[3]]))
        }
        Kind::Dense => unreachable!("every device computes a dense layer by itself"),
    }
}

fn composed_activation<B: Backend>(activation: Activation, x: FloatTensor<B>) -> FloatTensor<B> {
    match activation {
        Activation::Identity => x,
        Activation::Relu => B::relu(x),
        Activation::Relu6 => B::float_clamp(x, 0.0.into(), 6.0.into()),
        Activation::Affine { scale, shift } => B::float_add_scalar(B::float_mul_scalar(x, scale.into()), shift.into()),
    }
}

/// The gradients of [`composed`] in weights and bias.
pub(crate) fn composed_weight_gradients<B: Backend>(
    gradient: FloatTensor<B>,
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    layer: Layer,
) -> [FloatTensor<B>; 2] {
    let x = composed_activation::<B>(layer.activation, x);
    let (from, to) = (x.shape(), gradient.shape());
    match layer.kind {
        Kind::Convolution { stride, padding, groups } => {
            let in_weight = B::conv2d_weight_backward(x, weight, gradient.clone(), options(stride, padding, groups));
            [in_weight, sum_of_positions::<B>(gradient)]
        }
        Kind::Pointwise => {
            let columns =
                |tensor, shape: &Shape| B::float_reshape(tensor, Shape::new([shape[0], shape[1], shape[2] * shape[3]]));
            let in_weight =
                B::float_matmul(columns(gradient.clone(), &to), B::float_swap_dims(columns(x, &from), 1, 2));
            [B::float_reshape(B::float_sum_dim(in_weight, 0), weight.shape()), sum_of_positions::<B>(gradient)]
        }
        Kind::Dense => {
            let in_weight = B::float_matmul(B::float_swap_dims(x, 0, 1), gradient.clone());
            [in_weight, B::float_reshape(B::float_sum_dim(gradient, 0), Shape::new([to[1]]))]
        }
    }
}

/// The sum of `[N, O, H, W]` over images and pixels, `[O]`.
fn sum_of_positions<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    let shape = x.shape();
    let x = B::float_reshape(x, Shape::new([shape[0], shape[1], shape[2] * shape[3]]));
    B::float_reshape(B::float_sum_dim(B::float_sum_dim(x, 2), 0), Shape::new([shape[1]]))
}

/// The gradient in the input of [`composed`].
pub(crate) fn composed_backward<B: Backend>(
    gradient: FloatTensor<B>,
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    layer: Layer,
) -> FloatTensor<B> {
    let (to, kernels) = (x.shape(), weight.shape());
    let gradient = match layer.kind {
        Kind::Convolution { stride, padding, groups } => {
            B::conv2d_x_backward(x.clone(), weight, gradient, options(stride, padding, groups))
        }
        Kind::Pointwise => {
            let gradient = B::float_reshape(gradient, Shape::new([to[0], kernels[0], to[2] * to[3]]));
            let weight = B::float_reshape(weight, Shape::new([1, kernels[0], kernels[1]]));
            B::float_reshape(B::float_matmul(B::float_swap_dims(weight, 1, 2), gradient), to)
        }
        Kind::Dense => unreachable!("every device computes a dense layer by itself"),
    };
    match layer.activation {
        Activation::Identity => gradient,
        Activation::Relu => B::relu_backward(x, gradient),
        Activation::Relu6 => {
            let gradient = B::relu_backward(x.clone(), gradient);
            B::relu_backward(B::float_add_scalar(B::float_neg(x), 6.0.into()), gradient)
        }
        Activation::Affine { scale, .. } => B::float_mul_scalar(gradient, scale.into()),
    }
}

fn options(stride: usize, padding: [(usize, usize); 2], groups: usize) -> ConvOptions<2> {
    ConvOptions::new_with_padding([stride; 2], padding, [1; 2], groups)
}

impl<B: LayerBackward, C: CheckpointStrategy> LayerOps for Autodiff<B, C> {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct LayerGradients;

        impl<B: LayerBackward> Backward<B, 3> for LayerGradients {
            type State = (FloatTensor<B>, FloatTensor<B>, Layer);

            fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
                let (x, weight, layer) = ops.state;
                let [in_x, in_weight, in_bias] = ops.parents;
                let gradient = gradients.consume::<B>(&ops.node);
                if in_weight.is_some() || in_bias.is_some() {
                    let found = B::weight_gradients(gradient.clone(), x.clone(), weight.clone(), layer);
                    for (node, found) in [in_weight, in_bias].into_iter().zip(found) {
                        if let Some(node) = node {
                            gradients.register::<B>(node.id, found);
                        }
                    }
                }
                if let Some(node) = in_x {
                    gradients.register::<B>(node.id, B::backward(gradient, x, weight, layer));
                }
            }
        }

        let nodes = [x.node(), weight.node(), bias.node()];
        let (x, weight) = (x.into_primitive(), weight.into_primitive());
        let output = B::apply(x.clone(), weight.clone(), bias.into_primitive(), layer);
        match LayerGradients.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, layer), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::module::Module;
    use burn::nn::LinearConfig;
    use burn::nn::conv::Conv2dConfig;
    use burn::tensor::activation::relu;
    use burn::tensor::{Device, Distribution, TensorData, Tolerance};

    use crate::tensors::devices;

    const ACTIVATIONS: [Activation; 4] =
        [Activation::Identity, Activation::Relu, Activation::Relu6, Activation::Affine { scale: 2.5, shift: -0.5 }];

    fn activated<const D: usize>(activation: Activation, x: Tensor<D>) -> Tensor<D> {
        match activation {
            Activation::Identity => x,
            Activation::Relu => relu(x),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::Affine { scale, shift } => x * scale + shift,
        }
    }

    /// Tests that output and gradient of a layer, which `layer_on` puts on every device, equal those of `expected`,
    /// which Burn computes from `x` on the CPU. (Burn's own kernels are wrong on some drivers that compute in
    /// software.)
    fn assert_matches<const D: usize, F: Fn(Tensor<D>) -> Tensor<D>>(
        case: &str,
        x: &Tensor<D>,
        expected: impl Fn(Tensor<D>) -> Tensor<D>,
        layer_on: impl Fn(&Device) -> F,
    ) {
        let passes = |layer: &dyn Fn(Tensor<D>) -> Tensor<D>, x: Tensor<D>| {
            let x = x.autodiff().require_grad();
            let y = layer(x.clone());
            // A different factor for every output, so that errors do not cancel.
            let factors = (0..y.shape().num_elements()).map(|index| (0.7 * index as f32).sin()).collect();
            let factors =
                Tensor::from_data(TensorData::new(factors, y.shape()), &y.clone().inner().device()).autodiff();
            let gradient = x.grad(&(y.clone() * factors).sum().backward()).expect("it takes part");
            (y.inner().into_data(), gradient.into_data())
        };
        let (expected_y, expected_gradient) = passes(&expected, x.clone());
        for device in devices() {
            let (layer, x) = (layer_on(&device), Tensor::from_data(x.clone().into_data(), &device));
            let (y, gradient) = passes(&layer, x.clone());
            let close = |found: &TensorData, expected: &TensorData, what: &str| {
                assert_eq!(found.shape(), expected.shape(), "{case}: {what}");
                let pairs = found.as_slice::<f32>().expect("f32").iter().zip(expected.as_slice::<f32>().expect("f32"));
                let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
                assert!(worst < 1e-4, "{case} on {device:?}: {what} differs by {worst}");
            };
            close(&y, &expected_y, "the output");
            close(&gradient, &expected_gradient, "the gradient");
            let untracked = layer(x).into_data();
            untracked.assert_approx_eq::<f32>(&y, Tolerance::default());
        }
    }

    #[test]
    fn convolutions_are_those_of_burn() {
        let cpu = Device::flex();
        // Channels, outputs, groups; kernel side, stride; padding above, left, below, right; height and width.
        let cases = [
            ([1, 8, 1], [5, 2], [2, 2, 2, 2], [16, 16]),
            ([8, 16, 1], [3, 2], [1, 1, 1, 1], [12, 20]),
            ([3, 5, 1], [3, 1], [1, 1, 1, 1], [7, 9]),
            ([5, 3, 1], [3, 2], [0, 0, 1, 1], [10, 10]),
            ([4, 4, 1], [1, 1], [0, 0, 0, 0], [5, 6]),
            ([4, 6, 1], [1, 2], [0, 0, 0, 0], [6, 7]),
            ([3, 4, 1], [2, 3], [1, 0, 0, 2], [8, 9]),
            ([6, 6, 6], [3, 1], [1, 1, 1, 1], [7, 7]),
            ([6, 6, 6], [5, 2], [1, 1, 2, 2], [14, 14]),
            ([4, 8, 2], [3, 1], [0, 1, 2, 0], [8, 8]),
            ([2, 4, 1], [4, 3], [3, 0, 0, 2], [11, 13]),
        ];
        for ([channels, outputs, groups], [size, stride], [top, left, bottom, right], [height, width]) in cases {
            let conv = Conv2dConfig::new([channels, outputs], [size, size])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(top, left, bottom, right))
                .with_groups(groups)
                .init(&cpu)
                .valid();
            let x = Tensor::random([3, channels, height, width], Distribution::Normal(1.0, 4.0), &cpu);
            for activation in ACTIVATIONS {
                let case = format!("{channels}→{outputs} in {groups}, {size}×{size} by {stride}, {activation:?}");
                let expected = |x| conv.forward(activated(activation, x));
                assert_matches(&case, &x, expected, |device| {
                    let conv = conv.clone().to_device(device);
                    move |x| convolve(&conv, activation, x)
                });
            }
        }
    }

    #[test]
    fn layers_are_trained_as_burn_trains_them() {
        for device in devices() {
            let device = device.autodiff();
            let conv =
                |channels: [usize; 2], size: usize, stride: usize, [top, left, bottom, right]: [usize; 4], groups| {
                    Conv2dConfig::new(channels, [size, size])
                        .with_stride([stride, stride])
                        .with_padding(PaddingConfig2d::Explicit(top, left, bottom, right))
                        .with_groups(groups)
                        .init(&device)
                };
            // Covers more images than one thread sums, and kernel rows with more weights than are summed at once.
            let cases = [
                (conv([3, 6], 3, 1, [1, 1, 1, 1], 1), [9, 7]),
                (conv([1, 8], 5, 2, [2, 2, 2, 2], 1), [16, 16]),
                (conv([2, 4], 4, 3, [3, 0, 0, 2], 1), [11, 13]),
                (conv([5, 3], 3, 2, [0, 0, 1, 1], 1), [10, 10]),
                (conv([4, 6], 1, 2, [0; 4], 1), [4, 4]),
                (conv([6, 6], 3, 1, [1, 1, 1, 1], 6), [5, 5]),
                (conv([4, 6], 1, 1, [0; 4], 1), [5, 6]),
            ];
            for (conv, [height, width]) in cases {
                let shape = [37, conv.weight.dims()[1] * conv.groups, height, width];
                let x = Tensor::<4>::random(shape, Distribution::Normal(1.0, 4.0), &device);
                for activation in ACTIVATIONS {
                    let gradients = |y: Tensor<4>| {
                        let factors =
                            Tensor::<1, burn::tensor::Int>::arange(0..y.shape().num_elements() as i64, &y.device());
                        let gradients = (y.clone() * (factors.float() * 0.7).sin().reshape(y.shape())).sum().backward();
                        let weight = conv.weight.val().grad(&gradients).expect("it is trained").into_data();
                        let bias = conv.bias.as_ref().expect("there is one").val();
                        (weight, bias.grad(&gradients).expect("it is trained").into_data())
                    };
                    let (weight, bias) = gradients(convolve(&conv, activation, x.clone()));
                    let expected = gradients(conv.forward(activated(activation, x.clone())));
                    let tolerance = Tolerance::rel_abs(1e-3, 2e-2); // sums of thousands of products of about 5
                    weight.assert_approx_eq::<f32>(&expected.0, tolerance);
                    bias.assert_approx_eq::<f32>(&expected.1, tolerance);
                }
            }
            let linear = LinearConfig::new(13, 6).init(&device);
            let x = Tensor::<2>::random([5, 13], Distribution::Normal(1.0, 4.0), &device);
            let gradients = |y: Tensor<2>| {
                let gradients = y.powi_scalar(2).sum().backward();
                linear.weight.val().grad(&gradients).expect("it is trained").into_data()
            };
            let expected = gradients(linear.forward(relu(x.clone())));
            gradients(connect(&linear, Activation::Relu, x))
                .assert_approx_eq::<f32>(&expected, Tolerance::rel_abs(1e-3, 1e-2));
        }
    }

    #[test]
    fn matrices_are_those_of_burn() {
        let cpu = Device::flex();
        let linear = LinearConfig::new(13, 6).init(&cpu).valid();
        for images in [1, 5] {
            let x = Tensor::<2>::random([images, 13], Distribution::Normal(1.0, 4.0), &cpu);
            for activation in ACTIVATIONS {
                let expected = |x| linear.forward(activated(activation, x));
                assert_matches(&format!("{activation:?}"), &x, expected, |device| {
                    let linear = linear.clone().to_device(device);
                    move |x| connect(&linear, activation, x)
                });
            }
        }
    }

    #[test]
    #[should_panic(expected = "a layer for 3 channels was given 2")]
    fn a_convolution_for_other_channels_is_refused() {
        let cpu = Device::flex();
        let conv = Conv2dConfig::new([3, 8], [3, 3]).init(&cpu);
        convolve(&conv, Activation::Identity, Tensor::zeros([1, 2, 5, 5], &cpu));
    }

    #[test]
    #[should_panic(expected = "kernels of 3×3 pixels do not fit into 4×2")]
    fn kernels_larger_than_the_image_are_refused() {
        let cpu = Device::flex();
        let conv = Conv2dConfig::new([3, 8], [3, 3]).init(&cpu);
        convolve(&conv, Activation::Identity, Tensor::zeros([1, 3, 4, 2], &cpu));
    }

    #[test]
    #[should_panic(expected = "a layer for 13 channels was given 5")]
    fn a_matrix_for_other_channels_is_refused() {
        let cpu = Device::flex();
        connect(&LinearConfig::new(13, 6).init(&cpu), Activation::Relu, Tensor::zeros([1, 5], &cpu));
    }
}
