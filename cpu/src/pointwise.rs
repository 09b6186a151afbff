//! 1×1 convolutions: one matrix product per image.

use std::mem::MaybeUninit;

use crate::convolution::{FULL_TILE, FULL_VECTORS};
use crate::kernel::Terms;
use crate::output::written;
use crate::threads::{COST_OF_VALUE, Piece};
use crate::weights::{self, Pass, Weights};
use crate::{Activation, WIDTH, threads, vectors};

/// Input values of one band of pixels. They stay in the L2 cache while every output channel reads them.
const BAND: usize = 32 << 10;

/// Terms that are summed in one run. A longer sum is the sum of several runs of about equal length. Burn's matrix
/// products add in the same order, so a training gives the same result.
const RUN: usize = 512;

/// A 1×1 convolution without its weights.
#[derive(Debug, Clone)]
pub struct Pointwise {
    /// The activation before the convolution.
    pub activation: Activation,
    /// C, the number of input channels.
    pub channels: usize,
    /// O, the number of output channels.
    pub outputs: usize,
    /// H·W, the pixels of one image.
    pub pixels: usize,
}

impl Pointwise {
    /// The output `[N, O, H, W]`, from `x` `[N, C, H, W]`, `weight` `[O, C]` and `bias` `[O]`.
    pub fn forward(&self, x: &[f32], weight: &Weights, bias: &[f32]) -> Vec<f32> {
        let kernels = weight.packed(Pass::Forward, self.weights_shape(), |weight| {
            let cost = COST_OF_VALUE * FULL_TILE * self.channels;
            weights::tiles(self.outputs.div_ceil(FULL_TILE), self.channels, cost, |tile, packed| {
                // Beyond the last output channel, that channel is repeated.
                let row = |lane: usize| (tile * FULL_TILE + lane).min(self.outputs - 1) * self.channels;
                side_by_side(std::array::from_fn(|lane| &weight[row(lane)..][..self.channels]), packed);
            })
        });
        let read = |from: &[f32], to: &mut [f32]| self.activation.write(to, from);
        self.product(x, &kernels, [self.channels, self.outputs], read, |output, _, sums, y| {
            let bias = bias[output];
            vectors::map(y, sums, 1, |sum| sum + bias);
        })
    }

    /// The gradient in `x`, from the output's `gradient` `[N, O, H, W]`.
    pub fn backward(&self, gradient: &[f32], x: &[f32], weight: &Weights) -> Vec<f32> {
        let kernels = weight.packed(Pass::Backward, self.weights_shape(), |weight| {
            let cost = COST_OF_VALUE * FULL_TILE * self.outputs;
            weights::tiles(self.channels.div_ceil(FULL_TILE), self.outputs, cost, |tile, packed| {
                let rows = weight.chunks_exact(self.channels).map(|row| &row[tile * FULL_TILE..]);
                let last = |row: &[f32]| std::array::from_fn(|lane| row[lane.min(row.len() - 1)]);
                let rows = rows.map(|row| row.first_chunk().copied().unwrap_or_else(|| last(row)));
                packed.iter_mut().zip(rows).for_each(|(packed, row)| *packed = row);
            })
        });
        let read = |from: &[f32], to: &mut [f32]| vectors::map(to, from, 1, |gradient| gradient);
        self.product(gradient, &kernels, [self.outputs, self.channels], read, |_, start, sums, y| {
            let count = y.len();
            self.activation.interleave_gradients(y, &x[start..][..count], count, 1, |_, _| sums);
        })
    }

    /// What the packing of the weights depends on.
    fn weights_shape(&self) -> [usize; 5] {
        [1, self.channels, self.outputs, 1, 1]
    }

