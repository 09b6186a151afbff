//! Projected gradient descent: Madry et al. 2017, arXiv 1706.06083.

use burn::tensor::Tensor;

use super::menu::{Entry, bounded, epsilon, searches, seed, steps};
use super::random::Random;
use super::{Attack, Bounded, Passes, Problem, Search, State, choose, inward};
use crate::norm::{Norm, per_image};
use crate::rows;

/// Steps along the gradient from a random place in the ball of radius ε, each taken back into the ball.
///
/// The steps are the steepest ones of the norm: of equal change everywhere (L∞), along the gradient (L2), and in the
/// hundredth of the values with the steepest slopes (L1; Tramèr and Boneh 2019, arXiv 1904.13000). The loss is the [log
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
    /// Seed of the random place.
    pub seed: u64,
}

impl Pgd {
    /// The defaults for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self { norm, epsilon: norm.usual_epsilon(), steps: 40, reach: 2.5, seed: 0 }
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        title: "PGD: many steps within ε",
        summary: "Starts at a random place no further than ε from the picture, and climbs the loss in small steps that never \
              leave this distance. The standard test of whether a network withstands changes of a given size.",
        featured: true,
        norms: &[Norm::Linf, Norm::L2, Norm::L1],
        parameters: Box::new(|norm| vec![steps(Pgd::new(norm).steps), epsilon(norm), searches(), seed()]),
        build: Box::new(|norm, settings| {
            let attack = Pgd {
                steps: settings.whole("steps"),
                epsilon: settings.real("epsilon"),
                seed: settings.seed(),
                ..Pgd::new(norm)
            };
            bounded(attack, settings)
        }),
    }
}

impl Attack for Pgd {
    fn name(&self) -> &'static str {
        "pgd"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn cost(&self) -> Passes {
        Passes::gradients(self.steps).and_forward(1)
    }

    fn epsilon(&self) -> Option<f32> {
        Some(self.epsilon)
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        self.begin_within(problem, problem.for_each(self.epsilon))
    }
}

impl Bounded for Pgd {
    fn begin_within(&self, problem: &Problem, epsilon: Tensor<1>) -> Box<dyn Search> {
        let start = Random::new(self.seed).of_size(problem, self.norm, epsilon.clone());
        let mut state = State::new(problem);
        state.current = problem.perturbed(start);
        Box::new(PgdSearch { config: *self, epsilon, state })
    }
}

/// The share of the values that a step in L1 changes.
const SPARSITY: f32 = 0.01;

struct PgdSearch {
    config: Pgd,
    /// `[N]`
    epsilon: Tensor<1>,
    state: State,
}

impl PgdSearch {
    /// The current images, moved by `length` `[N]` in the steepest direction.
    fn stepped(&self, gradient: Tensor<4>, length: Tensor<1>) -> Tensor<4> {
        let current = self.state.current.clone();
        match self.config.norm {
            Norm::Linf => rows::sign_step(current, gradient, length),
            Norm::L2 => rows::step(current, gradient, length),
            Norm::L0 | Norm::L1 => {
                let [images, channels, height, width] = gradient.dims();
                let count = (SPARSITY * (channels * height * width) as f32).ceil();
                let count = Tensor::full([images], count, &gradient.device());
                let signs = Norm::L0.project(inward(current.clone(), gradient), count).sign();
                let size = Norm::L1.measure(signs.clone()).clamp_min(1.0);
                current + signs * per_image(length / size)
            }
        }
    }
}

impl Search for PgdSearch {
    fn step(&mut self, problem: &Problem) {
        let Pgd { norm, steps, reach, .. } = self.config;
        let current = self.state.current.clone();
        let (logits, gradient) = problem.gradient(current.clone(), |logits| problem.criterion.log_odds(logits));
        self.state.look(problem, logits, norm);
        let found = self.state.stop_where_found();

        let stepped = self.stepped(gradient, self.epsilon.clone() * (reach / steps as f32));
        self.state.current = choose(found, current, problem.within(norm, stepped, self.epsilon.clone()));
    }

    fn polish(&mut self, problem: &Problem) {
        self.state.predict(problem, self.config.norm);
    }

    fn state(&self) -> &State {
        &self.state
    }
}
