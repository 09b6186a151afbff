//! The attack of Carlini and Wagner in L2: 2017, arXiv 1608.04644.

use burn::tensor::{Bool, Tensor, activation::relu};

use super::menu::{Entry, real, steps, whole};
use super::{Attack, Passes, Problem, Search, State};
use crate::norm::{Norm, per_image};

/// The smallest L2 perturbation, by Adam on ‖Δx‖² + c·max(0, −g) over w, where the image is (tanh w + 1) / 2; the
/// weight c of the [margin](crate::classifier::Criterion::margin) g, the lead beyond κ, is sought for every image.
///
/// Differences from the paper. A value that is exactly black or white begins 5·10⁻⁵ off, since w would be infinite there
/// and hardly move. The loss is not watched for standing still, which would need to be read back at every step. At the
/// end the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CarliniWagner {
    /// How many values of c are tried.
    pub searches: usize,
    /// Steps for each of them, one gradient each.
    pub steps: usize,
    /// Adam's learning rate, in w.
    pub learning_rate: f32,
    /// The first c.
    pub initial_weight: f32,
    /// κ, the lead that the logit of the class to be read shall have.
    pub confidence: f32,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Default for CarliniWagner {
    fn default() -> Self {
        Self { searches: 9, steps: 1000, learning_rate: 0.01, initial_weight: 1e-3, confidence: 0.0, bisections: 8 }
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        title: "Carlini-Wagner: slow and thorough",
        summary: "Weighs the size of the change against the lead of the wrong answer and lets an optimiser find the best of \
                  both, for several weights. Long the measure of all attacks, and by far the slowest.",
        featured: false,
        norms: &[Norm::L2],
        parameters: Box::new(|_| {
            let usual = CarliniWagner::default();
            vec![
                steps(usual.steps),
                whole(
                    "searches",
                    "Weights tried",
                    "How many weights are tried; each takes all the steps.",
                    1,
                    20,
                    usual.searches,
                ),
                real(
                    "learning_rate",
                    "Learning rate",
                    "How far the optimiser moves in a step.",
                    1e-4,
                    1.0,
                    usual.learning_rate,
                ),
                real(
                    "initial_weight",
                    "First weight c",
                    "The weight of the wrong answer's lead to begin with.",
                    1e-6,
                    1e6,
                    usual.initial_weight,
                ),
                real(
                    "confidence",
                    "Lead κ",
                    "The lead that the wrong answer shall reach.",
                    0.0,
                    100.0,
                    usual.confidence,
                ),
            ]
        }),
        build: Box::new(|_, settings| {
            Box::new(CarliniWagner {
                searches: settings.whole("searches"),
                steps: settings.whole("steps"),
                learning_rate: settings.real("learning_rate"),
                initial_weight: settings.real("initial_weight"),
                confidence: settings.real("confidence"),
                ..CarliniWagner::default()
            })
        }),
    }
}

impl Attack for CarliniWagner {
    fn name(&self) -> &'static str {
        "cw"
    }

    fn norm(&self) -> Norm {
        Norm::L2
    }

    fn steps(&self) -> usize {
        self.searches * self.steps
    }

    fn cost(&self) -> Passes {
        Passes::gradients(Attack::steps(self)).and_forward(1 + self.bisections)
    }

    fn lead(&self) -> f32 {
        self.confidence
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        let start = ((problem.pixels.clone() * 2.0 - 1.0) * INSIDE).atanh();
        let mut state = State::new(problem);
        state.current = image(start.clone());
        Box::new(CarliniWagnerSearch {
            config: *self,
            step: 0,
            adam: Adam::at(start.clone()),
            start,
            weight: problem.for_each(self.initial_weight),
            too_small: problem.for_each(0.0),
            large_enough: problem.for_each(UNBOUNDED),
            succeeded: problem.for_each(0.0),
            state,
        })
    }
}

/// Keeps w finite where a value is 0 or 1.
const INSIDE: f32 = 0.9999;

/// A weight above all.
const UNBOUNDED: f32 = 1e10;

/// The image that w stands for, in [0, 1].
fn image(w: Tensor<4>) -> Tensor<4> {
    (w.tanh() + 1.0) / 2.0
}

struct CarliniWagnerSearch {
    config: CarliniWagner,
    /// Steps taken with this weight.
    step: usize,
    /// The original as w, `[N, C, H, W]`
    start: Tensor<4>,
    adam: Adam,
    /// c, `[N]`
    weight: Tensor<1>,
    /// The largest c that did not fool the network, `[N]`
    too_small: Tensor<1>,
    /// The smallest c that did, `[N]`
    large_enough: Tensor<1>,
    /// 1 where this c has fooled it, `[N]`
    succeeded: Tensor<1>,
    state: State,
}

impl CarliniWagnerSearch {
    fn end_search(&mut self) {
        let succeeded: Tensor<1, Bool> = self.succeeded.clone().greater_elem(0.5);
        self.too_small = self.weight.clone().mask_where(succeeded.clone(), self.too_small.clone());
        self.large_enough = self.large_enough.clone().mask_where(succeeded, self.weight.clone());
        let halfway = (self.too_small.clone() + self.large_enough.clone()) / 2.0;
        let unbounded = self.large_enough.clone().equal_elem(UNBOUNDED);
        self.weight = halfway.mask_where(unbounded, self.weight.clone() * 10.0);
        self.succeeded = self.succeeded.zeros_like();
        self.adam = Adam::at(self.start.clone());
        self.state.current = image(self.start.clone());
        self.step = 0;
    }
}

impl Search for CarliniWagnerSearch {
    fn step(&mut self, problem: &Problem) {
        if self.step == self.config.steps {
            self.end_search();
        }
        let current = self.state.current.clone();
        let (logits, gradient) = problem.gradient(current.clone(), |logits| relu(-problem.criterion.margin(logits)));
        let adversarial = self.state.look(problem, logits, Norm::L2);
        self.succeeded = self.succeeded.clone().max_pair(adversarial.float());

        let in_pixels = (current.clone() - problem.pixels.clone()) * 2.0 + gradient * per_image(self.weight.clone());
        // The derivative of (tanh w + 1) / 2 is 2·x·(1 − x).
        let in_w = in_pixels * current.clone() * (1.0 - current) * 2.0;
        self.state.current = image(self.adam.step(in_w, self.config.learning_rate));
        self.step += 1;
    }

    fn polish(&mut self, problem: &Problem) {
        self.state.close_in(problem, Norm::L2, self.config.bisections);
    }

    fn state(&self) -> &State {
        &self.state
    }
}

/// Adam: Kingma and Ba 2014, arXiv 1412.6980.
struct Adam {
    at: Tensor<4>,
    mean: Tensor<4>,
    square: Tensor<4>,
    steps: i32,
}

impl Adam {
    fn at(at: Tensor<4>) -> Self {
        Self { mean: at.zeros_like(), square: at.zeros_like(), at, steps: 0 }
    }

    fn step(&mut self, gradient: Tensor<4>, rate: f32) -> Tensor<4> {
        const BETA1: f32 = 0.9;
        const BETA2: f32 = 0.999;
        self.steps += 1;
        self.mean = self.mean.clone() * BETA1 + gradient.clone() * (1.0 - BETA1);
        self.square = self.square.clone() * BETA2 + gradient.clone() * gradient * (1.0 - BETA2);
        let mean = self.mean.clone() / (1.0 - BETA1.powi(self.steps));
        let square = self.square.clone() / (1.0 - BETA2.powi(self.steps));
        self.at = self.at.clone() - mean / (square.sqrt() + 1e-8) * rate;
        self.at.clone()
    }
}
