//! Decoupling direction and norm: Rony et al. 2018, arXiv 1811.09600.

use burn::tensor::{Bool, Tensor};

use super::entry::{Entry, Texts, field, steps};
use super::random::Random;
use super::{About, Attack, Problem, Search, State, annealed, growth};
use crate::norm::{Norm, unit};
use crate::per_image;

/// The smallest L2 perturbation, by gradient steps that are projected onto a sphere around the original. The sphere
/// shrinks when the image is adversarial and grows when it is not.
///
/// Differences from the paper. The gradient is that of the [log odds](crate::classifier::Criterion::log_odds), which
/// has the direction of the cross-entropy's gradient and does not underflow. While no adversarial image is found, the
/// sphere grows fast enough to reach the whole box within `steps`, so that a few steps are enough to fool the network;
/// with the default 100 steps this is the paper's own rate. While every sphere so far held an adversarial image, the
/// radius is halved instead: a photograph can be misread at a hundredth of ε₀, and the paper's rate would need 90 steps
/// to get there. At the end the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ddn {
    /// Steps, one gradient each.
    pub steps: usize,
    /// ε₀, the radius of the first sphere.
    pub initial_norm: f32,
    /// γ: the radius is multiplied by 1 − γ or 1 + γ.
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
    let texts = Texts {
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
    Entry::new(texts, &[Norm::L2], |_| Ddn::default(), fields, |ddn| Box::new(ddn))
}

impl Attack for Ddn {
    fn about(&self) -> About {
        About::new("ddn", Norm::L2, self.steps).bisected(self.bisections)
    }

    fn begin(&self, problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        let largest_norm = problem.largest_perturbation(Norm::L2);
        Box::new(DdnSearch {
            config: *self,
            radius: problem.for_each(self.initial_norm),
            growth: growth(largest_norm.clone(), self.initial_norm, self.steps, self.gamma),
            largest_norm,
            shrinkage: problem.for_each(0.5),
            fallback: unit(Random::new(0).normal(problem)) * FALLBACK,
        })
    }
}

/// Too small to change the direction of a gradient, and large enough to give a direction where the gradient is 0.
const FALLBACK: f32 = 1e-30;

struct DdnSearch {
    config: Ddn,
    /// Radius of the sphere, `[N]`
    radius: Tensor<1>,
    /// Factor on the radius while the current image is not adversarial, `[N]`: 1 + γ once an adversarial image is found
    growth: Tensor<1>,
    /// Factor on the radius while it is adversarial, `[N]`: 1/2 until a sphere held none, then 1 − γ
    shrinkage: Tensor<1>,
    /// Norm of the largest perturbation within the box, `[N]`
    largest_norm: Tensor<1>,
    /// A random direction that is added to the gradient, in case that is 0, `[1, C, H, W]`
    fallback: Tensor<4>,
}

impl DdnSearch {
    /// Step size α: a cosine schedule from 1 to 0.01.
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
        self.radius = (self.radius.clone() * factor).min_pair(self.largest_norm.clone());
    }
}

impl Search for DdnSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let slope = problem.gradient(state.current.clone(), |logits| problem.criterion.log_odds(logits));
        let adversarial = state.record(problem, slope.logits);
        let direction = slope.gradient + self.fallback.clone();
        let moved = per_image::step(state.current.clone(), direction, problem.for_each(self.step_length(state.step)));
        self.resize(adversarial, state.step);
        state.current = problem.on_sphere(moved, self.radius.clone());
    }
}
