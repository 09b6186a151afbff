//! Attacks: searches for the misread image that is most similar to the original.
//!
//! An attack implements only its [`Search`]. The driver, [`Run`], owns the [`State`]. It checks the input, lets the
//! search step, and reads the progress back once every few steps. At the end it does not trust the search: it clips,
//! predicts and measures the result again, and looks for an 8-bit image that is misread too.
//!
//! # Which one to take
//!
//! | attack | finds | in |
//! |---|---|---|
//! | [`Ddn`] | the smallest perturbation; the one to begin with | L2 |
//! | [`Fmn`] | the smallest perturbation | L0, L1, L2, L∞ |
//! | [`SigmaZero`] | the fewest changed values | L0 |
//! | [`Fab`] | the smallest perturbation, along the boundary | L1, L2, L∞ |
//! | [`Pdpgd`] | the smallest perturbation | L1, L2, L∞ |
//! | [`DeepFool`] | a small perturbation in few steps; as SuperDeepFool a smaller one | L2, L∞ |
//! | [`CarliniWagner`] | the smallest perturbation, slowly | L2 |
//! | [`Apgd`] | a misread image within ε; three losses | L1, L2, L∞ |
//! | [`Pgd`] | a misread image within ε | L1, L2, L∞ |
//! | [`Fgsm`] | a misread image within ε, in one step | L∞ |
//! | [`Square`] | a misread image within ε, without gradients | L2, L∞ |
//! | [`Noise`] | a misread image by random noise of size ε: the control | L0, L1, L2, L∞ |
//! | [`GradientAscent`] | a misread image: the original experiment | L2 |
//! | [`SmallestEpsilon`] | the smallest perturbation, by an attack within ε | its norm |
//! | [`Polished`] | what an attack finds, made smaller | its norm |
//! | [`Ensemble`] | the smallest perturbation that any of several attacks finds | any |
//!
//! Each attack has the defaults of its paper; its documentation names the paper and every difference from it. [`menu`]
//! lists the attacks by name with their parameters, and [`build`] makes one from options such as
//! `fmn:norm=linf,steps=1000`.
//!
//! # An attack of your own
//!
//! An attack describes itself and takes steps. This one fades the picture to grey:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use decoy::attack::{About, Attack, Problem, Run, Search, State};
//! use decoy::classifier::{Frozen, Goal};
//! use decoy::model::CompactConfig;
//! use decoy::norm::Norm;
//!
//! #[derive(Clone)]
//! struct Fade {
//!     steps: usize,
//! }
//!
//! impl Attack for Fade {
//!     fn about(&self) -> About {
//!         About::new("fade", Norm::L2, self.steps)
//!     }
//!
//!     fn begin(&self, _: &Problem, _: &mut State) -> Box<dyn Search> {
//!         Box::new(self.clone())
//!     }
//! }
//!
//! impl Search for Fade {
//!     fn step(&mut self, problem: &Problem, state: &mut State) {
//!         let grey = 0.5 - problem.pixels.clone();
//!         let share = (state.step + 1) as f32 / self.steps as f32;
//!         state.current = problem.perturbed(grey * share);
//!         state.predict(problem); // keeps it where it is misread and nearer than the best so far
//!     }
//! }
//!
//! # pollster::block_on(async {
//! # let device = Device::flex();
//! # let network = Frozen::new(&CompactConfig { side: 128, classes: 20 }.init(&device));
//! # let pixels = Tensor::full([1, 1, 128, 128], 0.2, &device);
//! let outcome = Run::begin(&Fade { steps: 20 }, &network, pixels, Goal::Change).await?.complete().await?;
//! println!("faded until it is misread: {}", outcome.images[0].success);
//! # assert_eq!(outcome.passes.backward, 0);
//! # Ok::<(), decoy::error::Error>(())
//! # }).unwrap();
//! ```
//!
//! Where an attack uses random numbers, all images of a batch get the same ones, so an image alone has the same result
//! as in a batch. In this crate a new attack is one file with its texts and parameters, listed in `menu.rs` and in the
//! modules below; command, page and the tests of all attacks follow from the menu.

mod adam;
mod apgd;
mod attempt;
mod bisection;
mod carlini_wagner;
mod ddn;
mod deepfool;
mod ensemble;
mod entry;
mod fab;
mod fgsm;
mod fmn;
mod gradient_ascent;
mod menu;
mod noise;
mod options;
mod pdpgd;
mod pgd;
mod plane;
mod polish;
mod problem;
mod random;
mod run;
mod sigma_zero;
mod smallest_epsilon;
mod square;
mod state;

use std::iter::Sum;

use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};

pub use apgd::{Apgd, ApgdLoss};
pub use carlini_wagner::CarliniWagner;
pub use ddn::Ddn;
pub use deepfool::{DeepFool, DeepFoolVariant};
pub use ensemble::Ensemble;
pub use fab::Fab;
pub use fgsm::Fgsm;
pub use fmn::Fmn;
pub use gradient_ascent::{GradientAscent, Objective};
pub use menu::{build, menu};
pub use noise::Noise;
pub use options::{AttackForm, AttackInfo, AttackOptions, Parameter};
pub use pdpgd::Pdpgd;
pub use pgd::Pgd;
pub use polish::Polished;
pub use problem::Problem;
pub use run::{EightBit, Flag, ImageOutcome, ImageProgress, Outcome, Progress, Run};
pub use sigma_zero::SigmaZero;
pub use smallest_epsilon::SmallestEpsilon;
pub use square::Square;
pub use state::{Best, State};

