//! The layers of `decoy`, and what its attacks compute between them, on the CPU: plain loops over slices. They are a
//! crate of their own so that a build of the rest for size leaves them fast.
//!
//! In a convolution every row of the result is a sum of shifted rows times a weight, and the rows are laid out so
//! that each shift is contiguous: with zeros around them, and the columns that a stride skips in a row of their own.
//! Natively the sums use the widest vectors that the processor has, and training has its loops too.

#[cfg(not(target_family = "wasm"))]
mod normalisation;
mod rows;
#[cfg(not(target_family = "wasm"))]
mod training;
mod vectors;

#[cfg(not(target_family = "wasm"))]
pub use normalisation::{Moments, normalise, normalise_backward};
pub use rows::{Combination, Score, Size, nearer, step, unit};
#[cfg(not(target_family = "wasm"))]
pub use training::WeightGradients;

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

/// Channels whose rows are computed at once; of fewer channels, as many rows of one.
const TILE: usize = 4;

/// Rows of each of these channels that are computed at once: as many as fit into a processor's registers.
const ROWS: usize = if cfg!(target_family = "wasm") { 1 } else { 2 };

/// A convolution without its weights.
pub struct Convolution {
    /// What comes before it.
    pub activation: Activation,
    /// N, how many images there are.
    pub images: usize,
    /// G, the groups of channels that do not mix.
    pub groups: usize,
    /// Channels of a group, C / G, height and width of the input.
    pub from: [usize; 3],
    /// Channels of a group, O / G, height and width of the output.
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

    /// `WIDTH` values of `ROWS` rows of `TILE` channels of the result; the rows are `step` apart in the source.
    #[inline(always)]
    fn sum<const ROWS: usize>(&self, source: &[f32], offset: usize, step: usize) -> [[[f32; WIDTH]; TILE]; ROWS] {
        #[cfg(target_arch = "x86_64")]
        if vectors::wide() {
            // SAFETY: the processor has these instructions, as just asked.
            return unsafe { self.sum_wide(source, offset, step) };
        }
        self.sum_with::<ROWS, { cfg!(target_arch = "aarch64") }>(source, offset, step)
    }

    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2,fma")]
    fn sum_wide<const ROWS: usize>(&self, source: &[f32], offset: usize, step: usize) -> [[[f32; WIDTH]; TILE]; ROWS] {
        self.sum_with::<ROWS, true>(source, offset, step)
    }

    #[inline(always)]
    fn sum_with<const ROWS: usize, const FUSED: bool>(
        &self,
        source: &[f32],
        offset: usize,
        step: usize,
    ) -> [[[f32; WIDTH]; TILE]; ROWS] {
        let mut sums = [[[0.0; WIDTH]; TILE]; ROWS];
        for (start, weights) in self.starts.iter().zip(&self.weights) {
            let source = &source[offset + start..][..(ROWS - 1) * step + WIDTH];
            for (r, sums) in sums.iter_mut().enumerate() {
                let row = &source[r * step..][..WIDTH];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    for (sum, value) in sum.iter_mut().zip(row) {
                        *sum = vectors::add_product::<FUSED>(*sum, *weight, *value);
                    }
                }
            }
        }
        sums
    }
}

impl Convolution {
    /// `[N, O, H', W']` of `x` `[N, C, H, W]`, `weight` `[O, C / G, K, K]` and `bias` `[O]`.
    pub fn forward(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        if self.to[0] < TILE {
            self.forward_tiled::<1, TILE>(x, weight, bias)
        } else {
            self.forward_tiled::<TILE, ROWS>(x, weight, bias)
        }
    }

    fn forward_tiled<const TILE: usize, const ROWS: usize>(&self, x: &[f32], weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let mut y = vec![0.0; self.images * self.groups * outputs * out_height * out_width];
        let [rows, length] = self.layout(ROWS);
        let source = vec![0.0; channels * rows * self.stride * length];
        let tiles_each = outputs.div_ceil(TILE);
        let tiles: Vec<Terms<TILE>> = (0..self.groups * tiles_each)
            .map(|index| {
                let (group, tile) = (index / tiles_each, index % tiles_each);
                let mut terms = Terms::new(channels * self.size * self.size);
                for channel in 0..channels {
                    for ky in 0..self.size {
                        for kx in 0..self.size {
                            let row = (channel * rows + ky) * self.stride + kx % self.stride;
                            terms.push(
                                row * length + kx / self.stride,
                                std::array::from_fn(|o| {
                                    let output = tile * TILE + o;
                                    let kernel = (group * outputs + output) * channels + channel;
                                    let index = (kernel * self.size + ky) * self.size + kx;
                                    if output < outputs { weight[index] } else { 0.0 }
                                }),
                            );
                        }
                    }
                }
                terms
            })
            .collect();
        each(&mut y, self.images * self.groups, &source, |index, source, y| {
            let x = &x[index * channels * height * width..][..channels * height * width];
            let group = index % self.groups;
            self.lay_out(x, source, rows, length);
            for (tile, terms) in tiles[group * tiles_each..][..tiles_each].iter().enumerate() {
                let present = TILE.min(outputs - tile * TILE);
                for row in (0..out_height).step_by(ROWS) {
                    for column in (0..out_width).step_by(WIDTH) {
                        let step = self.stride * self.stride * length;
                        let sums = terms.sum::<ROWS>(source, row * step + column, step);
                        let end = WIDTH.min(out_width - column);
                        for (r, sums) in sums.iter().enumerate().take(out_height - row) {
                            for (o, sums) in sums.iter().enumerate().take(present) {
                                let output = tile * TILE + o;
                                let start = (output * out_height + row + r) * out_width + column;
                                let bias = bias[group * outputs + output];
                                match y[start..start + end].first_chunk_mut::<WIDTH>() {
                                    Some(y) => *y = sums.map(|sum| sum + bias),
                                    None => {
                                        y[start..start + end].iter_mut().zip(sums).for_each(|(y, sum)| *y = sum + bias)
                                    }
                                }
                            }
                        }
                    }
                }
            }
        });
        y
    }

