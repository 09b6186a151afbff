//! Convolutions: forward pass and gradient in the input.

use std::cell::Cell;
use std::mem::MaybeUninit;

use crate::kernel::Terms;
use crate::output::written;
use crate::threads::COST_OF_VALUE;
use crate::weights::{self, Pass, Weights};
use crate::{Activation, WIDTH, threads, vectors};

/// Output channels that are summed at once, and SIMD vectors of each. Together with their inputs they fill the
/// registers.
pub(crate) const FULL_TILE: usize = 4;
pub(crate) const FULL_VECTORS: usize = if cfg!(target_family = "wasm") { 1 } else { 3 };

/// Vectors that are summed at once where there are fewer than `FULL_TILE` channels: then the channels go one by one.
const VECTORS_ONE_CHANNEL: usize = 4;

/// Sums that are computed before they are written to the output. They fit into the L1 cache.
const BAND: usize = 2048;

/// A convolution without its weights.
pub struct Convolution {
    /// The activation before the convolution.
    pub activation: Activation,
    /// N, the number of images.
    pub images: usize,
    /// G, the number of groups; channels of different groups do not mix.
    pub groups: usize,
    /// Input channels of a group (C / G), height H and width W.
    pub from: [usize; 3],
    /// Output channels of a group (O / G), height H' and width W'.
    pub to: [usize; 3],
    /// K, the side of the square kernels.
    pub size: usize,
    /// The stride, the same along both axes.
    pub stride: usize,
    /// Rows of zeros above the image, and columns of zeros to its left.
    pub padding: [usize; 2],
}

/// How one channel of an image lies in memory for the convolution. Its pixels are split into stride² parts, by their
/// padded row and column modulo the stride, so that one weight multiplies one contiguous plane `[rows, columns]` of one
/// part. Where rows are longer than the output, the surplus sums are computed and then dropped. The zeros after a row
/// may also serve as the zeros before the next row.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    pub parts: usize,
    pub rows: usize,
    pub columns: usize,
    /// How far a kernel reaches beyond its first pixel, in pixels of one part.
    pub reach: usize,
}

impl Layout {
    pub fn plane(self) -> usize {
        self.rows * self.columns
    }
}

impl Convolution {
    /// The output `[N, O, H', W']`, from `x` `[N, C, H, W]`, `weight` `[O, C / G, K, K]` and `bias` `[O]`.
    pub fn forward(&self, x: &[f32], weight: &Weights, bias: &[f32]) -> Vec<f32> {
        if self.to[0] < FULL_TILE {
            self.forward_tiled::<1, VECTORS_ONE_CHANNEL>(x, weight, bias)
        } else {
            self.forward_tiled::<FULL_TILE, FULL_VECTORS>(x, weight, bias)
        }
    }

    fn forward_tiled<const TILE: usize, const VECTORS: usize>(
        &self,
        x: &[f32],
        weight: &Weights,
        bias: &[f32],
    ) -> Vec<f32> {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let (layout, stride, size) = (self.layout(), self.stride, self.size);
        let taps: Vec<usize> = (0..size * size).collect();
        let tiles = outputs.div_ceil(TILE);
        let terms = channels * size * size;
        let kernels = weight.packed(Pass::Forward, self.weights_shape(), |weight| {
            weights::tiles(self.groups * tiles, terms, TILE * terms, |index, packed: &mut [[f32; TILE]]| {
                let (group, tile) = (index / tiles, index % tiles);
                let kernel = |channel, output| (group * outputs + tile * TILE + output) * channels + channel;
                self.pack(weight, packed, &taps, outputs - tile * TILE, kernel);
            })
        });
        let mut starts = Vec::with_capacity(channels * size * size);
        for channel in 0..channels {
            for (ky, kx) in taps.iter().map(|tap| (tap / size, tap % size)) {
                let part = (channel * stride + ky % stride) * stride + kx % stride;
                starts.push(part * layout.plane() + ky / stride * layout.columns + kx / stride);
            }
        }

        let cost = outputs * out_height * out_width * channels * size * size;
        let room = || vec![0.0; channels * layout.parts * layout.plane() + layout.reach + WIDTH];
        let convolve = |source: &mut Vec<f32>, index: usize, y: &mut [MaybeUninit<f32>]| {
            let group = index % self.groups;
            let x = &x[index * channels * height * width..][..channels * height * width];
            self.lay_out(x, source, layout);
            threads::parts(y, TILE * out_height * out_width, cost / tiles, |tile, y| {
                let weights = &kernels[(group * tiles + tile) * terms..][..terms];
                let terms = Terms { starts: &starts, weights };
                let bias = &bias[group * outputs + tile * TILE..];
                bands(out_height, layout.columns, TILE, |first, count, sums| {
                    let length = ((count - 1) * layout.columns + out_width).next_multiple_of(WIDTH);
                    terms.sum::<VECTORS>(&source[first * layout.columns..], sums, length);
                    let outputs = y.chunks_exact_mut(out_height * out_width).zip(sums.chunks_exact(length));
                    vectors::with_wide_vectors(
                        #[inline(always)]
                        || {
                            for ((y, sums), bias) in outputs.zip(bias) {
                                let y = &mut y[first * out_width..][..count * out_width];
                                for (y, sums) in y.chunks_exact_mut(out_width).zip(sums.chunks(layout.columns)) {
                                    vectors::map(y, sums, 1, |sum| sum + bias);
                                }
                            }
                        },
                    );
                });
            });
        };
        let size = outputs * out_height * out_width;
        // SAFETY: all rows of all channels are written.
        unsafe { written(self.images * self.groups * size, |y| threads::parts_with(y, size, cost, room, convolve)) }
    }

