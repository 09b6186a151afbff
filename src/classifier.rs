//! The view that an attack has of a network: pixels in, logits out, and the gradient in the pixels.

use std::rc::Rc;

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::per_image::{self, Score};
use crate::region::Region;
use crate::tensors::read;

/// A differentiable image classifier.
pub trait Classifier {
    /// The logits of a batch.
    ///
    /// # Shapes
    /// - `pixels`: `[N, C, H, W]`, in [0, 1]
    /// - returns: `[N, K]`, one logit per class, not probabilities
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2>;
}

/// The shape of a network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Input {
    /// 1 for grey, 3 for red, green, blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl Input {
    /// Whether a few images of this size keep a device busy: those of photographs, not of toy objects.
    pub fn is_large(self) -> bool {
        self.height > 128
    }
}

/// A classifier that no longer changes: a snapshot outside of training mode. Its weights are constants, and only its
/// input has a gradient. Attacks take nothing else. A clone shares the weights.
#[derive(Clone)]
pub struct Frozen {
    model: Rc<dyn Classifier>,
    device: Device,
}

impl Frozen {
    /// Freezes `model` on the device its weights are on.
    ///
    /// # Panics
    ///
    /// If the model has no weights, and so no device.
    pub fn new<M: Module + Classifier + 'static>(model: &M) -> Self {
        let model = model.valid();
        let device = model.devices().into_iter().next().expect("a classifier has weights, and they are on a device");
        Self { model: Rc::new(model), device }
    }

    /// Wraps a classifier that is already frozen, on its device.
    pub(crate) fn of(model: Rc<dyn Classifier>, device: Device) -> Self {
        Self { model, device }
    }

    /// The device of the weights; pixels must be on it too.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The logits of a batch.
    ///
    /// # Shapes
    /// - `pixels`: `[N, C, H, W]`, in [0, 1]
    /// - returns: `[N, K]`
    pub fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.model.logits(pixels)
    }

    /// The logits of a batch, the value of `objective`, and its gradient in the pixels.
    ///
    /// `objective` maps logits `[N, K]` to one value per image `[N]`. Images do not affect each other, so the gradient
    /// of the sum is the gradient of each value. It is 0 where no operation with a gradient leads from the pixels to
    /// the logits, such as behind a comparison.
    ///
    /// # Shapes
    /// - `pixels`: `[N, C, H, W]`
    pub fn gradient(&self, pixels: Tensor<4>, objective: impl FnOnce(Tensor<2>) -> Tensor<1>) -> Slope {
        let pixels = pixels.autodiff().require_grad();
        let logits = self.model.logits(pixels.clone());
        let value = objective(logits.clone());
        let gradient = value.is_tracked().then(|| pixels.grad_remove(&mut value.backward())).flatten();
        let gradient = gradient.unwrap_or_else(|| pixels.clone().inner().zeros_like());
        Slope { logits: logits.inner(), value: value.inner(), gradient }
    }

    /// The class probabilities of every image of a batch, read back from the device.
    ///
    /// # Shapes
    /// - `pixels`: `[N, C, H, W]`, in [0, 1]
    /// - returns: N rows of K probabilities
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub async fn predict(&self, pixels: Tensor<4>) -> Result<Vec<Probabilities>, Error> {
        Probabilities::read(self.logits(pixels)).await
    }

    /// Checks on two images that the logits of one do not depend on the other, as everything here presumes.
    ///
    /// # Errors
    ///
    /// [`Error::Dependent`] if they do, such as through a mean over the batch; or if the device fails.
    pub async fn check_independent(&self, Input { channels, height, width }: Input) -> Result<(), Error> {
        // Two images that differ in most of their values.
        let values = channels * height * width;
        let level = |index: usize| ((index % values) as u64 * 7919 + (index / values) as u64 * 101) % 256;
        let levels = (0..2 * values).map(|index| level(index) as f32 / 255.0);
        let levels = TensorData::new(levels.collect(), [2, channels, height, width]);
        let pair: Tensor<4> = Tensor::from_data(levels, &self.device);
        let alone = read(self.logits(pair.clone().narrow(0, 0, 1))).await?;
        let beside = read(self.logits(pair).narrow(0, 0, 1)).await?;
        let largest = alone.iter().fold(1.0, |largest: f32, logit| largest.max(logit.abs()));
        match alone.iter().zip(&beside).any(|(alone, beside)| (alone - beside).abs() > 1e-3 * largest) {
            true => Err(Error::Dependent),
            false => Ok(()),
        }
    }
}

