//! Fused layers on a GPU: chooses the kernel of a layer and its arguments.

use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::{CubeBackend, tensor::CubeTensor};

use super::convolution::{backward_kernel, forward_kernel};
use super::dense::{IMAGES, INPUTS, add_parts_kernel, dense_backward_kernel, dense_kernel};
use super::geometry::{ActivationKind, GeometryLaunch, PIXELS};
use super::pointwise::pointwise_kernel;
use super::{empty, threads};
use crate::fused::{Activation, Kind, Layer, LayerBackward, LayerOps, composed, composed_backward};

/// The largest side of a convolution kernel here. Larger ones would be unrolled into too much code; Burn computes them.
const LARGEST_KERNEL: usize = 5;

/// Fewer threads than these leave most of a graphics card idle. A larger number would cost an emulated one more, since a
/// thread with fewer pixels reads more for each sum.
const FEW: usize = 320;

impl Layer {
    /// Whether there is a kernel here for this layer.
    fn has_kernel(&self, weight: &Shape) -> bool {
        let Kind::Convolution { stride, groups, .. } = self.kind else {
            return true;
        };
        (stride..=LARGEST_KERNEL).contains(&weight[2]) && (groups == 1 || (weight[0] == groups && weight[1] == 1))
    }

    /// The kind of the activation, with its scale and shift.
    fn activation_parts(&self) -> (ActivationKind, f32, f32) {
        match self.activation {
            Activation::Identity => (ActivationKind::Identity, 1.0, 0.0),
            Activation::Relu => (ActivationKind::Relu, 1.0, 0.0),
            Activation::Relu6 => (ActivationKind::Relu6, 1.0, 0.0),
            Activation::Affine { scale, shift } => (ActivationKind::Affine, scale, shift),
        }
    }

    fn geometry(&self, from: &Shape, to: &Shape) -> GeometryLaunch {
        let (top, left) = match self.kind {
            Kind::Convolution { padding: [(top, _), (left, _)], .. } => (top, left),
            Kind::Pointwise | Kind::Dense => (0, 0),
        };
        let side = |shape: &Shape, axis: usize| shape.get(axis).copied().unwrap_or(1);
        let (_, scale, shift) = self.activation_parts();
        GeometryLaunch::new(
            from[0],
            from[1],
            side(from, 2),
            side(from, 3),
            to[1],
            side(to, 2),
            side(to, 3),
            top,
            left,
            scale,
            shift,
        )
    }
}

/// The first of `sizes` that divides `count`, or 1.
fn tile(count: usize, sizes: &[usize]) -> usize {
    sizes.iter().copied().find(|size| count.is_multiple_of(*size)).unwrap_or(1)
}

/// The pixels of one thread of a 1×1 convolution, and the number of threads for so many `tiles` of channels of all images:
/// where fewer than [`FEW`] would do, half the pixels and twice the threads.
fn share(tiles: usize, pixels: usize) -> (usize, usize) {
    let threads = |share: usize| tiles * pixels.div_ceil(share);
    let share = if threads(PIXELS) < FEW { PIXELS / 2 } else { PIXELS };
    (share, threads(share))
}

/// The side of the convolution kernels; not used for a matrix.
fn side(weight: &CubeTensor) -> usize {
    weight.meta.shape()[weight.meta.shape().num_dims() - 1]
}

