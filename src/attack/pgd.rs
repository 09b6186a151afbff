//! Projected gradient descent: Madry et al. 2017, arXiv 1706.06083.

use burn::tensor::Tensor;

use super::entry::{Entry, Texts, epsilon, seed, steps};
use super::random::Random;
use super::{About, Attack, Problem, Search, State, choose, within_box_direction};
use crate::norm::Norm;
use crate::per_image;
use crate::tensors::broadcast;

/// Gradient steps from a random start in the ball of radius ε. After each step the image is projected back into the
/// ball.
///
/// A step goes in the steepest direction of the norm: the sign of the gradient in L∞, the gradient in L2, and in L1 the
/// signs of the steepest hundredth of the values (Tramèr and Boneh 2019, arXiv 1904.13000). The loss is the [log
/// odds](crate::classifier::Criterion::log_odds), which rises with the cross-entropy and does not saturate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pgd {
    /// L1, L2 or L∞.
    pub norm: Norm,
    /// ε, the radius of the ball.
    pub epsilon: f32,
    /// Steps, one gradient each.
    pub steps: usize,
    /// Length of all steps together, in multiples of ε.
    pub reach: f32,
    /// Seed of the random start.
    pub seed: u64,
}

impl Pgd {
    /// The default parameters for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self { norm, epsilon: norm.default_epsilon(), steps: 40, reach: 2.5, seed: 0 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "PGD: many steps within ε",
        summary: "Starts at a random place no further than ε from the picture, and climbs the loss in small steps that never \
                  leave this distance. The standard test of whether a network withstands changes of a given size.",
        featured: true,
    };
    let fields = |norm| {
        vec![
            steps(|pgd: &mut Pgd| &mut pgd.steps),
            epsilon(norm, |pgd: &mut Pgd| &mut pgd.epsilon),
            seed(|pgd: &mut Pgd| &mut pgd.seed),
        ]
    };
    Entry::bounded(texts, &[Norm::Linf, Norm::L2, Norm::L1], Pgd::new, fields)
}

impl Attack for Pgd {
    fn about(&self) -> About {
        About { epsilon: Some(self.epsilon), ..About::new("pgd", self.norm, self.steps) }.predicted_at_end()
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let start = Random::new(self.seed).of_size(problem, self.norm, state.epsilon.clone());
        state.current = problem.perturbed(start);
        Box::new(*self)
    }
}

/// The share of the values that a step in L1 changes.
const SPARSITY: f32 = 0.01;

impl Pgd {
    /// The `current` images after a step of size `length` `[N]` in the steepest direction.
    fn stepped(&self, current: Tensor<4>, gradient: Tensor<4>, length: Tensor<1>) -> Tensor<4> {
        match self.norm {
            Norm::Linf => per_image::sign_step(current, gradient, length),
            Norm::L2 => per_image::step(current, gradient, length),
            Norm::L0 | Norm::L1 => {
                let [images, channels, height, width] = gradient.dims();
                let count = (SPARSITY * (channels * height * width) as f32).ceil();
                let count = Tensor::full([images], count, &gradient.device());
                let signs = Norm::L0.project(within_box_direction(current.clone(), gradient), count).sign();
                let size = Norm::L1.measure(signs.clone()).clamp_min(1.0);
                current + signs * broadcast(length / size)
            }
        }
    }
}

impl Search for Pgd {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let current = state.current.clone();
        let slope = problem.gradient(current.clone(), |logits| problem.criterion.log_odds(logits));
        state.record(problem, slope.logits);
        let found = state.stop_where_found();

        let length = state.epsilon.clone() * (self.reach / self.steps as f32);
        let stepped = self.stepped(current.clone(), slope.gradient, length);
        state.current = choose(found, current, problem.project(state.norm, stepped, state.epsilon.clone()));
    }
}