/// The result of [`Frozen::gradient`].
pub struct Slope {
    /// The logits, `[N, K]`.
    pub logits: Tensor<2>,
    /// The value of the objective, `[N]`.
    pub value: Tensor<1>,
    /// The objective's gradient in the pixels, `[N, C, H, W]`.
    pub gradient: Tensor<4>,
}

/// The class probabilities of one image: the softmax of its logits.
#[derive(Debug, Clone, PartialEq)]
pub struct Probabilities(Vec<f32>);

impl Probabilities {
    /// Reads back `logits` `[N, K]` and returns the softmax for each image.
    ///
    /// # Errors
    ///
    /// If the device fails, or a logit is not a finite number.
    pub async fn read(logits: Tensor<2>) -> Result<Vec<Self>, Error> {
        let [_, classes] = logits.dims();
        read(logits).await?.chunks(classes).map(Self::of_logits).collect()
    }

    /// The softmax of the logits of one image.
    ///
    /// # Errors
    ///
    /// If a logit is not a finite number.
    pub fn of_logits(logits: &[f32]) -> Result<Self, Error> {
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(Error::NotFinite);
        }
        let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let powers: Vec<f32> = logits.iter().map(|logit| (logit - largest).exp()).collect();
        let sum: f32 = powers.iter().sum();
        Ok(Self(powers.into_iter().map(|power| power / sum).collect()))
    }

    /// The most probable class.
    pub fn class(&self) -> usize {
        self.ranked()[0]
    }

    /// The probability of `class`, in [0, 1].
    pub fn of(&self, class: usize) -> f32 {
        self.0[class]
    }

    /// All classes, the most probable first. Of equally probable classes, the lower one comes first.
    pub fn ranked(&self) -> Vec<usize> {
        let mut classes: Vec<usize> = (0..self.0.len()).collect();
        classes.sort_by(|&a, &b| self.0[b].total_cmp(&self.0[a]));
        classes
    }
}

/// The class that an attack wants, for every image of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Goal {
    /// Any class except this one, which is the true one.
    Misread(Vec<usize>),
    /// This class, the target.
    Read(Vec<usize>),
    /// Any class except the one that the network reads now. It becomes [`Misread`](Goal::Misread) once that class is
    /// known.
    Change,
}

impl Goal {
    /// The class that the goal names for every image: the true one, or the target. Empty while it is not known what the
    /// network reads now.
    pub fn classes(&self) -> &[usize] {
        match self {
            Goal::Misread(classes) | Goal::Read(classes) => classes,
            Goal::Change => &[],
        }
    }

    /// The same goal for the images with these indices.
    pub fn select(&self, images: &[usize]) -> Self {
        let pick = |classes: &[usize]| images.iter().map(|&image| classes[image]).collect();
        match self {
            Goal::Misread(classes) => Goal::Misread(pick(classes)),
            Goal::Read(classes) => Goal::Read(pick(classes)),
            Goal::Change => Goal::Change,
        }
    }

    /// The same goal, reached when the wrong class or the target is the most probable one and has at least the
    /// probability `confidence`.
    ///
    /// # Errors
    ///
    /// If `confidence` is not in 0 to 0.9999. In single precision a larger one cannot be told from 1.
    pub fn with_confidence(self, confidence: f32) -> Result<Aim, Error> {
        if (0.0..=0.9999).contains(&confidence) {
            return Ok(Aim { confidence, ..self.into() });
        }
        let (expected, found) = ("a probability, 0 to 0.9999".to_owned(), confidence.to_string());
        Err(Error::Parameter { name: "confidence".to_owned(), expected, found })
    }

    /// The same goal, but only pixels in `region` may change.
    pub fn inside(self, region: Region) -> Aim {
        Aim::from(self).inside(region)
    }
}

/// A [`Goal`], a confidence, and the region of the images that may change. A goal alone asks only that the wrong class
/// or the target is the most probable, with any probability, and lets every pixel change.
#[derive(Debug, Clone, PartialEq)]
pub struct Aim {
    goal: Goal,
    confidence: f32,
    region: Option<Region>,
}

impl From<Goal> for Aim {
    fn from(goal: Goal) -> Self {
        Self { goal, confidence: 0.0, region: None }
    }
}

impl From<&Goal> for Aim {
    fn from(goal: &Goal) -> Self {
        goal.clone().into()
    }
}

impl Aim {
    /// The same aim, but only pixels in `region` may change.
    pub fn inside(self, region: Region) -> Self {
        Self { region: Some(region), ..self }
    }