    /// How an image lies in memory where it is convolved, `[C, rows, stride, length]`: for every channel the rows that
    /// kernels reach when `tile` rows of the output are computed at once, and of each row the columns by their remainder
    /// modulo the stride, so that the columns one weight meets are side by side.
    fn layout(&self, tile: usize) -> [usize; 2] {
        let rows = (self.to[1].next_multiple_of(tile) - 1) * self.stride + self.size;
        let length = self.to[2].next_multiple_of(WIDTH) + (self.size - 1) / self.stride;
        [rows, length]
    }

    /// Writes the activated image `x` into `source`, whose other values are zeros, as [`layout`](Self::layout) says.
    fn lay_out(&self, x: &[f32], source: &mut [f32], rows: usize, length: usize) {
        let [_, height, width] = self.from;
        for (index, row) in x.chunks_exact(width).enumerate() {
            let (channel, padded) = (index / height, index % height + self.padding[0]);
            if padded >= rows {
                continue; // no kernel reaches it
            }
            let lines = &mut source[(channel * rows + padded) * self.stride * length..][..self.stride * length];
            for (remainder, line) in lines.chunks_exact_mut(length).enumerate() {
                // The first column of the row with this remainder, and its place among those.
                let skipped = (remainder + self.stride - self.padding[1] % self.stride) % self.stride;
                let first = (self.padding[1] + skipped) / self.stride;
                let (to, from) = (line.get_mut(first..).unwrap_or_default(), row.get(skipped..).unwrap_or_default());
                self.activation.write(to, from, self.stride);
            }
        }
    }

    /// The gradient in `x`, from `gradient` `[N, O, H', W']`.
    pub fn backward(&self, gradient: &[f32], x: &[f32], weight: &[f32]) -> Vec<f32> {
        if self.from[0] < TILE {
            self.backward_tiled::<1, TILE>(gradient, x, weight)
        } else {
            self.backward_tiled::<TILE, ROWS>(gradient, x, weight)
        }
    }

