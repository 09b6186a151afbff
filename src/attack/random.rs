//! Random numbers that depend on the seed alone: every image of a batch gets the same, so that none depends on its place.

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

    /// −1 or 1.
    pub fn sign(&mut self) -> f32 {
        if self.0.coin() { 1.0 } else { -1.0 }
    }

    /// A whole number below `limit`, which is not 0.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0.below(limit as u32) as usize
    }

    /// Values from the standard normal distribution, `[1, C, H, W]`.
    pub fn normal(&mut self, problem: &Problem) -> Tensor<4> {
        self.fill(problem, noise::Random::normal)
    }

    /// A perturbation of the size `epsilon` `[N]` in `norm`, before the box cuts it, `[N, C, H, W]`: Gaussian noise, for
    /// L∞ uniform noise, for L0 black and white values.
    pub fn of_size(&mut self, problem: &Problem, norm: Norm, epsilon: Tensor<1>) -> Tensor<4> {
        let noise = match norm {
            Norm::Linf => self.fill(problem, |random| 2.0 * random.unit() - 1.0),
            _ => self.normal(problem),
        };
        let noise = problem.inside(noise.expand(problem.pixels.shape()));
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
