//! 1×1 convolutions: forward pass and gradient in the input.

use cubecl::prelude::*;

use super::geometry::{ActivationKind, Geometry, activate, activation_backward, place};

/// One thread computes `share` pixels, evenly spread over the image, of `tile` output channels of a 1×1 convolution.
/// With `backward` it computes the gradient in the input: then `x` is the gradient, `other` is the input, and the input
/// and output channels are exchanged.
#[cube(launch_unchecked)]
pub(super) fn pointwise_kernel(
    x: &[f32],
    weight: &[f32],
    other: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] tile: usize,
    #[comptime] share: usize,
    #[comptime] unrolled: usize,
    #[comptime] backward: bool,
    #[comptime] activation: ActivationKind,
) {
    let pixels = geometry.height * geometry.width;
    let columns = pixels.div_ceil(share);
    let tiles = geometry.outputs / tile;
    if ABSOLUTE_POS >= geometry.images * tiles * columns {
        terminate!();
    }
    let place = place(columns, 1, tiles);
    let (image, output, column) = (place.image, place.tile * tile, place.column);

    let mut sums = Array::<f32>::new(comptime!(share * tile));
    #[unroll]
    for o in 0..tile {
        let start = if backward { 0.0f32.runtime() } else { other[output + o] };
        #[unroll]
        for p in 0..share {
            sums[o * share + p] = start;
        }
    }
    for group in 0..geometry.channels / unrolled {
        let channel = group * unrolled;
        let mut lines = Sequence::<f32>::new();
        #[unroll]
        for c in 0..unrolled {
            let start = (image * geometry.channels + channel + c) * pixels;
            #[unroll]
            for p in 0..share {
                let value = x[start + min(column + p * columns, pixels - 1)];
                lines.push(if backward { value } else { activate(value, &geometry, activation) });
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
            for p in 0..share {
                let mut sum = sums[o * share + p];
                #[unroll]
                for c in 0..unrolled {
                    sum += factors[c] * lines[comptime!(c * share + p)];
                }
                sums[o * share + p] = sum;
            }
        }
    }
    #[unroll]
    for o in 0..tile {
        let start = (image * geometry.outputs + output + o) * pixels;
        #[unroll]
        for p in 0..share {
            let pixel = column + p * columns;
            if pixel < pixels {
                let sum = sums[o * share + p];
                y[start + pixel] =
                    if backward { activation_backward(sum, other[start + pixel], &geometry, activation) } else { sum };
            }
        }
    }
}
