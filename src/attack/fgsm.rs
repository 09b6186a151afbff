//! The fast gradient sign method: Goodfellow et al. 2014, arXiv 1412.6572.

use super::entry::{Entry, Texts, epsilon};
use super::{About, Attack, Problem, Search, State};
use crate::norm::Norm;
use crate::per_image;

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
        Self { epsilon: Norm::Linf.default_epsilon() }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "FGSM: one step",
        summary: "Moves every value of the picture by ε in the direction that confuses the network most, once. The first and \
                  fastest of the gradient attacks, and a weak one.",
        featured: false,
    };
    let fields = |norm| vec![epsilon(norm, |fgsm: &mut Fgsm| &mut fgsm.epsilon)];
    Entry::bounded(texts, &[Norm::Linf], |_| Fgsm::default(), fields)
}

impl Attack for Fgsm {
    fn about(&self) -> About {
        About { epsilon: Some(self.epsilon), ..About::new("fgsm", Norm::Linf, 1) }.predicted_at_end()
    }

    fn begin(&self, _problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        Box::new(*self)
    }
}

impl Search for Fgsm {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let slope = problem.gradient(problem.pixels.clone(), |logits| problem.criterion.log_odds(logits));
        state.current = per_image::sign_step(problem.pixels.clone(), slope.gradient, state.epsilon.clone());
    }
}
