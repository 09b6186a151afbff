//! The task of a search: the images, the condition for success, the network.

use std::cell::{Cell, RefCell};

use burn::tensor::{Bool, Tensor};

use super::Passes;
use crate::classifier::{Criterion, Frozen, Slope};
use crate::norm::{Norm, shrink_within_box};
use crate::per_image;

/// The task of a search. It counts the passes that the search uses.
pub struct Problem<'a> {
    classifier: &'a Frozen,
    /// The original images, `[N, C, H, W]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// The condition for success.
    pub criterion: Criterion,
    /// 1 where a pixel may change, else 0, `[1, 1, H, W]`; `None` where all may change.
    region: Option<Tensor<4>>,
    pub(super) passes: Cell<Passes>,
    /// The largest magnitude in the first gradient asked for, `[N]`; 1 where the goal was already reached there.
    pub(super) first_gradient: RefCell<Option<Tensor<1>>>,
}

/// The smallest margin that counts: ten times the rounding of logits, which differs between devices and batch sizes.
pub(super) const SMALLEST_MARGIN: f32 = 1e-4;

/// Whether a margin is large enough to keep its sign on another device or batch size.
pub(super) fn is_beyond_rounding(margin: Tensor<1>) -> Tensor<1, Bool> {
    margin.greater_elem(SMALLEST_MARGIN)
}

impl<'a> Problem<'a> {
    pub(super) fn new(
        classifier: &'a Frozen,
        pixels: Tensor<4>,
        criterion: Criterion,
        region: Option<Tensor<4>>,
    ) -> Self {
        Self { classifier, pixels, criterion, region, passes: Cell::default(), first_gradient: RefCell::default() }
    }

    /// The logits `[N, K]` at `pixels`. Outside of the region the network sees the originals. Counts as a forward pass.
    pub fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.passes.set(self.passes.get().and_forward(1));
        self.classifier.logits(self.mask_pixels(pixels))
    }

    /// The logits at `pixels`, the value of `objective` and its gradient. Outside of the region the network sees the
    /// originals and the gradient is 0. Counts as a forward and a backward pass. See [`Frozen::gradient`].
    pub fn gradient(&self, pixels: Tensor<4>, objective: impl FnOnce(Tensor<2>) -> Tensor<1>) -> Slope {
        let Passes { forward, backward } = self.passes.get();
        self.passes.set(Passes { forward: forward + 1, backward: backward + 1 });
        let mut slope = self.classifier.gradient(self.mask_pixels(pixels), objective);
        slope.gradient = self.mask_perturbation(slope.gradient);
        self.first_gradient.borrow_mut().get_or_insert_with(|| {
            // Where the goal is already reached, the objective may be at its maximum and its gradient truly 0.
            let steepest = Norm::Linf.measure(slope.gradient.clone());
            steepest.mask_fill(self.reached(slope.logits.clone()), 1.0)
        });
        slope
    }

    /// `value` repeated for every image, `[N]`.
    pub fn for_each(&self, value: f32) -> Tensor<1> {
        Tensor::full([self.pixels.dims()[0]], value, &self.pixels.device())
    }

    /// `pixels` inside the region and the originals outside of it, `[N, C, H, W]`.
    pub fn mask_pixels(&self, pixels: Tensor<4>) -> Tensor<4> {
        match &self.region {
            None => pixels,
            Some(mask) => {
                let inside = mask.clone().greater_elem(0.5).expand(pixels.shape());
                self.pixels.clone().mask_where(inside, pixels)
            }
        }
    }

    /// `perturbation` inside the region and 0 outside of it, `[N, C, H, W]`.
    pub fn mask_perturbation(&self, perturbation: Tensor<4>) -> Tensor<4> {
        match &self.region {
            None => perturbation,
            Some(mask) => perturbation * mask.clone(),
        }
    }

    /// The size of the largest perturbation that the box [0, 1] and the region allow, `[N]`.
    pub fn largest_perturbation(&self, norm: Norm) -> Tensor<1> {
        norm.measure(self.mask_perturbation(self.pixels.clone().max_pair(1.0 - self.pixels.clone())))
    }

    /// The originals plus `perturbation`, clipped to [0, 1], `[N, C, H, W]`.
    pub fn perturbed(&self, perturbation: Tensor<4>) -> Tensor<4> {
        (self.pixels.clone() + perturbation).clamp(0.0, 1.0)
    }

    /// The images within [0, 1] that are nearest to `pixels` and whose perturbation has a norm of at most `epsilon`
    /// `[N]`.
    pub fn project(&self, norm: Norm, pixels: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        match norm {
            Norm::L0 => self.perturbed(norm.project(pixels - self.pixels.clone(), epsilon)),
            Norm::L1 => self.perturbed(shrink_within_box(self.pixels.clone(), pixels - self.pixels.clone(), epsilon)),
            Norm::L2 => {
                let share = epsilon / self.length(pixels.clone());
                per_image::between(self.pixels.clone(), pixels, share.clamp_max(1.0))
            }
            Norm::Linf => per_image::linf_ball(self.pixels.clone(), pixels, epsilon),
        }
    }

    /// The originals plus the perturbation of `pixels` scaled to L2 length `epsilon` `[N]`, clipped to [0, 1],
    /// `[N, C, H, W]`.
    pub fn on_sphere(&self, pixels: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        let share = epsilon / self.length(pixels.clone());
        per_image::between(self.pixels.clone(), pixels, share)
    }

    /// The L2 norm of the perturbation of `pixels`, at least 1e-12, `[N]`.
    fn length(&self, pixels: Tensor<4>) -> Tensor<1> {
        Norm::L2.distance(pixels, self.pixels.clone()).clamp_min(1e-12)
    }

    /// Whether each image reaches the goal, with a margin larger than rounding errors, `[N]`.
    pub fn reached(&self, logits: Tensor<2>) -> Tensor<1, Bool> {
        is_beyond_rounding(self.criterion.margin(logits))
    }
}
