//! The gradients of a convolution in its weights and its bias. Native only.

use rayon::prelude::*;

use crate::WIDTH;
use crate::convolution::{Convolution, Layout, TILE};

/// Weights of one kernel row whose gradients are summed at once, for each of `TILE` outputs.
const TAPS: usize = 3;

/// About how many values of a channel are summed at once. Together with those of `TILE` outputs they fit into the L1
/// cache.
const RUN: usize = 1024;

/// The gradients of a layer in its weights and in its bias.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradients {
    /// In the shape of the weights, `[O, C, K, K]`.
    pub weight: Vec<f32>,
    /// `[O]`
    pub bias: Vec<f32>,
}

impl Convolution {
    /// The gradients in weights and bias, from the output's `gradient` `[N, O, H', W']` and the input `x` `[N, C, H,
    /// W]`. The order of the sums does not depend on the number of threads.
    ///
    /// # Panics
    ///
    /// If there is more than one group.
    pub fn weight_gradients(&self, gradient: &[f32], x: &[f32]) -> WeightGradients {
        assert_eq!(self.groups, 1, "expected a convolution without groups");
        let outputs = self.to[0];
        let images = (RUN / self.with_gaps().plane()).max(1);
        let [size, out_size] = [self.from, self.to].map(|shape| shape.iter().product::<usize>());
        let shares = x.par_chunks(images * size).zip(gradient.par_chunks(images * out_size));
        let shares: Vec<WeightGradients> = shares.map(|(x, gradient)| self.share(gradient, x)).collect();
        let zeros = |length| vec![0.0; length];
        let mut total =
            WeightGradients { weight: zeros(outputs * self.from[0] * self.size * self.size), bias: zeros(outputs) };
        for share in &shares {
            total.weight.iter_mut().zip(&share.weight).for_each(|(total, share)| *total += share);
            total.bias.iter_mut().zip(&share.bias).for_each(|(total, share)| *total += share);
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

    /// The gradients from a few of the images.
    fn share(&self, gradient: &[f32], x: &[f32]) -> WeightGradients {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let (Layout { parts, rows, columns, .. }, stride, size) = (self.with_gaps(), self.stride, self.size);
        let images = x.len() / (channels * height * width);
        let plane = rows * columns;
        let length = (images * plane).next_multiple_of(WIDTH);

        // `[C, parts, N, rows, columns]`, plus the values beyond the end that the last sum reads.
        let mut source = vec![0.0; channels * parts * images * plane + plane + WIDTH];
        let (planes, _) = source.split_at_mut(channels * parts * images * plane);
        for (channel, planes) in planes.chunks_exact_mut(parts * images * plane).enumerate() {
            for image in 0..images {
                let x = &x[(image * channels + channel) * height * width..][..height * width];
                let parts = planes.chunks_exact_mut(plane).skip(image).step_by(images);
                self.lay_out_channel(x, parts, columns);
            }
        }

        // `[O, N, rows, columns]`, with O rounded up to whole tiles.
        let mut padded = vec![0.0; outputs.next_multiple_of(TILE) * length];
        for (index, row) in gradient.chunks_exact(out_width).enumerate() {
            let (image, output) = (index / out_height / outputs, index / out_height % outputs);
            let start = output * length + image * plane + index % out_height * columns;
            padded[start..start + out_width].copy_from_slice(row);
        }

        let mut weight = vec![0.0; outputs * channels * size * size];
        for tile in (0..outputs).step_by(TILE) {
            for row in 0..channels * size {
                let (channel, ky) = (row / size, row % size);
                for first in (0..size).step_by(TAPS) {
                    let taps = TAPS.min(size - first);
                    let starts: [usize; TAPS] = std::array::from_fn(|tap| {
                        let kx = first + tap.min(taps - 1); // beyond the kernel's last column, that column is repeated
                        let part = (channel * stride + ky % stride) * stride + kx % stride;
                        part * images * plane + ky / stride * columns + kx / stride
                    });
                    let gradients = std::array::from_fn(|o| &padded[(tile + o) * length..][..length]);
                    let sums = products(gradients, starts.map(|start| &source[start..][..length]));
                    for (o, sums) in sums.iter().enumerate().take(outputs - tile) {
                        let start = ((tile + o) * channels * size + row) * size + first;
                        weight[start..start + taps].copy_from_slice(&sums[..taps]);
                    }
                }
            }
        }
        let mut bias = vec![0.0; outputs];
        for (index, plane) in gradient.chunks_exact(out_height * out_width).enumerate() {
            bias[index % outputs] += crate::sum(plane);
        }
        WeightGradients { weight, bias }
    }
}

/// The dot product of each of `gradients` with each of `sources`. All have the same length, a multiple of the vector
/// width.
fn products(gradients: [&[f32]; TILE], sources: [&[f32]; TAPS]) -> [[f32; TAPS]; TILE] {
    #[cfg(target_arch = "x86_64")]
    if crate::vectors::wide() {
        // SAFETY: `vectors::wide` has found AVX2 and FMA.
        return unsafe { products_wide(gradients, sources) };
    }
    products_with::<{ cfg!(target_arch = "aarch64") }>(gradients, sources)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn products_wide(gradients: [&[f32]; TILE], sources: [&[f32]; TAPS]) -> [[f32; TAPS]; TILE] {
    products_with::<true>(gradients, sources)
}

#[inline(always)]
fn products_with<const FUSED: bool>(gradients: [&[f32]; TILE], sources: [&[f32]; TAPS]) -> [[f32; TAPS]; TILE] {
    let vectors = gradients[0].len() / WIDTH;
    let gradients = gradients.map(|values| &values.as_chunks::<WIDTH>().0[..vectors]);
    let sources = sources.map(|values| &values.as_chunks::<WIDTH>().0[..vectors]);
    let mut sums = [[[0.0; WIDTH]; TAPS]; TILE];
    for index in 0..vectors {
        let sources = sources.map(|source| source[index]); // read once for all outputs
        for (sums, gradient) in sums.iter_mut().zip(gradients) {
            let gradient = gradient[index];
            for (sums, source) in sums.iter_mut().zip(sources) {
                for ((sum, gradient), source) in sums.iter_mut().zip(gradient).zip(source) {
                    *sum = crate::vectors::add_product::<FUSED>(*sum, gradient, source);
                }
            }
        }
    }
    sums.map(|sums| sums.map(|sums| sums.iter().sum()))
}
