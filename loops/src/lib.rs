//! The layers of `decoy`, and what its attacks compute between them, on the CPU: plain loops over slices. They are a
//! crate of their own so that a build of the rest for size leaves them fast.
//!
//! In a convolution every row of the result is a sum of shifted rows times a weight, and the rows are laid out so
//! that each shift is contiguous: with zeros around them, and the columns that a stride skips in a row of their own.

mod rows;

pub use rows::{Score, Size, along, choose, unit};

/// What happens to the values before a layer's weights meet them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// Nothing.
    Identity,
    /// The larger of the value and 0.
    Relu,
    /// The same, and no more than 6.
    Relu6,
    /// Times `scale`, plus `shift`: the normalisation of pixels.
    Affine {
        /// One over the deviation.
        scale: f32,
        /// The mean, negative, over the deviation.
        shift: f32,
    },
}

/// Values of a row that are computed at once.
const WIDTH: usize = 8;

/// Values that are summed side by side.
const LANES: usize = 16;

/// Rows that are computed at once: as many as fit into a processor's registers.
const TILE: usize = 4;

/// A convolution without its weights.
pub struct Convolution {
    /// What comes before it.
    pub activation: Activation,
    /// N, how many images there are.
    pub images: usize,
    /// Channels, height and width of the input.
    pub from: [usize; 3],
    /// Channels, height and width of the output.
    pub to: [usize; 3],
    /// Side of the kernels.
    pub size: usize,
    /// How far apart the pixels are that kernels are put on.
    pub stride: usize,
    /// Rows of zeros before the first, columns of zeros before the first.
    pub padding: [usize; 2],
}

/// Rows to sum: where each begins in the source for the first row of the result, and its weights, `TILE` for each.
struct Terms<const TILE: usize> {
    starts: Vec<usize>,
    weights: Vec<[f32; TILE]>,
}

impl<const TILE: usize> Terms<TILE> {
    fn new(capacity: usize) -> Self {
        Self { starts: Vec::with_capacity(capacity), weights: Vec::with_capacity(capacity) }
    }

    fn push(&mut self, start: usize, weights: [f32; TILE]) {
        self.starts.push(start);
        self.weights.push(weights);
    }

