//! The two passes as GPU kernels. Every thread keeps a tile of outputs in registers, so that a value read serves several
//! products; what lies in the padding counts as zero.

use burn::backend::tensor::FloatTensor;
use burn::tensor::{DType, Shape};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::{CubeBackend, tensor::CubeTensor};
use cubecl::{calculate_cube_count_elemwise, prelude::*};

use super::{Activation, Kind, Layer, LayerOps, Reversible, composed, composed_backward};

/// Pixels that a thread computes at once, for each of its channels.
const PIXELS: usize = 8;

/// Images that a thread computes at once in a matrix product.
const IMAGES: usize = 8;

/// Inputs of a matrix product that a thread sums up.
const INPUTS: usize = 128;

/// Larger kernels would be unrolled into too much code, and are left to Burn.
const LARGEST_KERNEL: usize = 5;

/// Threads that work together.
const THREADS: u32 = 64;

/// [`Activation`] without its numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Before {
    Identity,
    Relu,
    Relu6,
    Affine,
}

/// The sizes of a layer, and the numbers of its activation.
#[derive(CubeLaunch, CubeType)]
struct Geometry {
    images: usize,
    channels: usize,
    height: usize,
    width: usize,
    outputs: usize,
    out_height: usize,
    out_width: usize,
    top: usize,
    left: usize,
    scale: f32,
    shift: f32,
}

#[cube]
fn activate(x: f32, geometry: &Geometry, #[comptime] before: Before) -> f32 {
    match before {
        Before::Identity => x,
        Before::Relu => max(x, 0.0f32),
        Before::Relu6 => min(max(x, 0.0f32), 6.0f32),
        Before::Affine => x * geometry.scale + geometry.shift,
    }
}

/// `gradient` after the activation of `x`, taken before it.
#[cube]
fn deactivate(gradient: f32, x: f32, geometry: &Geometry, #[comptime] before: Before) -> f32 {
    match before {
        Before::Identity => gradient,
        Before::Relu => select(x > 0.0f32, gradient, 0.0f32),
        Before::Relu6 => select(x > 0.0f32 && x < 6.0f32, gradient, 0.0f32),
        Before::Affine => gradient * geometry.scale,
    }
}

/// `PIXELS` neighbouring pixels of `tile` outputs.
#[cube(launch_unchecked)]
fn forward_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[comptime] tile: usize,
    #[comptime] depthwise: bool,
    #[comptime] before: Before,
) {
    let columns = geometry.out_width.div_ceil(PIXELS);
    let tiles = geometry.outputs / tile;
    if ABSOLUTE_POS >= geometry.images * tiles * geometry.out_height * columns {
        terminate!();
    }
    let column = (ABSOLUTE_POS % columns) * PIXELS;
    let rest = ABSOLUTE_POS / columns;
    let row = rest % geometry.out_height;
    let rest = rest / geometry.out_height;
    let output = (rest % tiles) * tile;
    let image = rest / tiles;

    let mut sums = Array::<f32>::new(comptime!(PIXELS * tile));
    #[unroll]
    for o in 0..tile {
        let start = bias[output + o];
        #[unroll]
        for p in 0..PIXELS {
            sums[o * PIXELS + p] = start;
        }
    }

    let per_output = if depthwise { 1usize.runtime() } else { geometry.channels };
    for c in 0..per_output {
        let channel = if depthwise { output } else { c };
        for ky in 0..kernel {
            let line_y = row * stride + ky;
            if line_y >= geometry.top && line_y < geometry.top + geometry.height {
                let start =
                    ((image * geometry.channels + channel) * geometry.height + line_y - geometry.top) * geometry.width;
                let mut line = Sequence::<f32>::new();
                #[unroll]
                for i in 0..comptime!((PIXELS - 1) * stride + kernel) {
                    let line_x = column * stride + i;
                    let inside = line_x >= geometry.left && line_x < geometry.left + geometry.width;
                    let value = x[select(inside, start + line_x - geometry.left, 0)];
                    line.push(select(inside, activate(value, &geometry, before), 0.0f32));
                }
                #[unroll]
                for o in 0..tile {
                    let weights = (((output + o) * per_output + c) * kernel + ky) * kernel;
                    let mut factors = Sequence::<f32>::new();
                    #[unroll]
                    for kx in 0..kernel {
                        factors.push(weight[weights + kx]);
                    }
                    #[unroll]
                    for p in 0..PIXELS {
                        let mut sum = sums[o * PIXELS + p];
                        #[unroll]
                        for kx in 0..kernel {
                            sum += factors[kx] * line[comptime!(p * stride + kx)];
                        }
                        sums[o * PIXELS + p] = sum;
                    }
                }
            }
        }
    }

    #[unroll]
    for o in 0..tile {
        let start = ((image * geometry.outputs + output + o) * geometry.out_height + row) * geometry.out_width + column;
        #[unroll]
        for p in 0..PIXELS {
            if column + p < geometry.out_width {
                y[start + p] = sums[o * PIXELS + p];
            }
        }
    }
}

