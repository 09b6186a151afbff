//! Robustness statistics: means and medians of ‖Δx‖ with bootstrap intervals, shares with Wilson intervals, intervals
//! over several trainings, and the distance predicted from the accuracy under noise.

mod trainings;

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::attack::ImageOutcome;
use crate::noise::Random;
use crate::norm::Norms;

pub use trainings::{deviation, over_trainings, ratio_over_pairs, ratio_over_pictures, ratio_over_trainings};

/// A figure and its 95 % interval. A figure or an end is absent if it is infinite, because an attack failed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Interval {
    /// The figure itself.
    pub value: Option<f64>,
    /// Lower end.
    pub low: Option<f64>,
    /// Upper end.
    pub high: Option<f64>,
}

impl Interval {
    /// No figure.
    pub const ABSENT: Self = Self { value: None, low: None, high: None };
}

/// The result of an attack on one image, as far as the statistics need it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement {
    /// Class that the network read before the attack.
    pub before: usize,
    /// Class that it read after the attack.
    pub after: usize,
    /// Whether the image was misread without any attack.
    pub clean_error: bool,
    /// Size of the perturbation, if the attack succeeded.
    pub norms: Option<Norms>,
}

impl Measurement {
    /// The measurement from `outcome`, for an image of the true class `class`.
    pub fn new(outcome: &ImageOutcome, class: usize) -> Self {
        let before = outcome.original.class();
        Self {
            before,
            after: outcome.adversarial.class(),
            clean_error: before != class,
            norms: outcome.success.then_some(outcome.norms),
        }
    }
}

/// The statistics of an attack on many images, with one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Summary {
    /// Images measured.
    pub images: usize,
    /// Images misread without any attack. They are left out of all figures below.
    pub clean_errors: usize,
    /// Images that the attack did not fool. They count as infinitely far.
    pub failures: usize,
    /// Mean of ‖Δx‖₂.
    pub mean_l2: Interval,
    /// Median of ‖Δx‖₂.
    pub median_l2: Interval,
    /// Mean of ‖Δx‖∞.
    pub mean_linf: Interval,
    /// Median of ‖Δx‖∞.
    pub median_linf: Interval,
}

/// One column for each quantity, one row for each image. A norm is absent where the attack failed, and 0 where the
/// image was misread without an attack.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PerImage {
    /// Class that the network read before the attack.
    pub before: Vec<usize>,
    /// Class that it read after the attack.
    pub after: Vec<usize>,
    /// ‖Δx‖₀.
    pub l0: Vec<Option<f64>>,
    /// ‖Δx‖₁.
    pub l1: Vec<Option<f64>>,
    /// ‖Δx‖₂.
    pub l2: Vec<Option<f64>>,
    /// ‖Δx‖∞.
    pub linf: Vec<Option<f64>>,
    /// The L2 distance of the nearest error, predicted from the errors under noise, see [`distance_under_noise`].
    /// Absent where no noise level gives a prediction. Empty if it was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicted: Vec<Option<f64>>,
}

/// Number of resamples of a bootstrap.
const RESAMPLES: usize = 1000;

/// The share of all intervals that miss the true value.
const MISSED: f64 = 0.05;

/// The statistics of the measurements. Images misread without any attack are counted separately; a failed attack counts
/// as infinitely far.
pub fn summarise(measurements: &[Measurement]) -> Summary {
    let attacked: Vec<Option<Norms>> =
        measurements.iter().filter(|image| !image.clean_error).map(|image| image.norms).collect();
    let column = |norm: fn(&Norms) -> f64| -> Vec<f64> {
        attacked.iter().map(|norms| norms.as_ref().map_or(f64::INFINITY, norm)).collect()
    };
    let l2 = column(|norms| norms.l2);
    let linf = column(|norms| norms.linf);
    Summary {
        images: measurements.len(),
        clean_errors: measurements.len() - attacked.len(),
        failures: attacked.iter().filter(|norms| norms.is_none()).count(),
        mean_l2: bootstrap(&l2, mean),
        median_l2: bootstrap(&l2, median),
        mean_linf: bootstrap(&linf, mean),
        median_linf: bootstrap(&linf, median),
    }
}

/// The measurements in columns, rounded to six significant digits.
pub fn columns(measurements: &[Measurement]) -> PerImage {
    let column = |norm: fn(&Norms) -> f64| {
        measurements.iter().map(|image| image.norms.as_ref().map(|norms| significant(norm(norms), 6))).collect()
    };
    PerImage {
        before: measurements.iter().map(|image| image.before).collect(),
        after: measurements.iter().map(|image| image.after).collect(),
        l0: column(|norms| norms.l0),
        l1: column(|norms| norms.l1),
        l2: column(|norms| norms.l2),
        linf: column(|norms| norms.linf),
        predicted: Vec::new(),
    }
}

/// The share of images that are still read correctly when each perturbation has a norm of at most `radius`. These are
/// the images whose smallest perturbation is larger, or for which none was found. An image misread without any attack
/// has size 0.
pub fn still_read(sizes: &[Option<f64>], radius: f64) -> f64 {
    let read = sizes.iter().filter(|size| size.is_none_or(|size| size > radius)).count();
    read as f64 / sizes.len() as f64
}

/// The distance of the nearest error, predicted from the share `error` of errors under Gaussian noise of standard
/// deviation `sigma`: −σ·Φ⁻¹(error). It is exact if the boundary is a plane (Ford et al. 2019, arXiv 1901.10513).
///
/// # Panics
///
/// If `error` is not in [0, 1].
pub fn distance_under_noise(sigma: f64, error: f64) -> f64 {
    -sigma * Normal::standard().inverse_cdf(error)
}

