//! Random numbers and Gaussian noise that depend only on a seed: the same natively, in the browser, and on every
//! device.
//!
//! Training, evaluation and attacks take their noise from here.
//!
//! ```
//! use decoy::noise::Random;
//!
//! let mut noise = vec![0.0; 1000];
//! Random::new(7, 0).fill_normal(&mut noise, 0.25); // standard deviation 0.25
//! let mut again = vec![0.0; 1000];
//! Random::new(7, 0).fill_normal(&mut again, 0.25);
//! assert_eq!(noise, again);
//! ```

use burn::tensor::{Device, Tensor, TensorData};
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_distr::StandardNormal;
use rand_xoshiro::Xoshiro256PlusPlus;

/// A stream of random numbers: xoshiro256++ (Blackman and Vigna 2019), which is the same on every processor.
#[derive(Debug, Clone)]
pub struct Random(Xoshiro256PlusPlus);

impl Random {
    /// The stream number `stream` of `seed`. Different streams of one seed are independent.
    pub fn new(seed: u64, stream: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed.rotate_left(32) ^ stream))
    }

    /// A uniform random number in [0, 1).
    pub fn unit(&mut self) -> f32 {
        self.0.random()
    }

    /// `true` or `false`, each with probability 1/2.
    pub fn coin(&mut self) -> bool {
        self.0.random()
    }

    /// A uniform random whole number from 0 to `limit` − 1.
    ///
    /// # Panics
    ///
    /// If `limit` is 0.
    pub fn below(&mut self, limit: u32) -> u32 {
        self.0.random_range(0..limit)
    }

    /// A number from the standard normal distribution.
    pub fn normal(&mut self) -> f32 {
        self.0.sample(StandardNormal)
    }

    /// Fills `values` with numbers from the normal distribution with mean 0 and standard deviation `sigma`.
    pub fn fill_normal(&mut self, values: &mut [f32], sigma: f32) {
        values.fill_with(|| sigma * self.normal());
    }

    /// A tensor of such numbers.
    pub fn normal_tensor<const D: usize>(&mut self, shape: [usize; D], sigma: f32, device: &Device) -> Tensor<D> {
        let mut values = vec![0.0; shape.iter().product()];
        self.fill_normal(&mut values, sigma);
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// The numbers from 0 to `length` − 1 in random order.
    pub fn order(&mut self, length: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..length).collect();
        order.shuffle(&mut self.0);
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_has_its_deviation_and_streams_differ() {
        let mut values = vec![0.0; 100_000];
        Random::new(1, 0).fill_normal(&mut values, 0.5);
        let count = values.len() as f32;
        let mean = values.iter().sum::<f32>() / count;
        let variance = values.iter().map(|value| value * value).sum::<f32>() / count - mean * mean;
        // Tolerance: five standard errors, which are 0.5 / √n for the mean and σ²·√(2 / n) for the variance.
        assert!(mean.abs() < 5.0 * 0.5 / count.sqrt(), "{mean}");
        assert!((variance - 0.25).abs() < 5.0 * 0.25 * (2.0 / count).sqrt(), "{variance}");
        let first = |seed, stream| Random::new(seed, stream).normal();
        assert_ne!(first(1, 0), first(1, 1));
        assert_ne!(first(1, 0), first(2, 0));
    }

    #[test]
    fn numbers_are_the_same_on_every_processor() {
        let mut random = Random::new(7, 3);
        let found: Vec<u32> = (0..4).map(|_| random.below(1000)).collect();
        assert_eq!(found, NUMBERS);
        assert_eq!(random.order(10), ORDER);
        let found = [(); 3].map(|()| random.normal());
        assert_eq!(found.map(f32::to_bits), NORMAL.map(f32::to_bits), "{found:?}");
    }

    // Recorded once, on a 64-bit processor.
    const NUMBERS: [u32; 4] = [870, 909, 23, 391];
    const ORDER: [usize; 10] = [0, 3, 4, 5, 7, 6, 2, 1, 8, 9];
    const NORMAL: [f32; 3] = [1.7168922, 1.0450696, -0.9968286];
}
