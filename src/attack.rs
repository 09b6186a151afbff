//! Attacks: searches for the most similar image that a network misreads.
//!
//! An attack writes only its [`Search`]. The driver, [`Run`], checks the input, lets the search step, reads its
//! progress back once every few steps, and at the end trusts nothing: it clips, predicts and measures again, and
//! finds the 8-bit image that is misread too.

mod bisection;
mod ddn;
mod gradient_ascent;
mod menu;
mod run;

use std::cell::Cell;

use burn::tensor::{Bool, Tensor};

pub use ddn::Ddn;
pub use gradient_ascent::{GradientAscent, Objective};
pub use menu::{build, menu};
pub use run::{EightBit, ImageOutcome, ImageProgress, Outcome, Progress, Run};

use crate::classifier::{Criterion, Frozen};
use crate::norm::{Norm, per_image};

/// A method of attack with its parameters.
pub trait Attack {
    /// Its name in commands, reports and on the page.
    fn name(&self) -> &'static str;

    /// How many steps it takes at most, each with one gradient.
    fn steps(&self) -> usize;

    /// Begins on a batch.
    fn begin(&self, problem: &Problem) -> Box<dyn Search>;
}

/// One attack under way on one batch. All it knows stays on the device, one value or image per row; no row depends on
/// another.
pub trait Search {
    /// Takes one step.
    fn step(&mut self, problem: &Problem);

    /// Work after the last step, such as a bisection. Nothing by default.
    fn polish(&mut self, _problem: &Problem) {}

    /// Where it stands.
    fn state(&self) -> &State;
}

/// Where a search stands, for every image of a batch.
pub struct State {
    /// The images as they are now, adversarial or not, `[N, C, H, W]`.
    pub current: Tensor<4>,
    /// The best adversarial images so far.
    pub best: Best,
    /// The probability of the goal's class when the network last looked, `[N]`.
    pub confidence: Tensor<1>,
    /// Where no further step changes anything, `[N]`, 1 or 0.
    pub settled: Tensor<1>,
}

impl State {
    /// At the originals, with nothing found.
    pub fn new(problem: &Problem) -> Self {
        let best = Best::none(problem);
        Self {
            current: problem.pixels.clone(),
            confidence: best.norm.ones_like(),
            settled: best.norm.zeros_like(),
            best,
        }
    }

    /// Takes in the `logits` of the current images: keeps those that are adversarial and nearer in `norm` than the
    /// best. Returns where they are adversarial, `[N]`.
    pub fn look(&mut self, problem: &Problem, logits: Tensor<2>, norm: Norm) -> Tensor<1, Bool> {
        self.confidence = problem.criterion.confidence(logits.clone());
        let adversarial = problem.reached(logits);
        let size = norm.measure(self.current.clone() - problem.pixels.clone());
        self.best.offer(self.current.clone(), size, adversarial.clone());
        adversarial
    }
}

/// What a search works on, with a count of what it costs.
pub struct Problem<'a> {
    classifier: &'a Frozen,
    /// The original images, `[N, C, H, W]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// What counts as success.
    pub criterion: Criterion,
    gradients: Cell<usize>,
    forwards: Cell<usize>,
}

/// A margin this small could turn with another batch size or device: rounding moves logits by up to 1e-5.
const MARGIN_FLOOR: f32 = 1e-4;

impl Problem<'_> {
    /// The logits at `pixels`, `[N, K]`; counts as a forward pass.
    pub fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.forwards.set(self.forwards.get() + 1);
        self.classifier.logits(pixels)
    }

    /// The logits at `pixels` and the gradient of `objective` there; counts as one gradient. See
    /// [`Frozen::gradient`].
    pub fn gradient(
        &self,
        pixels: Tensor<4>,
        objective: impl FnOnce(Tensor<2>) -> Tensor<1>,
    ) -> (Tensor<2>, Tensor<4>) {
        self.gradients.set(self.gradients.get() + 1);
        self.classifier.gradient(pixels, objective)
    }

    /// Whether each image reaches the goal, with a margin above rounding, `[N]`.
    pub fn reached(&self, logits: Tensor<2>) -> Tensor<1, Bool> {
        self.criterion.margin(logits).greater_elem(MARGIN_FLOOR)
    }
}

/// The smallest adversarial perturbation found so far for every image of a batch.
pub struct Best {
    /// The adversarial images, `[N, C, H, W]`; the originals where none is found.
    pub pixels: Tensor<4>,
    /// Size of the perturbation in the attack's norm, `[N]`; [`Best::NONE`] where none is found.
    pub norm: Tensor<1>,
}

impl Best {
    /// Larger than any norm, and finite, since a GPU need not know infinity.
    pub const NONE: f32 = 1e30;

    /// Nothing found yet.
    pub fn none(problem: &Problem) -> Self {
        let [images, ..] = problem.pixels.dims();
        Self { pixels: problem.pixels.clone(), norm: Tensor::full([images], Self::NONE, &problem.pixels.device()) }
    }

    /// Where something is found, `[N]`.
    pub fn found(&self) -> Tensor<1, Bool> {
        self.norm.clone().lower_elem(Self::NONE)
    }

    /// Keeps `pixels` where they are adversarial and their `norm` is smaller than the best.
    pub fn offer(&mut self, pixels: Tensor<4>, norm: Tensor<1>, adversarial: Tensor<1, Bool>) {
        let better = adversarial.bool_and(norm.clone().lower(self.norm.clone()));
        self.norm = self.norm.clone().mask_where(better.clone(), norm);
        self.pixels = choose(better, pixels, self.pixels.clone());
    }
}

/// Row by row `yes` where `mask`, else `no`.
pub(crate) fn choose(mask: Tensor<1, Bool>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    let mask = per_image(mask.float()).greater_elem(0.5);
    let shape = no.shape();
    no.mask_where(mask.expand(shape), yes)
}