    /// The layout of the input in memory.
    pub(crate) fn layout(&self) -> Layout {
        let stride = self.stride;
        let reach = (self.size - 1) / stride;
        // For each remainder of the column: the zeros before its pixels in a row, and the number of these pixels.
        let lines = (0..stride).map(|remainder| {
            let (skipped, first) = self.first(1, remainder);
            (first, self.from[2].saturating_sub(skipped).div_ceil(stride))
        });
        let columns = row_stride(self.to[2], self.to[2] + reach, lines);
        Layout { parts: stride * stride, rows: self.to[1] + reach, columns, reach }
    }

    /// Along an axis: the first pixel whose padded index ≡ `remainder` (mod stride), and its index within that part.
    fn first(&self, axis: usize, remainder: usize) -> (usize, usize) {
        let skipped = (remainder + self.stride - self.padding[axis] % self.stride) % self.stride;
        (skipped, (self.padding[axis] + skipped) / self.stride)
    }

    /// Writes the image `x` after the activation into `source` `[C, parts, rows, columns]`. The other values stay 0.
    fn lay_out(&self, x: &[f32], source: &mut [f32], layout: Layout) {
        let [channels, height, width] = self.from;
        let size = layout.parts * layout.plane();
        let cost = COST_OF_VALUE * height * width;
        threads::parts(&mut source[..channels * size], size, cost, |channel, source| {
            let x = &x[channel * height * width..][..height * width];
            let parts = source.chunks_exact_mut(layout.plane());
            vectors::with_wide_vectors(
                #[inline(always)]
                || self.lay_out_channel(x, parts, layout.columns),
            );
        });
    }

