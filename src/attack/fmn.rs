//! The fast minimum-norm attack: Pintor et al. 2021, arXiv 2102.12827.

use burn::tensor::{Bool, Tensor};

use super::menu::{Entry, real, steps};
use super::{Attack, Passes, Problem, Search, State, inward};
use crate::norm::Norm;
use crate::rows;

/// The smallest perturbation in any norm: steps along the margin's gradient, within a ball whose radius jumps to where
/// the boundary is estimated, then closes in on it.
///
/// Differences from the paper. The gradient leaves out what would lead a value out of [0, 1], so that the estimate of the
/// boundary does not count on black pixels becoming blacker. As long as nothing has been found the radius grows at least
/// fast enough to fill the box within the steps. In L∞, where the paper seeks α anew for every network, it is in multiples
/// of the ball's own size, which differs a hundredfold between small grey pictures and photographs. At the end the way to
/// the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fmn {
    /// The norm to keep small.
    pub norm: Norm,
    /// Steps, one gradient each.
    pub steps: usize,
    /// α, the L2 length of the first step; it falls to a hundredth of it along a cosine. In L∞ in multiples of ε√D, the
    /// longest way within the ball, where D is the number of values.
    pub step_size: f32,
    /// γ, by which share the radius changes in the first step; it falls to a fiftieth of it along a cosine.
    pub gamma: f32,
    /// Halvings of the way to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Fmn {
    /// The defaults for `norm`.
    pub fn new(norm: Norm) -> Self {
        let step_size = if norm == Norm::Linf { 1.5 } else { 1.0 };
        Self { norm, steps: 100, step_size, gamma: 0.05, bisections: 8 }
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        title: "FMN: the smallest change in any norm",
        summary: "Estimates from the slope how far away a wrong answer is, goes there, and closes in on it. Works for the \
              overall length, the largest change, the sum of all changes and the number of changed values.",
        featured: true,
        norms: &[Norm::Linf, Norm::L2, Norm::L1, Norm::L0],
        parameters: Box::new(|norm| {
            let Fmn { steps: count, step_size, gamma, .. } = Fmn::new(norm);
            vec![
                steps(count),
                real(
                    "step_size",
                    "First step α",
                    "Length of the first step, in L∞ in multiples of the ball; the last is a hundredth of it.",
                    1e-3,
                    100.0,
                    step_size,
                ),
                real(
                    "gamma",
                    "Change of radius γ",
                    "By which share the radius changes in the first step.",
                    1e-3,
                    0.5,
                    gamma,
                ),
            ]
        }),
        build: Box::new(|norm, settings| {
            Box::new(Fmn {
                steps: settings.whole("steps"),
                step_size: settings.real("step_size"),
                gamma: settings.real("gamma"),
                ..Fmn::new(norm)
            })
        }),
    }
}

impl Attack for Fmn {
    fn name(&self) -> &'static str {
        "fmn"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn cost(&self) -> Passes {
        Passes::gradients(self.steps).and_forward(1 + self.bisections)
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        let room = problem.room(self.norm);
        // From a first guess that no attack of interest goes below.
        let first = self.norm.usual_epsilon() / 10.0;
        Box::new(FmnSearch {
            config: *self,
            step: 0,
            epsilon: problem.for_each(first),
            growth: (room.clone() / first).log().div_scalar(self.steps as f32).exp().clamp_min(1.0 + self.gamma),
            room,
            state: State::new(problem),
        })
    }
}

struct FmnSearch {
    config: Fmn,
    step: usize,
    /// Radius of the ball, `[N]`
    epsilon: Tensor<1>,
    /// Least growth of the radius while nothing is found, `[N]`
    growth: Tensor<1>,
    /// No perturbation within the box is larger, `[N]`
    room: Tensor<1>,
    state: State,
}

impl FmnSearch {
    /// From `first` to `last` along a cosine.
    fn annealed(&self, first: f32, last: f32) -> f32 {
        let done = self.step as f32 / self.config.steps as f32;
        last + (first - last) * (1.0 + (std::f32::consts::PI * done).cos()) / 2.0
    }

    fn resize(&mut self, adversarial: Tensor<1, Bool>, boundary: Tensor<1>) {
        let gamma = self.annealed(self.config.gamma, self.config.gamma / 50.0);
        let best = self.state.best.norm.clone();
        let (mut shrunk, mut grown) = (self.epsilon.clone() * (1.0 - gamma), self.epsilon.clone() * (1.0 + gamma));
        if self.config.norm == Norm::L0 {
            shrunk = shrunk.floor().min_pair(self.epsilon.clone() - 1.0);
            grown = grown.ceil().max_pair(self.epsilon.clone() + 1.0);
        }
        let sought = boundary.max_pair(self.epsilon.clone() * self.growth.clone());
        let missed = sought.mask_where(self.state.best.found(), grown);
        self.epsilon = missed.mask_where(adversarial, shrunk.min_pair(best)).min_pair(self.room.clone());
    }
}

impl Search for FmnSearch {
    fn step(&mut self, problem: &Problem) {
        let Fmn { norm, step_size, .. } = self.config;
        let current = self.state.current.clone();
        let (logits, gradient) = problem.gradient(current.clone(), |logits| problem.criterion.margin(logits));
        let adversarial = self.state.look(problem, logits.clone(), norm);
        let gradient = inward(current.clone(), gradient);

        let slope = norm.dual(gradient.clone()).clamp_min(1e-12);
        let distance = problem.criterion.margin(logits).abs() / slope;
        // A little further than estimated, or the step would end on the boundary itself.
        let boundary = (norm.distance(current.clone(), problem.pixels.clone()) + distance) * 1.001;
        self.resize(adversarial, boundary);

        let length = match norm {
            Norm::Linf => self.epsilon.clone() * (gradient.dims()[1..].iter().product::<usize>() as f32).sqrt(),
            _ => self.epsilon.ones_like(),
        };
        let length = length * self.annealed(step_size, step_size / 100.0);
        let moved = rows::step(current, gradient, length);
        self.state.current = problem.within(norm, moved, self.epsilon.clone());
        self.step += 1;
    }

    fn polish(&mut self, problem: &Problem) {
        self.state.close_in(problem, self.config.norm, self.config.bisections);
    }

    fn state(&self) -> &State {
        &self.state
    }
}