use attempt::Attempt;
use problem::SMALLEST_MARGIN;

use crate::error::Error;
use crate::norm::Norm;
use crate::per_image;

/// An attack with its parameters.
pub trait Attack {
    /// The attack's properties, with these parameters.
    fn about(&self) -> About;

    /// Begins on a batch. `state` stands at the originals; this moves it to where the search starts.
    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search>;
}

/// The properties of an attack.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct About {
    /// Its name in commands, reports and on the page.
    pub name: &'static str,
    /// The norm in which it measures perturbations.
    pub norm: Norm,
    /// The largest number of steps.
    pub steps: usize,
    /// The most it costs for every image. The driver adds a few forward passes to check the result.
    pub cost: Passes,
    /// How often the driver halves the line to the best images after the last step, for one forward pass each, once it
    /// has predicted the last images; `None` where it shall do neither.
    pub bisections: Option<usize>,
    /// For an attack of fixed size: the largest norm of its perturbations.
    pub epsilon: Option<f32>,
    /// κ: by how much the logit of the class to be read must exceed the others for a success.
    pub lead: f32,
    /// Whether it can make a network read a given class. Every attack can make it misread.
    pub targeted: bool,
    /// Whether it uses only the network's answers, never a gradient.
    pub black_box: bool,
    /// The smallest number of classes it works with.
    pub fewest_classes: usize,
}

impl About {
    /// An attack that takes one gradient a step, can aim at a class, and searches for the smallest perturbation.
    pub const fn new(name: &'static str, norm: Norm, steps: usize) -> Self {
        Self {
            name,
            norm,
            steps,
            cost: Passes::gradients(steps),
            bisections: None,
            epsilon: None,
            lead: 0.0,
            targeted: true,
            black_box: false,
            fewest_classes: 2,
        }
    }

    /// The same attack, at the end of which the driver predicts the last images, and then halves the line to the best
    /// images this many times.
    pub const fn bisected(self, halvings: usize) -> Self {
        Self { bisections: Some(halvings), cost: self.cost.and_forward(1 + halvings), ..self }
    }

    /// The same attack, at the end of which the driver predicts the last images.
    pub const fn predicted_at_end(self) -> Self {
        self.bisected(0)
    }

    /// Checks that the attack works with `found` classes.
    ///
    /// # Errors
    ///
    /// If there are too few classes.
    pub fn check_classes(&self, found: usize) -> Result<(), Error> {
        let expected = self.fewest_classes;
        if found >= expected { Ok(()) } else { Err(Error::TooFewClasses { attack: self.name, expected, found }) }
    }
}

/// Passes through a network for every image. A gradient costs one forward and one backward pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Passes {
    /// Forward passes.
    pub forward: usize,
    /// Backward passes.
    pub backward: usize,
}

impl Passes {
    /// The passes of `count` gradients.
    pub const fn gradients(count: usize) -> Self {
        Self { forward: count, backward: count }
    }

    /// These passes and `count` more forward passes.
    pub const fn and_forward(self, count: usize) -> Self {
        Self { forward: self.forward + count, ..self }
    }

    /// `count` times these passes.
    pub const fn times(self, count: usize) -> Self {
        Self { forward: self.forward * count, backward: self.backward * count }
    }
}

impl Sum for Passes {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            forward: sum.forward + one.forward,
            backward: sum.backward + one.backward,
        })
    }
}

/// The steps of one attack on one batch. The search keeps all its state on the device, one value or image per row. No
/// row depends on another.
pub trait Search {
    /// Takes one step.
    fn step(&mut self, problem: &Problem, state: &mut State);

    /// For a search made of other searches: brings `state` up to date with what they have found. The driver calls it
    /// only before it reads `state`.
    fn update(&mut self, _problem: &Problem, _state: &mut State) {}

    /// Work after the last step, before the driver bisects. Nothing by default.
    fn finish(&mut self, _problem: &Problem, _state: &mut State) {}
}

/// A cosine schedule from `first` to `last`, as `done` goes from 0 to 1.
fn annealed(done: f32, first: f32, last: f32) -> f32 {
    last + (first - last) * (1.0 + (std::f32::consts::PI * done).cos()) / 2.0
}

/// The factor for each step, at least 1 + `gamma`, with which a radius grows from `first` to `largest` `[N]` in `steps`
/// steps.
fn growth(largest: Tensor<1>, first: f32, steps: usize, gamma: f32) -> Tensor<1> {
    (largest / first).log().div_scalar(steps as f32).exp().clamp_min(1.0 + gamma)
}

/// `direction`, set to 0 where a step along it would lead a value of `pixels` out of [0, 1].
fn within_box_direction(pixels: Tensor<4>, direction: Tensor<4>) -> Tensor<4> {
    let nudged = (pixels.clone() + direction.clone().sign() * 1e-3).clamp(0.0, 1.0);
    direction * nudged.not_equal(pixels).float()
}

/// For each image, `yes` where `mask` is true, else `no`.
fn choose(mask: Tensor<1, Bool>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    per_image::choose(mask.float(), yes, no)
}