    /// The same aim, with what the network reads in every original filled in.
    pub(crate) fn known(self, original: &[Probabilities]) -> Self {
        match self.goal {
            Goal::Change => Self { goal: Goal::Misread(original.iter().map(Probabilities::class).collect()), ..self },
            _ => self,
        }
    }

    /// The goal.
    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    /// The probability to reach, in [0, 0.9999]; 0 asks only for the most probable class.
    pub fn confidence(&self) -> f32 {
        self.confidence
    }

    /// The region that may change, if it is not the whole image.
    pub fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }

    /// Whether `answer` reads image number `image` as the goal wants, with any probability.
    pub fn is_read(&self, image: usize, answer: &Probabilities) -> bool {
        match &self.goal {
            Goal::Misread(classes) => answer.class() != classes[image],
            Goal::Read(classes) => answer.class() == classes[image],
            Goal::Change => false,
        }
    }

    /// The lead of the class to be read in logits, for image number `image`. For a target: its logit minus the largest
    /// of the others. Otherwise: the largest of the other logits minus the true class's.
    pub fn lead(&self, image: usize, answer: &Probabilities) -> f32 {
        let class = self.goal.classes()[image];
        let other = answer.ranked().into_iter().find(|&other| other != class).expect("there are at least two classes");
        let lead = answer.of(other).ln() - answer.of(class).ln();
        if matches!(self.goal, Goal::Read(_)) { -lead } else { lead }
    }

    /// Whether `answer` reaches the aim for image number `image`.
    pub fn is_reached(&self, image: usize, answer: &Probabilities) -> bool {
        self.is_read(image, answer) && answer.of(answer.class()) >= self.confidence
    }
}

/// An [`Aim`] on the device, and the functions of the logits for it.
#[derive(Clone)]
pub struct Criterion {
    /// `[N, K]`, 1 at the class that the goal names.
    one_hot: Tensor<2>,
    /// 1 if the class is the true one, to be left; −1 if it is the target.
    sign: f32,
    /// κ: the lead in logits that the class to be read must have.
    required_lead: f32,
    /// The log odds that the class to be read must have, if a confidence is asked for.
    required_log_odds: Option<f32>,
}

impl Criterion {
    /// Puts `aim` on `device`.
    ///
    /// # Errors
    ///
    /// If a class index is not below `classes`.
    pub fn new(aim: impl Into<Aim>, classes: usize, device: &Device) -> Result<Self, Error> {
        let Aim { goal, confidence, .. } = aim.into();
        if let Some(&class) = goal.classes().iter().find(|&&class| class >= classes) {
            return Err(Error::NoSuchClass { class, classes });
        }
        // Not Burn's `one_hot`: it reads back to check its input, and a browser cannot wait for that.
        let mut one_hot = vec![0.0_f32; goal.classes().len() * classes];
        for (image, class) in goal.classes().iter().enumerate() {
            one_hot[image * classes + class] = 1.0;
        }
        let shape = [goal.classes().len(), classes];
        Ok(Self {
            one_hot: Tensor::from_data(TensorData::new(one_hot, shape), device),
            sign: if matches!(goal, Goal::Read(_)) { -1.0 } else { 1.0 },
            required_lead: 0.0,
            required_log_odds: (confidence > 0.0).then(|| (confidence / (1.0 - confidence)).ln()),
        })
    }

    /// The same criterion, reached only where the logit of the class to be read leads by `lead` (κ of Carlini and
    /// Wagner).
    pub fn with_lead(self, lead: f32) -> Self {
        Self { required_lead: lead, ..self }
    }

    /// The number of classes K.
    pub(crate) fn classes(&self) -> usize {
        self.one_hot.dims()[1]
    }

    /// Whether the goal is a target class.
    pub fn is_targeted(&self) -> bool {
        self.sign < 0.0
    }

    /// The margin g of every image, which is adversarial exactly when g > 0. Untargeted: g = max_{j≠y} z_j − z_y.
    /// Targeted: g = z_t − max_{j≠t} z_j. If a lead is asked for, g is smaller by κ. If a confidence c is asked for, g
    /// is at most the log odds of the class to be read minus the log odds of c.
    ///
    /// # Shapes
    /// - `logits`: `[N, K]`
    /// - returns: `[N]`
    pub fn margin(&self, logits: Tensor<2>) -> Tensor<1> {
        let margin = self.score(logits.clone(), Score::Margin);
        let margin = if self.required_lead > 0.0 { margin - self.required_lead } else { margin };
        match self.required_log_odds {
            None => margin,
            Some(odds) => {
                let wanted = self.wanted(&logits);
                margin.min_pair(per_image::score(logits, wanted, Score::LogOdds, -1.0) - odds)
            }
        }
    }

