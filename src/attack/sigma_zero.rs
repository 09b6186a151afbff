//! σ-zero: Cinà et al. 2024, arXiv 2402.01879.

use burn::tensor::Tensor;

use super::adam::Adam;
use super::entry::{Entry, Texts, field, steps};
use super::{About, Attack, Problem, Search, State, annealed};
use crate::norm::Norm;
use crate::tensors::broadcast;

/// The smallest number of changed values: Adam on max(0, −g) + Σ δ² / (δ² + σ) / D. Here g is the
/// [margin](crate::classifier::Criterion::margin), δ the change of a value, and D the number of values; the sum is a
/// smooth count of the changed values. After every step, changes below a threshold are set to 0. The threshold rises
/// while the image is adversarial and falls while it is not.
///
/// Difference from the paper: at the end the number of changes is reduced by bisection, keeping the largest ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SigmaZero {
    /// Steps, one gradient each.
    pub steps: usize,
    /// Adam's learning rate in the first step, in pixel values. A cosine schedule reduces it to a tenth.
    pub learning_rate: f32,
    /// σ: a change of size √σ counts as half a changed value.
    pub sigma: f32,
    /// τ: the smallest change that is kept after the first step.
    pub threshold: f32,
    /// t: the change of the threshold in a step, in multiples of the learning rate.
    pub threshold_step: f32,
    /// Halvings of the number of changes after the last step, one forward pass each.
    pub bisections: usize,
}

impl Default for SigmaZero {
    fn default() -> Self {
        Self { steps: 1000, learning_rate: 1.0, sigma: 1e-3, threshold: 0.3, threshold_step: 0.01, bisections: 8 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "σ-zero: the fewest changed values",
        summary: "Counts the changed values by a smooth curve that an optimiser can follow, and drops the smallest changes at \
                  every step. The strongest search for as few changed values as possible.",
        featured: true,
    };
    let fields = |_| {
        let rate = "How far the optimiser moves a value in the first step; the last is a tenth of it.";
        let sigma = "A change of its square root counts as half a changed value.";
        let threshold = "The smallest change that is kept in the first step.";
        let by = "By how much the threshold moves in a step, in learning rates.";
        vec![
            steps(|attack: &mut SigmaZero| &mut attack.steps),
            field("learning_rate", "Learning rate", rate, 1e-3..=10.0, |attack| &mut attack.learning_rate),
            field("sigma", "Smoothing σ", sigma, 1e-4..=1.0, |attack| &mut attack.sigma),
            field("threshold", "First threshold τ", threshold, 0.0..=1.0, |attack| &mut attack.threshold),
            field("threshold_step", "Step of the threshold t", by, 1e-4..=1.0, |attack| &mut attack.threshold_step),
        ]
    };
    Entry::new(texts, &[Norm::L0], |_| SigmaZero::default(), fields, |attack| Box::new(attack))
}

impl Attack for SigmaZero {
    fn about(&self) -> About {
        About::new("sigma-zero", Norm::L0, self.steps).bisected(self.bisections)
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let adam = Adam::new(&state.current);
        Box::new(SigmaZeroSearch { config: *self, adam, threshold: problem.for_each(self.threshold) })
    }
}

struct SigmaZeroSearch {
    config: SigmaZero,
    adam: Adam,
    /// The smallest change that is kept, `[N]`
    threshold: Tensor<1>,
}

impl SigmaZeroSearch {
    fn learning_rate(&self, step: usize) -> f32 {
        let SigmaZero { steps, learning_rate, .. } = self.config;
        annealed(step as f32 / steps as f32, learning_rate, learning_rate / 10.0)
    }

    /// The gradient of Σ δ² / (δ² + σ) / D, where δ is `change` `[N, C, H, W]`.
    fn gradient_of_count(&self, change: Tensor<4>) -> Tensor<4> {
        let sigma = self.config.sigma;
        let values = change.dims()[1..].iter().product::<usize>() as f32;
        let beyond = change.clone() * change.clone() + sigma;
        change * (2.0 * sigma / values) / (beyond.clone() * beyond)
    }
}

impl Search for SigmaZeroSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let (original, current) = (problem.pixels.clone(), state.current.clone());
        let slope = problem.gradient(current.clone(), |logits| problem.criterion.margin(logits));
        // The gradient of max(0, −g): none where g is positive.
        let wanted = slope.value.clone().lower_elem(0.0).float();
        let adversarial = state.record_margin(problem, slope.logits, slope.value);

        let gradient = self.gradient_of_count(current.clone() - original.clone()) - slope.gradient * broadcast(wanted);
        let steepest = Norm::Linf.measure(gradient.clone()).clamp_min(1e-12);
        let rate = self.learning_rate(state.step);
        let moved = self.adam.step(current, gradient / broadcast(steepest), rate).clamp(0.0, 1.0);

        let by = (adversarial.float() * 2.0 - 1.0) * (self.config.threshold_step * self.learning_rate(state.step + 1));
        self.threshold = (self.threshold.clone() + by).clamp(0.0, 1.0);
        let small = (moved.clone() - original.clone()).abs().lower(broadcast(self.threshold.clone()));
        state.current = moved.mask_where(small, original);
    }
}
