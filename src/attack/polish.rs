//! Makes the result of an attack smaller, by a search around it.

use burn::tensor::{Bool, Tensor};

use super::bisection::bisect_from;
use super::{About, Attack, Attempt, Passes, Problem, Search, State, within_box_direction};
use crate::norm::Norm;
use crate::per_image;

/// Runs an attack, then searches for smaller perturbations around its best image.
///
/// The search takes the steps of FMN (Pintor et al. 2021, arXiv 2102.12827), beginning at the best image: along the
/// margin's gradient, then projected into a ball. The ball shrinks while the image is adversarial. It grows while it is
/// not, up to the size of the best perturbation. The steps are proportional to the perturbation. The first ones are
/// long and may find another place on the boundary. The last ones are much smaller than FMN's, so the search can end in
/// a corner where several linear pieces of the boundary meet: the minimum of a ReLU network often lies there. At the
/// end the last hundredth of the line to the best image is bisected. The result is never larger than the attack's own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Polished<A> {
    /// The attack.
    pub attack: A,
    /// Steps after the attack, one gradient each.
    pub steps: usize,
    /// α: the L2 length of the first and of the last step, relative to the L2 norm of the perturbation.
    pub step_size: [f32; 2],
    /// γ: the relative change of the radius in the first and in the last step.
    pub gamma: [f32; 2],
}

/// Halvings of the last part of the line to the best image, one forward pass each.
const BISECTIONS: usize = 10;

/// The last part of the line, as a share of it.
const LAST_PART: f32 = 0.01;

impl<A: Attack> Polished<A> {
    /// `attack`, polished in `steps` steps.
    pub fn new(attack: A, steps: usize) -> Self {
        Self { attack, steps, step_size: [8.0, 2e-3], gamma: [1e-2, 1e-5] }
    }
}

impl<A: Attack> Attack for Polished<A> {
    fn about(&self) -> About {
        let inner = self.attack.about();
        let polish = Passes::gradients(self.steps).and_forward(1 + BISECTIONS);
        About {
            steps: inner.steps + self.steps,
            cost: [inner.cost, polish].into_iter().sum(),
            bisections: None,
            ..inner
        }
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let attempt = Attempt::begin(&self.attack, problem);
        state.current = attempt.state.current.clone();
        Box::new(Polishing {
            attempt: Some(attempt),
            radius: problem.for_each(0.0),
            step: 0,
            steps: self.steps,
            step_size: self.step_size,
            gamma: self.gamma,
        })
    }
}

struct Polishing {
    /// The attack, until it is done.
    attempt: Option<Attempt>,
    /// Radius of the ball, `[N]`
    radius: Tensor<1>,
    /// Steps taken after the attack.
    step: usize,
    steps: usize,
    step_size: [f32; 2],
    gamma: [f32; 2],
}

impl Polishing {
    /// When the attack has no steps left, takes over its result and begins the search around it.
    fn end_attack(&mut self, problem: &Problem, state: &mut State) {
        if let Some(mut attempt) = self.attempt.take_if(|attempt| attempt.left() == 0) {
            attempt.finish_into(problem, state);
            state.current = state.best.pixels.clone();
            self.radius = state.best.size.clone();
        }
    }

    /// A value that falls from `first` to `last` exponentially with the steps.
    fn falling(&self, [first, last]: [f32; 2]) -> f32 {
        first * (last / first).powf(self.step as f32 / self.steps as f32)
    }

    fn resize(&mut self, best: &Tensor<1>, adversarial: Tensor<1, Bool>) {
        let gamma = self.falling(self.gamma);
        let [shrunk, grown] = [1.0 - gamma, 1.0 + gamma].map(|factor| self.radius.clone() * factor);
        self.radius = grown.mask_where(adversarial, shrunk).min_pair(best.clone());
    }

    fn around_the_best(&mut self, problem: &Problem, state: &mut State) {
        let current = state.current.clone();
        let slope = problem.gradient(current.clone(), |logits| problem.criterion.margin(logits));
        let adversarial = state.record_margin(problem, slope.logits, slope.value);
        self.resize(&state.best.size, adversarial);
        let size = Norm::L2.distance(state.best.pixels.clone(), problem.pixels.clone());
        let direction = within_box_direction(current.clone(), slope.gradient);
        let moved = per_image::step(current, direction, size * self.falling(self.step_size));
        state.current = problem.project(state.norm, moved, self.radius.clone());
        self.step += 1;
    }
}

impl Search for Polishing {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        self.end_attack(problem, state);
        match &mut self.attempt {
            Some(attempt) => attempt.step(problem),
            None => self.around_the_best(problem, state),
        }
    }

    fn update(&mut self, problem: &Problem, state: &mut State) {
        if let Some(attempt) = &mut self.attempt {
            attempt.report(problem, state);
        }
    }

    fn finish(&mut self, problem: &Problem, state: &mut State) {
        self.end_attack(problem, state);
        if self.attempt.is_none() {
            state.predict(problem);
            bisect_from(problem, &mut state.best, BISECTIONS, state.norm, 1.0 - LAST_PART);
        }
    }
}
