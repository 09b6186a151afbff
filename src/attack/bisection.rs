//! Bisection between the original and an adversarial image.

use super::{Best, Problem};
use crate::norm::Norm;
use crate::per_image;

/// Bisects between the original and the best image, `steps` times, to get closer to the boundary. It bisects the line
/// between them; in L0 it bisects the number of changed values, the largest changes first. Costs one forward pass a
/// step. The result is never larger than before.
pub(super) fn bisect(problem: &Problem, best: &mut Best, steps: usize, norm: Norm) {
    bisect_from(problem, best, steps, norm, 0.0);
}

/// The same, where the search begins at the share `from` of the line, in [0, 1).
pub(super) fn bisect_from(problem: &Problem, best: &mut Best, steps: usize, norm: Norm, from: f32) {
    let (end, size) = (best.pixels.clone(), best.size.clone());
    let mut outside = problem.for_each(1.0);
    let mut inside = problem.for_each(from);
    for _ in 0..steps {
        let middle = (inside.clone() + outside.clone()) / 2.0;
        let pixels = match norm {
            Norm::L0 => problem.project(norm, end.clone(), (size.clone() * middle.clone()).round()),
            _ => per_image::between(problem.pixels.clone(), end.clone(), middle.clone()),
        };
        let reached = problem.reached(problem.logits(pixels.clone())).bool_and(best.found());
        outside = outside.mask_where(reached.clone(), middle.clone());
        inside = middle.mask_where(reached.clone(), inside);
        best.offer(pixels.clone(), norm.distance(pixels, problem.pixels.clone()), reached);
    }
}
