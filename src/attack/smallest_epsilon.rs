//! The smallest perturbation, by an attack of fixed size and a search over that size.

use burn::tensor::Tensor;

use super::bisection::bisect;
use super::{About, Attack, Attempt, Problem, Search, State};

/// Runs an attack several times, with a separate radius ε for each image. The radius is doubled until the network is
/// fooled. After that it is the mean of the largest radius that failed and the smallest perturbation found. At the end
/// the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallestEpsilon<A> {
    /// The attack. The first run uses its own ε.
    pub attack: A,
    /// Number of runs.
    pub searches: usize,
}

/// Halvings of the line to the best image.
const BISECTIONS: usize = 8;

impl<A: Attack + Clone + 'static> Attack for SmallestEpsilon<A> {
    fn about(&self) -> About {
        let inner = self.attack.about();
        About {
            steps: self.searches * inner.steps,
            cost: inner.cost.times(self.searches).and_forward(BISECTIONS),
            bisections: None,
            epsilon: None,
            ..inner
        }
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let first = self.attack.about().epsilon.unwrap_or_else(|| state.norm.default_epsilon());
        let attempt = Attempt::within(&self.attack, problem, problem.for_each(first));
        Box::new(Bracket { attack: self.attack.clone(), attempt, largest_failed: problem.for_each(0.0) })
    }
}

struct Bracket<A> {
    attack: A,
    /// The attack in the current round.
    attempt: Attempt,
    /// The largest radius that failed, `[N]`.
    largest_failed: Tensor<1>,
}

impl<A: Attack> Bracket<A> {
    /// Ends a round and returns the radius of the next one, `[N]`.
    fn end_round(&mut self, problem: &Problem, state: &mut State) -> Tensor<1> {
        self.attempt.finish_into(problem, state);
        let State { epsilon, best, .. } = &self.attempt.state;
        let largest_failed = epsilon.clone().max_pair(self.largest_failed.clone());
        self.largest_failed = largest_failed.mask_where(best.found(), self.largest_failed.clone());
        let halfway = (self.largest_failed.clone() + state.best.size.clone()) / 2.0;
        let twice = (epsilon.clone() * 2.0).min_pair(problem.largest_perturbation(state.norm));
        twice.mask_where(state.best.found(), halfway)
    }
}

impl<A: Attack> Search for Bracket<A> {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        if self.attempt.left() == 0 {
            let epsilon = self.end_round(problem, state);
            self.attempt = Attempt::within(&self.attack, problem, epsilon);
        }
        self.attempt.step(problem);
    }

    fn update(&mut self, problem: &Problem, state: &mut State) {
        self.attempt.report(problem, state);
    }

    fn finish(&mut self, problem: &Problem, state: &mut State) {
        self.end_round(problem, state);
        bisect(problem, &mut state.best, BISECTIONS, state.norm);
    }
}