    fn backward_tiled<const TILE: usize, const ROWS: usize>(
        &self,
        gradient: &[f32],
        x: &[f32],
        weight: &[f32],
    ) -> Vec<f32> {
        let ([channels, height, width], [outputs, out_height, out_width]) = (self.from, self.to);
        let mut y = vec![0.0; x.len()];
        let stride = self.stride;
        // The pixels are taken in blocks of `stride` × `stride`, whose values of the same place within the block are a
        // convolution of the gradient each.
        let margin = self.size.div_ceil(stride) - 1;
        // The first block with a pixel at this place, which pixel that is, and how many blocks there are.
        let blocks = |axis: usize, place: usize, length: usize| {
            let first = self.padding[axis].saturating_sub(place).div_ceil(stride);
            let pixel = first * stride + place - self.padding[axis];
            (first, pixel, length.saturating_sub(pixel).div_ceil(stride))
        };
        let reach = |axis: usize, length: usize, step: usize| {
            let ends = (0..stride).map(|place| blocks(axis, place, length));
            ends.map(|(first, _, count)| first + count.next_multiple_of(step)).max().expect("a stride is at least 1")
        };
        let reached = [reach(0, height, ROWS), reach(1, width, WIDTH)];
        let (rows, length) = (reached[0] + margin, reached[1] + margin);
        let source = vec![0.0; outputs * rows * length];
        let tiles = channels.div_ceil(TILE);
        let places_each = stride * stride * tiles;
        let mut places = Vec::with_capacity(self.groups * places_each);
        for group in 0..self.groups {
            for place in 0..places_each {
                let (tile, place_x, place_y) = (place % tiles, place / tiles % stride, place / tiles / stride);
                let mut terms = Terms::<TILE>::new(outputs * (margin + 1) * (margin + 1));
                for output in 0..outputs {
                    for (tap_y, ky) in (place_y..self.size).step_by(stride).enumerate() {
                        for (tap_x, kx) in (place_x..self.size).step_by(stride).enumerate() {
                            let start = (output * rows + margin - tap_y) * length + margin - tap_x;
                            terms.push(
                                start,
                                std::array::from_fn(|c| {
                                    let channel = tile * TILE + c;
                                    let kernel = (group * outputs + output) * channels + channel;
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
        each(&mut y, self.images * self.groups, &source, |index, source, y| {
            let gradient = &gradient[index * outputs * out_height * out_width..][..outputs * out_height * out_width];
            let x = &x[index * channels * height * width..][..channels * height * width];
            let places = &places[index % self.groups * places_each..][..places_each];
            let reached = [out_height.min(reached[0]), out_width.min(reached[1])];
            for (index, row) in gradient.chunks_exact(out_width).enumerate() {
                let (output, row_index) = (index / out_height, index % out_height);
                if row_index < reached[0] {
                    let start = (output * rows + row_index + margin) * length + margin;
                    source[start..start + reached[1]].copy_from_slice(&row[..reached[1]]);
                }
            }
            for (place_y, place_x, tile, terms) in places {
                let (first_row, top, count) = blocks(0, *place_y, height);
                let (first_column, left, columns) = blocks(1, *place_x, width);
                for block in (0..count).step_by(ROWS) {
                    for column in (0..columns).step_by(WIDTH) {
                        let offset = (first_row + block) * length + first_column + column;
                        let sums = terms.sum::<ROWS>(source, offset, length);
                        for (r, sums) in sums.iter().enumerate().take(count - block) {
                            let row = top + (block + r) * stride;
                            for (c, sums) in sums.iter().enumerate().take(channels - tile * TILE) {
                                let y = &mut y[((tile * TILE + c) * height + row) * width..][..width];
                                scatter(&mut y[left + column * stride..], sums, stride);
                            }
                        }
                    }
                }
            }
            self.activation.scale(y, x);
        });
        y
    }
}

/// Computes every one of the `count` parts of `y`, given which it is and room that begins as `source`: natively several
/// at a time.
fn each(y: &mut [f32], count: usize, source: &[f32], work: impl Fn(usize, &mut [f32], &mut [f32]) + Sync) {
    let size = y.len() / count;
    #[cfg(target_family = "wasm")]
    {
        let mut source = source.to_vec();
        y.chunks_exact_mut(size).enumerate().for_each(|(index, y)| work(index, &mut source, y));
    }
    #[cfg(not(target_family = "wasm"))]
    {
        use rayon::prelude::*;
        let parts = y.par_chunks_exact_mut(size).enumerate();
        parts.for_each_init(|| source.to_vec(), |source, (index, y)| work(index, source, y));
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

/// The sum of all values.
#[cfg(not(target_family = "wasm"))]
fn sum(values: &[f32]) -> f32 {
    let (lanes, rest) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for lanes in lanes {
        for i in 0..LANES {
            sums[i] += lanes[i];
        }
    }
    sums.iter().chain(rest).sum()
}

/// Writes values, as far as they fit, `stride` apart.
#[inline(always)]
fn scatter(y: &mut [f32], values: &[f32], stride: usize) {
    if let (1, Some(y), Some(values)) = (stride, y.first_chunk_mut::<WIDTH>(), values.first_chunk::<WIDTH>()) {
        *y = *values;
    } else {
        y.iter_mut().step_by(stride).zip(values).for_each(|(y, value)| *y = *value);
    }
}

impl Activation {
    /// It of every value of `x`.
    pub fn forward(self, x: &[f32]) -> Vec<f32> {
        let mut y = vec![0.0; x.len()];
        self.write(&mut y, x, 1);
        y
    }

    /// The gradient in `x`, from that after it.
    pub fn backward(self, gradient: &[f32], x: &[f32]) -> Vec<f32> {
        let mut y = gradient.to_vec();
        self.scale(&mut y, x);
        y
    }

    /// Writes it of every `stride`th value of `x`, as far as there are any.
    fn write(self, y: &mut [f32], x: &[f32], stride: usize) {
        match self {
            Activation::Identity => write(y, x, stride, |x| x),
            Activation::Relu => write(y, x, stride, |x| Activation::Relu.of(x)),
            Activation::Relu6 => write(y, x, stride, |x| Activation::Relu6.of(x)),
            Activation::Affine { .. } => write(y, x, stride, |x| self.of(x)),
        }
    }

    /// Multiplies `y` by its slope at `x`.
    fn scale(self, y: &mut [f32], x: &[f32]) {
        let pairs = y.iter_mut().zip(x);
        match self {
            Activation::Identity => {}
            Activation::Relu => pairs.for_each(|(y, &x)| *y *= Activation::Relu.slope(x)),
            Activation::Relu6 => pairs.for_each(|(y, &x)| *y *= Activation::Relu6.slope(x)),
            Activation::Affine { .. } => pairs.for_each(|(y, &x)| *y *= self.slope(x)),
        }
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            // `max` is a call to a function where there is no instruction for it, as in wasm.
            Activation::Relu => {
                if x > 0.0 {
                    x
                } else {
                    0.0
                }
            }
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

#[inline(always)]
fn write(y: &mut [f32], x: &[f32], stride: usize, of: impl Fn(f32) -> f32) {
    if stride == 1 {
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = of(x));
    } else {
        y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(y, &x)| *y = of(x));
    }
}
