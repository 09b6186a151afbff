//! Decoupling direction and norm: Rony et al. 2018, arXiv 1811.09600.

use burn::tensor::{Bool, Tensor};

use super::entry::{Entry, Words, field, steps};
use super::random::Random;
use super::{About, Attack, Passes, Problem, Search, State, annealed};
use crate::norm::{Norm, unit};
use crate::per_image;

/// The smallest L2 perturbation, by steps of fixed direction and controlled length: the sphere on which the image is
/// sought shrinks when the image is adversarial and grows when it is not.
///
/// Differences from the paper. The direction is that of the [log odds](crate::classifier::Criterion::log_odds),
/// which is the cross-entropy's without its underflow. And while nothing has been found for an image, the sphere grows
/// fast enough to reach the whole box within `steps`, so that few steps suffice to fool it (with the default 100 steps
/// that is the paper's own rate). And as long as every sphere has had an adversarial image on it, the next one is half as
/// large: a photograph can be misread at a hundredth of ε₀, which the paper's rate takes 90 steps to come down to. At the
/// end the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ddn {
    /// Steps, one gradient each.
    pub steps: usize,
    /// Radius of the first sphere ε₀.
    pub initial_norm: f32,
    /// γ: the sphere shrinks by 1 − γ and grows by 1 + γ.
    pub gamma: f32,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Default for Ddn {
    fn default() -> Self {
        Self { steps: 100, initial_norm: 1.0, gamma: 0.05, bisections: 8 }
    }
}

pub(super) fn entry() -> Entry {
    let words = Words {
        title: "DDN: the smallest change",
        summary: "Looks for the smallest change that fools the network, by walking on a sphere around the picture that \
                  shrinks whenever the network is fooled. Finds far smaller changes than climbing alone.",
        featured: true,
    };
    let fields = |_| {
        vec![
            steps(|ddn: &mut Ddn| &mut ddn.steps),
            field("initial_norm", "First radius ε₀", "Radius of the first sphere.", 1e-4..=1e3, |ddn| {
                &mut ddn.initial_norm
            }),
            field("gamma", "Change of radius γ", "By which share the sphere shrinks and grows.", 1e-3..=0.5, |ddn| {
                &mut ddn.gamma
            }),
        ]
    };
    Entry::new(words, &[Norm::L2], |_| Ddn::default(), fields, |ddn| Box::new(ddn))
}

impl Attack for Ddn {
    fn about(&self) -> About {
        let cost = Passes::gradients(self.steps).and_forward(1 + self.bisections);
        About { cost, ..About::new("ddn", Norm::L2, self.steps) }
    }

    fn begin(&self, problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        let largest_norm = problem.room(Norm::L2);
        Box::new(DdnSearch {
            config: *self,
            epsilon: problem.for_each(self.initial_norm),
            growth: (largest_norm.clone() / self.initial_norm)
                .log()
                .div_scalar(self.steps as f32)
                .exp()
                .clamp_min(1.0 + self.gamma),
            largest_norm,
            shrinkage: problem.for_each(0.5),
            fallback: unit(Random::new(0).normal(problem)) * FALLBACK,
        })
    }
}

/// Too short to turn a gradient, and long enough to be a direction where there is none.
const FALLBACK: f32 = 1e-30;

struct DdnSearch {
    config: Ddn,
    /// Radius of the sphere, `[N]`
    epsilon: Tensor<1>,
    /// Factor on ε while the image is not adversarial, `[N]`: 1 + γ once one is found
    growth: Tensor<1>,
    /// Factor on ε while it is, `[N]`: a half until a sphere was tried in vain, then 1 − γ
    shrinkage: Tensor<1>,
    /// No perturbation within the box is longer, `[N]`
    largest_norm: Tensor<1>,
    /// Any direction, added to the gradient, `[1, C, H, W]`
    fallback: Tensor<4>,
}

impl DdnSearch {
    /// Step length α, from 1 to 0.01 along a cosine.
    fn step_length(&self, step: usize) -> f32 {
        annealed(step as f32 / self.config.steps as f32, 1.0, 0.01)
    }

    fn resize(&mut self, adversarial: Tensor<1, Bool>, step: usize) {
        let gamma = self.config.gamma;
        self.growth = self.growth.clone().mask_fill(adversarial.clone(), 1.0 + gamma);
        if step > 0 {
            self.shrinkage = self.shrinkage.clone().mask_fill(adversarial.clone().bool_not(), 1.0 - gamma);
        }
        let factor = self.growth.clone().mask_where(adversarial, self.shrinkage.clone());
        self.epsilon = (self.epsilon.clone() * factor).min_pair(self.largest_norm.clone());
    }
}

impl Search for DdnSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let slope = problem.gradient(state.current.clone(), |logits| problem.criterion.log_odds(logits));
        let adversarial = state.record(problem, slope.logits);
        let direction = slope.gradient + self.fallback.clone();
        let moved = per_image::step(state.current.clone(), direction, problem.for_each(self.step_length(state.step)));
        self.resize(adversarial, state.step);
        state.current = problem.on_sphere(moved, self.epsilon.clone());
    }

    fn polish(&mut self, problem: &Problem, state: &mut State) {
        state.close_in(problem, self.config.bisections);
    }
}