/// `PIXELS` neighbouring blocks of `stride` × `stride` pixels of `tile` channels: those that the same outputs reach.
#[cube(launch_unchecked)]
fn backward_kernel(
    gradient: &[f32],
    weight: &[f32],
    x: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[comptime] tile: usize,
    #[comptime] depthwise: bool,
    #[comptime] before: Before,
) {
    let block_rows = (geometry.height + geometry.top).div_ceil(stride);
    let block_columns = (geometry.width + geometry.left).div_ceil(stride);
    let columns = block_columns.div_ceil(PIXELS);
    let tiles = geometry.channels / tile;
    if ABSOLUTE_POS >= geometry.images * tiles * block_rows * columns {
        terminate!();
    }
    let column = (ABSOLUTE_POS % columns) * PIXELS;
    let rest = ABSOLUTE_POS / columns;
    let row = rest % block_rows;
    let rest = rest / block_rows;
    let channel = (rest % tiles) * tile;
    let image = rest / tiles;

    let taps = comptime!(kernel.div_ceil(stride));
    let mut sums = Array::<f32>::new(comptime!(PIXELS * tile * stride * stride));
    #[unroll]
    for i in 0..comptime!(PIXELS * tile * stride * stride) {
        sums[i] = 0.0f32;
    }

    let span = comptime!(PIXELS + taps - 1);
    let per_channel = if depthwise { 1usize.runtime() } else { geometry.outputs };
    for o in 0..per_channel {
        let output = if depthwise { channel } else { o };
        // Of the `taps` rows up to `row`, the last first, the columns from `column - (taps - 1)`.
        let mut window = Sequence::<f32>::new();
        #[unroll]
        for tap_y in 0..taps {
            let inside_y = row >= tap_y && row < geometry.out_height + tap_y;
            let start = ((image * geometry.outputs + output) * geometry.out_height + row - tap_y) * geometry.out_width;
            #[unroll]
            for i in 0..span {
                let skipped = comptime!(taps - 1);
                let line_x = column + i;
                let inside = inside_y && line_x >= skipped && line_x < geometry.out_width + skipped;
                window.push(select(inside, gradient[select(inside, start + line_x - skipped, 0)], 0.0f32));
            }
        }
        #[unroll]
        for c in 0..tile {
            let index = if depthwise { channel } else { o * geometry.channels + channel + c };
            let mut factors = Sequence::<f32>::new();
            #[unroll]
            for k in 0..comptime!(kernel * kernel) {
                factors.push(weight[index * kernel * kernel + k]);
            }
            #[unroll]
            for block_y in 0..stride {
                #[unroll]
                for block_x in 0..stride {
                    #[unroll]
                    for p in 0..PIXELS {
                        let place = comptime!(((c * stride + block_y) * stride + block_x) * PIXELS + p);
                        let mut sum = sums[place];
                        #[unroll]
                        for tap_y in 0..comptime!((kernel - block_y).div_ceil(stride)) {
                            #[unroll]
                            for tap_x in 0..comptime!((kernel - block_x).div_ceil(stride)) {
                                sum += factors
                                    [comptime!((block_y + stride * tap_y) * kernel + block_x + stride * tap_x)]
                                    * window[comptime!(tap_y * span + p + taps - 1 - tap_x)];
                            }
                        }
                        sums[place] = sum;
                    }
                }
            }
        }
    }

    #[unroll]
    for c in 0..tile {
        #[unroll]
        for block_y in 0..stride {
            let pixel_y = row * stride + block_y;
            if pixel_y >= geometry.top && pixel_y < geometry.top + geometry.height {
                let start = ((image * geometry.channels + channel + c) * geometry.height + pixel_y - geometry.top)
                    * geometry.width;
                #[unroll]
                for p in 0..PIXELS {
                    #[unroll]
                    for block_x in 0..stride {
                        let pixel_x = (column + p) * stride + block_x;
                        if pixel_x >= geometry.left && pixel_x < geometry.left + geometry.width {
                            let index = start + pixel_x - geometry.left;
                            let sum = sums[((c * stride + block_y) * stride + block_x) * PIXELS + p];
                            y[index] = deactivate(sum, x[index], &geometry, before);
                        }
                    }
                }
            }
        }
    }
}

