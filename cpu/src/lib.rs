//! The layers of `decoy`, and what its attacks compute between them, on the CPU: plain loops over slices. They are a
//! crate of their own so that a build of the rest for size leaves them fast.
//!
//! In a convolution every channel of the result is a sum of shifted planes times a weight, laid out so that each shift is
//! contiguous: with zeros around them, and the pixels that a stride skips in planes of their own. What is computed side by
//! side are the images, or the channels and pixels of one: each sum has one order, whatever the threads and vectors.
//! Natively all threads share the work, with the widest vectors that the processor has, and training has its loops too.

mod convolution;
mod dense;
mod kernel;
#[cfg(not(target_family = "wasm"))]
mod normalisation;
mod per_image;
mod pointwise;
mod threads;
#[cfg(not(target_family = "wasm"))]
mod training;
mod vectors;

pub use convolution::Convolution;
pub use dense::{dense, dense_backward};
#[cfg(not(target_family = "wasm"))]
pub use normalisation::{Moments, normalise, normalise_backward};
pub use per_image::{Combination, Score, Size, nearer, step, unit};
pub use pointwise::Pointwise;
#[cfg(not(target_family = "wasm"))]
pub use threads::{among_threads, beside};
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

/// Values in one of a processor's vectors, or two where those are shorter.
const WIDTH: usize = 8;

/// Values that are summed side by side.
const LANES: usize = 16;

#[inline(always)]
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

    /// Writes it of every `stride`th value of `x`, as many as `y` has.
    #[inline(always)]
    fn write(self, y: &mut [f32], x: &[f32], stride: usize) {
        match self {
            Activation::Identity => vectors::map(y, x, stride, |x| x),
            Activation::Relu => vectors::map(y, x, stride, |x| Activation::Relu.of(x)),
            Activation::Relu6 => vectors::map(y, x, stride, |x| Activation::Relu6.of(x)),
            Activation::Affine { .. } => vectors::map(y, x, stride, |x| self.of(x)),
        }
    }

    /// Writes the gradients at `x`, of which those with the same remainder modulo the stride are a `line` each.
    #[inline(always)]
    fn unfold<'a>(self, y: &mut [f32], x: &[f32], stride: usize, line: impl Fn(usize) -> &'a [f32]) {
        match self {
            Activation::Identity => unfold(y, x, stride, line, |y, _| y),
            Activation::Relu => unfold(y, x, stride, line, |y, x| y * Activation::Relu.slope(x)),
            Activation::Relu6 => unfold(y, x, stride, line, |y, x| y * Activation::Relu6.slope(x)),
            Activation::Affine { .. } => unfold(y, x, stride, line, |y, x| y * self.slope(x)),
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
fn unfold<'a>(
    y: &mut [f32],
    x: &[f32],
    stride: usize,
    line: impl Fn(usize) -> &'a [f32],
    of: impl Fn(f32, f32) -> f32,
) {
    match stride {
        1 => vectors::zip(y, line(0), x, of),
        2 => {
            let (even, odd) = (line(0), line(1));
            let ((y, y_last), (x, x_last)) = (y.as_chunks_mut::<2>(), x.as_chunks::<2>());
            let last = y.len();
            y.iter_mut().zip(x).zip(even.iter().zip(odd)).for_each(|((y, x), (even, odd))| {
                *y = [of(*even, x[0]), of(*odd, x[1])];
            });
            y_last.iter_mut().zip(x_last).for_each(|(y, x)| *y = of(even[last], *x));
        }
        _ => {
            for remainder in 0..stride {
                let values = x.iter().skip(remainder).step_by(stride).zip(line(remainder));
                y.iter_mut()
                    .skip(remainder)
                    .step_by(stride)
                    .zip(values)
                    .for_each(|(y, (x, value))| *y = of(*value, *x));
            }
        }
    }
}
