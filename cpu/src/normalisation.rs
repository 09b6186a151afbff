//! BatchNorm in training (Ioffe and Szegedy 2015, arXiv 1502.03167), native only: two passes over the values forward,
//! two back.

use rayon::prelude::*;

use crate::sum;

/// Added to a variance before the square root.
const EPSILON: f64 = 1e-5;

/// Mean and variance of every channel over a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Moments {
    /// `[C]`
    pub mean: Vec<f32>,
    /// `[C]`, the variance of the batch itself (divided by the count, not by the count − 1).
    pub variance: Vec<f32>,
}

impl Moments {
    /// The moments of `x` `[N, channels, positions]`.
    pub fn of(x: &[f32], channels: usize, positions: usize) -> Self {
        let count = (x.len() / channels) as f64;
        let sums = per_channel(x.len(), channels, positions, |range| {
            let values = &x[range];
            [sum(values), crate::dot(values, values)]
        });
        let mean: Vec<f64> = sums.iter().map(|[sum, _]| sum / count).collect();
        let variance =
            sums.iter().zip(&mean).map(|([_, squares], mean)| (squares / count - mean * mean).max(0.0) as f32);
        Self { variance: variance.collect(), mean: mean.iter().map(|&mean| mean as f32).collect() }
    }

    /// The moments of several batches of the same size, taken together.
    ///
    /// # Panics
    ///
    /// If `batches` is empty.
    pub fn of_all(batches: &[Self]) -> Self {
        let average = |channel: usize, value: &dyn Fn(&Self, usize) -> f64| {
            batches.iter().map(|batch| value(batch, channel)).sum::<f64>() / batches.len() as f64
        };
        let mean = |batch: &Self, channel: usize| f64::from(batch.mean[channel]);
        let square = |batch: &Self, channel: usize| f64::from(batch.variance[channel]) + mean(batch, channel).powi(2);
        let channels = 0..batches[0].mean.len();
        let means: Vec<f64> = channels.clone().map(|channel| average(channel, &mean)).collect();
        let variance = channels.map(|channel| (average(channel, &square) - means[channel].powi(2)) as f32).collect();
        Self { variance, mean: means.iter().map(|&mean| mean as f32).collect() }
    }

    /// 1 / standard deviation of every channel, `[C]`.
    pub fn scale(&self) -> Vec<f32> {
        self.variance.iter().map(|&variance| (1.0 / (f64::from(variance) + EPSILON).sqrt()) as f32).collect()
    }
}

/// `gamma` · (`x` − mean) / standard deviation + `beta`, for `x` `[N, C, positions]`.
pub fn normalise(x: &[f32], positions: usize, moments: &Moments, gamma: &[f32], beta: &[f32]) -> Vec<f32> {
    let scales = moments.scale();
    let mut y = vec![0.0; x.len()];
    planes(&mut y, gamma.len(), positions, |channel, range, y| {
        let scale = scales[channel] * gamma[channel];
        let shift = beta[channel] - moments.mean[channel] * scale;
        y.iter_mut().zip(&x[range]).for_each(|(y, x)| *y = x * scale + shift);
    });
    y
}

/// The gradients of [`normalise`] in `x`, `gamma` and `beta`, where `moments` are computed from `x`.
pub fn normalise_backward(
    gradient: &[f32],
    x: &[f32],
    positions: usize,
    moments: &Moments,
    gamma: &[f32],
) -> (Vec<f32>, Vec<f32>, Vec<f32>) {
    let channels = gamma.len();
    let count = (x.len() / channels) as f64;
    let sums = per_channel(x.len(), channels, positions, |range| {
        let (gradient, x) = (&gradient[range.clone()], &x[range]);
        [sum(gradient), crate::dot(gradient, x)]
    });
    let scales = moments.scale();
    let in_gamma: Vec<f64> =
        (0..channels).map(|c| (sums[c][1] - f64::from(moments.mean[c]) * sums[c][0]) * f64::from(scales[c])).collect();
    let mut y = vec![0.0; x.len()];
    planes(&mut y, channels, positions, |c, range, y| {
        // gradient in x = γ·s·(g − mean(g) − x̂·mean(g·x̂)) with x̂ = (x − mean)·s
        let scale = f64::from(scales[c]) * f64::from(gamma[c]);
        let slope = -scale * f64::from(scales[c]) * in_gamma[c] / count;
        let shift = (-scale * sums[c][0] / count - slope * f64::from(moments.mean[c])) as f32;
        let (scale, slope) = (scale as f32, slope as f32);
        let pairs = gradient[range.clone()].iter().zip(&x[range]);
        y.iter_mut().zip(pairs).for_each(|(y, (gradient, x))| *y = gradient * scale + x * slope + shift);
    });
    (y, in_gamma.iter().map(|&sum| sum as f32).collect(), sums.iter().map(|[sum, _]| *sum as f32).collect())
}