    /// Writes the pixels of a channel after the activation into its `parts` `[rows, columns]`, as far as kernels reach
    /// them.
    #[inline(always)]
    pub(crate) fn lay_out_channel<'a>(&self, x: &[f32], parts: impl Iterator<Item = &'a mut [f32]>, columns: usize) {
        for (index, part) in parts.enumerate() {
            let ((top, row), (left, column)) = (self.first(0, index / self.stride), self.first(1, index % self.stride));
            if column >= columns || left >= self.from[2] {
                continue; // no kernel reaches these pixels, or there are none
            }
            let count = (columns - column).min((self.from[2] - left).div_ceil(self.stride));
            for (from, to) in (top..self.from[1]).step_by(self.stride).zip(row..part.len() / columns) {
                let line = &mut part[to * columns + column..][..count];
                self.activation.write(line, &x[from * self.from[2] + left..], self.stride);
            }
        }
    }

    /// What the packing of the weights depends on.
    fn weights_shape(&self) -> [usize; 5] {
        [self.groups, self.from[0], self.to[0], self.size, self.stride]
    }

    /// Packs the weights at `taps` of several kernels into `packed`, with `TILE` channels side by side. Where fewer than
    /// `TILE` channels are `present`, the last one is repeated. `kernel` gives the index of a kernel in `weight`.
    fn pack<const TILE: usize>(
        &self,
        weight: &[f32],
        packed: &mut [[f32; TILE]],
        taps: &[usize],
        present: usize,
        kernel: impl Fn(usize, usize) -> usize,
    ) {
        let area = self.size * self.size;
        for (index, packed) in packed.chunks_exact_mut(taps.len().max(1)).enumerate() {
            let kernels: [&[f32]; TILE] =
                std::array::from_fn(|lane| &weight[kernel(index, lane.min(present - 1)) * area..][..area]);
            packed.iter_mut().zip(taps).for_each(|(packed, &tap)| *packed = kernels.map(|kernel| kernel[tap]));
        }
    }

    /// The gradient in `x`, from the output's `gradient` `[N, O, H', W']`.
    pub fn backward(&self, gradient: &[f32], x: &[f32], weight: &Weights) -> Vec<f32> {
        if self.from[0] < FULL_TILE {
            self.backward_tiled::<1, VECTORS_ONE_CHANNEL>(gradient, x, weight)
        } else {
            self.backward_tiled::<FULL_TILE, FULL_VECTORS>(gradient, x, weight)
        }
    }

    /// The padded pixels are split into blocks of `stride` × `stride`. The input gradients at one place of all blocks
    /// are one convolution of the output's gradient, so there is one convolution for each place.
    fn backward_tiled<const TILE: usize, const VECTORS: usize>(
        &self,
        gradient: &[f32],
        x: &[f32],
        weight: &Weights,
    ) -> Vec<f32> {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let (stride, size) = (self.stride, self.size);
        let margin = size.div_ceil(stride) - 1;
        // The first block that holds a pixel, and the number of blocks from there to the last one.
        let first = self.padding.map(|padding| padding / stride);
        let blocks: [usize; 2] =
            std::array::from_fn(|axis| (self.padding[axis] + self.from[axis + 1] - 1) / stride + 1 - first[axis]);
        // Zeros before the gradient's plane: kernels of the first block reach this far back.
        let lead = first.map(|first| margin.saturating_sub(first));
        // Gradients before those that the kernels of the first block reach.
        let unreached = first.map(|first| first.saturating_sub(margin));
        let rows = blocks[0] + margin;
        let columns = row_stride(blocks[1], blocks[1] + margin, [(lead[1], out_width - unreached[1])].into_iter());
        let places: Vec<(Vec<usize>, Vec<usize>)> = (0..stride * stride)
            .map(|place| {
                let along = |start: usize| (start..size).step_by(stride).enumerate();
                let mut taps = Vec::new();
                let mut starts = Vec::new();
                for (tap_y, ky) in along(place / stride) {
                    for (tap_x, kx) in along(place % stride) {
                        taps.push(ky * size + kx);
                        starts.push((margin - tap_y) * columns + margin - tap_x);
                    }
                }
                let starts = (0..outputs).flat_map(|o| starts.iter().map(move |start| o * rows * columns + start));
                (taps, starts.collect())
            })
            .collect();
        // For each column modulo the stride: its place within a block, and the block of the first such column.
        let across = |remainder| {
            let padded = remainder + self.padding[1];
            (padded % stride, padded / stride - first[1])
        };
        let across: Vec<(usize, usize)> = (0..stride).map(across).collect();
        let tiles = channels.div_ceil(TILE);
        let terms = outputs * size * size;
        let kernels = weight.packed(Pass::Backward, self.weights_shape(), |weight| {
            weights::tiles(self.groups * tiles, terms, TILE * terms, |index, mut packed: &mut [[f32; TILE]]| {
                let (group, tile) = (index / tiles, index % tiles);
                let kernel = |output, channel| (group * outputs + output) * channels + tile * TILE + channel;
                for (taps, starts) in &places {
                    let place = packed.split_off_mut(..starts.len()).expect("there is a weight for every term");
                    self.pack(weight, place, taps, channels - tile * TILE, kernel);
                }
            })
        });

        let cost = outputs * out_height * out_width * channels * size * size;
        let room = || vec![0.0; outputs * rows * columns + margin + WIDTH];
        let convolve = |source: &mut Vec<f32>, index: usize, y: &mut [MaybeUninit<f32>]| {
            let gradient = &gradient[index * outputs * out_height * out_width..][..outputs * out_height * out_width];
            let x = &x[index * channels * height * width..][..channels * height * width];
            let end = outputs * rows * columns;
            let copying = COST_OF_VALUE * out_height * out_width;
            threads::parts(&mut source[..end], rows * columns, copying, |output, source| {
                let gradient = &gradient[output * out_height * out_width..][..out_height * out_width];
                let lines = source.chunks_exact_mut(columns).skip(lead[0]);
                vectors::with_wide_vectors(
                    #[inline(always)]
                    || {
                        for (line, gradient) in lines.zip(gradient.chunks_exact(out_width).skip(unreached[0])) {
                            let (line, gradient) = (&mut line[lead[1]..], &gradient[unreached[1]..]);
                            let count = line.len().min(gradient.len());
                            vectors::map(&mut line[..count], gradient, 1, |gradient| gradient);
                        }
                    },
                );
            });
            threads::parts(y, TILE * height * width, cost / tiles, |tile, y| {
                let kernels = &kernels[(index % self.groups * tiles + tile) * terms..][..terms];
                let x = &x[tile * TILE * height * width..];
                bands(blocks[0], columns, TILE * stride * stride, |band, count, sums| {
                    let length = ((count - 1) * columns + blocks[1]).next_multiple_of(WIDTH);
                    let source = &source[band * columns..];
                    let mut kernels = kernels;
                    for ((_, starts), sums) in places.iter().zip(sums.chunks_exact_mut(TILE * length)) {
                        let weights = kernels.split_off(..starts.len()).expect("there is a weight for every term");
                        Terms { starts, weights }.sum::<VECTORS>(source, sums, length);
                    }
                    let images = y.chunks_exact_mut(height * width).zip(x.chunks_exact(height * width));
                    vectors::with_wide_vectors(
                        #[inline(always)]
                        || {
                            for (channel, (y, x)) in images.enumerate() {
                                for (block, place_y) in
                                    (0..count).flat_map(|block| (0..stride).map(move |y| (block, y)))
                                {
                                    let padded = (first[0] + band + block) * stride + place_y;
                                    let row = padded.wrapping_sub(self.padding[0]); // wraps around above row 0
                                    if row < height {
                                        let row = row * width..(row + 1) * width;
                                        let line = |remainder: usize| {
                                            let (place_x, column) = across[remainder];
                                            let plane = (place_y * stride + place_x) * TILE + channel;
                                            &sums[plane * length + block * columns + column..]
                                        };
                                        self.activation.interleave_gradients(
                                            &mut y[row.clone()],
                                            &x[row],
                                            stride,
                                            line,
                                        );
                                    }
                                }
                            }
                        },
                    );
                });
            });
        };
        // SAFETY: all rows of all channels are written.
        unsafe { written(x.len(), |y| threads::parts_with(y, channels * height * width, cost, room, convolve)) }
    }
}

