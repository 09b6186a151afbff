//! What an attack computes for each image of a batch separately: sizes, directions, choices, and functions of the
//! logits. A batch has at least one image.

use std::mem::MaybeUninit;

use crate::output::written;
use crate::threads::COST_OF_VALUE;
use crate::{LANES, threads, vectors};

/// A measure of the size of an image: one number from all its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// The number of values that are not 0.
    Count,
    /// The sum of the magnitudes.
    Sum,
    /// The square root of the sum of the squares.
    Length,
    /// The largest magnitude.
    Largest,
}

impl Size {
    /// The size of every image of `x`, `[N]`.
    pub fn of(self, x: &[f32], images: usize) -> Vec<f32> {
        let values = x.len() / images;
        threads::map(images, COST_OF_VALUE * values, |image| {
            let x = &x[image * values..][..values];
            self.fold(x, x, |x, _| x)
        })
    }

    /// The size of every image of `a − b`, `[N]`.
    pub fn of_difference(self, a: &[f32], b: &[f32], images: usize) -> Vec<f32> {
        let values = a.len() / images;
        threads::map(images, COST_OF_VALUE * values, |image| {
            let [a, b] = [a, b].map(|x| &x[image * values..][..values]);
            self.fold(a, b, |a, b| a - b)
        })
    }

    /// The size of the values `value(a, b)`.
    #[inline(always)]
    fn fold(self, a: &[f32], b: &[f32], value: impl Fn(f32, f32) -> f32) -> f32 {
        match self {
            Size::Count => fold(a, b, |a, b| f32::from(value(a, b) != 0.0), |sum, x| sum + x),
            Size::Sum => fold(a, b, |a, b| value(a, b).abs(), |sum, x| sum + x),
            Size::Length => fold(a, b, |a, b| value(a, b) * value(a, b), |sum, x| sum + x).sqrt(),
            Size::Largest => fold(a, b, |a, b| value(a, b).abs(), |largest, x| if x > largest { x } else { largest }),
        }
    }
}

