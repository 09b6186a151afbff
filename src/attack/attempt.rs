//! An attack on a batch, step by step: by itself, or as a part of another attack.

use burn::tensor::Tensor;

use super::{About, Attack, Best, Problem, Search, State, bisection};

/// An attack on a batch, in progress.
pub(super) struct Attempt {
    search: Box<dyn Search>,
    pub state: State,
    pub about: About,
}

impl Attempt {
    /// Begins with the attack's own ε.
    pub fn begin(attack: &dyn Attack, problem: &Problem) -> Self {
        let epsilon = problem.for_each(attack.about().epsilon.unwrap_or(Best::NONE));
        Self::within(attack, problem, epsilon)
    }

    /// Begins with the radius `epsilon` `[N]` for every image.
    pub fn within(attack: &dyn Attack, problem: &Problem, epsilon: Tensor<1>) -> Self {
        let about = attack.about();
        let mut state = State::new(problem, about.norm, epsilon);
        let search = attack.begin(problem, &mut state);
        state.current = problem.mask_pixels(state.current);
        Self { search, state, about }
    }

    pub fn step(&mut self, problem: &Problem) {
        self.search.step(problem, &mut self.state);
        self.state.current = problem.mask_pixels(self.state.current.clone());
        self.state.step += 1;
    }

    /// Brings the state up to date.
    pub fn update(&mut self, problem: &Problem) {
        self.search.update(problem, &mut self.state);
    }

    /// The same, and hands what is found to `state`, that of the search which this attempt is a part of.
    pub fn report(&mut self, problem: &Problem, state: &mut State) {
        self.update(problem);
        state.take(problem, &self.state);
    }

    pub fn finish(&mut self, problem: &Problem) {
        self.update(problem);
        self.search.finish(problem, &mut self.state);
        if let Some(halvings) = self.about.bisections {
            // A search that predicts before it moves has not predicted its last images.
            self.state.predict(problem);
            bisection::bisect(problem, &mut self.state.best, halvings, self.state.norm);
        }
    }

    /// Finishes, and hands the result to `state`, that of the search which this attempt is a part of.
    pub fn finish_into(&mut self, problem: &Problem, state: &mut State) {
        self.finish(problem);
        state.take(problem, &self.state);
    }

    /// The number of steps left.
    pub fn left(&self) -> usize {
        self.about.steps - self.state.step
    }
}
