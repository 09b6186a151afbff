//! Dense layers: forward pass and gradient in the input.

use cubecl::prelude::*;

use super::geometry::{ActivationKind, Geometry, activate, activation_backward};

/// Images that one thread computes together.
pub(super) const IMAGES: usize = 8;

/// The most inputs that one thread sums.
pub(super) const INPUTS: usize = 128;

/// One thread computes `tile` outputs of `images` images. If `whole`, it sums all inputs. Otherwise it sums [`INPUTS`]
/// of them, and `add_parts_kernel` adds these partial sums. The second kernel replaces a barrier within a workgroup,
/// which is slow where the processor emulates a GPU.
#[cube(launch_unchecked)]
pub(super) fn dense_kernel(
    x: &[f32],
    weight: &[f32],
    bias: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] images: usize,
    #[comptime] tile: usize,
    #[comptime] whole: bool,
    #[comptime] activation: ActivationKind,
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
            line[n] = activate(x[row * geometry.channels + c], &geometry, activation);
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

/// Adds the bias and the partial sums of [`dense_kernel`].
#[cube(launch_unchecked)]
pub(super) fn add_parts_kernel(sums: &[f32], bias: &[f32], y: &mut [f32], parts: usize) {
    if ABSOLUTE_POS >= y.len() {
        terminate!();
    }
    let mut sum = bias[ABSOLUTE_POS % bias.len()];
    for part in 0..parts {
        sum += sums[part * y.len() + ABSOLUTE_POS];
    }
    y[ABSOLUTE_POS] = sum;
}

/// One thread computes the gradient in `tile` inputs of `images` images.
#[cube(launch_unchecked)]
pub(super) fn dense_backward_kernel(
    gradient: &[f32],
    weight: &[f32],
    x: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] images: usize,
    #[comptime] tile: usize,
    #[comptime] activation: ActivationKind,
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
                y[index] = activation_backward(sums[c * images + n], x[index], &geometry, activation);
            }
        }
    }
}