    /// The log odds against the true class: log((1 − p_y) / p_y) = logsumexp_{j≠y} z_j − z_y. With a target: the log
    /// odds for the target.
    ///
    /// Its gradient has the direction of the cross-entropy's gradient, but does not vanish where the network is
    /// certain. The cross-entropy's gradient is shorter by the factor 1 − p_y.
    ///
    /// If a confidence is asked for, an image that is already misread has the log odds for the class that is read. With
    /// the log odds against the true class, several wrong classes could share the probability that it loses.
    ///
    /// # Shapes
    /// - `logits`: `[N, K]`
    /// - returns: `[N]`
    pub fn log_odds(&self, logits: Tensor<2>) -> Tensor<1> {
        self.score(logits, Score::LogOdds)
    }

    /// The cross-entropy in the form to ascend: −log p_y, or log p_t for a target. If a confidence is asked for, it
    /// changes as [`log_odds`](Self::log_odds) does.
    ///
    /// # Shapes
    /// - `logits`: `[N, K]`
    /// - returns: `[N]`
    pub fn cross_entropy(&self, logits: Tensor<2>) -> Tensor<1> {
        self.score(logits, Score::CrossEntropy)
    }

    /// The difference of logits ratio in the form to ascend: the margin divided by the spread of the largest logits.
    /// Scaling the logits does not change it. Untargeted: (z_j − z_y) / (z₍₁₎ − z₍₃₎). Targeted: (z_t − z_j) / (z₍₁₎ −
    /// (z₍₃₎ + z₍₄₎) / 2). Here j is the largest of the other classes (Croce and Hein 2020, arXiv 2003.01690). With
    /// three classes, the targeted ratio uses z₍₃₎ in place of z₍₄₎.
    ///
    /// # Shapes
    /// - `logits`: `[N, K]`, K at least 3
    /// - returns: `[N]`
    pub fn logits_ratio(&self, logits: Tensor<2>) -> Tensor<1> {
        let ranks: &[usize] = if self.is_targeted() { &[2, 3] } else { &[2] };
        self.score(logits.clone(), Score::Margin) / spread(logits, ranks)
    }

    /// The same ratio towards one class of every image, with `target` `[N, K]` 1 at that class: (z_t − z_y) / (z₍₁₎ −
    /// (z₍₃₎ + z₍₄₎) / 2). If a confidence is asked for, z_y is replaced by the largest of all other logits.
    ///
    /// # Shapes
    /// - `logits`: `[N, K]`, K at least 4
    /// - returns: `[N]`
    pub fn logits_ratio_towards(&self, logits: Tensor<2>, target: &Tensor<2>) -> Tensor<1> {
        let lead = match self.required_log_odds {
            None => self.lead(logits.clone(), target),
            Some(_) => per_image::score(logits.clone(), target.clone(), Score::Margin, -1.0),
        };
        lead / spread(logits, &[2, 3])
    }

    /// The logit of one class, 1 in `target` `[N, K]`, minus that of the goal's class, `[N]`. It is limited by the
    /// confidence as the [`margin`](Self::margin) is.
    pub fn lead(&self, logits: Tensor<2>, target: &Tensor<2>) -> Tensor<1> {
        let difference = constant(target.clone() - self.one_hot.clone(), &logits);
        let lead = (logits.clone() * difference).sum_dim(1).squeeze_dim(1);
        match self.required_log_odds {
            None => lead,
            Some(odds) => lead.min_pair(per_image::score(logits, target.clone(), Score::LogOdds, -1.0) - odds),
        }
    }

    /// The classes with the largest logits except the goal's class, the largest first, each one-hot `[N, K]`.
    ///
    /// # Shapes
    /// - `logits`: `[N, K]`, not tracked by autodiff
    pub fn rivals(&self, logits: Tensor<2>, count: usize) -> Vec<Tensor<2>> {
        let [_, classes] = logits.dims();
        leaders(logits - self.one_hot.clone() * EXCLUDED, count.min(classes - 1))
    }

    /// The probability of the goal's class in every image, `[N]`.
    pub fn probability(&self, logits: Tensor<2>) -> Tensor<1> {
        per_image::score(logits, self.one_hot.clone(), Score::Probability, 1.0)
    }

