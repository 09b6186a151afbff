//! Primal-dual proximal gradient descent: Matyasko and Chau 2021, arXiv 2106.01538.

use burn::tensor::{Tensor, activation::sigmoid};

use super::adam::Adam;
use super::entry::{Entry, Texts, field, steps};
use super::{About, Attack, Problem, Search, State};
use crate::norm::Norm;
use crate::tensors::broadcast;

/// The smallest perturbation, as the saddle point of w₀·‖δ‖ + w₁·log(1 + exp(−g)), where g is the
/// [margin](crate::classifier::Criterion::margin). Adam reduces the second term over δ, and the norm's proximal
/// operator reduces the first. The weights, with w₀ + w₁ = 1, move towards the margin while the image is not
/// adversarial and towards the norm while it is.
///
/// Differences from the paper. The number of proximal steps is fixed: stopping when they converge would need a
/// read-back. At the end the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pdpgd {
    /// L1, L2 or L∞.
    pub norm: Norm,
    /// Steps, one gradient each.
    pub steps: usize,
    /// Adam's learning rate in the first step, in pixel values. It falls exponentially to a hundredth.
    pub learning_rate: f32,
    /// The initial w₀ / w₁.
    pub initial_ratio: f32,
    /// The change of log(w₁ / w₀) in the first step. It falls linearly to a tenth.
    pub dual_rate: f32,
    /// Proximal steps after each step of Adam (Melchior et al. 2019, arXiv 1910.10094).
    pub proximal_steps: usize,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Pdpgd {
    /// The default parameters for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self {
            norm,
            steps: 500,
            learning_rate: 0.1,
            initial_ratio: 0.01,
            dual_rate: 0.1,
            proximal_steps: 5,
            bisections: 8,
        }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "PDPGD: balances size and lead",
        summary: "Alternates between shrinking the change and fooling the network, and adjusts the weight of each. Strong \
                  where the sum of all changes is to be small.",
        featured: false,
    };
    let fields = |_| {
        let rate = "How far the optimiser moves a value in the first step; the last is a hundredth of it.";
        let ratio = "Initial weight of the size, divided by that of the lead.";
        let dual = "How fast the weights move in the first step; in the last it is a tenth.";
        vec![
            steps(|attack: &mut Pdpgd| &mut attack.steps),
            field("learning_rate", "Learning rate", rate, 1e-4..=1.0, |attack| &mut attack.learning_rate),
            field("initial_ratio", "First ratio of weights", ratio, 1e-4..=1e3, |attack| &mut attack.initial_ratio),
            field("dual_rate", "Rate of the weights", dual, 1e-3..=1.0, |attack| &mut attack.dual_rate),
        ]
    };
    Entry::new(texts, &[Norm::L1, Norm::Linf, Norm::L2], Pdpgd::new, fields, |attack| Box::new(attack))
}

impl Attack for Pdpgd {
    fn about(&self) -> About {
        About::new("pdpgd", self.norm, self.steps).bisected(self.bisections)
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let log_ratio = problem.for_each(-self.initial_ratio.ln());
        Box::new(PdpgdSearch {
            config: *self,
            adam: Adam::new(&state.current),
            weight: sigmoid(log_ratio.clone()),
            log_ratio,
        })
    }
}

struct PdpgdSearch {
    config: Pdpgd,
    adam: Adam,
    /// log(w₁ / w₀), `[N]`
    log_ratio: Tensor<1>,
    /// w₁, the weight of the margin, as a running mean, `[N]`
    weight: Tensor<1>,
}

/// The share of the running mean of w₁ that is kept in a step.
const WEIGHT_MOMENTUM: f32 = 0.9;

/// The largest |log(w₁ / w₀)|.
const MAX_LOG_RATIO: f32 = 13.815_511; // ln 10⁶

impl PdpgdSearch {
    fn learning_rate(&self, step: usize) -> f32 {
        self.config.learning_rate * 0.01_f32.powf(step as f32 / self.config.steps as f32)
    }

    /// Moves the weights towards the margin where the image is not adversarial, else towards the norm.
    fn update_weights(&mut self, adversarial: Tensor<1>, step: usize) {
        let left = 1.0 - step as f32 / self.config.steps.saturating_sub(1).max(1) as f32;
        let behind: Tensor<1> = 1.0 - adversarial * 2.0;
        let by = behind * (self.config.dual_rate * (0.1 + 0.9 * left));
        self.log_ratio = (self.log_ratio.clone() + by).clamp(-MAX_LOG_RATIO, MAX_LOG_RATIO);
        self.weight = self.weight.clone() * WEIGHT_MOMENTUM + sigmoid(self.log_ratio.clone()) * (1.0 - WEIGHT_MOMENTUM);
    }

    /// The proximal steps for the norm: shrinks the perturbation of `moved` `[N, C, H, W]`, scaled as Adam's step at
    /// the learning rate `rate` was.
    fn shrunk(&self, problem: &Problem, moved: Tensor<4>, rate: f32) -> Tensor<4> {
        let target = moved - problem.pixels.clone();
        let scale = self.adam.scale();
        let largest = Norm::Linf.measure(scale.clone());
        let other: Tensor<1> = 1.0 - self.weight.clone();
        let by = other / self.weight.clone() * rate / largest.clone();
        let pull = scale / broadcast(largest);
        let mut change = target.clone();
        for _ in 0..self.config.proximal_steps {
            let pulled = change.clone() - pull.clone() * (change - target.clone());
            change = problem.perturbed(proximal(self.config.norm, pulled, by.clone())) - problem.pixels.clone();
        }
        problem.perturbed(change)
    }
}

/// The z that minimises ‖z‖·`by` + ‖z − `change`‖₂² / 2, for changes `[N, C, H, W]` and `by` `[N]`.
fn proximal(norm: Norm, change: Tensor<4>, by: Tensor<1>) -> Tensor<4> {
    match norm {
        Norm::L0 | Norm::L1 => (change.clone().abs() - broadcast(by)).clamp_min(0.0) * change.sign(),
        Norm::L2 => {
            let length = Norm::L2.measure(change.clone()).clamp_min(1e-12);
            let kept: Tensor<1> = 1.0 - by / length;
            change * broadcast(kept.clamp_min(0.0))
        }
        Norm::Linf => change.clone() - Norm::L1.project(change, by),
    }
}

impl Search for PdpgdSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let slope = problem.gradient(state.current.clone(), |logits| problem.criterion.margin(logits));
        let adversarial = state.record_margin(problem, slope.logits, slope.value.clone());
        // log(1 + exp(−g)) has the derivative −1 / (1 + exp g).
        let descent = slope.gradient * broadcast(-sigmoid(slope.value.clamp(-50.0, 50.0).neg()));
        let rate = self.learning_rate(state.step);
        let moved = self.adam.step(state.current.clone(), descent, rate).clamp(0.0, 1.0);
        state.current = self.shrunk(problem, moved, rate);
        self.update_weights(adversarial.float(), state.step);
    }
}
