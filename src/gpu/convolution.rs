//! Convolutions: forward pass and gradient in the input. Every thread keeps a tile of sums in registers, so that each
//! value it reads is used in several products. Values in the padding count as 0.

use cubecl::prelude::*;

use super::geometry::{ActivationKind, Geometry, PIXELS, activate, activation_backward, place};

/// One thread computes `PIXELS` neighbouring pixels of `tile` output channels.
#[cube(launch_unchecked)]
pub(super) fn forward_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[comptime] tile: usize,
    #[comptime] depthwise: bool,
    #[comptime] activation: ActivationKind,
) {
    let columns = geometry.out_width.div_ceil(PIXELS);
    let tiles = geometry.outputs / tile;
    if ABSOLUTE_POS >= geometry.images * tiles * geometry.out_height * columns {
        terminate!();
    }
    let place = place(columns, geometry.out_height, tiles);
    let (image, output, row, column) = (place.image, place.tile * tile, place.row, place.column * PIXELS);

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
                    line.push(select(inside, activate(value, &geometry, activation), 0.0f32));
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

/// One thread computes the gradient in `PIXELS` neighbouring blocks of `stride` × `stride` pixels, for `tile` input
/// channels. All pixels of a block are reached from the same output pixels.
#[cube(launch_unchecked)]
pub(super) fn backward_kernel(
    gradient: &[f32],
    weight: &[f32],
    x: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] kernel: usize,
    #[comptime] stride: usize,
    #[comptime] tile: usize,
    #[comptime] depthwise: bool,
    #[comptime] activation: ActivationKind,
) {
    let block_rows = (geometry.height + geometry.top).div_ceil(stride);
    let block_columns = (geometry.width + geometry.left).div_ceil(stride);
    let columns = block_columns.div_ceil(PIXELS);
    let tiles = geometry.channels / tile;
    if ABSOLUTE_POS >= geometry.images * tiles * block_rows * columns {
        terminate!();
    }
    let place = place(columns, block_rows, tiles);
    let (image, channel, row, column) = (place.image, place.tile * tile, place.row, place.column * PIXELS);

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
        // The gradients of `taps` rows, from `row` upwards, each from column `column - (taps - 1)` on.
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
                            y[index] = activation_backward(sum, x[index], &geometry, activation);
                        }
                    }
                }
            }
        }
    }
}
