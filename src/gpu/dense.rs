//! Matrix products of a dense layer, forward and back.

use cubecl::prelude::*;

use super::layer::{ActivationKind, Geometry, activate, deactivate};

/// Images that a thread computes at once.
pub(super) const IMAGES: usize = 8;

/// Inputs that a thread sums up.
pub(super) const INPUTS: usize = 128;

/// `tile` outputs of `images` images of a matrix product: of all its inputs where they are `whole`, else of [`INPUTS`] of
/// them, for `gather_kernel` to add up. That takes one kernel more than threads that wait for each other, but they wait
/// long where a processor plays the GPU.
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
    #[comptime] before: ActivationKind,
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
pub(super) fn gather_kernel(sums: &[f32], bias: &[f32], y: &mut [f32], parts: usize) {
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
pub(super) fn dense_backward_kernel(
    gradient: &[f32],
    weight: &[f32],
    x: &[f32],
    y: &mut [f32],
    geometry: Geometry,
    #[comptime] images: usize,
    #[comptime] tile: usize,
    #[comptime] before: ActivationKind,
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
