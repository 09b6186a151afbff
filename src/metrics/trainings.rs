//! Statistics over several trainings: networks that differ only in the seed of their training.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Interval, MISSED, finite, mean, resampled};

/// The mean of a figure over trainings with its 95 % Student t interval. The interval has no ends for a single
/// training. The mean is absent if a figure is infinite.
pub fn over_trainings(figures: &[f64]) -> Interval {
    let centre = Spread::of(figures);
    let half = match figures.len() {
        0 | 1 => f64::INFINITY,
        trainings => quantile(MISSED, trainings as f64 - 1.0) * centre.error.sqrt(),
    };
    Interval { value: finite(centre.mean), low: finite(centre.mean - half), high: finite(centre.mean + half) }
}

/// The ratio of the mean of `above` to the mean of `below`, over at least two trainings each, with the 95 % interval of
/// Fieller (1954). The two may differ in variance and in number (Welch's degrees of freedom).
///
/// To choose the best of several levels, pass their number as `levels`. Each interval is then wide enough that all of
/// them hold together with 95 % (Bonferroni), so the choice adds no error. The interval has no ends if the mean of
/// `below` does not differ significantly from 0.
pub fn ratio_over_trainings(above: &[f64], below: &[f64], levels: usize) -> Interval {
    let (top, bottom) = (Spread::of(above), Spread::of(below));
    let ratio = top.mean / bottom.mean;
    let (u, v) = (top.error, ratio.powi(2) * bottom.error);
    if !ratio.is_finite() || u + v == 0.0 {
        return Interval { value: finite(ratio), low: finite(ratio), high: finite(ratio) };
    }
    let freedom = (u + v).powi(2) / (u.powi(2) / (above.len() as f64 - 1.0) + v.powi(2) / (below.len() as f64 - 1.0));
    fieller(&top, &bottom, 0.0, quantile(MISSED / levels.max(1) as f64, freedom))
}

/// The same for pairs, with one value of `above` and one of `below` for each training seed. What a pair shares, such as
/// the initial weights, does not widen the interval.
///
/// # Panics
///
/// If the lengths differ, or there are fewer than two pairs.
pub fn ratio_over_pairs(above: &[f64], below: &[f64], levels: usize) -> Interval {
    assert!(above.len() == below.len() && above.len() > 1, "expected pairs, at least two");
    let (top, bottom) = (Spread::of(above), Spread::of(below));
    let count = above.len() as f64;
    let products = above.iter().zip(below).map(|(above, below)| (above - top.mean) * (below - bottom.mean));
    let shared = products.sum::<f64>() / (count - 1.0) / count;
    fieller(&top, &bottom, shared, quantile(MISSED / levels.max(1) as f64, count - 1.0))
}

/// The ratio of two means whose errors have the covariance `shared`. The ends of the interval are the ratios ρ at which
/// top − ρ · bottom is exactly `t` standard errors from 0: (top − ρ · bottom)² = t² · (error of top − 2ρ · shared + ρ²
/// · error of bottom).
fn fieller(top: &Spread, bottom: &Spread, shared: f64, t: f64) -> Interval {
    let a = bottom.mean.powi(2) - t.powi(2) * bottom.error;
    let b = top.mean * bottom.mean - t.powi(2) * shared;
    let c = top.mean.powi(2) - t.powi(2) * top.error;
    let half = if a > 0.0 { (b.powi(2) - a * c).max(0.0).sqrt() } else { f64::INFINITY };
    Interval { value: finite(top.mean / bottom.mean), low: finite((b - half) / a), high: finite((b + half) / a) }
}

/// The same for a single training. The interval is over the pictures, and says nothing about another training.
///
/// Each training is a column with one size for each picture. All columns have the same pictures; a size is absent where
/// the picture does not count. All columns are resampled together.
pub fn ratio_over_pictures(
    above: &[Vec<Option<f64>>],
    below: &[Vec<Option<f64>>],
    statistic: fn(&[f64]) -> f64,
    levels: usize,
) -> Interval {
    let pictures = above.iter().chain(below).map(Vec::len).min().unwrap_or(0);
    let over = |columns: &[Vec<Option<f64>>], chosen: &[usize]| {
        let of = |column: &Vec<Option<f64>>| {
            statistic(&chosen.iter().filter_map(|&picture| column[picture]).collect::<Vec<_>>())
        };
        mean(&columns.iter().map(of).collect::<Vec<_>>())
    };
    let ratio = |chosen: &[usize]| over(above, chosen) / over(below, chosen);
    resampled(pictures, MISSED / levels.max(1) as f64, ratio)
}

/// The standard deviation of a figure over trainings; NaN for fewer than two.
pub fn deviation(figures: &[f64]) -> f64 {
    let centre = mean(figures);
    let squares: f64 = figures.iter().map(|figure| (figure - centre).powi(2)).sum();
    if figures.len() < 2 { f64::NAN } else { (squares / (figures.len() as f64 - 1.0)).sqrt() }
}

/// A mean, and the square of its standard error.
struct Spread {
    mean: f64,
    error: f64,
}

impl Spread {
    fn of(figures: &[f64]) -> Self {
        Self { mean: mean(figures), error: deviation(figures).powi(2) / figures.len() as f64 }
    }
}

