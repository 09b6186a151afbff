//! Dense layers: forward pass and gradient in the input.

use crate::{Activation, dot, threads, vectors};

/// Outputs that are summed at once. They fit into the registers.
const OUTPUTS: usize = 32;

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
                    for (y, x) in y.iter_mut().zip(x.chunks_exact(channels)) {
                        // After a ReLU about half of the values are 0 and are skipped. A branch would be mispredicted
                        // half of the time.
                        let (mut found, mut count) = ([(0, 0.0); CHANNELS], 0);
                        for (channel, &x) in x[block * CHANNELS..].iter().take(CHANNELS).enumerate() {
                            let x = activation.of(x);
                            found[count] = (channel * outputs + first, x);
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
