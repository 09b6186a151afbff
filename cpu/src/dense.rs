//! Dense layers: forward pass and gradient in the input.

use crate::{Activation, dot, threads, vectors};

/// Outputs that are summed at once. They fit into the registers.
const OUTPUTS: usize = 32;

/// Images that are summed at once, so that a weight is read once for all of them, and outputs of each.
const IMAGES: usize = if cfg!(target_family = "wasm") { 2 } else { 4 };
const OUTPUTS_OF_EACH: usize = 16;

/// Channels whose weights are used for all images before the next channels. They fit into the L1 cache.
const CHANNELS: usize = 64;

/// `[N, O]`: the `activation` of `x` `[N, C]`, times `weight` `[C, O]`, plus `bias` `[O]`.
pub fn dense(activation: Activation, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let outputs = bias.len();
    let channels = weight.len() / outputs;
    let images = x.len() / channels;
    let mut y = bias.repeat(images);
    // Adds to the rows of `y`, one for each image of `x`, which begin at output `first`.
    let sum = |first: usize, x: &[f32], mut y: Vec<&mut [f32]>| {
        vectors::with_wide_vectors(
            #[inline(always)]
            || {
                for (block, weight) in weight.chunks(outputs * CHANNELS).enumerate() {
                    let weight = &weight[first..];
                    let x = |image: usize| &x[image * channels..][..channels][block * CHANNELS..];
                    let (several, single) = y.as_chunks_mut::<IMAGES>();
                    for (index, y) in several.iter_mut().enumerate() {
                        let x = std::array::from_fn(|image| x(index * IMAGES + image));
                        add_of_several(y, activation, x, weight, outputs);
                    }
                    let begun = several.len() * IMAGES;
                    for (index, y) in single.iter_mut().enumerate() {
                        add_of_one(y, activation, x(begun + index), weight, outputs);
                    }
                }
            },
        );
    };
    if images == 1 {
        threads::pieces(&mut y, [1, outputs], [1, OUTPUTS], channels, |piece| sum(piece.column, x, piece.values));
    } else {
        // Several images to a thread, since each reads all the weights. There may be too few outputs to share.
        let each = images.div_ceil(threads::count()).max(1);
        threads::parts(&mut y, each * outputs, each * weight.len(), |part, y| {
            sum(0, &x[part * each * channels..], y.chunks_exact_mut(outputs).collect());
        });
    }
    y
}

/// Adds the activation of some channels of an image, the first of `x`, times their `weight` to the outputs `y`. The
/// weights of one channel are `outputs` apart from those of the next. After a ReLU about half of the values are 0, and
/// their weights are not read.
#[inline(always)]
fn add_of_one(y: &mut [f32], activation: Activation, x: &[f32], weight: &[f32], outputs: usize) {
    // A branch would be mispredicted half of the time.
    let (mut found, mut count) = ([(0, 0.0); CHANNELS], 0);
    for (channel, &x) in x.iter().take(CHANNELS).enumerate() {
        let x = activation.of(x);
        found[count] = (channel * outputs, x);
        count += usize::from(x != 0.0);
    }
    let (tiles, rest) = y.as_chunks_mut::<OUTPUTS>();
    let begun = tiles.len() * OUTPUTS;
    for (tile, y) in tiles.iter_mut().enumerate() {
        let mut sums = *y;
        for &(start, x) in &found[..count] {
            let weights = &weight[start + tile * OUTPUTS..][..OUTPUTS];
            sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
        }
        *y = sums;
    }
    for &(start, x) in &found[..count] {
        let weights = &weight[start + begun..][..rest.len()];
        rest.iter_mut().zip(weights).for_each(|(y, weight)| *y += x * weight);
    }
}

/// The same for several images, in the same order of additions.
#[inline(always)]
fn add_of_several(
    y: &mut [&mut [f32]; IMAGES],
    activation: Activation,
    x: [&[f32]; IMAGES],
    weight: &[f32],
    outputs: usize,
) {
    let rows = weight.chunks(outputs);
    let mut values = [[0.0; CHANNELS]; IMAGES];
    values.iter_mut().zip(x).for_each(|(values, x)| activation.write(&mut values[..rows.len()], x));
    let rows = || rows.clone().enumerate().map(|(channel, weights)| (values.each_ref().map(|x| x[channel]), weights));
    let whole = y[0].len() / OUTPUTS_OF_EACH * OUTPUTS_OF_EACH;
    for start in (0..whole).step_by(OUTPUTS_OF_EACH) {
        let tile = start..start + OUTPUTS_OF_EACH;
        let mut sums = [[0.0; OUTPUTS_OF_EACH]; IMAGES];
        sums.iter_mut().zip(&*y).for_each(|(sums, y)| sums.copy_from_slice(&y[tile.clone()]));
        for (x, weights) in rows() {
            let weights = &weights[tile.clone()];
            for (sums, x) in sums.iter_mut().zip(x) {
                sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += x * weight);
            }
        }
        y.iter_mut().zip(sums).for_each(|(y, sums)| y[tile.clone()].copy_from_slice(&sums));
    }
    for (x, weights) in rows() {
        for (y, x) in y.iter_mut().zip(x) {
            let rest = y[whole..].iter_mut().zip(&weights[whole..]);
            rest.for_each(|(y, weight)| *y += x * weight);
        }
    }
}

/// The gradient in `x` `[N, C]`, from the output's `gradient` `[N, O]` and `weight` `[C, O]`.
pub fn dense_backward(activation: Activation, gradient: &[f32], x: &[f32], weight: &[f32], outputs: usize) -> Vec<f32> {
    let channels = weight.len() / outputs;
    let mut y = vec![0.0; x.len()];
    let images = x.len() / channels;
    // A thread computes some channels of all images, so that it reads their weights alone.
    threads::pieces(&mut y, [images, channels], [images, 1], images * outputs, |piece| {
        let (first, mut y) = (piece.column, piece.values);
        vectors::with_wide_vectors(
            #[inline(always)]
            || {
                let weight = &weight[first * outputs..][..y[0].len() * outputs];
                for (block, weight) in weight.chunks(outputs * CHANNELS).enumerate() {
                    let images = y.iter_mut().zip(x.chunks_exact(channels));
                    for ((y, x), gradient) in images.zip(gradient.chunks_exact(outputs)) {
                        let start = block * CHANNELS;
                        let values = y[start..].iter_mut().zip(&x[first + start..]);
                        for ((y, &x), weights) in values.zip(weight.chunks_exact(outputs)) {
                            let slope = activation.slope(x);
                            if slope != 0.0 {
                                *y = slope * dot(gradient, weights);
                            }
                        }
                    }
                }
            },
        );
    });
    y
}
