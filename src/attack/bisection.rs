//! Bisection on the line from the original to an adversarial image.

use burn::tensor::Tensor;

use super::{Best, Problem};
use crate::norm::Norm;

/// Halves, `steps` times, the part of the line between the original and the best image in which the boundary lies.
/// Costs one forward pass a step; the result is never larger.
pub(super) fn bisect(problem: &Problem, best: &mut Best, steps: usize, norm: Norm) {
    let perturbation = best.pixels.clone() - problem.pixels.clone();
    let mut outside = Tensor::ones([perturbation.dims()[0]], &perturbation.device());
    let mut inside = outside.zeros_like();
    for _ in 0..steps {
        let middle = (inside.clone() + outside.clone()) / 2.0;
        let pixels = problem.along(perturbation.clone(), middle.clone());
        let reached = problem.reached(problem.logits(pixels.clone())).bool_and(best.found());
        outside = outside.mask_where(reached.clone(), middle.clone());
        inside = middle.mask_where(reached.clone(), inside);
        best.offer(pixels.clone(), norm.measure(pixels - problem.pixels.clone()), reached);
    }
}