    /// `WIDTH` values of `TILE` rows of the result.
    #[inline(always)]
    fn sum(&self, source: &[f32], offset: usize) -> [[f32; WIDTH]; TILE] {
        let mut sums = [[0.0; WIDTH]; TILE];
        for (start, weights) in self.starts.iter().zip(&self.weights) {
            let row = &source[offset + start..][..WIDTH];
            for (sum, weight) in sums.iter_mut().zip(weights) {
                for (sum, value) in sum.iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
        sums
    }
}

impl Convolution {
    /// `[N, O, H', W']` of `x` `[N, C, H, W]`, `weight` `[O, C, K, K]` and `bias` `[O]`.
    pub fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let mut y = vec![0.0; self.images * outputs * out_height * out_width];
        // For every channel the rows that kernels reach, each in one group of columns for every remainder of the stride.
        let rows = (out_height - 1) * self.stride + self.size;
        let length = out_width.next_multiple_of(WIDTH) + (self.size - 1) / self.stride;
        let source = vec![0.0; channels * rows * self.stride * length];
        let tiles: Vec<Terms<TILE>> = (0..outputs.div_ceil(TILE))
            .map(|tile| {
                let mut terms = Terms::new(channels * self.size * self.size);
                for channel in 0..channels {
                    for ky in 0..self.size {
                        for kx in 0..self.size {
                            let row = (channel * rows + ky) * self.stride + kx % self.stride;
                            terms.push(
                                row * length + kx / self.stride,
                                std::array::from_fn(|o| {
                                    let output = tile * TILE + o;
                                    let index = ((output * channels + channel) * self.size + ky) * self.size + kx;
                                    if output < outputs { weight[index] } else { 0.0 }
                                }),
                            );
                        }
                    }
                }
                terms
            })
            .collect();
        each_image(&mut y, self.images, &source, |image, source, y| {
            let x = &x[image * channels * height * width..][..channels * height * width];
            for (index, row) in x.chunks_exact(width).enumerate() {
                let (channel, padded) = (index / height, index % height + self.padding[0]);
                if padded >= rows {
                    continue; // no kernel reaches it
                }
                let groups = &mut source[(channel * rows + padded) * self.stride * length..][..self.stride * length];
                for (column, &value) in row.iter().enumerate() {
                    let column = column + self.padding[1];
                    if column / self.stride < length {
                        groups[column % self.stride * length + column / self.stride] = self.activation.of(value);
                    }
                }
            }
            for (tile, terms) in tiles.iter().enumerate() {
                let present = TILE.min(outputs - tile * TILE);
                for row in 0..out_height {
                    for column in (0..out_width).step_by(WIDTH) {
                        let offset = row * self.stride * self.stride * length + column;
                        let sums = terms.sum(source, offset);
                        let end = WIDTH.min(out_width - column);
                        for (o, sums) in sums.iter().enumerate().take(present) {
                            let output = tile * TILE + o;
                            let start = (output * out_height + row) * out_width + column;
                            for (y, sum) in y[start..start + end].iter_mut().zip(sums) {
                                *y = sum + bias[output];
                            }
                        }
                    }
                }
            }
        });
        y
    }

    /// The gradient in `x`, from `gradient` `[N, O, H', W']`.
    pub fn backward(&self, gradient: &[f32], x: &[f32], weight: &[f32]) -> Vec<f32> {
        if self.from[0] < TILE {
            self.backward_tiled::<1>(gradient, x, weight)
        } else {
            self.backward_tiled::<TILE>(gradient, x, weight)
        }
    }

    fn backward_tiled<const TILE: usize>(&self, gradient: &[f32], x: &[f32], weight: &[f32]) -> Vec<f32> {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let mut y = vec![0.0; x.len()];
        let stride = self.stride;
        // The pixels are taken in blocks of `stride` × `stride`, whose values of the same place within the block are a
        // convolution of the gradient each.
        let blocks = [(height + self.padding[0]).div_ceil(stride), (width + self.padding[1]).div_ceil(stride)];
        let margin = self.size.div_ceil(stride) - 1;
        let rows = blocks[0] + margin;
        let length = blocks[1].next_multiple_of(WIDTH) + margin;
        let source = vec![0.0; outputs * rows * length];
        let tiles = channels.div_ceil(TILE);
        let mut places = Vec::with_capacity(stride * stride * tiles);
        for place_y in 0..stride {
            for place_x in 0..stride {
                for tile in 0..tiles {
                    let mut terms = Terms::<TILE>::new(outputs * (margin + 1) * (margin + 1));
                    for output in 0..outputs {
                        for (tap_y, ky) in (place_y..self.size).step_by(stride).enumerate() {
                            for (tap_x, kx) in (place_x..self.size).step_by(stride).enumerate() {
                                let start = (output * rows + margin - tap_y) * length + margin - tap_x;
                                terms.push(
                                    start,
                                    std::array::from_fn(|c| {
                                        let channel = tile * TILE + c;
                                        let kernel = output * channels + channel;
                                        let index = (kernel * self.size + ky) * self.size + kx;
                                        if channel < channels { weight[index] } else { 0.0 }
                                    }),
                                );
                            }
                        }
                    }
                    places.push((place_y, place_x, tile, terms));
                }
            }
        }
        each_image(&mut y, self.images, &source, |image, source, y| {
            let gradient = &gradient[image * outputs * out_height * out_width..][..outputs * out_height * out_width];
            let x = &x[image * channels * height * width..][..channels * height * width];
            let reached = [out_height.min(blocks[0]), out_width.min(blocks[1])];
            for (index, row) in gradient.chunks_exact(out_width).enumerate() {
                let (output, row_index) = (index / out_height, index % out_height);
                if row_index < reached[0] {
                    let start = (output * rows + row_index + margin) * length + margin;
                    source[start..start + reached[1]].copy_from_slice(&row[..reached[1]]);
                }
            }
            for (place_y, place_x, tile, terms) in &places {
                for block in 0..blocks[0] {
                    let Some(row) = (block * stride + place_y).checked_sub(self.padding[0]).filter(|&row| row < height)
                    else {
                        continue;
                    };
                    for column in (0..blocks[1]).step_by(WIDTH) {
                        let sums = terms.sum(source, block * length + column);
                        for (c, sums) in sums.iter().enumerate().take(TILE.min(channels - tile * TILE)) {
                            let start = ((tile * TILE + c) * height + row) * width;
                            for (i, &sum) in sums.iter().enumerate() {
                                let pixel = ((column + i) * stride + place_x).wrapping_sub(self.padding[1]);
                                if pixel < width {
                                    y[start + pixel] = self.activation.slope(x[start + pixel]) * sum;
                                }
                            }
                        }
                    }
                }
            }
        });
        y
    }
}

/// Computes every image of `y`, given which it is and room that begins as `source`: natively several at a time.
fn each_image(y: &mut [f32], images: usize, source: &[f32], work: impl Fn(usize, &mut [f32], &mut [f32]) + Sync) {
    let size = y.len() / images;
    #[cfg(target_family = "wasm")]
    {
        let mut source = source.to_vec();
        y.chunks_exact_mut(size).enumerate().for_each(|(image, y)| work(image, &mut source, y));
    }
    #[cfg(not(target_family = "wasm"))]
    {
        use rayon::prelude::*;
        let images = y.par_chunks_exact_mut(size).enumerate();
        images.for_each_init(|| source.to_vec(), |source, (image, y)| work(image, source, y));
    }
}

/// `activation` of `x` `[N, C]` times `weight` `[C, O]`, plus `bias` `[O]`.
pub fn dense(activation: Activation, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
    let outputs = bias.len();
    let channels = weight.len() / outputs;
    let mut y = bias.repeat(x.len() / channels);
    for (channel, weights) in weight.chunks_exact(outputs).enumerate() {
        for (y, x) in y.chunks_exact_mut(outputs).zip(x.chunks_exact(channels)) {
            let x = activation.of(x[channel]);
            if x != 0.0 {
                for (y, weight) in y.iter_mut().zip(weights) {
                    *y += x * weight;
                }
            }
        }
    }
    y
}

/// The gradient in `x`, from `gradient` `[N, O]`.
pub fn dense_backward(activation: Activation, gradient: &[f32], x: &[f32], weight: &[f32], outputs: usize) -> Vec<f32> {
    let channels = weight.len() / outputs;
    let mut y = vec![0.0; x.len()];
    for (channel, weights) in weight.chunks_exact(outputs).enumerate() {
        let images = y.chunks_exact_mut(channels).zip(x.chunks_exact(channels)).zip(gradient.chunks_exact(outputs));
        for ((y, x), gradient) in images {
            let slope = activation.slope(x[channel]);
            if slope != 0.0 {
                y[channel] = slope * dot(gradient, weights);
            }
        }
    }
    y
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for (a, b) in a.iter().zip(b) {
        for i in 0..LANES {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}

impl Activation {
    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Relu => x.max(0.0),
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::Affine { scale, shift } => x * scale + shift,
        }
    }

    /// Its derivative.
    #[inline(always)]
    fn slope(self, x: f32) -> f32 {
        match self {
            Activation::Identity => 1.0,
            Activation::Relu => f32::from(x > 0.0),
            Activation::Relu6 => f32::from(x > 0.0 && x < 6.0),
            Activation::Affine { scale, .. } => scale,
        }
    }
}
