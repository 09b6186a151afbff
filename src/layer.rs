//! The layers that the networks here are made of: an activation, then a convolution or a matrix, then its bias, in one
//! pass over the input; and the gradient in that input in another. An attack needs no gradient in the weights.
//!
//! On a GPU every pass is a kernel of our own, in `gpu.rs`; on the CPU they are made of Burn's operations.

#[cfg(any(target_family = "wasm", feature = "vulkan", feature = "cuda"))]
mod gpu;

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::ops::ConvOptions;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::nn::conv::Conv2d;
use burn::nn::{Linear, PaddingConfig2d};
use burn::tensor::{Shape, Tensor};

/// What happens to the values before a layer's weights meet them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Activation {
    /// Nothing.
    Identity,
    /// The larger of the value and 0.
    Relu,
    /// The same, and no more than 6.
    Relu6,
    /// Times `scale`, plus `shift`: the normalisation of pixels.
    Affine { scale: f32, shift: f32 },
}

/// A layer without its weights.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Layer {
    activation: Activation,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    /// Square kernels `[O, C / groups, K, K]`; `padding` are the zeros before the first and after the last row, then
    /// column.
    Convolution { stride: usize, padding: [(usize, usize); 2], groups: usize },
    /// Kernels `[O, C, 1, 1]`, for each pixel alone.
    Pointwise,
    /// A matrix `[C, O]`.
    Dense,
}

/// `conv` of `activation` of `x`.
///
/// # Shapes
/// - `x`: `[N, C, H, W]`
/// - returns: `[N, O, H', W']`
pub(crate) fn convolve(conv: &Conv2d, activation: Activation, x: Tensor<4>) -> Tensor<4> {
    let PaddingConfig2d::Explicit(top, left, bottom, right) = conv.padding else {
        unreachable!("every layer here says its padding in pixels");
    };
    let (stride, padding, groups) = (conv.stride[0], [(top, bottom), (left, right)], conv.groups);
    let kind = match (conv.kernel_size, stride, padding, groups) {
        ([1, 1], 1, [(0, 0), (0, 0)], 1) => Kind::Pointwise,
        _ => Kind::Convolution { stride, padding, groups },
    };
    let bias = conv.bias.as_ref().expect("every layer here has a bias").val();
    apply(Layer { activation, kind }, x, conv.weight.val(), bias)
}

/// `linear` of `activation` of `x`.
///
/// # Shapes
/// - `x`: `[N, C]`
/// - returns: `[N, O]`
pub(crate) fn connect(linear: &Linear, activation: Activation, x: Tensor<2>) -> Tensor<2> {
    let bias = linear.bias.as_ref().expect("every layer here has a bias").val();
    apply(Layer { activation, kind: Kind::Dense }, x, linear.weight.val(), bias)
}

fn apply<const D: usize, const W: usize>(layer: Layer, x: Tensor<D>, weight: Tensor<W>, bias: Tensor<1>) -> Tensor<D> {
    Tensor::from_dispatch(Dispatch::apply(x.into_dispatch(), weight.into_dispatch(), bias.into_dispatch(), layer))
}

/// A layer as Burn's dispatch between devices knows it.
#[backend_extension(Flex, Cube: cfg(any(target_family = "wasm", feature = "vulkan", feature = "cuda")), Autodiff)]
trait LayerOps: Backend {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self>;
}

/// The two passes on one device.
trait Passes: Backend {
    /// The layer's output.
    fn forward(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        composed::<Self>(x, weight, bias, layer)
    }

    /// The gradient in `x`, from that in the output.
    fn backward(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        composed_backward::<Self>(gradient, x, weight, layer)
    }
}

/// The layer made of Burn's operations; a pointwise convolution is one matrix product per image.
fn composed<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    layer: Layer,
) -> FloatTensor<B> {
    let x = match layer.activation {
        Activation::Identity => x,
        Activation::Relu => B::relu(x),
        // Two of them: on the CPU their gradient takes a third of the time of a clamp's.
        Activation::Relu6 => {
            let x = B::relu(x);
            let above = B::relu(B::float_sub_scalar(x.clone(), 6.0.into()));
            B::float_sub(x, above)
        }
        Activation::Affine { scale, shift } => B::float_add_scalar(B::float_mul_scalar(x, scale.into()), shift.into()),
    };
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
        Kind::Dense => {
            let bias = B::float_reshape(bias, Shape::new([1, kernels[1]]));
            B::float_add(B::float_matmul(x, weight), bias)
        }
    }
}

/// The gradient in the input of [`composed`].
fn composed_backward<B: Backend>(
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
        // The matrix is the larger of the two by far, and so stands where it is read as it lies.
        Kind::Dense => B::float_swap_dims(B::float_matmul(weight, B::float_swap_dims(gradient, 0, 1)), 0, 1),
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

impl Passes for Flex {}

impl LayerOps for Flex {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        Self::forward(x, weight, bias, layer)
    }
}

impl<B: Passes, C: CheckpointStrategy> LayerOps for Autodiff<B, C> {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct InInput;

        impl<B: Passes> Backward<B, 1> for InInput {
            type State = (FloatTensor<B>, FloatTensor<B>, Layer);

            fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
                let (x, weight, layer) = ops.state;
                unary::<B, _>(ops.parents, ops.node, gradients, |gradient| B::backward(gradient, x, weight, layer));
            }
        }

        if weight.is_tracked() || bias.is_tracked() {
            return composed::<Self>(x, weight, bias, layer); // while it is trained
        }
        let (input, weight) = (x.primitive().clone(), weight.into_primitive());
        let output = B::forward(input.clone(), weight.clone(), bias.into_primitive(), layer);
        match InInput.prepare::<C>([x.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((input, weight, layer), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}
