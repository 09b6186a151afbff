//! The gradients of a convolution in its weights and its bias. Native only.

use std::ops::Range;

use rayon::prelude::*;

use crate::convolution::{Convolution, FULL_TILE, Layout};
use crate::{WIDTH, vectors};

/// Weights of each output channel whose gradients are summed at once, for `FULL_TILE` channels and for one: with the
/// gradients that they share, they fill the registers.
const FULL_TAPS: usize = 3;
const TAPS_ONE_CHANNEL: usize = 9;

/// About how many values of a channel are summed at once. Together with those of `FULL_TILE` outputs they fit into the
/// L1 cache.
const RUN: usize = 1024;

/// The gradients of a layer in its weights and in its bias.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradients {
    /// In the shape of the weights, `[O, C / G, K, K]`.
    pub weight: Vec<f32>,
    /// `[O]`
    pub bias: Vec<f32>,
}

impl Convolution {
    /// The gradients in weights and bias, from the output's `gradient` `[N, O, H', W']` and the input `x` `[N, C, H,
    /// W]`. The order of the sums does not depend on the number of threads.
    pub fn weight_gradients(&self, gradient: &[f32], x: &[f32]) -> WeightGradients {
        let images = (RUN / self.with_gaps().plane()).max(1);
        let shares = self.images.div_ceil(images);
        let parts: Vec<WeightGradients> = (0..self.groups * shares)
            .into_par_iter()
            .map(|index| {
                let first = index % shares * images;
                let images = first..self.images.min(first + images);
                match self.to[0] {
                    1 => self.share::<1, TAPS_ONE_CHANNEL>(gradient, x, index / shares, images),
                    _ => self.share::<FULL_TILE, FULL_TAPS>(gradient, x, index / shares, images),
                }
            })
            .collect();
        let [outputs, weights] = [self.to[0], self.to[0] * self.from[0] * self.size * self.size];
        let zeros = |of_group| vec![0.0; self.groups * of_group];
        let mut total = WeightGradients { weight: zeros(weights), bias: zeros(outputs) };
        for (index, part) in parts.iter().enumerate() {
            let group = index / shares;
            total.weight[group * weights..].iter_mut().zip(&part.weight).for_each(|(total, part)| *total += part);
            total.bias[group * outputs..].iter_mut().zip(&part.bias).for_each(|(total, part)| *total += part);
        }
        total
    }

    /// How one channel of an image lies in memory while its products with the gradient are summed: every row has zeros
    /// of its own after it. So one sum runs through the planes of all images without a break: between the rows it
    /// multiplies by zeros.
    fn with_gaps(&self) -> Layout {
        let layout = self.layout();
        Layout { columns: self.to[2] + layout.reach, ..layout }
    }

    /// The gradients of one group from a few of the images.
    fn share<const OUTPUTS: usize, const TAPS: usize>(
        &self,
        gradient: &[f32],
        x: &[f32],
        group: usize,
        images: Range<usize>,
    ) -> WeightGradients {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let layout = self.with_gaps();
        let (plan, parts, plane, columns) = (self.plan(layout), layout.parts(), layout.plane(), layout.columns);
        let count = images.len();
        let length = (count * plane).next_multiple_of(WIDTH);

        // `[C, parts, N, rows, columns]`, plus the values beyond the end that the last sum reads.
        let mut source = vec![0.0; channels * parts * count * plane + plane + WIDTH];
        let planes = &mut source[..channels * parts * count * plane];
        // `[O, N, rows, columns]`, with O rounded up to whole tiles.
        let mut padded = vec![0.0; outputs.next_multiple_of(OUTPUTS) * length];
        let mut bias = vec![0.0; outputs];
        for (index, image) in images.enumerate() {
            let x = &x[(image * self.groups + group) * channels * height * width..];
            for (x, planes) in x.chunks_exact(height * width).zip(planes.chunks_exact_mut(parts * count * plane)) {
                let planes = planes.chunks_exact_mut(plane).skip(index).step_by(count);
                vectors::with_wide_vectors(
                    #[inline(always)]
                    || self.lay_out_channel(x, plan.iter().zip(planes), columns),
                );
            }
            let gradient = &gradient[(image * self.groups + group) * outputs * out_height * out_width..];
            let gradients = gradient.chunks_exact(out_height * out_width);
            for ((gradient, padded), bias) in gradients.zip(padded.chunks_exact_mut(length)).zip(&mut bias) {
                let rows = padded[index * plane..].chunks_mut(columns).zip(gradient.chunks_exact(out_width));
                rows.for_each(|(padded, row)| padded[..out_width].copy_from_slice(row));
                *bias += crate::sum(gradient);
            }
        }

        let starts = self.starts(layout, count);
        let terms = starts.len();
        let mut weight = vec![0.0; outputs * terms];
        for tile in (0..outputs).step_by(OUTPUTS) {
            let gradients: [&[f32]; OUTPUTS] = std::array::from_fn(|o| &padded[(tile + o) * length..][..length]);
            for (first, starts) in (0..).step_by(TAPS).zip(starts.chunks(TAPS)) {
                // Beyond the last weight, that weight is repeated.
                let sources = std::array::from_fn(|tap| &source[starts[tap.min(starts.len() - 1)]..][..length]);
                let sums: [[f32; TAPS]; OUTPUTS] = products(gradients, sources);
                for (weight, sums) in weight.chunks_exact_mut(terms).skip(tile).zip(sums) {
                    weight[first..][..starts.len()].copy_from_slice(&sums[..starts.len()]);
                }
            }
        }
        WeightGradients { weight, bias }
    }
}

/// The dot product of each of `gradients` with each of `sources`. All have the same length, a multiple of the vector
/// width.
fn products<const OUTPUTS: usize, const TAPS: usize>(
    gradients: [&[f32]; OUTPUTS],
    sources: [&[f32]; TAPS],
) -> [[f32; TAPS]; OUTPUTS] {
    #[cfg(target_arch = "x86_64")]
    if vectors::wide() {
        // SAFETY: `vectors::wide` has found AVX2 and FMA.
        return unsafe { products_wide(gradients, sources) };
    }
    products_with::<{ cfg!(target_arch = "aarch64") }, _, _>(gradients, sources)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn products_wide<const OUTPUTS: usize, const TAPS: usize>(
    gradients: [&[f32]; OUTPUTS],
    sources: [&[f32]; TAPS],
) -> [[f32; TAPS]; OUTPUTS] {
    products_with::<true, _, _>(gradients, sources)
}

#[inline(always)]
fn products_with<const FUSED: bool, const OUTPUTS: usize, const TAPS: usize>(
    gradients: [&[f32]; OUTPUTS],
    sources: [&[f32]; TAPS],
) -> [[f32; TAPS]; OUTPUTS] {
    let vectors = gradients[0].len() / WIDTH;
    let gradients = gradients.map(|values| &values.as_chunks::<WIDTH>().0[..vectors]);
    let sources = sources.map(|values| &values.as_chunks::<WIDTH>().0[..vectors]);
    let mut sums = [[[0.0; WIDTH]; TAPS]; OUTPUTS];
    for index in 0..vectors {
        let sources = sources.map(|source| source[index]); // read once for all outputs
        for (sums, gradient) in sums.iter_mut().zip(gradients) {
            let gradient = gradient[index];
            for (sums, source) in sums.iter_mut().zip(sources) {
                for ((sum, gradient), source) in sums.iter_mut().zip(gradient).zip(source) {
                    *sum = vectors::add_product::<FUSED>(*sum, gradient, source);
                }
            }
        }
    }
    sums.map(|sums| sums.map(|sums| sums.iter().sum()))
}