/// Two sums for every channel, added up from the sums of its planes. The order does not depend on the number of
/// threads.
fn per_channel(
    length: usize,
    channels: usize,
    positions: usize,
    sums: impl Fn(std::ops::Range<usize>) -> [f32; 2] + Sync,
) -> Vec<[f64; 2]> {
    let planes: Vec<[f32; 2]> = (0..length / positions)
        .into_par_iter()
        .with_min_len(channels)
        .map(|plane| sums(plane * positions..(plane + 1) * positions))
        .collect();
    let mut totals = vec![[0.0; 2]; channels];
    for (plane, sums) in planes.iter().enumerate() {
        let total = &mut totals[plane % channels];
        *total = [total[0] + f64::from(sums[0]), total[1] + f64::from(sums[1])];
    }
    totals
}

/// Calls `work` with every plane of `y`, the plane's channel and its range of indices.
fn planes(
    y: &mut [f32],
    channels: usize,
    positions: usize,
    work: impl Fn(usize, std::ops::Range<usize>, &mut [f32]) + Sync,
) {
    y.par_chunks_exact_mut(positions).with_min_len(channels).enumerate().for_each(|(plane, y)| {
        work(plane % channels, plane * positions..(plane + 1) * positions, y);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(length: usize, seed: f32) -> Vec<f32> {
        (0..length).map(|i| (i as f32 * 0.71 + seed).sin() + 0.3).collect()
    }

    #[test]
    fn every_channel_has_mean_beta_and_deviation_gamma() {
        let (channels, positions) = (3, 10);
        let x = values(4 * channels * positions, 0.0);
        let y = normalise(&x, positions, &Moments::of(&x, channels, positions), &[2.0, 1.0, 0.5], &[0.0, -1.0, 3.0]);
        let Moments { mean, variance } = Moments::of(&y, channels, positions);
        for (found, expected) in mean.iter().zip([0.0, -1.0, 3.0]).chain(variance.iter().zip([4.0, 1.0, 0.25])) {
            assert!((found - expected).abs() < 1e-3, "{mean:?} {variance:?}");
        }
    }

    #[test]
    fn moments_of_batches_are_those_of_all() {
        let x = values(60, 0.5);
        let halves: Vec<Moments> = x.chunks(30).map(|half| Moments::of(half, 2, 5)).collect();
        let (found, expected) = (Moments::of_all(&halves), Moments::of(&x, 2, 5));
        let pairs = found.mean.iter().chain(&found.variance).zip(expected.mean.iter().chain(&expected.variance));
        pairs.for_each(|(found, expected)| assert!((found - expected).abs() < 1e-6, "{found} {expected}"));
    }

    #[test]
    fn gradients_are_those_of_small_differences() {
        let (channels, positions) = (2, 3);
        let x = values(4 * channels * positions, 1.0);
        let factors = values(x.len(), 2.0);
        let (gamma, beta) = (vec![1.5, 0.7], vec![0.2, -0.4]);
        let value = |x: &[f32], gamma: &[f32], beta: &[f32]| -> f64 {
            let y = normalise(x, positions, &Moments::of(x, channels, positions), gamma, beta);
            y.iter().zip(&factors).map(|(y, factor)| f64::from(y * factor)).sum()
        };
        let moments = Moments::of(&x, channels, positions);
        let (in_x, in_gamma, in_beta) = normalise_backward(&factors, &x, positions, &moments, &gamma);
        let difference = |values: &[f32], index: usize, value: &dyn Fn(&[f32]) -> f64| {
            let moved = |by: f32| {
                let mut values = values.to_vec();
                values[index] += by;
                value(&values)
            };
            (moved(1e-2) - moved(-1e-2)) / 2e-2
        };
        let near =
            |found: f32, expected: f64| assert!((f64::from(found) - expected).abs() < 2e-3, "{found} {expected}");
        (0..x.len()).for_each(|i| near(in_x[i], difference(&x, i, &|x| value(x, &gamma, &beta))));
        (0..channels).for_each(|c| {
            near(in_gamma[c], difference(&gamma, c, &|gamma| value(&x, gamma, &beta)));
            near(in_beta[c], difference(&beta, c, &|beta| value(&x, &gamma, beta)));
        });
    }
}
