//! 1×1 convolutions: every pixel alone, a matrix product for each image.

use crate::convolution::{TILE, VECTORS};
use crate::kernel::Terms;
use crate::{Activation, WIDTH, threads, vectors};

/// Values that are read for one band of pixels: they stay in a processor's first cache while every channel of the result
/// reads them.
const BAND: usize = 6 << 10;

/// Terms that are summed at once. Of more, as many sums of about the same length are added, as Burn's matrix products have
/// it, so that a training comes out the same.
const RUN: usize = 512;

/// A 1×1 convolution without its weights.
pub struct Pointwise {
    /// What comes before it.
    pub activation: Activation,
    /// C, channels of the input.
    pub channels: usize,
    /// O, channels of the output.
    pub outputs: usize,
    /// H·W, pixels of an image.
    pub pixels: usize,
}

impl Pointwise {
    /// `[N, O, H, W]` of `x` `[N, C, H, W]`, `weight` `[O, C]` and `bias` `[O]`.
    pub fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let kernels = threads::map(self.outputs.div_ceil(TILE), 8 * TILE * self.channels, |tile| {
            // Beyond the last output it once more.
            let row = |lane: usize| (tile * TILE + lane).min(self.outputs - 1) * self.channels;
            let rows: [&[f32]; TILE] = std::array::from_fn(|lane| &weight[row(lane)..][..self.channels]);
            (0..self.channels).map(|channel| rows.map(|row| row[channel])).collect()
        });
        let read = |from: &[f32], to: &mut [f32]| self.activation.write(to, from, 1);
        self.product(x, &kernels, [self.channels, self.outputs], read, |output, _, sums, y| {
            let bias = bias[output];
            vectors::map(y, sums, 1, |sum| sum + bias);
        })
    }

    /// The gradient in `x`, from `gradient` `[N, O, H, W]`.
    pub fn backward(&self, gradient: &[f32], x: &[f32], weight: &[f32]) -> Vec<f32> {
        let kernels = threads::map(self.channels.div_ceil(TILE), 8 * TILE * self.outputs, |tile| {
            let rows = weight.chunks_exact(self.channels).map(|row| &row[tile * TILE..]);
            rows.map(|row| std::array::from_fn(|lane| row[lane.min(row.len() - 1)])).collect()
        });
        let read = |from: &[f32], to: &mut [f32]| vectors::map(to, from, 1, |gradient| gradient);
        self.product(gradient, &kernels, [self.outputs, self.channels], read, |_, start, sums, y| {
            self.activation.unfold(y, &x[start..][..y.len()], 1, |_| sums);
        })
    }

    /// `[N, to, H, W]` of `x` `[N, from, H, W]`, whose rows `read` lays out, and the `kernels`; `write` is given which channel
    /// it is, where the values lie in the whole, and the sums.
    #[inline(always)]
    fn product(
        &self,
        x: &[f32],
        kernels: &[Vec<[f32; TILE]>],
        [from, to]: [usize; 2],
        read: impl Fn(&[f32], &mut [f32]) + Sync,
        write: impl Fn(usize, usize, &[f32], &mut [f32]) + Sync,
    ) -> Vec<f32> {
        // In vectors: at least those that are summed at once and one more, so that none is left alone.
        let band = (BAND / from / WIDTH).max(VECTORS + 1);
        let run = from.div_ceil(from.div_ceil(RUN));
        let mut y = vec![0.0; x.len() / from * to];
        threads::columns(&mut y, to, self.pixels, WIDTH, from * to, |image, first, mut rows| {
            let x = &x[image * from * self.pixels..][..from * self.pixels];
            let count = rows[0].len();
            let vectors = count.div_ceil(WIDTH);
            let band = vectors.div_ceil(vectors.div_ceil(band)) * WIDTH;
            let starts: Vec<usize> = (0..from).map(|channel| channel * band).collect();
            let mut source = vec![0.0; from * band];
            let mut sums = vec![0.0; 2 * TILE * band];
            let (sums, further) = sums.split_at_mut(TILE * band);
            for start in (0..count).step_by(band) {
                let count = band.min(count - start);
                let length = count.next_multiple_of(WIDTH);
                vectors::widely(
                    #[inline(always)]
                    || {
                        for (x, source) in x.chunks_exact(self.pixels).zip(source.chunks_exact_mut(band)) {
                            read(&x[first + start..], &mut source[..count]);
                        }
                    },
                );
                for (tile, (rows, weights)) in rows.chunks_mut(TILE).zip(kernels).enumerate() {
                    for (index, (starts, weights)) in starts.chunks(run).zip(weights.chunks(run)).enumerate() {
                        let terms = Terms { starts, weights };
                        if index == 0 {
                            terms.sum::<VECTORS>(&source, sums, length);
                        } else {
                            terms.sum::<VECTORS>(&source, further, length);
                            sums.iter_mut().zip(&*further).for_each(|(sum, further)| *sum += further);
                        }
                    }
                    vectors::widely(
                        #[inline(always)]
                        || {
                            for (lane, (row, sums)) in rows.iter_mut().zip(sums.chunks_exact(length)).enumerate() {
                                let channel = tile * TILE + lane;
                                let place = (image * to + channel) * self.pixels + first + start;
                                write(channel, place, sums, &mut row[start..][..count]);
                            }
                        },
                    );
                }
            }
        });
        y
    }
}
