//! Random noise: not an attack, but the control that every attack must beat.

use super::entry::{Entry, Texts, epsilon, seed, steps};
use super::random::Random;
use super::{About, Attack, Passes, Problem, Search, State};
use crate::norm::Norm;

/// Random noise of size ε, drawn again until the network misreads the image. The noise is Gaussian; uniform for L∞; for
/// L0, some values are set to 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Noise {
    /// The norm in which its size is ε.
    pub norm: Norm,
    /// ε, the size of the noise before clipping to the box [0, 1].
    pub epsilon: f32,
    /// The largest number of draws, one forward pass each.
    pub steps: usize,
    /// Seed of the draws.
    pub seed: u64,
}

impl Noise {
    /// The default parameters for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self { norm, epsilon: norm.default_epsilon(), steps: 20, seed: 0 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "Random noise: the control",
        summary: "Adds noise of size ε, a few times over, and sees whether the network still reads the picture. What it needs \
                  to fool a network shows how much larger random noise must be than an attack.",
        featured: true,
    };
    let fields = |norm| {
        vec![
            steps(|noise: &mut Noise| &mut noise.steps),
            epsilon(norm, |noise: &mut Noise| &mut noise.epsilon),
            seed(|noise: &mut Noise| &mut noise.seed),
        ]
    };
    Entry::bounded(texts, &[Norm::L2, Norm::Linf, Norm::L1, Norm::L0], Noise::new, fields)
}

impl Attack for Noise {
    fn about(&self) -> About {
        About {
            cost: Passes::default().and_forward(self.steps),
            epsilon: Some(self.epsilon),
            black_box: true,
            ..About::new("noise", self.norm, self.steps)
        }
    }

    fn begin(&self, _problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        Box::new(NoiseSearch(Random::new(self.seed)))
    }
}

struct NoiseSearch(Random);

impl Search for NoiseSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let noise = self.0.of_size(problem, state.norm, state.epsilon.clone());
        state.current = problem.perturbed(noise);
        state.predict(problem);
        state.stop_where_found();
    }
}
