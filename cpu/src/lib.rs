//! The layers of `decoy`, and the per-image operations of its attacks, on the CPU: plain loops over slices. This is a
//! crate of its own so that it is compiled for speed even where the rest is compiled for size.
//!
//! In a convolution every output channel is a sum of shifted planes, each times a weight. The input is laid out so that
//! each shifted plane is contiguous: zeros surround it, and with a stride the pixels are split into planes by
//! remainder. The work is divided by images, or by channels and pixels of one image. Each sum has a fixed order, so
//! results do not depend on the number of threads; on a processor without fused multiply-add they are rounded
//! differently. Natively all threads share the work with the widest vectors of the processor, and there are loops for
//! training too.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod convolution;
mod dense;
mod kernel;
#[cfg(not(target_family = "wasm"))]
mod normalisation;
mod output;
mod per_image;
mod pointwise;
mod threads;
#[cfg(not(target_family = "wasm"))]
mod training;
mod vectors;
mod weights;

pub use convolution::Convolution;
pub use dense::{dense, dense_backward};
#[cfg(not(target_family = "wasm"))]
pub use normalisation::{Moments, normalise, normalise_backward};
pub use per_image::{Combination, Score, Size, nearer, step, unit};
pub use pointwise::Pointwise;
pub use threads::count as threads;
#[cfg(not(target_family = "wasm"))]
pub use threads::{in_pool, join};
#[cfg(not(target_family = "wasm"))]
pub use training::WeightGradients;
#[cfg(not(target_family = "wasm"))]
pub use weights::Owner;
pub use weights::Weights;

use crate::output::Place;

/// The activation before a layer's weights.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// None: x.
    Identity,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x · `scale` + `shift`: the normalisation of pixels.
    Affine {
        /// 1 / standard deviation.
        scale: f32,
        /// −mean / standard deviation.
        shift: f32,
    },
}

/// f32 values in one SIMD vector. Where the processor's vectors are shorter, two of them.
const WIDTH: usize = 8;

/// Partial sums of a reduction, so that additions do not wait for each other.
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
    /// The activation of every value of `x`.
    pub fn forward(self, x: &[f32]) -> Vec<f32> {
        // SAFETY: as many values are written as there are.
        unsafe { output::written(x.len(), |y| self.write(y, x)) }
    }

    /// The gradient in `x`, from the `gradient` after the activation.
    pub fn backward(self, gradient: &[f32], x: &[f32]) -> Vec<f32> {
        let mut y = gradient.to_vec();
        self.scale(&mut y, x);
        y
    }

    /// Writes the activation of the values of `x`, as many as `y` has.
    #[inline(always)]
    fn write(self, y: &mut [impl Place], x: &[f32]) {
        self.write_lines(std::iter::once((y, x)), 1);
    }

    /// The same for several pairs of `y` and `x`, with every `stride`th value of `x`.
    #[inline(always)]
    fn write_lines<'a, P: Place + 'a>(self, lines: impl Iterator<Item = (&'a mut [P], &'a [f32])>, stride: usize) {
        match self {
            Activation::Identity => lines.for_each(|(y, x)| vectors::map(y, x, stride, |x| x)),
            Activation::Relu => lines.for_each(|(y, x)| vectors::map(y, x, stride, |x| Activation::Relu.of(x))),
            Activation::Relu6 => lines.for_each(|(y, x)| vectors::map(y, x, stride, |x| Activation::Relu6.of(x))),
            Activation::Affine { .. } => lines.for_each(|(y, x)| vectors::map(y, x, stride, |x| self.of(x))),
        }
    }

    /// Writes the gradients in `x` to `y`, in rows of `width` values. `line` gives the gradients after the activation: in
    /// a row, those at the indices with a remainder modulo the stride.
    #[inline(always)]
    fn interleave_gradients<'a>(
        self,
        y: &mut [impl Place],
        x: &[f32],
        width: usize,
        stride: usize,
        line: impl Fn(usize, usize) -> &'a [f32],
    ) {
        let shape = [width, stride];
        match self {
            Activation::Identity => interleave_gradients(y, x, shape, line, |y, _| y),
            Activation::Relu => interleave_gradients(y, x, shape, line, |y, x| y * Activation::Relu.slope(x)),
            Activation::Relu6 => interleave_gradients(y, x, shape, line, |y, x| y * Activation::Relu6.slope(x)),
            Activation::Affine { .. } => interleave_gradients(y, x, shape, line, |y, x| y * self.slope(x)),
        }
    }

    /// Multiplies the gradients `y` by the activation's slope at `x`.
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
            // `f32::max` is a function call on targets without a matching instruction, such as wasm; and it hides NaN.
            Activation::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Activation::Relu6 => x.clamp(0.0, 6.0),
            Activation::Affine { scale, shift } => x * scale + shift,
        }
    }

    /// The derivative at `x`.
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
fn interleave_gradients<'a>(
    y: &mut [impl Place],
    x: &[f32],
    [width, stride]: [usize; 2],
    line: impl Fn(usize, usize) -> &'a [f32],
    of: impl Fn(f32, f32) -> f32,
) {
    let stride = stride.min(width); // of each remainder there is one value at most
    for (row, (y, x)) in y.chunks_mut(width).zip(x.chunks(width)).enumerate() {
        let line = |remainder| line(row, remainder);
        match stride {
            1 => vectors::zip(y, line(0), x, &of),
            2 => {
                let (even, odd) = (line(0), line(1));
                let ((y, y_last), (x, x_last)) = (y.as_chunks_mut::<2>(), x.as_chunks::<2>());
                let last = y.len();
                y.iter_mut().zip(x).zip(even.iter().zip(odd)).for_each(|((y, x), (even, odd))| {
                    y[0].put(of(*even, x[0]));
                    y[1].put(of(*odd, x[1]));
                });
                y_last.iter_mut().zip(x_last).for_each(|(y, x)| y.put(of(even[last], *x)));
            }
            _ => {
                for remainder in 0..stride {
                    let values = x.iter().skip(remainder).step_by(stride).zip(line(remainder));
                    y.iter_mut()
                        .skip(remainder)
                        .step_by(stride)
                        .zip(values)
                        .for_each(|(y, (x, value))| y.put(of(*value, *x)));
                }
            }
        }
    }
}
