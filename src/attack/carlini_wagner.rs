//! The attack of Carlini and Wagner in L2: 2017, arXiv 1608.04644.

use burn::tensor::{Bool, Tensor};

use super::adam::Adam;
use super::entry::{Entry, Texts, field, steps};
use super::{About, Attack, Problem, Search, State};
use crate::norm::Norm;
use crate::tensors::broadcast;

/// The smallest L2 perturbation, by Adam on ‖Δx‖² + c·max(0, −g) over w, where the image is (tanh w + 1) / 2. g is the
/// [margin](crate::classifier::Criterion::margin), less κ. The weight c is searched for each image.
///
/// Differences from the paper. A pixel value of exactly 0 or 1 begins 5·10⁻⁵ off, since w would be infinite there. The
/// search does not stop early when the loss no longer falls, because that needs a read-back at every step. At the end
/// the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarliniWagner {
    /// Number of values of c to try.
    pub searches: usize,
    /// Steps for each of them, one gradient each.
    pub steps: usize,
    /// Adam's learning rate, in w.
    pub learning_rate: f32,
    /// The first c.
    pub initial_weight: f32,
    /// κ: by how much the logit of the class to be read must exceed the others.
    pub lead: f32,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Default for CarliniWagner {
    fn default() -> Self {
        Self { searches: 9, steps: 1000, learning_rate: 0.01, initial_weight: 1e-3, lead: 0.0, bisections: 8 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "Carlini-Wagner: slow and thorough",
        summary: "An optimiser makes the change small and fools the network at the same time; a search over the weight of \
                  the two finds the right balance. For years the standard attack, and by far the slowest.",
        featured: false,
    };
    let fields = |_| {
        let searches = "How many weights are tried; each takes all the steps.";
        let rate = "How far the optimiser moves in a step.";
        let weight = "The weight of the wrong answer's lead to begin with.";
        let lead = "The lead that the wrong answer shall reach.";
        vec![
            steps(|cw: &mut CarliniWagner| &mut cw.steps),
            field("searches", "Weights tried", searches, 1.0..=20.0, |cw: &mut CarliniWagner| &mut cw.searches)
                .repeated(),
            field("learning_rate", "Learning rate", rate, 1e-4..=1.0, |cw| &mut cw.learning_rate),
            field("initial_weight", "First weight c", weight, 1e-6..=1e6, |cw| &mut cw.initial_weight),
            field("lead", "Lead κ", lead, 0.0..=100.0, |cw| &mut cw.lead),
        ]
    };
    Entry::new(texts, &[Norm::L2], |_| CarliniWagner::default(), fields, |cw| Box::new(cw))
}

impl Attack for CarliniWagner {
    fn about(&self) -> About {
        let steps = self.searches * self.steps;
        About { lead: self.lead, ..About::new("cw", Norm::L2, steps) }.bisected(self.bisections)
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let start = ((problem.pixels.clone() * 2.0 - 1.0) * MAX_TANH).atanh();
        state.current = image(start.clone());
        Box::new(CarliniWagnerSearch {
            config: *self,
            step: 0,
            adam: Adam::new(&start),
            w: start.clone(),
            start,
            weight: problem.for_each(self.initial_weight),
            too_small: problem.for_each(0.0),
            large_enough: problem.for_each(UNBOUNDED),
            succeeded: problem.for_each(0.0),
        })
    }
}

/// Keeps w finite where a value is 0 or 1.
const MAX_TANH: f32 = 0.9999;

/// Larger than any weight c.
const UNBOUNDED: f32 = 1e10;

/// The image of w, in [0, 1].
fn image(w: Tensor<4>) -> Tensor<4> {
    (w.tanh() + 1.0) / 2.0
}

struct CarliniWagnerSearch {
    config: CarliniWagner,
    /// Steps taken with the current c.
    step: usize,
    /// The w of the original, `[N, C, H, W]`
    start: Tensor<4>,
    /// The w of the current image, `[N, C, H, W]`
    w: Tensor<4>,
    adam: Adam,
    /// c, `[N]`
    weight: Tensor<1>,
    /// The largest c that did not fool the network, `[N]`
    too_small: Tensor<1>,
    /// The smallest c that did, `[N]`
    large_enough: Tensor<1>,
    /// 1 where the current c has fooled the network, `[N]`
    succeeded: Tensor<1>,
}

impl CarliniWagnerSearch {
    fn end_search(&mut self, state: &mut State) {
        let succeeded: Tensor<1, Bool> = self.succeeded.clone().greater_elem(0.5);
        self.too_small = self.weight.clone().mask_where(succeeded.clone(), self.too_small.clone());
        self.large_enough = self.large_enough.clone().mask_where(succeeded, self.weight.clone());
        let halfway = (self.too_small.clone() + self.large_enough.clone()) / 2.0;
        let unbounded = self.large_enough.clone().equal_elem(UNBOUNDED);
        self.weight = halfway.mask_where(unbounded, self.weight.clone() * 10.0);
        self.succeeded = self.succeeded.zeros_like();
        self.adam = Adam::new(&self.start);
        self.w = self.start.clone();
        state.current = image(self.w.clone());
        self.step = 0;
    }
}

impl Search for CarliniWagnerSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        if self.step == self.config.steps {
            self.end_search(state);
        }
        let current = state.current.clone();
        let slope = problem.gradient(current.clone(), |logits| problem.criterion.margin(logits));
        // The gradient of max(0, −g): none where g is positive.
        let weight = self.weight.clone() * slope.value.clone().lower_elem(0.0).float();
        let adversarial = state.record_margin(problem, slope.logits, slope.value);
        self.succeeded = self.succeeded.clone().max_pair(adversarial.float());

        let in_pixels = (current.clone() - problem.pixels.clone()) * 2.0 - slope.gradient * broadcast(weight);
        // x = (tanh w + 1) / 2 has the derivative 2·x·(1 − x).
        let in_w = in_pixels * current.clone() * (1.0 - current) * 2.0;
        self.w = self.adam.step(self.w.clone(), in_w, self.config.learning_rate);
        state.current = image(self.w.clone());
        self.step += 1;
    }
}
