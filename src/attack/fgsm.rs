//! The fast gradient sign method: Goodfellow et al. 2014, arXiv 1412.6572.

use burn::tensor::Tensor;

use super::menu::{Entry, bounded, epsilon, searches};
use super::{Attack, Bounded, Passes, Problem, Search, State};
use crate::norm::Norm;
use crate::rows;

/// One step: every value moves by ε in the direction in which the loss rises.
///
/// The loss is the [log odds](crate::classifier::Criterion::log_odds), whose gradient has the cross-entropy's signs and
/// does not underflow.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fgsm {
    /// ε, by how much every value changes.
    pub epsilon: f32,
}

impl Default for Fgsm {
    fn default() -> Self {
        Self { epsilon: 8.0 / 255.0 }
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        title: "FGSM: one step",
        summary: "Moves every value of the picture by ε in the direction that confuses the network most, once. The first and \
              fastest of the gradient attacks, and a weak one.",
        featured: false,
        norms: &[Norm::Linf],
        parameters: Box::new(|norm| vec![epsilon(norm), searches()]),
        build: Box::new(|_, settings| bounded(Fgsm { epsilon: settings.real("epsilon") }, settings)),
    }
}

impl Attack for Fgsm {
    fn name(&self) -> &'static str {
        "fgsm"
    }

    fn norm(&self) -> Norm {
        Norm::Linf
    }

    fn steps(&self) -> usize {
        1
    }

    fn cost(&self) -> Passes {
        Passes::gradients(1).and_forward(1)
    }

    fn epsilon(&self) -> Option<f32> {
        Some(self.epsilon)
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        self.begin_within(problem, problem.for_each(self.epsilon))
    }
}

impl Bounded for Fgsm {
    fn begin_within(&self, problem: &Problem, epsilon: Tensor<1>) -> Box<dyn Search> {
        Box::new(FgsmSearch { epsilon, state: State::new(problem) })
    }
}

struct FgsmSearch {
    /// `[N]`
    epsilon: Tensor<1>,
    state: State,
}

impl Search for FgsmSearch {
    fn step(&mut self, problem: &Problem) {
        let (_, gradient) = problem.gradient(problem.pixels.clone(), |logits| problem.criterion.log_odds(logits));
        self.state.current = rows::sign_step(problem.pixels.clone(), gradient, self.epsilon.clone());
    }

    fn polish(&mut self, problem: &Problem) {
        self.state.predict(problem, Norm::Linf);
    }

    fn state(&self) -> &State {
        &self.state
    }
}
