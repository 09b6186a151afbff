//! The fast minimum-norm attack: Pintor et al. 2021, arXiv 2102.12827.

use burn::tensor::{Bool, Tensor};

use super::entry::{Entry, Texts, field, steps};
use super::{About, Attack, Problem, Search, State, annealed, growth, within_box_direction};
use crate::norm::Norm;
use crate::per_image;

/// The smallest perturbation in any norm: steps along the margin's gradient within a ball. The radius of the ball jumps
/// to the estimated distance of the boundary, then converges to it.
///
/// Differences from the paper. The gradient leaves out changes that would lead a value out of [0, 1], so that the
/// estimate of the boundary does not count on making black pixels blacker. While no adversarial image is found, the
/// radius grows at least fast enough to fill the box within the steps. In L∞, where the paper tunes α for every
/// network, α is relative to the size of the ball, which differs a hundredfold between small grey pictures and
/// photographs. At the end the line to the best image is bisected.
///
/// In L0 [`SigmaZero`](super::SigmaZero) changes fewer values; more steps of FMN do not close the gap.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fmn {
    /// The norm to keep small.
    pub norm: Norm,
    /// Steps, one gradient each.
    pub steps: usize,
    /// α: the L2 length of the first step; a cosine schedule reduces it to a hundredth. In L∞ it is relative to ε√D,
    /// the largest L2 length within the ball, where D is the number of values.
    pub step_size: f32,
    /// γ: the relative change of the radius in the first step; a cosine schedule reduces it to a fiftieth.
    pub gamma: f32,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Fmn {
    /// The default parameters for `norm`.
    pub fn new(norm: Norm) -> Self {
        let step_size = if norm == Norm::Linf { 1.5 } else { 1.0 };
        Self { norm, steps: 100, step_size, gamma: 0.05, bisections: 8 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "FMN: the smallest change in any norm",
        summary: "Estimates from the slope how far away a wrong answer is, goes there, and closes in on it. Works for the \
                  overall length, the largest change, the sum of all changes and the number of changed values.",
        featured: true,
    };
    let fields = |_| {
        let first = "Length of the first step, in L∞ relative to the size of the ball; the last is a hundredth of it.";
        let share = "By which share the radius changes in the first step.";
        vec![
            steps(|fmn: &mut Fmn| &mut fmn.steps),
            field("step_size", "First step α", first, 1e-3..=100.0, |fmn| &mut fmn.step_size),
            field("gamma", "Change of radius γ", share, 1e-3..=0.5, |fmn| &mut fmn.gamma),
        ]
    };
    Entry::new(texts, &[Norm::Linf, Norm::L2, Norm::L1, Norm::L0], Fmn::new, fields, |fmn| Box::new(fmn))
}

impl Attack for Fmn {
    fn about(&self) -> About {
        About::new("fmn", self.norm, self.steps).bisected(self.bisections)
    }

    fn begin(&self, problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        let room = problem.largest_perturbation(self.norm);
        // The first radius, smaller than that of any perturbation of interest.
        let first = self.norm.default_epsilon() / 10.0;
        Box::new(FmnSearch {
            config: *self,
            radius: problem.for_each(first),
            growth: growth(room.clone(), first, self.steps, self.gamma),
            room,
        })
    }
}

struct FmnSearch {
    config: Fmn,
    /// Radius of the ball, `[N]`
    radius: Tensor<1>,
    /// The smallest growth factor of the radius while nothing is found, `[N]`
    growth: Tensor<1>,
    /// Norm of the largest perturbation within the box, `[N]`
    room: Tensor<1>,
}

impl FmnSearch {
    /// The share of the steps that is done.
    fn done(&self, step: usize) -> f32 {
        step as f32 / self.config.steps as f32
    }

    fn resize(&mut self, state: &State, adversarial: Tensor<1, Bool>, boundary: Tensor<1>) {
        let gamma = annealed(self.done(state.step), self.config.gamma, self.config.gamma / 50.0);
        let best = state.best.size.clone();
        let (mut shrunk, mut grown) = (self.radius.clone() * (1.0 - gamma), self.radius.clone() * (1.0 + gamma));
        if state.norm == Norm::L0 {
            shrunk = shrunk.floor().min_pair(self.radius.clone() - 1.0);
            grown = grown.ceil().max_pair(self.radius.clone() + 1.0);
        }
        let sought = boundary.max_pair(self.radius.clone() * self.growth.clone());
        let missed = sought.mask_where(state.best.found(), grown);
        self.radius = missed.mask_where(adversarial, shrunk.min_pair(best)).min_pair(self.room.clone());
    }
}

impl Search for FmnSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let (norm, step_size) = (state.norm, self.config.step_size);
        let current = state.current.clone();
        let slope = problem.gradient(current.clone(), |logits| problem.criterion.margin(logits));
        let margin = slope.value;
        let adversarial = state.record_margin(problem, slope.logits, margin.clone());
        let gradient = within_box_direction(current.clone(), slope.gradient);

        let distance = margin.abs() / norm.dual(gradient.clone()).clamp_min(1e-12);
        // Slightly further than estimated, so that the step does not end on the boundary itself.
        let boundary = (norm.distance(current.clone(), problem.pixels.clone()) + distance) * 1.001;
        self.resize(state, adversarial, boundary);

        let length = match norm {
            Norm::Linf => self.radius.clone() * (gradient.dims()[1..].iter().product::<usize>() as f32).sqrt(),
            _ => self.radius.ones_like(),
        };
        let length = length * annealed(self.done(state.step), step_size, step_size / 100.0);
        let moved = per_image::step(current, gradient, length);
        state.current = problem.project(norm, moved, self.radius.clone());
    }
}