    /// The product `[N, to, H, W]` of `x` `[N, from, H, W]` and the `kernels`. `read` copies a row of `x` into the
    /// buffer. `write` gets the output channel, the index of the first value in the whole output, the sums, and the row
    /// to write to.
    #[inline(always)]
    fn product(
        &self,
        x: &[f32],
        kernels: &[[f32; FULL_TILE]],
        [from, to]: [usize; 2],
        read: impl Fn(&[f32], &mut [f32]) + Sync,
        write: impl Fn(usize, usize, &[f32], &mut [MaybeUninit<f32>]) + Sync,
    ) -> Vec<f32> {
        // In vectors. At least one more than are summed at once, so that no block of a single vector is left.
        let band = (BAND / from / WIDTH).max(FULL_VECTORS + 1);
        let run = from.div_ceil(from.div_ceil(RUN));
        let multiply = |Piece { image, row, column: first, values: mut rows }: Piece<MaybeUninit<f32>>| {
            let x = &x[image * from * self.pixels..][..from * self.pixels];
            let kernels = &kernels[row / FULL_TILE * from..];
            let count = rows[0].len();
            let vectors = count.div_ceil(WIDTH);
            let band = vectors.div_ceil(vectors.div_ceil(band)) * WIDTH;
            let starts: Vec<usize> = (0..from).map(|channel| channel * band).collect();
            threads::with_buffer((from + 2 * FULL_TILE) * band, |buffer| {
                let (source, sums) = buffer.split_at_mut(from * band);
                let (sums, further) = sums.split_at_mut(FULL_TILE * band);
                for start in (0..count).step_by(band) {
                    let count = band.min(count - start);
                    let length = count.next_multiple_of(WIDTH);
                    vectors::with_wide_vectors(
                        #[inline(always)]
                        || {
                            for (x, source) in x.chunks_exact(self.pixels).zip(source.chunks_exact_mut(band)) {
                                read(&x[first + start..], &mut source[..count]);
                            }
                        },
                    );
                    for (tile, (rows, weights)) in
                        rows.chunks_mut(FULL_TILE).zip(kernels.chunks_exact(from)).enumerate()
                    {
                        for (index, (starts, weights)) in starts.chunks(run).zip(weights.chunks(run)).enumerate() {
                            let terms = Terms { starts, weights };
                            if index == 0 {
                                terms.sum::<FULL_VECTORS>(source, sums, length);
                            } else {
                                terms.sum::<FULL_VECTORS>(source, further, length);
                                sums.iter_mut().zip(&*further).for_each(|(sum, further)| *sum += further);
                            }
                        }
                        vectors::with_wide_vectors(
                            #[inline(always)]
                            || {
                                for (lane, (values, sums)) in rows.iter_mut().zip(sums.chunks_exact(length)).enumerate()
                                {
                                    let channel = row + tile * FULL_TILE + lane;
                                    let place = (image * to + channel) * self.pixels + first + start;
                                    write(channel, place, sums, &mut values[start..][..count]);
                                }
                            },
                        );
                    }
                }
            });
        };
        let (image, tile) = ([to, self.pixels], [FULL_TILE, WIDTH]);
        // SAFETY: `write` writes every row of every piece.
        unsafe {
            written(x.len() / (from * self.pixels) * to * self.pixels, |y| {
                threads::pieces(y, image, tile, from * to, multiply)
            })
        }
    }
}

/// Writes the values of several rows of the same length side by side.
fn side_by_side(rows: [&[f32]; FULL_TILE], packed: &mut [[f32; FULL_TILE]]) {
    let blocks = rows.map(|row| row.as_chunks::<FULL_TILE>().0);
    for (index, packed) in packed.as_chunks_mut::<FULL_TILE>().0.iter_mut().enumerate() {
        let block = blocks.map(|row| row[index]);
        *packed = std::array::from_fn(|value| block.map(|row| row[value]));
    }
    let whole = FULL_TILE * blocks[0].len();
    for (index, packed) in packed.iter_mut().enumerate().skip(whole) {
        *packed = rows.map(|row| row[index]);
    }
}