impl LayerOps for CubeBackend {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        if !layer.has_kernel(weight.meta.shape()) {
            return composed::<Self>(x, weight, bias, layer);
        }
        let (x, weight, bias) = (into_contiguous(x), into_contiguous(weight), into_contiguous(bias));
        let from = x.meta.shape().clone();
        let size = side(&weight);
        let to = layer.output(&from, weight.meta.shape());
        let y = empty(&x, to.clone());
        let (client, geometry, activation) = (x.client.clone(), layer.geometry(&from, &to), layer.activation_parts().0);
        let workgroups = |count: usize| threads(&y, count);
        let (x, weight, result) = (x.into_buffer_arg(), weight.into_buffer_arg(), y.clone().into_buffer_arg());
        // SAFETY: every index is within its tensor, because of the shapes above or a check in the kernel.
        unsafe {
            match layer.kind {
                Kind::Dense => {
                    let (images, tile) = (IMAGES.min(to[0]), tile(to[1], &[4, 2]));
                    let parts = from[1].div_ceil(INPUTS);
                    let whole = parts == 1;
                    let sums = if whole { y.clone() } else { empty(&y, Shape::new([parts, to[0], to[1]])) };
                    let (count, dim) = workgroups(to[1] / tile * to[0].div_ceil(images) * parts);
                    let (found, start) = (sums.clone().into_buffer_arg(), bias.clone().into_buffer_arg());
                    dense_kernel::launch_unchecked(
                        &client, count, dim, x, weight, start, found, geometry, images, tile, whole, activation,
                    );
                    if !whole {
                        let (count, dim) = workgroups(to[0] * to[1]);
                        let (sums, bias) = (sums.into_buffer_arg(), bias.into_buffer_arg());
                        add_parts_kernel::launch_unchecked(&client, count, dim, sums, bias, result, parts);
                    }
                }
                Kind::Pointwise => {
                    let (tile, unrolled) = (tile(to[1], &[8, 4, 2]), tile(from[1], &[4, 2]));
                    let (share, all) = share(to[0] * to[1] / tile, to[2] * to[3]);
                    let (count, dim) = workgroups(all);
                    let bias = bias.into_buffer_arg();
                    pointwise_kernel::launch_unchecked(
                        &client, count, dim, x, weight, bias, result, geometry, tile, share, unrolled, false,
                        activation,
                    );
                }
                Kind::Convolution { stride, groups, .. } => {
                    let depthwise = groups > 1;
                    let tile = if depthwise { 1 } else { tile(to[1], &[8, 4, 2]) };
                    let (count, dim) = workgroups(to[0] * to[1] / tile * to[2] * to[3].div_ceil(PIXELS));
                    let bias = bias.into_buffer_arg();
                    forward_kernel::launch_unchecked(
                        &client, count, dim, x, weight, bias, result, geometry, size, stride, tile, depthwise,
                        activation,
                    );
                }
            }
        }
        y
    }
}

impl LayerBackward for CubeBackend {
    fn backward(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        if !layer.has_kernel(weight.meta.shape()) {
            return composed_backward::<Self>(gradient, x, weight, layer);
        }
        let (gradient, x, weight) = (into_contiguous(gradient), into_contiguous(x), into_contiguous(weight));
        let (from, to) = (x.meta.shape().clone(), gradient.meta.shape().clone());
        let size = side(&weight);
        let y = empty(&x, from.clone());
        let (client, activation) = (x.client.clone(), layer.activation_parts().0);
        let workgroups = |count: usize| threads(&y, count);
        let (gradient, x, weight) = (gradient.into_buffer_arg(), x.into_buffer_arg(), weight.into_buffer_arg());
        let result = y.clone().into_buffer_arg();
        // SAFETY: as in the forward pass.
        unsafe {
            match layer.kind {
                Kind::Dense => {
                    let (images, tile) = (IMAGES.min(from[0]), tile(from[1], &[8, 4, 2]));
                    let geometry = layer.geometry(&from, &to);
                    let (count, dim) = workgroups(from[1] / tile * from[0].div_ceil(images));
                    dense_backward_kernel::launch_unchecked(
                        &client, count, dim, gradient, weight, x, result, geometry, images, tile, activation,
                    );
                }
                Kind::Pointwise => {
                    let (tile, unrolled) = (tile(from[1], &[8, 4, 2]), tile(to[1], &[4, 2]));
                    let geometry = layer.geometry(&to, &from);
                    let (share, all) = share(from[0] * from[1] / tile, from[2] * from[3]);
                    let (count, dim) = workgroups(all);
                    pointwise_kernel::launch_unchecked(
                        &client, count, dim, gradient, weight, x, result, geometry, tile, share, unrolled, true,
                        activation,
                    );
                }
                Kind::Convolution { stride, padding, groups } => {
                    let depthwise = groups > 1;
                    let tile = if depthwise { 1 } else { tile(from[1], &[2]) };
                    let blocks = |axis: usize| (from[axis + 2] + padding[axis].0).div_ceil(stride);
                    let geometry = layer.geometry(&from, &to);
                    let (count, dim) = workgroups(from[0] * from[1] / tile * blocks(0) * blocks(1).div_ceil(PIXELS));
                    backward_kernel::launch_unchecked(
                        &client, count, dim, gradient, weight, x, result, geometry, size, stride, tile, depthwise,
                        activation,
                    );
                }
            }
        }
        y
    }
}
