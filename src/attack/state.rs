//! What a search has reached and found.

use burn::tensor::{Bool, Tensor};

use super::Problem;
use super::problem::is_beyond_rounding;
use crate::norm::Norm;
use crate::per_image;

/// The current state of a search, for every image of a batch.
pub struct State {
    /// The attack's norm.
    pub norm: Norm,
    /// The radius of the ball in which the perturbation must stay, `[N]`; [`Best::NONE`] if there is no limit.
    pub epsilon: Tensor<1>,
    /// Steps taken.
    pub step: usize,
    /// The current images, adversarial or not, `[N, C, H, W]`.
    pub current: Tensor<4>,
    /// The best adversarial images so far.
    pub best: Best,
    /// The network's most recent logits, `[N, K]`.
    pub logits: Option<Tensor<2>>,
    /// 1 where no further step can change the result, else 0, `[N]`.
    pub settled: Tensor<1>,
}

impl State {
    /// The state at the originals, with nothing found.
    pub(super) fn new(problem: &Problem, norm: Norm, epsilon: Tensor<1>) -> Self {
        let best = Best::none(problem);
        let settled = best.size.zeros_like();
        Self { norm, epsilon, step: 0, current: problem.pixels.clone(), best, logits: None, settled }
    }

    /// Records the `logits` `[N, K]` of the current images: keeps the images that are adversarial and nearer than the
    /// best so far. Returns where the current images are adversarial, `[N]`.
    pub fn record(&mut self, problem: &Problem, logits: Tensor<2>) -> Tensor<1, Bool> {
        let margin = problem.criterion.margin(logits.clone());
        self.record_margin(problem, logits, margin)
    }

    /// The same as [`record`](State::record), where the `margin` `[N]` is already known.
    pub fn record_margin(&mut self, problem: &Problem, logits: Tensor<2>, margin: Tensor<1>) -> Tensor<1, Bool> {
        self.logits = Some(logits);
        self.current = problem.mask_pixels(self.current.clone());
        let adversarial = is_beyond_rounding(margin);
        let size = self.norm.distance(self.current.clone(), problem.pixels.clone());
        self.best.offer(self.current.clone(), size, adversarial.clone());
        adversarial
    }

    /// Predicts the current images and [`record`](State::record)s the result, for one forward pass.
    pub fn predict(&mut self, problem: &Problem) {
        let logits = problem.logits(self.current.clone());
        self.record(problem, logits);
    }

    /// Settles the images for which an adversarial image is found. Returns where that is so, `[N]`.
    pub fn stop_where_found(&mut self) -> Tensor<1, Bool> {
        let found = self.best.found();
        self.settled = found.clone().float();
        found
    }

    /// Takes over the state of another search on the same images, and keeps what it has found.
    pub(super) fn take(&mut self, problem: &Problem, other: &Self) {
        let Self { current, best, logits, .. } = other;
        let size = if other.norm == self.norm {
            best.size.clone()
        } else {
            self.norm.distance(best.pixels.clone(), problem.pixels.clone())
        };
        self.best.offer(best.pixels.clone(), size, best.found());
        self.current = current.clone();
        self.logits = logits.clone();
    }
}

/// The smallest adversarial perturbation found so far for every image of a batch.
pub struct Best {
    /// The adversarial images, `[N, C, H, W]`; the originals where none is found.
    pub pixels: Tensor<4>,
    /// Size of the perturbation in the attack's norm, `[N]`; [`Best::NONE`] where none is found.
    pub size: Tensor<1>,
}

impl Best {
    /// Larger than any norm. It is finite because a GPU need not support infinity.
    pub const NONE: f32 = 1e30;

    /// Nothing found yet.
    pub fn none(problem: &Problem) -> Self {
        Self { pixels: problem.pixels.clone(), size: problem.for_each(Self::NONE) }
    }

    /// Where an adversarial image is found, `[N]`.
    pub fn found(&self) -> Tensor<1, Bool> {
        self.size.clone().lower_elem(Self::NONE)
    }

    /// Keeps `pixels` where they are adversarial and the `size` of their perturbation is smaller than the best.
    pub fn offer(&mut self, pixels: Tensor<4>, size: Tensor<1>, adversarial: Tensor<1, Bool>) {
        (self.pixels, self.size) =
            per_image::nearer(adversarial.float(), (pixels, size), (self.pixels.clone(), self.size.clone()));
    }
}
