//! Random numbers that depend on the seed alone. All images of a batch get the same numbers, so a result does not
//! depend on an image's place in the batch.

use burn::tensor::{Tensor, TensorData};

use super::Problem;
use crate::noise;
use crate::norm::Norm;
use crate::tensors::broadcast;

/// A stream of random numbers.
pub(super) struct Random(noise::Random);

impl Random {
    /// The stream of `seed`.
    pub fn new(seed: u64) -> Self {
        Self(noise::Random::new(seed, 0))
    }

    /// −1 or 1, each with probability 1/2.
    pub fn sign(&mut self) -> f32 {
        if self.0.coin() { 1.0 } else { -1.0 }
    }

    /// A whole number from 0 to `limit` − 1; `limit` is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit as u32) as usize
    }

    /// Values from the standard normal distribution, `[1, C, H, W]`.
    pub fn normal(&mut self, problem: &Problem) -> Tensor<4> {
        self.fill(problem, noise::Random::normal)
    }

    /// A random perturbation `[N, C, H, W]` of size `epsilon` `[N]` in `norm`, before clipping to the box: Gaussian
    /// noise, or uniform noise for L∞. For L0, `epsilon` values are −1 or 1, so that clipping makes them 0 or 1.
    pub fn of_size(&mut self, problem: &Problem, norm: Norm, epsilon: Tensor<1>) -> Tensor<4> {
        let noise = match norm {
            Norm::Linf => self.fill(problem, |random| 2.0 * random.unit() - 1.0),
            _ => self.normal(problem),
        };
        let noise = problem.mask_perturbation(noise.expand(problem.pixels.shape()));
        match norm {
            Norm::L0 => norm.project(noise, epsilon).sign(),
            _ => {
                let size = norm.measure(noise.clone());
                noise * broadcast(epsilon / size)
            }
        }
    }

    fn fill(&mut self, problem: &Problem, mut draw: impl FnMut(&mut noise::Random) -> f32) -> Tensor<4> {
        let [_, channels, height, width] = problem.pixels.dims();
        let values: Vec<f32> = (0..channels * height * width).map(|_| draw(&mut self.0)).collect();
        Tensor::from_data(TensorData::new(values, [1, channels, height, width]), &problem.pixels.device())
    }
}