/// `PIXELS` pixels, evenly spread over the image, of `tile` outputs of a 1×1 convolution; or, with `backward`, of the
/// gradient in its input: then `x` is the gradient, `other` the input, and the channels of the two change places.
#[cube(launch_unchecked)]
fn pointwise_kernel(
    x: &[f32],
    weight: &[f32],
    other: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] tile: usize,
    #[comptime] unrolled: usize,
    #[comptime] backward: bool,
    #[comptime] before: Before,
) {
    let pixels = geometry.height * geometry.width;
    let columns = pixels.div_ceil(PIXELS);
    let tiles = geometry.outputs / tile;
    if ABSOLUTE_POS >= geometry.images * tiles * columns {
        terminate!();
    }
    let column = ABSOLUTE_POS % columns;
    let rest = ABSOLUTE_POS / columns;
    let output = (rest % tiles) * tile;
    let image = rest / tiles;

    let mut sums = Array::<f32>::new(comptime!(PIXELS * tile));
    #[unroll]
    for o in 0..tile {
        let start = if backward { 0.0f32.runtime() } else { other[output + o] };
        #[unroll]
        for p in 0..PIXELS {
            sums[o * PIXELS + p] = start;
        }
    }
    for group in 0..geometry.channels / unrolled {
        let channel = group * unrolled;
        let mut lines = Sequence::<f32>::new();
        #[unroll]
        for c in 0..unrolled {
            let start = (image * geometry.channels + channel + c) * pixels;
            #[unroll]
            for p in 0..PIXELS {
                let value = x[start + min(column + p * columns, pixels - 1)];
                lines.push(if backward { value } else { activate(value, &geometry, before) });
            }
        }
        #[unroll]
        for o in 0..tile {
            let mut factors = Sequence::<f32>::new();
            #[unroll]
            for c in 0..unrolled {
                factors.push(
                    weight[if backward {
                        (channel + c) * geometry.outputs + output + o
                    } else {
                        (output + o) * geometry.channels + channel + c
                    }],
                );
            }
            #[unroll]
            for p in 0..PIXELS {
                let mut sum = sums[o * PIXELS + p];
                #[unroll]
                for c in 0..unrolled {
                    sum += factors[c] * lines[comptime!(c * PIXELS + p)];
                }
                sums[o * PIXELS + p] = sum;
            }
        }
    }
    #[unroll]
    for o in 0..tile {
        let start = (image * geometry.outputs + output + o) * pixels;
        #[unroll]
        for p in 0..PIXELS {
            let pixel = column + p * columns;
            if pixel < pixels {
                let sum = sums[o * PIXELS + p];
                y[start + pixel] =
                    if backward { deactivate(sum, other[start + pixel], &geometry, before) } else { sum };
            }
        }
    }
}

/// `tile` outputs of `images` images of a matrix product: of all its inputs where they are `whole`, else of [`INPUTS`] of
/// them, for `gather_kernel` to add up. That takes one kernel more than threads that wait for each other, but they wait
/// long where a processor plays the GPU.
#[cube(launch_unchecked)]
fn dense_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] images: usize,
    #[comptime] tile: usize,
    #[comptime] whole: bool,
    #[comptime] before: Before,
) {
    let tiles = geometry.outputs / tile;
    let groups = geometry.images.div_ceil(images);
    if ABSOLUTE_POS >= tiles * groups * geometry.channels.div_ceil(INPUTS) {
        terminate!();
    }
    let output = (ABSOLUTE_POS % tiles) * tile;
    let rest = ABSOLUTE_POS / tiles;
    let image = (rest % groups) * images;
    let part = rest / groups;

    let mut sums = Array::<f32>::new(comptime!(images * tile));
    #[unroll]
    for o in 0..tile {
        let start = if whole { bias[output + o] } else { 0.0f32.runtime() };
        #[unroll]
        for n in 0..images {
            sums[o * images + n] = start;
        }
    }
    let mut line = Array::<f32>::new(images);
    for c in part * INPUTS..min((part + 1) * INPUTS, geometry.channels) {
        #[unroll]
        for n in 0..images {
            let row = min(image + n, geometry.images - 1);
            line[n] = activate(x[row * geometry.channels + c], &geometry, before);
        }
        #[unroll]
        for o in 0..tile {
            let factor = weight[c * geometry.outputs + output + o];
            #[unroll]
            for n in 0..images {
                sums[o * images + n] += factor * line[n];
            }
        }
    }
    #[unroll]
    for n in 0..images {
        if image + n < geometry.images {
            let start = (part * geometry.images + image + n) * geometry.outputs + output;
            #[unroll]
            for o in 0..tile {
                y[start + o] = sums[o * images + n];
            }
        }
    }
}

