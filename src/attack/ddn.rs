//! Decoupling direction and norm: Rony et al. 2018, arXiv 1811.09600.

use burn::tensor::{Bool, Device, Tensor, TensorData};

use super::{Attack, Problem, Search, State, bisection::bisect};
use crate::norm::{Norm, per_image, unit};

/// The smallest L2 perturbation, by steps of fixed direction and controlled length: the sphere on which the image is
/// sought shrinks when the image is adversarial and grows when it is not.
///
/// Two differences from the paper. The direction is that of the [log odds](crate::classifier::Criterion::log_odds),
/// which is the cross-entropy's without its underflow. And while nothing has been found for an image, the sphere grows
/// fast enough to reach the whole box within `steps`, so that few steps suffice to fool it (with the default 100 steps
/// that is the paper's own rate).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ddn {
    /// Steps, one gradient each.
    pub steps: usize,
    /// Radius of the first sphere ε₀.
    pub initial_norm: f32,
    /// γ: the sphere shrinks by 1 − γ and grows by 1 + γ.
    pub gamma: f32,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl Default for Ddn {
    fn default() -> Self {
        Self { steps: 100, initial_norm: 1.0, gamma: 0.05, bisections: 8 }
    }
}

impl Attack for Ddn {
    fn name(&self) -> &'static str {
        "ddn"
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        let pixels = &problem.pixels;
        let [images, channels, height, width] = pixels.dims();
        let device = pixels.device();
        let furthest = pixels.clone().max_pair(1.0 - pixels.clone());
        let largest_norm = Norm::L2.measure(furthest);
        Box::new(DdnSearch {
            config: *self,
            step: 0,
            epsilon: Tensor::full([images], self.initial_norm, &device),
            growth: (largest_norm.clone() / self.initial_norm)
                .log()
                .div_scalar(self.steps as f32)
                .exp()
                .clamp_min(1.0 + self.gamma),
            largest_norm,
            // Any direction will do where the gradient is zero; the same for every image, so that none depends on
            // its place in the batch.
            fallback: unit(pattern([1, channels, height, width], &device)),
            state: State::new(problem),
        })
    }
}

/// A fixed, irregular pattern of values in [−1, 1].
fn pattern(shape: [usize; 4], device: &Device) -> Tensor<4> {
    let values: Vec<f32> = (0..shape.iter().product::<usize>())
        .map(|index| ((index as f32 * 12.9898).sin() * 43758.547).fract())
        .collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

struct DdnSearch {
    config: Ddn,
    step: usize,
    /// Radius of the sphere, `[N]`
    epsilon: Tensor<1>,
    /// Growth of the sphere while nothing is found, `[N]`
    growth: Tensor<1>,
    /// No perturbation within the box is longer, `[N]`
    largest_norm: Tensor<1>,
    /// `[1, C, H, W]`
    fallback: Tensor<4>,
    state: State,
}

impl DdnSearch {
    /// Step length α, from 1 to 0.01 along a cosine.
    fn step_length(&self) -> f32 {
        let done = self.step as f32 / self.config.steps as f32;
        0.01 + 0.99 * (1.0 + (std::f32::consts::PI * done).cos()) / 2.0
    }

    fn resize(&mut self, adversarial: Tensor<1, Bool>) {
        let gamma = self.config.gamma;
        let grown = (self.epsilon.clone() * self.growth.clone())
            .mask_where(self.state.best.found(), self.epsilon.clone() * (1.0 + gamma));
        let shrunk = self.epsilon.clone() * (1.0 - gamma);
        self.epsilon = grown.mask_where(adversarial, shrunk).min_pair(self.largest_norm.clone());
    }
}

impl Search for DdnSearch {
    fn step(&mut self, problem: &Problem) {
        let (logits, gradient) =
            problem.gradient(self.state.current.clone(), |logits| problem.criterion.log_odds(logits));
        let adversarial = self.state.look(problem, logits, Norm::L2);

        let flat = Norm::Linf.measure(gradient.clone()).equal_elem(0.0).float();
        let direction = unit(gradient) + self.fallback.clone() * per_image(flat);
        let moved = self.state.current.clone() - problem.pixels.clone() + direction * self.step_length();
        self.resize(adversarial);
        let onto_sphere = self.epsilon.clone() / Norm::L2.measure(moved.clone()).clamp_min(1e-12);
        self.state.current = (problem.pixels.clone() + moved * per_image(onto_sphere)).clamp(0.0, 1.0);
        self.step += 1;
    }

    fn polish(&mut self, problem: &Problem) {
        bisect(problem, &mut self.state.best, self.config.bisections, Norm::L2);
    }

    fn state(&self) -> &State {
        &self.state
    }
}