/// The distance between rows in memory. `count` sums are computed from the start of each row, and `reached` values are
/// read. Each of `lines` is one kind of row: the zeros before its values, and the number of values. What is read after
/// the values must be 0: the zeros before the next row serve, if there are enough.
fn row_stride(count: usize, reached: usize, lines: impl Iterator<Item = (usize, usize)>) -> usize {
    let distance = |(zeros, values): (usize, usize)| reached.min(zeros + values).max(reached - zeros.min(reached));
    lines.map(distance).max().unwrap_or(count).max(count)
}

thread_local! {
    /// The sums of the last bands. Threads of a browser wait for each other when they ask for memory.
    static SUMS: Cell<Vec<f32>> = const { Cell::new(Vec::new()) };
}

/// Calls `work` with a band of `rows` at a time: its first row, its number of rows, and a buffer of any values for the
/// sums of `planes` planes with `columns` values a row.
fn bands(rows: usize, columns: usize, planes: usize, mut work: impl FnMut(usize, usize, &mut [f32])) {
    let count = (BAND / (planes * columns)).clamp(1, rows);
    let length = planes * (count * columns).next_multiple_of(WIDTH);
    let mut sums = SUMS.take();
    sums.resize(length.max(sums.len()), 0.0);
    for first in (0..rows).step_by(count) {
        work(first, count.min(rows - first), &mut sums[..length]);
    }
    SUMS.set(sums);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A convolution of square images in one group.
    pub fn square(
        images: usize,
        [from, to]: [usize; 2],
        [side, size, stride]: [usize; 3],
        padding: usize,
    ) -> Convolution {
        let out = (side + 2 * padding - size) / stride + 1;
        Convolution {
            activation: Activation::Relu6,
            images,
            groups: 1,
            from: [from, side, side],
            to: [to, out, out],
            size,
            stride,
            padding: [padding; 2],
        }
    }
}
