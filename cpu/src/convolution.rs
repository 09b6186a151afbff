//! Convolutions: forward pass and gradient in the input.

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
#[derive(Debug, Clone)]
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

/// How one channel of an image lies in memory for the convolution. Its pixels are split into `side`² parts, by their
/// padded row and column modulo the stride, so that one weight multiplies one contiguous plane `[rows, columns]` of one
/// part. Pixels that no kernel reaches, since the stride is larger than the kernel, are in no part. Where rows are
/// longer than the output, the surplus sums are computed and then dropped. The zeros after a row may also serve as the
/// zeros before the next row.
#[derive(Clone, Copy)]
pub(crate) struct Layout {
    /// The stride, or the side of the kernels where that is smaller.
    pub side: usize,
    pub rows: usize,
    pub columns: usize,
    /// How far a kernel reaches beyond its first pixel, in pixels of one part.
    pub reach: usize,
}

impl Layout {
    pub fn plane(self) -> usize {
        self.rows * self.columns
    }

    pub fn parts(self) -> usize {
        self.side * self.side
    }
}

/// The pixels of one part: every stride-th one of every stride-th row. The parts of all channels are the same.
pub(crate) struct Part {
    /// The index of its first pixel in the channel.
    pixel: usize,
    /// The index of that pixel in the part's plane.
    place: usize,
    rows: usize,
    columns: usize,
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
        let (layout, size) = (self.layout(), self.size);
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
        let (plan, starts) = (self.plan(layout), self.starts(layout, 1));
        let bands = Bands::new(out_height, layout.columns, TILE);
        let cost = outputs * out_height * out_width * channels * size * size;
        let room = || vec![0.0; channels * layout.parts() * layout.plane() + layout.reach + WIDTH];
        let convolve = |source: &mut Vec<f32>, index: usize, y: &mut [MaybeUninit<f32>]| {
            let group = index % self.groups;
            let x = &x[index * channels * height * width..][..channels * height * width];
            self.lay_out(x, source, layout, &plan);
            threads::parts(y, TILE * out_height * out_width, cost / tiles, |tile, y| {
                let weights = &kernels[(group * tiles + tile) * terms..][..terms];
                let terms = Terms { starts: &starts, weights };
                let bias = &bias[group * outputs..][tile * TILE..outputs.min((tile + 1) * TILE)];
                bands.each(|first, count, sums| {
                    let length = ((count - 1) * layout.columns + out_width).next_multiple_of(WIDTH);
                    terms.sum::<VECTORS>(&source[first * layout.columns..], sums, length);
                    vectors::with_wide_vectors(
                        #[inline(always)]
                        || {
                            for (output, bias) in bias.iter().enumerate() {
                                for row in 0..count {
                                    let sums = &sums[output * length + row * layout.columns..];
                                    let y = &mut y[(output * out_height + first + row) * out_width..][..out_width];
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
        let side = stride.min(self.size);
        let lines = (0..side).map(|remainder| {
            let (skipped, first) = self.first(1, remainder);
            (first, self.from[2].saturating_sub(skipped).div_ceil(stride))
        });
        let columns = row_stride(self.to[2], self.to[2] + reach, lines);
        Layout { side, rows: self.to[1] + reach, columns, reach }
    }

    /// Along an axis: the first pixel whose padded index ≡ `remainder` (mod stride), and its index within that part.
    fn first(&self, axis: usize, remainder: usize) -> (usize, usize) {
        let skipped = (remainder + self.stride - self.padding[axis] % self.stride) % self.stride;
        (skipped, (self.padding[axis] + skipped) / self.stride)
    }

    /// The parts of a channel in the `layout`.
    pub(crate) fn plan(&self, layout: Layout) -> Vec<Part> {
        // Along an axis with `room` for a part: its first pixel, where that lies, and the number of pixels.
        let along = |axis: usize, remainder: usize, room: usize| {
            let (pixel, place) = self.first(axis, remainder);
            let count = self.from[axis + 1].saturating_sub(pixel).div_ceil(self.stride);
            (pixel, place, count.min(room.saturating_sub(place)))
        };
        let part = |index: usize| {
            let (top, row, rows) = along(0, index / layout.side, layout.rows);
            let (left, column, columns) = along(1, index % layout.side, layout.columns);
            Part { pixel: top * self.from[2] + left, place: row * layout.columns + column, rows, columns }
        };
        (0..layout.parts()).map(part).collect()
    }

    /// For each weight of an output, where the pixels that it multiplies begin in `[C / G, parts, images, rows,
    /// columns]`.
    pub(crate) fn starts(&self, layout: Layout, images: usize) -> Vec<usize> {
        let (stride, size) = (self.stride, self.size);
        let start = |weight: usize| {
            let (channel, ky, kx) = (weight / size / size, weight / size % size, weight % size);
            let part = (channel * layout.side + ky % stride) * layout.side + kx % stride;
            part * images * layout.plane() + ky / stride * layout.columns + kx / stride
        };
        (0..self.from[0] * size * size).map(start).collect()
    }

    /// Writes the image `x` after the activation into `source` `[C, parts, rows, columns]`. The other values stay 0.
    fn lay_out(&self, x: &[f32], source: &mut [f32], layout: Layout, plan: &[Part]) {
        let [channels, height, width] = self.from;
        let size = layout.parts() * layout.plane();
        let cost = COST_OF_VALUE * height * width;
        threads::parts(&mut source[..channels * size], size, cost, |channel, source| {
            let x = &x[channel * height * width..][..height * width];
            let planes = source.chunks_exact_mut(layout.plane());
            vectors::with_wide_vectors(
                #[inline(always)]
                || self.lay_out_channel(x, plan.iter().zip(planes), layout.columns),
            );
        });
    }

    /// Writes the pixels of a channel after the activation into the planes of its `parts`, whose rows are `columns`
    /// apart.
    #[inline(always)]
    pub(crate) fn lay_out_channel<'a>(
        &self,
        x: &[f32],
        parts: impl Iterator<Item = (&'a Part, &'a mut [f32])>,
        columns: usize,
    ) {
        for (part, plane) in parts.filter(|(part, _)| part.rows > 0 && part.columns > 0) {
            let lines = plane[part.place..].chunks_mut(columns).take(part.rows).map(|line| &mut line[..part.columns]);
            let x = x[part.pixel..].chunks(self.stride * self.from[2]);
            self.activation.write_lines(lines.zip(x), self.stride);
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
    /// are one convolution of the output's gradient, so there is one convolution for each place; or they are 0, where
    /// no kernel reaches the place.
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
        let copied: [usize; 2] =
            std::array::from_fn(|axis| ([rows, columns][axis] - lead[axis]).min(self.to[axis + 1] - unreached[axis]));
        let side = stride.min(size);
        let places: Vec<(Vec<usize>, Vec<usize>)> = (0..side * side)
            .map(|place| {
                let along = |start: usize| (start..size).step_by(stride).enumerate();
                let mut taps = Vec::new();
                let mut starts = Vec::new();
                for (tap_y, ky) in along(place / side) {
                    for (tap_x, kx) in along(place % side) {
                        taps.push(ky * size + kx);
                        starts.push((margin - tap_y) * columns + margin - tap_x);
                    }
                }
                let starts = (0..outputs).flat_map(|o| starts.iter().map(move |start| o * rows * columns + start));
                (taps, starts.collect())
            })
            .collect();
        // For each row, and for each column modulo the stride: its place within a block, and its block; of the columns,
        // the block of the first one.
        let place = |axis: usize, index: usize| {
            let padded = index + self.padding[axis];
            (padded % stride, padded / stride - first[axis])
        };
        let down: Vec<(usize, usize)> = (0..height).map(|row| place(0, row)).collect();
        let across: Vec<(usize, usize)> = (0..stride.min(width)).map(|column| place(1, column)).collect();
        let zeros = vec![0.0; blocks[1]];
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

        let bands = Bands::new(blocks[0], columns, TILE * side * side);
        let cost = outputs * out_height * out_width * channels * size * size;
        let room = || vec![0.0; outputs * rows * columns + margin + WIDTH];
        let convolve = |source: &mut Vec<f32>, index: usize, y: &mut [MaybeUninit<f32>]| {
            let gradient = &gradient[index * outputs * out_height * out_width..][..outputs * out_height * out_width];
            let x = &x[index * channels * height * width..][..channels * height * width];
            let end = outputs * rows * columns;
            let copying = COST_OF_VALUE * out_height * out_width;
            threads::parts(&mut source[..end], rows * columns, copying, |output, source| {
                let gradient = &gradient[output * out_height * out_width..][..out_height * out_width];
                vectors::with_wide_vectors(
                    #[inline(always)]
                    || {
                        for row in 0..copied[0] {
                            let line = &mut source[(lead[0] + row) * columns + lead[1]..][..copied[1]];
                            let gradient = &gradient[(unreached[0] + row) * out_width + unreached[1]..];
                            vectors::map(line, gradient, 1, |gradient| gradient);
                        }
                    },
                );
            });
            threads::parts(y, TILE * height * width, cost / tiles, |tile, y| {
                let kernels = &kernels[(index % self.groups * tiles + tile) * terms..][..terms];
                let x = &x[tile * TILE * height * width..];
                bands.each(|band, count, sums| {
                    let length = ((count - 1) * columns + blocks[1]).next_multiple_of(WIDTH);
                    let source = &source[band * columns..];
                    let mut kernels = kernels;
                    for ((_, starts), sums) in places.iter().zip(sums.chunks_exact_mut(TILE * length)) {
                        let weights = kernels.split_off(..starts.len()).expect("there is a weight for every term");
                        Terms { starts, weights }.sum::<VECTORS>(source, sums, length);
                    }
                    let row = |block: usize| ((first[0] + block) * stride).saturating_sub(self.padding[0]).min(height);
                    let rows = row(band)..row(band + count);
                    vectors::with_wide_vectors(
                        #[inline(always)]
                        || {
                            for channel in 0..TILE.min(channels - tile * TILE) {
                                let values =
                                    (channel * height + rows.start) * width..(channel * height + rows.end) * width;
                                let line = |row: usize, remainder: usize| {
                                    let ((place_y, block), (place_x, column)) =
                                        (down[rows.start + row], across[remainder]);
                                    if place_y.max(place_x) >= side {
                                        return &zeros[..];
                                    }
                                    let plane = (place_y * side + place_x) * TILE + channel;
                                    &sums[plane * length + (block - band) * columns + column..]
                                };
                                let (y, x) = (&mut y[values.clone()], &x[values]);
                                self.activation.interleave_gradients(y, x, width, stride, line);
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

/// The rows of an image, a band at a time.
struct Bands {
    /// All rows.
    rows: usize,
    /// The rows of a band.
    count: usize,
    /// The sums of a band.
    sums: usize,
}

impl Bands {
    /// For `planes` planes of sums with `columns` values a row.
    fn new(rows: usize, columns: usize, planes: usize) -> Self {
        let count = (BAND / (planes * columns)).clamp(1, rows);
        Self { rows, count, sums: planes * (count * columns).next_multiple_of(WIDTH) }
    }

    /// Calls `work` with each band: its first row, its number of rows, and a buffer of any values for its sums.
    fn each(&self, mut work: impl FnMut(usize, usize, &mut [f32])) {
        threads::with_buffer(self.sums, |sums| {
            for first in (0..).step_by(self.count).take_while(|&first| first < self.rows) {
                work(first, self.count.min(self.rows - first), sums);
            }
        });
    }
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