/// The bias, and what [`dense_kernel`] has found in each part of the inputs.
#[cube(launch_unchecked)]
fn gather_kernel(sums: &[f32], bias: &[f32], y: &mut [f32], parts: usize) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let mut sum = bias[ABSOLUTE_POS % bias.len()];
    for part in 0..parts {
        sum += sums[part * y.len() + ABSOLUTE_POS];
    }
    y[ABSOLUTE_POS] = sum;
}

/// The gradient in `tile` inputs of `images` images of a matrix product.
#[cube(launch_unchecked)]
fn dense_backward_kernel(
    gradient: &[f32],
    weight: &[f32],
    x: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] images: usize,
    #[comptime] tile: usize,
    #[comptime] before: Before,
) {
    let tiles = geometry.channels / tile;
    if ABSOLUTE_POS >= tiles * geometry.images.div_ceil(images) {
        terminate!();
    }
    let channel = (ABSOLUTE_POS % tiles) * tile;
    let image = (ABSOLUTE_POS / tiles) * images;
    let mut sums = Array::<f32>::new(comptime!(images * tile));
    #[unroll]
    for i in 0..comptime!(images * tile) {
        sums[i] = 0.0f32;
    }
    let mut line = Array::<f32>::new(images);
    for o in 0..geometry.outputs {
        #[unroll]
        for n in 0..images {
            let row = min(image + n, geometry.images - 1);
            line[n] = gradient[row * geometry.outputs + o];
        }
        #[unroll]
        for c in 0..tile {
            let factor = weight[(channel + c) * geometry.outputs + o];
            #[unroll]
            for n in 0..images {
                sums[c * images + n] += factor * line[n];
            }
        }
    }
    #[unroll]
    for n in 0..images {
        if image + n < geometry.images {
            #[unroll]
            for c in 0..tile {
                let index = (image + n) * geometry.channels + channel + c;
                y[index] = deactivate(sums[c * images + n], x[index], &geometry, before);
            }
        }
    }
}

impl Layer {
    /// Whether the kernels here do it.
    fn has_kernel(&self, weight: &Shape) -> bool {
        let Kind::Convolution { stride, groups, .. } = self.kind else {
            return true;
        };
        let square = weight[2] == weight[3] && (stride..=LARGEST_KERNEL).contains(&weight[2]);
        square && (groups == 1 || (weight[0] == groups && weight[1] == 1))
    }

    /// The activation, as the kernels know it, with its scale and shift.
    fn before(&self) -> (Before, f32, f32) {
        match self.activation {
            Activation::Identity => (Before::Identity, 1.0, 0.0),
            Activation::Relu => (Before::Relu, 1.0, 0.0),
            Activation::Relu6 => (Before::Relu6, 1.0, 0.0),
            Activation::Affine { scale, shift } => (Before::Affine, scale, shift),
        }
    }