/// Joins `part(a, b)` of all pairs by `join`, beginning from 0, in `LANES` partial results.
#[inline(always)]
fn fold(a: &[f32], b: &[f32], part: impl Fn(f32, f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let ((chunks, rest), (b_chunks, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut lanes = [0.0; LANES];
    for (a, b) in chunks.iter().zip(b_chunks) {
        for (lane, (&a, &b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *lane = join(*lane, part(a, b));
        }
    }
    let rest = rest.iter().zip(b_rest).fold(0.0, |sum, (&a, &b)| join(sum, part(a, b)));
    lanes.iter().fold(rest, |sum, &lane| join(sum, lane))
}

/// Every image of `x` scaled to L2 length 1, also a tiny one. An image of zeros stays zero.
pub fn unit(x: &[f32], images: usize) -> Vec<f32> {
    let values = x.len() / images;
    each(x.len(), values, |image, y| {
        let x = &x[image * values..][..values];
        let (largest, length) = lengths(x);
        vectors::map(y, x, 1, |x| x / largest / length);
    })
}

/// `from` plus every image of `direction`, scaled to the length in `length` `[N]`; also a tiny direction is scaled.
pub fn step(from: &[f32], direction: &[f32], length: &[f32]) -> Vec<f32> {
    let values = from.len() / length.len();
    each(from.len(), values, |image, y| {
        let ([from, x], by) = ([from, direction].map(|x| &x[image * values..][..values]), length[image]);
        let (largest, length) = lengths(x);
        vectors::zip(y, from, x, |from, x| from + x / largest / length * by);
    })
}

/// The largest magnitude, and the L2 length after division by it. Without this division the squares of a tiny image
/// underflow to 0.
fn lengths(image: &[f32]) -> (f32, f32) {
    let largest = Size::Largest.fold(image, image, |x, _| x).max(f32::MIN_POSITIVE);
    (largest, Size::Length.fold(image, image, |x, _| x / largest).max(f32::MIN_POSITIVE))
}

/// Images and their sizes `[N]`: those of `new` where `found` `[N]` is 1 and `new` is smaller, else those of `best`.
pub fn nearer(found: &[f32], new: (&[f32], &[f32]), best: (&[f32], &[f32])) -> (Vec<f32>, Vec<f32>) {
    let sizes = found.iter().zip(new.1).zip(best.1);
    let (mask, sizes): (Vec<_>, Vec<_>) =
        sizes.map(|((&found, &new), &best)| if found > 0.5 && new < best { (1.0, new) } else { (0.0, best) }).unzip();
    (Combination::Choice.of(new.0, best.0, &mask), sizes)
}

/// How two images a and b are combined into one, with a number r for each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Combination {
    /// a where r is 1, else b.
    Choice,
    /// a + r·(b − a), clipped to [0, 1].
    Between,
    /// a + r·sign b, clipped to [0, 1].
    SignStep,
    /// b, clipped to [a − r, a + r] and to [0, 1].
    LinfBall,
}

impl Combination {
    /// Combines the images of `a` and `b`, with r in `by` `[N]`.
    pub fn of(self, a: &[f32], b: &[f32], by: &[f32]) -> Vec<f32> {
        match self {
            Combination::Choice => combined(a, b, by, |a, b, r| if r > 0.5 { a } else { b }),
            Combination::Between => combined(a, b, by, |a, b, r| (a + r * (b - a)).clamp(0.0, 1.0)),
            Combination::SignStep => combined(a, b, by, |a, b, r| {
                let sign = f32::from(b > 0.0) - f32::from(b < 0.0);
                (a + r * sign).clamp(0.0, 1.0)
            }),
            // `clamp` would panic where r is NaN.
            Combination::LinfBall => combined(a, b, by, |a, b, r| {
                let (low, high) = (a - r, a + r);
                let near = if b < low { low } else { b };
                (if near > high { high } else { near }).clamp(0.0, 1.0)
            }),
        }
    }
}

#[inline(always)]
fn combined(a: &[f32], b: &[f32], by: &[f32], combine: impl Fn(f32, f32, f32) -> f32 + Sync + Send) -> Vec<f32> {
    let values = a.len() / by.len();
    each(a.len(), values, |image, y| {
        let ([a, b], by) = ([a, b].map(|x| &x[image * values..][..values]), by[image]);
        vectors::zip(y, a, b, |a, b| combine(a, b, by));
    })
}

/// Images, `length` values in all, each of which `work` writes completely.
#[inline(always)]
fn each(length: usize, values: usize, work: impl Fn(usize, &mut [MaybeUninit<f32>]) + Sync + Send) -> Vec<f32> {
    // SAFETY: `work` writes every value of an image.
    unsafe { written(length, |y| threads::parts(y, values, COST_OF_VALUE * values, work)) }
}

/// A function of an image's logits z and a class y. m is the largest of the other logits, and o = log Σ_{j≠y} exp z_j −
/// z_y the log odds against y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Score {
    /// m − z_y, the margin.
    Margin,
    /// o, the log odds.
    LogOdds,
    /// log(1 + exp o), which is −log p_y.
    CrossEntropy,
    /// 1 / (1 + exp o), which is p_y.
    Probability,
}

impl Score {
    /// `sign` times the score of every image, `[N]`. `logits` and `one_hot` are `[N, K]`; `one_hot` is 1 at the class
    /// y.
    pub fn of(self, logits: &[f32], one_hot: &[f32], images: usize, sign: f32) -> Vec<f32> {
        let classes = logits.len() / images;
        let rows = logits.chunks_exact(classes).zip(one_hot.chunks_exact(classes));
        rows.map(|(logits, one_hot)| {
            let Odds { margin, log_odds, .. } = Odds::of(logits, one_hot);
            let score = match self {
                Score::Margin => margin,
                Score::LogOdds => log_odds,
                Score::CrossEntropy => log_odds.max(0.0) + (-log_odds.abs()).exp().ln_1p(),
                Score::Probability => logistic(-log_odds),
            };
            sign * score
        })
        .collect()
    }

    /// The gradient of `sign` times the score in the logits, `[N, K]`, times `gradient` `[N]`. Where several logits are
    /// the largest, the first one gets all of the margin's gradient.
    pub fn gradient(self, gradient: &[f32], logits: &[f32], one_hot: &[f32], sign: f32) -> Vec<f32> {
        let classes = logits.len() / gradient.len();
        let rows = logits.chunks_exact(classes).zip(one_hot.chunks_exact(classes)).zip(gradient);
        let mut y = Vec::with_capacity(logits.len());
        for ((logits, one_hot), gradient) in rows {
            let odds = Odds::of(logits, one_hot);
            let factor = sign * gradient * self.slope(odds.log_odds);
            y.extend(logits.iter().zip(one_hot).enumerate().map(|(class, (logit, &own))| {
                let share = match self {
                    Score::Margin => f32::from(class == odds.rival),
                    // The class's own logit may lie so far above that exp overflows.
                    _ => (1.0 - own) * (logit - odds.largest).min(0.0).exp() / odds.sum,
                };
                factor * (share - own)
            }));
        }
        y
    }

    /// The derivative of the score with respect to the log odds (for the margin: 1).
    fn slope(self, log_odds: f32) -> f32 {
        match self {
            Score::Margin | Score::LogOdds => 1.0,
            Score::CrossEntropy => logistic(log_odds),
            Score::Probability => -logistic(log_odds) * logistic(-log_odds),
        }
    }
}

fn logistic(x: f32) -> f32 {
    let power = (-x.abs()).exp();
    if x < 0.0 { power / (1.0 + power) } else { 1.0 / (1.0 + power) }
}

/// The parts of a score, for the logits of one image.
struct Odds {
    /// The class with the largest of the other logits.
    rival: usize,
    largest: f32,
    /// Σ_{j≠y} exp(z_j − m).
    sum: f32,
    margin: f32,
    log_odds: f32,
}

impl Odds {
    fn of(logits: &[f32], one_hot: &[f32]) -> Self {
        let (mut rival, mut largest, mut own) = (0, f32::NEG_INFINITY, 0.0);
        for (class, (&logit, &one)) in logits.iter().zip(one_hot).enumerate() {
            if one > 0.5 {
                own = logit;
            } else if logit > largest {
                (rival, largest) = (class, logit);
            }
        }
        let others = logits.iter().zip(one_hot).filter(|&(_, &one)| one < 0.5);
        let sum: f32 = others.map(|(logit, _)| (logit - largest).exp()).sum();
        Self { rival, largest, sum, margin: largest - own, log_odds: sum.ln() + largest - own }
    }
}
