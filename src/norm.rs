//! The size of a perturbation: L0, L1, L2 and L∞, for pixels in [0, 1].

use burn::tensor::{Bool, Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::per_image::{self, Size};
use crate::tensors::{broadcast, read};

/// A norm of a perturbation Δx.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// The number of pixel values that changed.
    L0,
    /// The sum of the magnitudes of the changes.
    L1,
    /// The Euclidean length.
    L2,
    /// The largest magnitude of a change.
    Linf,
}

impl Norm {
    /// All norms.
    pub const ALL: [Self; 4] = [Norm::L0, Norm::L1, Norm::L2, Norm::Linf];

    /// Its name in commands and reports.
    pub fn name(self) -> &'static str {
        match self {
            Norm::L0 => "l0",
            Norm::L1 => "l1",
            Norm::L2 => "l2",
            Norm::Linf => "linf",
        }
    }

    /// Its mathematical symbol.
    pub fn symbol(self) -> &'static str {
        match self {
            Norm::L0 => "‖Δx‖₀",
            Norm::L1 => "‖Δx‖₁",
            Norm::L2 => "‖Δx‖₂",
            Norm::Linf => "‖Δx‖∞",
        }
    }

    /// The default radius ε of attacks of fixed size: 8/255 in L∞ and 12 in L1, as is usual for small colour pictures,
    /// 1 in L2, and 100 values in L0.
    pub const fn default_epsilon(self) -> f32 {
        match self {
            Norm::L0 => 100.0,
            Norm::L1 => 12.0,
            Norm::L2 => 1.0,
            Norm::Linf => 8.0 / 255.0,
        }
    }

    /// The norm of every perturbation of a batch.
    ///
    /// # Shapes
    /// - `perturbation`: `[N, C, H, W]`
    /// - returns: `[N]`, not negative
    pub fn measure(self, perturbation: Tensor<4>) -> Tensor<1> {
        per_image::size(perturbation, self.size())
    }

    /// The norm of every image of `a` − `b`.
    ///
    /// # Shapes
    /// - `a`, `b`: `[N, C, H, W]`
    /// - returns: `[N]`, not negative
    pub fn distance(self, a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
        per_image::distance(a, b, self.size())
    }

    fn size(self) -> Size {
        match self {
            Norm::L0 => Size::Count,
            Norm::L1 => Size::Sum,
            Norm::L2 => Size::Length,
            Norm::Linf => Size::Largest,
        }
    }

    /// The dual norm of every gradient of a batch: the largest slope along a step of norm 1. L0 has no dual and uses
    /// that of L1.
    ///
    /// # Shapes
    /// - `gradient`: `[N, C, H, W]`
    /// - returns: `[N]`
    pub fn dual(self, gradient: Tensor<4>) -> Tensor<1> {
        match self {
            Norm::L0 | Norm::L1 => Norm::Linf.measure(gradient),
            Norm::L2 => Norm::L2.measure(gradient),
            Norm::Linf => Norm::L1.measure(gradient),
        }
    }

    /// The nearest perturbations whose norm is at most `epsilon`.
    ///
    /// # Shapes
    /// - `perturbation`: `[N, C, H, W]`
    /// - `epsilon`: `[N]`, not negative
    /// - returns: `[N, C, H, W]`
    pub fn project(self, perturbation: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        match self {
            Norm::L0 => keep_largest(perturbation, epsilon),
            Norm::L1 => shrink_to_sum(perturbation, epsilon),
            Norm::L2 => {
                let length = Norm::L2.measure(perturbation.clone()).clamp_min(f32::MIN_POSITIVE);
                perturbation * broadcast((epsilon / length).clamp_max(1.0))
            }
            Norm::Linf => {
                let bound = broadcast(epsilon).expand(perturbation.shape());
                perturbation.min_pair(bound.clone()).max_pair(-bound)
            }
        }
    }
}

