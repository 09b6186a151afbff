//! The smallest perturbation by an attack of fixed size: a search over its size.

use burn::tensor::Tensor;

use super::bisection::bisect;
use super::{Attack, Best, Bounded, Passes, Problem, Search, State};
use crate::norm::Norm;

/// Runs an attack again and again, each image with a radius ε of its own: twice the last one until it is fooled, then
/// halfway between the largest that did not fool it and the smallest perturbation that did. At the end the line to the
/// best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmallestEpsilon<A> {
    /// The attack; it begins with its own ε.
    pub attack: A,
    /// How often it is run.
    pub searches: usize,
}

/// Halvings of the line to the best image.
const BISECTIONS: usize = 8;

impl<A: Bounded + Clone + 'static> Attack for SmallestEpsilon<A> {
    fn name(&self) -> &'static str {
        self.attack.name()
    }

    fn norm(&self) -> Norm {
        self.attack.norm()
    }

    fn steps(&self) -> usize {
        self.searches * self.attack.steps()
    }

    fn cost(&self) -> Passes {
        self.attack.cost().times(self.searches).and_forward(BISECTIONS)
    }

    fn targeted(&self) -> bool {
        self.attack.targeted()
    }

    fn black_box(&self) -> bool {
        self.attack.black_box()
    }

    fn fewest_classes(&self) -> usize {
        self.attack.fewest_classes()
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        let epsilon = problem.for_each(self.attack.epsilon().unwrap_or_else(|| self.norm().usual_epsilon()));
        Box::new(Bracket {
            attack: self.attack.clone(),
            search: self.attack.begin_within(problem, epsilon.clone()),
            step: 0,
            withstood: problem.for_each(0.0),
            epsilon,
            state: State::new(problem),
        })
    }
}

struct Bracket<A> {
    attack: A,
    /// The attack at this round's radius.
    search: Box<dyn Search>,
    /// Steps taken in this round.
    step: usize,
    /// This round's radius, `[N]`.
    epsilon: Tensor<1>,
    /// The largest radius that did not fool the network, `[N]`.
    withstood: Tensor<1>,
    state: State,
}

impl<A: Bounded> Bracket<A> {
    /// Takes over what the attack has found.
    fn take(&mut self) {
        let State { current, best, logits, .. } = self.search.state();
        self.state.best.offer(best.pixels.clone(), best.norm.clone(), best.found());
        self.state.current = current.clone();
        self.state.logits = logits.clone();
    }

    fn end_round(&mut self, problem: &Problem) {
        self.search.polish(problem);
        self.take();
        let fooled = self.search.state().best.found();
        let withstood = self.epsilon.clone().max_pair(self.withstood.clone());
        self.withstood = withstood.mask_where(fooled, self.withstood.clone());
        let Best { norm: smallest, .. } = &self.state.best;
        let halfway = (self.withstood.clone() + smallest.clone()) / 2.0;
        let twice = (self.epsilon.clone() * 2.0).min_pair(problem.room(self.attack.norm()));
        self.epsilon = twice.mask_where(self.state.best.found(), halfway);
    }
}

impl<A: Bounded> Search for Bracket<A> {
    fn step(&mut self, problem: &Problem) {
        if self.step == self.attack.steps() {
            self.end_round(problem);
            self.search = self.attack.begin_within(problem, self.epsilon.clone());
            self.step = 0;
        }
        self.search.step(problem);
        self.step += 1;
        self.take();
    }

    fn polish(&mut self, problem: &Problem) {
        self.end_round(problem);
        bisect(problem, &mut self.state.best, BISECTIONS, self.attack.norm());
    }

    fn state(&self) -> &State {
        &self.state
    }
}
