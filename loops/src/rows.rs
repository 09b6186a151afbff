//! What an attack computes for every image of a batch by itself: sizes, directions, choices, and functions of the logits.

use crate::LANES;

/// One number for all values of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Size {
    /// How many are not 0.
    Count,
    /// The sum of their magnitudes.
    Sum,
    /// The root of the sum of their squares.
    Length,
    /// The largest magnitude.
    Largest,
}

impl Size {
    /// Of every image of `x`, `[N]`.
    pub fn of(self, x: &[f32], images: usize) -> Vec<f32> {
        x.chunks_exact(x.len() / images).map(|image| self.of_one(image)).collect()
    }

    fn of_one(self, image: &[f32]) -> f32 {
        match self {
            Size::Count => fold(image, |x| f32::from(x != 0.0), |sum, x| sum + x),
            Size::Sum => fold(image, f32::abs, |sum, x| sum + x),
            Size::Length => fold(image, |x| x * x, |sum, x| sum + x).sqrt(),
            Size::Largest => fold(image, f32::abs, |largest, x| if x > largest { x } else { largest }),
        }
    }
}

/// `values`, each by itself through `part`, joined by `join` from 0 on, in lanes as a processor has them.
#[inline(always)]
fn fold(values: &[f32], part: impl Fn(f32) -> f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let (chunks, rest) = values.as_chunks::<LANES>();
    let mut lanes = [0.0; LANES];
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = join(*lane, part(value));
        }
    }
    let rest = rest.iter().fold(0.0, |sum, &value| join(sum, part(value)));
    lanes.iter().fold(rest, |sum, &lane| join(sum, lane))
}

/// Every image at length 1, however small it is; one that is zero stays zero.
pub fn unit(x: &[f32], images: usize) -> Vec<f32> {
    let mut y = Vec::with_capacity(x.len());
    for image in x.chunks_exact(x.len() / images) {
        // By its largest value first, or the squares of a tiny image underflow to 0.
        let largest = Size::Largest.of_one(image).max(f32::MIN_POSITIVE);
        let length = fold(image, |x| (x / largest) * (x / largest), |sum, x| sum + x).sqrt().max(f32::MIN_POSITIVE);
        y.extend(image.iter().map(|x| x / largest / length));
    }
    y
}

/// `start` plus `direction` times the image's `length` `[N]`, clipped to [0, 1].
pub fn along(start: &[f32], direction: &[f32], length: &[f32]) -> Vec<f32> {
    each(start, direction, length, |start, direction, length| (start + direction * length).clamp(0.0, 1.0))
}

/// The images of `yes` where `mask` `[N]` is 1, else those of `no`.
pub fn choose(mask: &[f32], yes: &[f32], no: &[f32]) -> Vec<f32> {
    each(yes, no, mask, |yes, no, mask| if mask > 0.5 { yes } else { no })
}

#[inline(always)]
fn each(a: &[f32], b: &[f32], by: &[f32], combine: impl Fn(f32, f32, f32) -> f32) -> Vec<f32> {
    let values = a.len() / by.len();
    let mut y = Vec::with_capacity(a.len());
    for ((a, b), &by) in a.chunks_exact(values).zip(b.chunks_exact(values)).zip(by) {
        y.extend(a.iter().zip(b).map(|(&a, &b)| combine(a, b, by)));
    }
    y
}

/// A function of an image's logits z and the class y that it is about; m is the largest of the other logits, and
/// o = log Σ_{j≠y} exp z_j − z_y are the log odds against y.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Score {
    /// m − z_y.
    Margin,
    /// o.
    LogOdds,
    /// log(1 + exp o), which is −log p_y.
    CrossEntropy,
    /// 1 / (1 + exp o), which is p_y.
    Probability,
}

impl Score {
    /// `sign` times the score of every image, `[N]`; of `logits` `[N, K]` and `one_hot` `[N, K]`, 1 at the class.
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

    /// The gradient of that in the logits, `[N, K]`, times `gradient` `[N]`. Of several largest logits the first has all
    /// of the margin's.
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
                    // The class's own logit may lie too far above for a finite power.
                    _ => (1.0 - own) * (logit - odds.largest).min(0.0).exp() / odds.sum,
                };
                factor * (share - own)
            }));
        }
        y
    }

    /// The derivative in the log odds, or the margin.
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

/// One image's logits, as the scores see them.
struct Odds {
    /// The class of the largest of the other logits, and that logit.
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
