//! The boundary in the linear approximation, within the box [0, 1].

use burn::tensor::Tensor;

use super::{Problem, SMALLEST_MARGIN, State};
use crate::norm::Norm;
use crate::tensors::broadcast;

/// The boundary in the linear approximation around the current images.
pub(super) struct Plane {
    /// The gradient of the margin, `[N, C, H, W]`
    pub normal: Tensor<4>,
    /// By how much the margin must rise from the original, `[N]`
    pub rise: Tensor<1>,
    /// By how much the margin must rise from the current image, `[N]`; negative where that is adversarial
    pub rise_from_here: Tensor<1>,
}

impl Plane {
    /// The plane at the current images. [Records](State::record_margin) them, for one gradient.
    pub fn at(problem: &Problem, state: &mut State) -> Self {
        let slope = problem.gradient(state.current.clone(), |logits| problem.criterion.margin(logits));
        state.record_margin(problem, slope.logits, slope.value.clone());
        let normal = slope.gradient;
        let taken = inner(normal.clone(), state.current.clone() - problem.pixels.clone());
        let rise_from_here = 2.0 * SMALLEST_MARGIN - slope.value;
        Self { normal, rise: taken + rise_from_here.clone(), rise_from_here }
    }
}

/// The inner product of each pair of images, `[N]`.
pub(super) fn inner(left: Tensor<4>, right: Tensor<4>) -> Tensor<1> {
    let product: Tensor<2> = (left * right).flatten(1, 3);
    product.sum_dim(1).squeeze_dim(1)
}

/// The images within [0, 1] nearest to `pixels` at which a linear function with the gradient `normal` has risen by
/// `rise`. Where the box does not allow this, the images at which it has risen the most. Croce and Hein 2020, arXiv
/// 1907.02044, but without sorting.
///
/// # Shapes
/// - `pixels`: `[N, C, H, W]`, in [0, 1]
/// - `normal`: `[N, C, H, W]`
/// - `rise`: `[N]`, of either sign
/// - returns: `[N, C, H, W]`, in [0, 1]
pub(super) fn nearest_on_plane(norm: Norm, pixels: Tensor<4>, normal: Tensor<4>, rise: Tensor<1>) -> Tensor<4> {
    let normal = normal * broadcast(rise.clone().sign());
    let (rise, slope, sign) = (rise.abs(), normal.clone().abs(), normal.sign());
    let room = sign.clone().clamp_min(0.0) - sign.clone() * pixels.clone();
    let change = match norm {
        Norm::L0 | Norm::L1 => steepest_first(slope, room, rise),
        Norm::L2 => proportional_changes(slope.clone(), slope, room, rise),
        Norm::Linf => proportional_changes(sign.clone().abs(), slope, room, rise),
    };
    (pixels + change * sign).clamp(0.0, 1.0)
}

/// Changes proportional to `share` `[N, C, H, W]`, each at most its `room`, so that the total rise is `rise` `[N]`. The
/// factor is found by Newton's method from below.
fn proportional_changes(share: Tensor<4>, slope: Tensor<4>, room: Tensor<4>, rise: Tensor<1>) -> Tensor<4> {
    let mut size = rise.zeros_like();
    // Each round finds more of the values that use all of their room. Ten rounds are enough, or nearly so.
    for _ in 0..10 {
        let change = share.clone() * broadcast(size.clone());
        let free = change.clone().lower(room.clone()).float() * share.clone();
        let missing = rise.clone() - inner(slope.clone(), change.min_pair(room.clone()));
        let steepness = inner(slope.clone(), free).clamp_min(1e-20);
        size = (size + (missing / steepness).clamp_min(0.0)).clamp_max(1e15);
    }
    (share * broadcast(size)).min_pair(room)
}

/// The values with the steepest slopes are changed by all their `room`; the last ones only by the share that is needed.
/// The limiting slope is found by bisection.
fn steepest_first(slope: Tensor<4>, room: Tensor<4>, rise: Tensor<1>) -> Tensor<4> {
    let gain = slope.clone() * room.clone();
    let steeper = |than: &Tensor<1>| slope.clone().greater(broadcast(than.clone())).float();
    let gained = |than: &Tensor<1>| Norm::L1.measure(gain.clone() * steeper(than));
    let mut above = Norm::Linf.measure(slope.clone());
    let mut below = above.zeros_like();
    for _ in 0..24 {
        let middle = (below.clone() + above.clone()) / 2.0;
        let enough = gained(&middle).greater(rise.clone());
        below = below.mask_where(enough.clone(), middle.clone());
        above = middle.mask_where(enough, above);
    }
    let (first, all) = (steeper(&above), steeper(&below));
    let (before, after) = (gained(&above), gained(&below));
    let part = ((rise - before.clone()) / (after - before).clamp_min(1e-20)).clamp(0.0, 1.0);
    room * (first.clone() + (all - first) * broadcast(part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn the_nearest_point_of_a_known_plane() {
        let row = |values: [f32; 4]| Tensor::<4>::from_data([[[values]]], &Device::flex());
        let (pixels, normal) = (row([0.9, 0.5, 0.2, 0.0]), row([1.0, 2.0, -1.0, -1.0]));
        for (norm, rise, expected) in [
            // The room of the four values: 0.1, 0.5, 0.2, 0.
            (Norm::L2, 0.7, [1.0, 0.74, 0.08, 0.0]),
            (Norm::Linf, 0.7, [1.0, 0.7, 0.0, 0.0]),
            (Norm::L1, 0.7, [0.9, 0.85, 0.2, 0.0]),
            // Values with the same slope share the rest.
            (Norm::L1, 1.15, [0.95, 1.0, 0.1, 0.0]),
            (Norm::L1, -0.3, [0.9, 0.35, 0.2, 0.0]),
            (Norm::L2, 0.0, [0.9, 0.5, 0.2, 0.0]),
            // The rise is larger than the box allows.
            (Norm::L1, 5.0, [1.0, 1.0, 0.0, 0.0]),
            (Norm::L2, 5.0, [1.0, 1.0, 0.0, 0.0]),
            (Norm::Linf, 5.0, [1.0, 1.0, 0.0, 0.0]),
        ] {
            let rise = Tensor::full([1], rise, &Device::flex());
            let found = nearest_on_plane(norm, pixels.clone(), normal.clone(), rise.clone());
            let found = found.into_data().try_to_vec::<f32>().expect("f32");
            for (found, expected) in found.into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-5, "{norm:?}, {rise}: {found}, expected {expected}");
            }
        }
    }
}