    fn geometry(&self, from: &Shape, to: &Shape) -> GeometryLaunch {
        let (top, left) = match self.kind {
            Kind::Convolution { padding: [(top, _), (left, _)], .. } => (top, left),
            Kind::Pointwise | Kind::Dense => (0, 0),
        };
        let side = |shape: &Shape, axis: usize| shape.get(axis).copied().unwrap_or(1);
        let (_, scale, shift) = self.before();
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

/// The side of the kernels; nothing of meaning for a matrix.
fn side(weight: &CubeTensor) -> usize {
    weight.meta.shape()[weight.meta.shape().num_dims() - 1]
}

/// A tensor to write to, beside `like`.
pub(crate) fn empty(like: &CubeTensor, shape: Shape) -> CubeTensor {
    empty_device_contiguous_dtype(like.client.clone(), like.device.clone(), shape, DType::F32)
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
        let (client, geometry, before) = (x.client.clone(), layer.geometry(&from, &to), layer.before().0);
        let dim = CubeDim::new_1d(THREADS);
        let count = |threads: usize| calculate_cube_count_elemwise(&client, threads, dim);
        let (x, weight, result) = (x.into_buffer_arg(), weight.into_buffer_arg(), y.clone().into_buffer_arg());
        // SAFETY: every index lies within its tensor, by the shapes above or a check in the kernel.
        unsafe {
            match layer.kind {
                Kind::Dense => {
                    let (images, tile) = (IMAGES.min(to[0]), tile(to[1], &[4, 2]));
                    let parts = from[1].div_ceil(INPUTS);
                    let whole = parts == 1;
                    let sums = if whole { y.clone() } else { empty(&y, Shape::new([parts, to[0], to[1]])) };
                    let threads = count(to[1] / tile * to[0].div_ceil(images) * parts);
                    let (found, start) = (sums.clone().into_buffer_arg(), bias.clone().into_buffer_arg());
                    dense_kernel::launch_unchecked(
                        &client, threads, dim, x, weight, start, found, geometry, images, tile, whole, before,
                    );
                    if !whole {
                        let (threads, sums, bias) =
                            (count(to[0] * to[1]), sums.into_buffer_arg(), bias.into_buffer_arg());
                        gather_kernel::launch_unchecked(&client, threads, dim, sums, bias, result, parts);
                    }
                }
                Kind::Pointwise => {
                    let (tile, unrolled) = (tile(to[1], &[8, 4, 2]), tile(from[1], &[4, 2]));
                    let count = count(to[0] * to[1] / tile * (to[2] * to[3]).div_ceil(PIXELS));
                    let bias = bias.into_buffer_arg();
                    pointwise_kernel::launch_unchecked(
                        &client, count, dim, x, weight, bias, result, geometry, tile, unrolled, false, before,
                    );
                }
                Kind::Convolution { stride, groups, .. } => {
                    let depthwise = groups > 1;
                    let tile = if depthwise { 1 } else { tile(to[1], &[8, 4, 2]) };
                    let count = count(to[0] * to[1] / tile * to[2] * to[3].div_ceil(PIXELS));
                    let bias = bias.into_buffer_arg();
                    forward_kernel::launch_unchecked(
                        &client, count, dim, x, weight, bias, result, geometry, size, stride, tile, depthwise, before,
                    );
                }
            }
        }
        y
    }
}

impl Reversible for CubeBackend {
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
        let (client, before) = (x.client.clone(), layer.before().0);
        let dim = CubeDim::new_1d(THREADS);
        let count = |threads: usize| calculate_cube_count_elemwise(&client, threads, dim);
        let (gradient, x, weight) = (gradient.into_buffer_arg(), x.into_buffer_arg(), weight.into_buffer_arg());
        let result = y.clone().into_buffer_arg();
        // SAFETY: as above.
        unsafe {
            match layer.kind {
                Kind::Dense => {
                    let (images, tile) = (IMAGES.min(from[0]), tile(from[1], &[8, 4, 2]));
                    let geometry = layer.geometry(&from, &to);
                    let count = count(from[1] / tile * from[0].div_ceil(images));
                    dense_backward_kernel::launch_unchecked(
                        &client, count, dim, gradient, weight, x, result, geometry, images, tile, before,
                    );
                }
                Kind::Pointwise => {
                    let (tile, unrolled) = (tile(from[1], &[8, 4, 2]), tile(to[1], &[4, 2]));
                    let geometry = layer.geometry(&to, &from);
                    let count = count(from[0] * from[1] / tile * (from[2] * from[3]).div_ceil(PIXELS));
                    pointwise_kernel::launch_unchecked(
                        &client, count, dim, gradient, weight, x, result, geometry, tile, unrolled, true, before,
                    );
                }
                Kind::Convolution { stride, padding, groups } => {
                    let depthwise = groups > 1;
                    let tile = if depthwise { 1 } else { tile(from[1], &[2]) };
                    let blocks = |axis: usize| (from[axis + 2] + padding[axis].0).div_ceil(stride);
                    let geometry = layer.geometry(&from, &to);
                    let count = count(from[0] * from[1] / tile * blocks(0) * blocks(1).div_ceil(PIXELS));
                    backward_kernel::launch_unchecked(
                        &client, count, dim, gradient, weight, x, result, geometry, size, stride, tile, depthwise,
                        before,
                    );
                }
            }
        }
        y
    }
}