    /// The class to be read, one-hot `[N, K]`: the target, or the largest of the wrong classes.
    fn wanted(&self, logits: &Tensor<2>) -> Tensor<2> {
        if self.is_targeted() { self.one_hot.clone() } else { self.rivals(plain(logits), 1).remove(0) }
    }

    /// The score of the goal's class. If a confidence is asked for and the image is misread, the score of the class
    /// that is read.
    fn score(&self, logits: Tensor<2>, score: Score) -> Tensor<1> {
        let against = per_image::score(logits.clone(), self.one_hot.clone(), score, self.sign);
        if self.required_log_odds.is_none() || self.is_targeted() {
            return against;
        }
        let edge = per_image::score(plain(&logits), self.one_hot.clone(), Score::Margin, 1.0);
        let misread = constant(edge.greater_elem(0.0).float(), &logits);
        let wanted = self.wanted(&logits);
        let towards = per_image::score(logits, wanted, score, -1.0);
        towards * misread.clone() + against * (1.0 - misread)
    }
}

/// `values` as a constant that can be combined with `other`: inside autodiff if that is.
pub(crate) fn constant<const D: usize, const E: usize>(values: Tensor<D>, other: &Tensor<E>) -> Tensor<D> {
    if other.is_autodiff() { values.autodiff() } else { values }
}

/// The logits without autodiff.
fn plain(logits: &Tensor<2>) -> Tensor<2> {
    if logits.is_autodiff() { logits.clone().inner() } else { logits.clone() }
}

/// The largest logit minus the mean of the logits at `ranks` (counted from 0), `[N]`.
fn spread(logits: Tensor<2>, ranks: &[usize]) -> Tensor<1> {
    let leaders = leaders(plain(&logits), ranks[ranks.len() - 1] + 1);
    let last = leaders.len() - 1;
    let mut weights = leaders[0].clone();
    for &rank in ranks {
        weights = weights - leaders[rank.min(last)].clone() / ranks.len() as f32;
    }
    let weights = constant(weights, &logits);
    (logits * weights).sum_dim(1).squeeze_dim(1).clamp_min(1e-12)
}

/// The classes with the largest logits, the largest first, each one-hot `[N, K]`. They are found one maximum after
/// another, since a browser's GPU cannot sort.
pub(crate) fn leaders(mut logits: Tensor<2>, count: usize) -> Vec<Tensor<2>> {
    let [_, classes] = logits.dims();
    let indices = Tensor::<1, Int>::arange(0..classes as i64, &logits.device()).reshape([1, classes]);
    (0..count.min(classes))
        .map(|_| {
            let first = logits.clone().argmax(1).expand(logits.shape());
            let leader = indices.clone().expand(logits.shape()).equal(first).float();
            logits = logits.clone() - leader.clone() * EXCLUDED;
            leader
        })
        .collect()
}

/// Subtracted from a logit so that it is never the largest. Far above any logit and far below overflow.
const EXCLUDED: f32 = 1e9;

#[cfg(test)]
mod tests {
    use super::*;

    /// The pixels; with `true`, less their mean over the batch.
    struct Pixels(bool);

    impl Classifier for Pixels {
        fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
            let pixels = pixels.flatten::<2>(1, 3);
            if self.0 { pixels.clone() - pixels.mean_dim(0) } else { pixels }
        }
    }

    /// Whether pixels are bright, as 1 and 0.
    struct Bright;

    impl Classifier for Bright {
        fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
            pixels.flatten::<2>(1, 3).greater_elem(0.5).float()
        }
    }

    #[test]
    fn behind_a_comparison_the_gradient_is_zero() {
        let network = Frozen::of(Rc::new(Bright), Device::flex());
        let pixels = Tensor::full([2, 1, 1, 3], 0.4, network.device());
        let slope = network.gradient(pixels.clone(), |logits| logits.sum_dim(1).squeeze_dim(1));
        assert_eq!(slope.gradient.into_data(), pixels.zeros_like().into_data());
    }

    #[test]
    fn images_that_depend_on_each_other_are_found() {
        for (mixed, side) in [(false, 5), (true, 5), (true, 32)] {
            let network = Frozen::of(Rc::new(Pixels(mixed)), Device::flex());
            let input = Input { channels: 3, height: side, width: side };
            let checked = pollster::block_on(network.check_independent(input));
            assert_eq!(matches!(checked, Err(Error::Dependent)), mixed, "{checked:?}");
        }
    }
}
