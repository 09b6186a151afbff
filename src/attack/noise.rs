//! Random noise: no attack, but the control that every attack must beat.

use burn::tensor::Tensor;

use super::menu::{Entry, bounded, epsilon, searches, seed, steps};
use super::random::Random;
use super::{Attack, Bounded, Passes, Problem, Search, State};
use crate::norm::Norm;

/// Noise of size ε, again and again, until the network misreads one. Gaussian, for L∞ uniform, for L0 black and white
/// values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The norm in which its size is ε.
    pub norm: Norm,
    /// ε, its size before the box [0, 1] cuts it.
    pub epsilon: f32,
    /// How often it is drawn, one forward pass each.
    pub steps: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Noise {
    /// The defaults for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self { norm, epsilon: norm.usual_epsilon(), steps: 20, seed: 0 }
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        title: "Random noise: the control",
        summary: "Adds noise of size ε, a few times over, and sees whether the network still reads the picture. What it needs \
              to fool a network says how much of an attack's success is owed to aim.",
        featured: true,
        norms: &[Norm::L2, Norm::Linf, Norm::L1, Norm::L0],
        parameters: Box::new(|norm| vec![steps(Noise::new(norm).steps), epsilon(norm), searches(), seed()]),
        build: Box::new(|norm, settings| {
            let attack = Noise {
                norm,
                epsilon: settings.real("epsilon"),
                steps: settings.whole("steps"),
                seed: settings.seed(),
            };
            bounded(attack, settings)
        }),
    }
}

impl Attack for Noise {
    fn name(&self) -> &'static str {
        "noise"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn cost(&self) -> Passes {
        Passes::default().and_forward(self.steps)
    }

    fn epsilon(&self) -> Option<f32> {
        Some(self.epsilon)
    }

    fn black_box(&self) -> bool {
        true
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        self.begin_within(problem, problem.for_each(self.epsilon))
    }
}

impl Bounded for Noise {
    fn begin_within(&self, problem: &Problem, epsilon: Tensor<1>) -> Box<dyn Search> {
        Box::new(NoiseSearch { norm: self.norm, random: Random::new(self.seed), epsilon, state: State::new(problem) })
    }
}

struct NoiseSearch {
    norm: Norm,
    random: Random,
    /// `[N]`
    epsilon: Tensor<1>,
    state: State,
}

impl Search for NoiseSearch {
    fn step(&mut self, problem: &Problem) {
        let noise = self.random.of_size(problem, self.norm, self.epsilon.clone());
        self.state.current = problem.perturbed(noise);
        self.state.predict(problem, self.norm);
        self.state.stop_where_found();
    }

    fn state(&self) -> &State {
        &self.state
    }
}