/// Keeps the `count` `[N]` values of every image with the largest magnitude and sets the others to 0. Of equal values
/// at the limit, the first are kept. The limit is found by bisection, since a browser's GPU cannot sort.
fn keep_largest(perturbation: Tensor<4>, count: Tensor<1>) -> Tensor<4> {
    let [_, channels, height, width] = perturbation.dims();
    let values = channels * height * width;
    let magnitude = perturbation.clone().abs();
    let few = |kept: Tensor<4, Bool>| {
        let kept: Tensor<2> = kept.float().flatten(1, 3);
        kept.sum_dim(1).squeeze_dim(1).lower_equal(count.clone())
    };

    let mut above = Norm::Linf.measure(perturbation.clone());
    let mut below = -above.clone();
    // Bisect until no single-precision number lies between the two.
    for _ in 0..32 {
        let middle = (below.clone() + above.clone()) / 2.0;
        let few = few(magnitude.clone().greater(broadcast(middle.clone())));
        above = above.mask_where(few.clone(), middle.clone());
        below = middle.mask_where(few, below);
    }
    let larger = magnitude.clone().greater(broadcast(above));
    let equal = magnitude.greater(broadcast(below));

    let positions = Tensor::<1, Int>::arange(0..values as i64, &perturbation.device()).float();
    let positions = positions.reshape([1, channels, height, width]).expand(perturbation.shape());
    let kept = |end: Tensor<1>| larger.clone().bool_or(equal.clone().bool_and(positions.clone().lower(broadcast(end))));
    let mut end = count.zeros_like();
    let mut beyond = count.zeros_like() + (values + 1) as f32;
    for _ in 0..usize::BITS - values.leading_zeros() {
        let middle = ((end.clone() + beyond.clone()) / 2.0).floor();
        let few = few(kept(middle.clone()));
        end = end.mask_where(few.clone(), middle.clone());
        beyond = middle.mask_where(few, beyond);
    }
    perturbation * kept(end).float()
}

/// Soft thresholding with the threshold λ that leaves a sum of magnitudes of `epsilon` (Duchi et al. 2008). λ is found
/// by Newton's method from below (Michelot 1986).
fn shrink_to_sum(perturbation: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
    let magnitude = perturbation.clone().abs();
    let mut threshold = epsilon.zeros_like();
    // Each round leaves out more of the values below λ. A dozen rounds find all of them, or nearly so.
    for _ in 0..12 {
        let kept = magnitude.clone().greater(broadcast(threshold.clone())).float();
        let count: Tensor<2> = kept.clone().flatten(1, 3);
        let sum = Norm::L1.measure(magnitude.clone() * kept);
        let count = count.sum_dim(1).squeeze_dim(1).clamp_min(1.0);
        threshold = ((sum - epsilon.clone()) / count).max_pair(threshold);
    }
    let shrunk = (magnitude - broadcast(threshold)).clamp_min(0.0) * perturbation.sign();
    let sum = Norm::L1.measure(shrunk.clone()).clamp_min(f32::MIN_POSITIVE);
    shrunk * broadcast((epsilon / sum).clamp_max(1.0))
}

/// The nearest perturbations whose L1 norm is at most `epsilon` and that keep `pixels` within [0, 1]. Every change is
/// reduced by a threshold λ and limited by the room up to 0 or 1 (Croce and Hein 2021, arXiv 2103.01208). λ is found by
/// bisection, since a browser's GPU cannot sort.
///
/// # Shapes
/// - `pixels`, `perturbation`: `[N, C, H, W]`, the pixels in [0, 1]
/// - `epsilon`: `[N]`, not negative
/// - returns: `[N, C, H, W]`
pub(crate) fn shrink_within_box(pixels: Tensor<4>, perturbation: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
    let sign = perturbation.clone().sign();
    let magnitude = perturbation.abs();
    let room = sign.clone().clamp_min(0.0) - sign.clone() * pixels;
    let shrunk = |threshold: Tensor<1>| {
        (magnitude.clone() - broadcast(threshold.clamp_min(0.0))).clamp_min(0.0).min_pair(room.clone())
    };
    let mut above = Norm::Linf.measure(magnitude.clone());
    // With this start the first threshold tried is 0, which does not change perturbations that are already small
    // enough.
    let mut below = -above.clone();
    for _ in 0..24 {
        let middle = (below.clone() + above.clone()) / 2.0;
        let within = Norm::L1.measure(shrunk(middle.clone())).lower_equal(epsilon.clone());
        above = above.mask_where(within.clone(), middle.clone());
        below = middle.mask_where(within, below);
    }
    shrunk(above) * sign
}

/// Scales every image of a batch to L2 length 1, also a tiny one. An image of zeros stays zero.
///
/// # Shapes
/// - `gradient`: `[N, C, H, W]`
/// - returns: `[N, C, H, W]`
pub fn unit(gradient: Tensor<4>) -> Tensor<4> {
    per_image::unit(gradient)
}

/// The four norms of one perturbation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Norms {
    /// Number of pixel values that changed.
    pub l0: f64,
    /// Sum of the magnitudes of the changes.
    pub l1: f64,
    /// Euclidean length.
    pub l2: f64,
    /// Largest magnitude of a change.
    pub linf: f64,
}

impl Norms {
    /// The value of `norm`.
    pub fn of(&self, norm: Norm) -> f64 {
        match norm {
            Norm::L0 => self.l0,
            Norm::L1 => self.l1,
            Norm::L2 => self.l2,
            Norm::Linf => self.linf,
        }
    }

    /// The norms of no change.
    pub const ZERO: Self = Self { l0: 0.0, l1: 0.0, l2: 0.0, linf: 0.0 };