/// The t for which Student's distribution lies beyond −t or t with the total probability `missed`.
fn quantile(missed: f64, freedom: f64) -> f64 {
    StudentsT::new(0.0, 1.0, freedom)
        .expect("more than one training has a degree of freedom")
        .inverse_cdf(1.0 - missed / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::median;

    fn near(found: Option<f64>, expected: f64, tolerance: f64) {
        let found = found.expect("it is finite");
        assert!((found - expected).abs() < tolerance, "{found}, expected {expected}");
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_the_table() {
        // Mean 3, standard deviation √2.5, and t = 2.776 from the table for four degrees of freedom.
        let interval = over_trainings(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        let half = 2.776445 * (2.5_f64 / 5.0).sqrt();
        near(interval.value, 3.0, 1e-9);
        near(interval.low, 3.0 - half, 1e-4);
        near(interval.high, 3.0 + half, 1e-4);
    }

    #[test]
    fn one_training_has_no_interval_over_trainings() {
        assert_eq!(over_trainings(&[4.0]), Interval { value: Some(4.0), low: None, high: None });
        assert_eq!(over_trainings(&[4.0, f64::INFINITY]), Interval::ABSENT);
    }

    #[test]
    fn a_ratio_to_a_known_number_has_the_interval_of_the_mean() {
        let interval = ratio_over_trainings(&[5.0, 6.0, 7.0], &[2.0, 2.0, 2.0], 1);
        let half = 4.302653 * (1.0_f64 / 3.0).sqrt() / 2.0; // t for two degrees of freedom
        near(interval.value, 3.0, 1e-9);
        near(interval.low, 3.0 - half, 1e-4);
        near(interval.high, 3.0 + half, 1e-4);
        let exact = ratio_over_trainings(&[6.0, 6.0], &[2.0, 2.0], 1);
        assert_eq!(exact, Interval { value: Some(3.0), low: Some(3.0), high: Some(3.0) });
    }

    #[test]
    fn a_ratio_has_the_interval_worked_out_by_hand() {
        // Means 3.7825 and 5.5, squared standard errors 0.02712 and 0.01: ratio 1.45406. With 0.01 and 1.45406² ·
        // 0.02712 = 0.05735, there are 0.06735² / (0.01² / 1 + 0.05735² / 3) = 3.7916 degrees of freedom, and t =
        // 2.8377. a = 14.3073 − 0.2184, b = 20.8038, c = 30.25 − 0.0805; the ends are (b ∓ √(b² − a·c)) / a.
        let interval = ratio_over_trainings(&[5.4, 5.6], &[4.23, 3.83, 3.52, 3.55], 1);
        near(interval.value, 1.45406, 1e-4);
        near(interval.low, 1.27912, 1e-4);
        near(interval.high, 1.67409, 1e-4);
        let wide = ratio_over_trainings(&[5.4, 5.6], &[4.23, 3.83, 3.52, 3.55], 7);
        assert!(wide.low < interval.low && wide.high > interval.high, "{wide:?}");
    }

    #[test]
    fn what_pairs_share_does_not_widen_their_ratio() {
        let below = [10.0, 11.0, 12.0, 13.0];
        let same = ratio_over_pairs(&below.map(|value| 1.5 * value), &below, 1);
        [same.value, same.low, same.high].into_iter().for_each(|end| near(end, 1.5, 1e-4));
        // a is below 0: the mean of `below` is too near to 0, so any ratio is possible.
        assert_eq!(ratio_over_pairs(&[2.0, 4.0, 6.0], &[1.0, 1.5, 3.5], 1).low, None);
        // By hand: means 10 and 5, variances 1 and 1/4, covariance 1/4, each over three pairs. So a = 25 − t²/12, b =
        // 50 − t²/12 and c = 100 − t²/3, with t² = 18.5128 for two degrees of freedom.
        let interval = ratio_over_pairs(&[9.0, 10.0, 11.0], &[5.0, 4.5, 5.5], 1);
        near(interval.value, 2.0, 1e-9);
        let (a, b, c): (f64, f64, f64) = (25.0 - 18.5128 / 12.0, 50.0 - 18.5128 / 12.0, 100.0 - 18.5128 / 3.0);
        let half = (b * b - a * c).sqrt();
        near(interval.low, (b - half) / a, 1e-4);
        near(interval.high, (b + half) / a, 1e-4);
    }

    #[test]
    fn a_ratio_to_what_may_be_nothing_has_no_ends() {
        let interval = ratio_over_trainings(&[5.0, 6.0], &[-0.1, 0.3], 1);
        assert_eq!((interval.low, interval.high), (None, None));
    }

    #[test]
    fn a_ratio_over_pictures_follows_them() {
        let below: Vec<Option<f64>> = (1..=200).map(|index| Some(f64::from(index))).collect();
        let twice = |size: &Option<f64>| size.map(|size| 2.0 * size);
        let above: Vec<_> = below.iter().map(twice).collect();
        let same = ratio_over_pictures(&[above], std::slice::from_ref(&below), median, 1);
        assert_eq!(same, Interval { value: Some(2.0), low: Some(2.0), high: Some(2.0) });
        let shuffled: Vec<_> = below.iter().rev().map(twice).collect();
        let apart = ratio_over_pictures(&[shuffled], &[below], mean, 1);
        assert!(apart.low < Some(1.9) && apart.high > Some(2.1), "{apart:?}");
    }
}
