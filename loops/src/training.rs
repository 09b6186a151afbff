//! The gradients of a convolution in its weights and its bias, natively.

use rayon::prelude::*;

use crate::{Convolution, TILE, WIDTH, vectors};

/// Weights of one row of a kernel whose gradients are summed at once, for `TILE` outputs each.
const TAPS: usize = 3;

/// Images that one thread sums up, at most.
const SHARE: usize = 16;

/// Values of images that lie in memory at once, about: what fits into a processor's second cache.
const ROOM: usize = 1 << 16;

/// The gradients of a layer in its weights and in its bias.
#[derive(Debug, Clone, PartialEq)]
pub struct WeightGradients {
    /// Of the shape of the weights.
    pub weight: Vec<f32>,
    /// `[O]`
    pub bias: Vec<f32>,
}

/// Images of equal shape in a slice: where the next image and the next channel begin.
#[derive(Clone, Copy)]
struct Planes<'a> {
    values: &'a [f32],
    image: usize,
    channel: usize,
}

impl Convolution {
    /// The gradients in weights and bias, from `gradient` `[N, O, H', W']`. The order of the sums does not depend on the
    /// number of threads.
    ///
    /// # Panics
    ///
    /// If there are groups.
    pub fn weight_gradients(&self, gradient: &[f32], x: &[f32]) -> WeightGradients {
        assert_eq!(self.groups, 1, "expected a convolution without groups");
        let outputs = self.to[0];
        let images = (ROOM / (self.from[0] * self.phases().iter().product::<usize>())).clamp(1, SHARE);
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

    /// How a channel lies in memory where its products with the gradient are summed: pixels are divided by the remainders
    /// of their row and column modulo the stride, so that one weight meets a plane `[rows, columns]` of one part. All of
    /// it, the ends of rows that no kernel reaches included, is then one sum without breaks.
    fn phases(&self) -> [usize; 3] {
        let further = (self.size - 1) / self.stride;
        [self.stride * self.stride, self.to[1] + further, self.to[2] + further]
    }

    /// The same of a few images.
    fn share(&self, gradient: &[f32], x: &[f32]) -> WeightGradients {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let ([parts, rows, columns], stride, size) = (self.phases(), self.stride, self.size);
        let images = x.len() / (channels * height * width);
        // Whole vectors; what they hold beyond the gradient is multiplied by zeros.
        let length = (out_height * columns).next_multiple_of(WIDTH);

        let plane = rows * columns;
        let mut source = vec![0.0; images * channels * parts * plane + length];
        for (index, row) in x.chunks_exact(width).enumerate() {
            let (channel, y) = (index / height, index % height + self.padding[0]);
            if y / stride >= rows {
                continue; // no kernel reaches it
            }
            for remainder in 0..stride {
                // The first column of the row with this remainder, and its place among those.
                let skipped = (remainder + stride - self.padding[1] % stride) % stride;
                let first = (self.padding[1] + skipped) / stride;
                let part = (channel * stride + y % stride) * stride + remainder;
                let line = &mut source[part * plane + y / stride * columns..][..columns];
                let (to, from) = (line.get_mut(first..).unwrap_or_default(), row.get(skipped..).unwrap_or_default());
                self.activation.write(to, from, stride);
            }
        }
        let source = Planes { values: &source, image: channels * parts * plane, channel: parts * plane };

        let padded_outputs = outputs.next_multiple_of(TILE); // as many as whole tiles have
        let mut padded = vec![0.0; images * padded_outputs * length];
        for (index, row) in gradient.chunks_exact(out_width).enumerate() {
            let (plane, line) = (index / out_height, index % out_height);
            let start = (plane / outputs * padded_outputs + plane % outputs) * length + line * columns;
            padded[start..start + out_width].copy_from_slice(row);
        }
        let gradients = Planes { values: &padded, image: padded_outputs * length, channel: length };

        let mut weight = vec![0.0; outputs * channels * size * size];
        for tile in (0..outputs).step_by(TILE) {
            for row in 0..channels * size {
                let (channel, ky) = (row / size, row % size);
                for first in (0..size).step_by(TAPS) {
                    let taps = TAPS.min(size - first);
                    let starts: [usize; TAPS] = std::array::from_fn(|tap| {
                        let kx = first + tap.min(taps - 1); // beyond the kernel the last once more
                        let part = ky % stride * stride + kx % stride;
                        channel * source.channel + part * plane + ky / stride * columns + kx / stride
                    });
                    let sums = products(gradients, tile, source, starts, [images, length]);
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

/// The sums over images, and the `length` values of a plane, of the products of `TILE` channels of `gradients`, from `tile`
/// on, with the values of `source` that begin at each of `starts`.
fn products(
    gradients: Planes,
    tile: usize,
    source: Planes,
    starts: [usize; TAPS],
    shape: [usize; 2],
) -> [[f32; TAPS]; TILE] {
    #[cfg(target_arch = "x86_64")]
    if vectors::wide() {
        // SAFETY: the processor has these instructions, as just asked.
        return unsafe { products_wide(gradients, tile, source, starts, shape) };
    }
    products_with::<{ cfg!(target_arch = "aarch64") }>(gradients, tile, source, starts, shape)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
fn products_wide(
    gradients: Planes,
    tile: usize,
    source: Planes,
    starts: [usize; TAPS],
    shape: [usize; 2],
) -> [[f32; TAPS]; TILE] {
    products_with::<true>(gradients, tile, source, starts, shape)
}

#[inline(always)]
fn products_with<const FUSED: bool>(
    gradients: Planes,
    tile: usize,
    source: Planes,
    starts: [usize; TAPS],
    [images, length]: [usize; 2],
) -> [[f32; TAPS]; TILE] {
    let mut sums = [[[0.0; WIDTH]; TAPS]; TILE];
    for image in 0..images {
        let gradients: [&[[f32; WIDTH]]; TILE] = std::array::from_fn(|o| {
            gradients.values[image * gradients.image + (tile + o) * gradients.channel..][..length].as_chunks().0
        });
        let sources: [&[[f32; WIDTH]]; TAPS] =
            std::array::from_fn(|tap| source.values[image * source.image + starts[tap]..][..length].as_chunks().0);
        for column in 0..length / WIDTH {
            for (sums, gradient) in sums.iter_mut().zip(gradients) {
                for (sums, source) in sums.iter_mut().zip(sources) {
                    for ((sum, gradient), source) in sums.iter_mut().zip(&gradient[column]).zip(&source[column]) {
                        *sum = vectors::add_product::<FUSED>(*sum, *gradient, *source);
                    }
                }
            }
        }
    }
    sums.map(|sums| sums.map(|sums| sums.iter().sum()))
}