/// The mean; infinite if a value is infinite; NaN if there are no values.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The median; for an even number of values the mean of the middle two; NaN if there are no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => sorted[length / 2],
        length => f64::midpoint(sorted[length / 2 - 1], sorted[length / 2]),
    }
}

/// `statistic` of `values` with its 95 % percentile bootstrap interval (Efron 1979), from 1000 resamples with a fixed
/// seed.
pub fn bootstrap(values: &[f64], statistic: fn(&[f64]) -> f64) -> Interval {
    resampled(values.len(), MISSED, |chosen| statistic(&chosen.iter().map(|&row| values[row]).collect::<Vec<_>>()))
}

/// The `statistic` of all of `rows` rows, with an interval over resamples of them that is missed with the probability
/// `missed`.
fn resampled(rows: usize, missed: f64, statistic: impl Fn(&[usize]) -> f64) -> Interval {
    if rows == 0 {
        return Interval::ABSENT;
    }
    let mut random = Random::new(0, 0);
    let mut chosen = vec![0; rows];
    let mut statistics: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            chosen.fill_with(|| random.below(rows as u32) as usize);
            statistic(&chosen)
        })
        .collect();
    statistics.sort_by(f64::total_cmp);
    let percentile = |share: f64| statistics[(share * (RESAMPLES - 1) as f64).round() as usize];
    Interval {
        value: finite(statistic(&(0..rows).collect::<Vec<_>>())),
        low: finite(percentile(missed / 2.0)),
        high: finite(percentile(1.0 - missed / 2.0)),
    }
}

/// The share `successes / trials` with its 95 % Wilson score interval (Wilson 1927).
pub fn wilson(successes: usize, trials: usize) -> Interval {
    if trials == 0 {
        return Interval::ABSENT;
    }
    const Z: f64 = 1.959_963_984_540_054;
    let n = trials as f64;
    let share = successes as f64 / n;
    let centre = share + Z * Z / (2.0 * n);
    let spread = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + Z * Z / n;
    Interval {
        value: Some(share),
        low: Some(((centre - spread) / scale).max(0.0)),
        high: Some(((centre + spread) / scale).min(1.0)),
    }
}

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then(|| significant(value, 6)) // about the precision of `f32`
}

/// `value` rounded to this many significant digits, at least 1.
pub fn significant(value: f64, digits: usize) -> f64 {
    format!("{value:.0$e}", digits - 1).parse().expect("a printed number is a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fooled(l2: f64) -> Measurement {
        let norms = Norms { l2, ..Norms::ZERO };
        Measurement { before: 0, after: 1, clean_error: false, norms: Some(norms) }
    }

    #[test]
    fn failures_are_infinite_and_clean_errors_apart() {
        let clean_error = Measurement { clean_error: true, ..fooled(0.0) };
        let failure = Measurement { norms: None, ..fooled(0.0) };
        let summary = summarise(&[fooled(1.0), fooled(2.0), fooled(3.0), clean_error, failure]);
        assert_eq!((summary.images, summary.clean_errors, summary.failures), (5, 1, 1));
        assert_eq!(summary.mean_l2.value, None);
        assert_eq!(summary.median_l2.value, Some(2.5));
    }

    #[test]
    fn bootstrap_covers_the_mean_as_theory_says() {
        let values: Vec<f64> = (0..1000).map(|index| f64::from(index) / 999.0).collect();
        let interval = bootstrap(&values, mean);
        // The standard error of the mean of a uniform variable is sqrt(1/12 / n).
        let half_width = 1.96 * (1.0_f64 / 12.0 / 1000.0).sqrt();
        let low = interval.low.expect("all values are finite");
        let high = interval.high.expect("all values are finite");
        assert_eq!(interval.value, Some(0.5));
        assert!((0.5 - low - half_width).abs() < 0.2 * half_width, "{low}");
        assert!((high - 0.5 - half_width).abs() < 0.2 * half_width, "{high}");
    }

    #[test]
    fn wilson_has_the_published_value() {
        // 15 of 20: (0.5313, 0.8881), Newcombe 1998.
        let interval = wilson(15, 20);
        assert!((interval.low.expect("finite") - 0.5313).abs() < 1e-4, "{interval:?}");
        assert!((interval.high.expect("finite") - 0.8881).abs() < 1e-4, "{interval:?}");
        assert_eq!(wilson(0, 10).low, Some(0.0));
    }

    #[test]
    fn what_is_still_read_falls_from_the_clean_share_to_what_no_attack_fools() {
        let sizes = [Some(0.0), Some(1.0), Some(2.0), None];
        let shares: Vec<f64> = [0.0, 0.5, 1.0, 2.0, 9.0].map(|radius| still_read(&sizes, radius)).into();
        assert_eq!(shares, [0.75, 0.75, 0.5, 0.25, 0.25]);
    }

    #[test]
    fn noise_predicts_the_distance_of_a_plane() {
        // 15.866 % of Gaussian noise lie beyond one standard deviation, 2.275 % beyond two.
        assert!((distance_under_noise(0.5, 0.158_655_254) - 0.5).abs() < 1e-8);
        assert!((distance_under_noise(0.5, 0.022_750_132) - 1.0).abs() < 1e-7);
        assert_eq!(distance_under_noise(0.5, 0.5), 0.0);
    }
}