    /// The norms of every perturbation `[N, C, H, W]`, read back from the device.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub async fn read(perturbation: Tensor<4>) -> Result<Vec<Self>, Error> {
        let all = Norm::ALL.map(|norm| norm.measure(perturbation.clone()));
        let rows = read(Tensor::stack::<2>(all.into(), 1)).await?;
        Ok(rows
            .chunks_exact(4)
            .map(|row| Self { l0: row[0].into(), l1: row[1].into(), l2: row[2].into(), linf: row[3].into() })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn perturbation() -> Tensor<4> {
        Tensor::from_data([[[[3.0_f32, 0.0], [-4.0, 0.0]]], [[[0.0, 0.0], [0.0, 0.0]]]], &Device::flex())
    }

    #[test]
    fn norms_of_a_known_perturbation() {
        let norms = pollster::block_on(Norms::read(perturbation())).expect("the CPU does not fail");
        assert_eq!(norms[0], Norms { l0: 2.0, l1: 7.0, l2: 5.0, linf: 4.0 });
        assert_eq!(norms[1], Norms::ZERO);
    }

    #[test]
    fn projections_of_a_known_perturbation() {
        let project = |norm: Norm, epsilon: f32| {
            let epsilon = Tensor::full([2], epsilon, &Device::flex());
            let projected = norm.project(perturbation(), epsilon);
            projected.into_data().try_to_vec::<f32>().expect("f32")[..4].to_vec()
        };
        assert_eq!(project(Norm::L0, 1.0), [0.0, 0.0, -4.0, 0.0]);
        assert_eq!(project(Norm::L0, 2.0), [3.0, 0.0, -4.0, 0.0]);
        assert_eq!(project(Norm::L0, 9.0), [3.0, 0.0, -4.0, 0.0]);
        assert_eq!(project(Norm::L1, 3.0), [1.0, 0.0, -2.0, 0.0]);
        assert_eq!(project(Norm::L1, 9.0), [3.0, 0.0, -4.0, 0.0]);
        assert_eq!(project(Norm::L2, 2.5), [1.5, 0.0, -2.0, 0.0]);
        assert_eq!(project(Norm::Linf, 3.5), [3.0, 0.0, -3.5, 0.0]);
    }

    #[test]
    fn the_projection_in_l1_counts_on_the_room_there_is() {
        let row = |values: [f32; 4]| Tensor::<4>::from_data([[[values]]], &Device::flex());
        let pixels = row([0.9, 0.5, 0.2, 0.0]);
        let project = |changes: [f32; 4], epsilon: f32| {
            let epsilon = Tensor::full([1], epsilon, &Device::flex());
            let found = shrink_within_box(pixels.clone(), row(changes), epsilon);
            found.into_data().try_to_vec::<f32>().expect("f32")
        };
        for (changes, epsilon, expected) in [
            // Already within the ball: only the box clips.
            ([0.4, -0.2, 0.0, -1.0], 2.0, [0.1, -0.2, 0.0, 0.0]),
            // λ = 0.1; 0.3 − λ and 1 − λ are limited by the room.
            ([0.3, 0.3, -1.0, -1.0], 0.5, [0.1, 0.2, -0.2, 0.0]),
            // λ = 0.2
            ([0.25, -0.3, 0.4, -1.0], 0.35, [0.05, -0.1, 0.2, 0.0]),
            ([0.3, 0.3, -1.0, -1.0], 0.0, [0.0; 4]),
        ] {
            for (found, expected) in project(changes, epsilon).into_iter().zip(expected) {
                assert!((found - expected).abs() < 1e-6, "{changes:?} within {epsilon}: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn of_equal_values_the_first_are_kept() {
        let equal = Tensor::<4>::from_data([[[[1.0_f32, -2.0, 1.0], [1.0, -1.0, 1.0]]]], &Device::flex());
        for (count, expected) in [
            (0.0, [0.0; 6]),
            (1.0, [0.0, -2.0, 0.0, 0.0, 0.0, 0.0]),
            (3.0, [1.0, -2.0, 1.0, 0.0, 0.0, 0.0]),
            (5.5, [1.0, -2.0, 1.0, 1.0, -1.0, 0.0]),
            (6.0, [1.0, -2.0, 1.0, 1.0, -1.0, 1.0]),
        ] {
            let kept = Norm::L0.project(equal.clone(), Tensor::full([1], count, &Device::flex()));
            assert_eq!(kept.into_data().try_to_vec::<f32>().expect("f32"), expected, "{count}");
        }
    }

    #[test]
    fn unit_survives_underflow_and_zero() {
        let tiny = unit(perturbation() * 1e-30);
        let length = Norm::L2.measure(tiny).into_data().try_to_vec::<f32>().expect("f32");
        assert!((length[0] - 1.0).abs() < 1e-6, "{length:?}");
        assert_eq!(length[1], 0.0);
    }
}
