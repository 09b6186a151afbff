//! Attacks: searches for the most similar image that a network misreads.
//!
//! An attack writes only its [`Search`]. The driver, [`Run`], checks the input, lets the search step, reads its
//! progress back once every few steps, and at the end trusts nothing: it clips, predicts and measures again, and
//! finds the 8-bit image that is misread too.
//!
//! # Which one
//!
//! | attack | finds | in |
//! |---|---|---|
//! | [`Ddn`] | the smallest perturbation; the one to begin with | L2 |
//! | [`Fmn`] | the smallest perturbation | L0, L1, L2, L∞ |
//! | [`DeepFool`] | a small perturbation in few steps; as SuperDeepFool a smaller one | L2, L∞ |
//! | [`CarliniWagner`] | the smallest perturbation, slowly | L2 |
//! | [`Apgd`] | a misread image within ε; three losses | L2, L∞ |
//! | [`Pgd`] | a misread image within ε | L1, L2, L∞ |
//! | [`Fgsm`] | a misread image within ε, in one step | L∞ |
//! | [`Square`] | a misread image within ε, without gradients | L2, L∞ |
//! | [`Noise`] | a misread image of size ε by chance: the control | L0, L1, L2, L∞ |
//! | [`GradientAscent`] | a misread image: the original experiment | L2 |
//! | [`SmallestEpsilon`] | the smallest perturbation by an attack within ε | its norm |
//! | [`Ensemble`] | the smallest perturbation by any of several | any |
//!
//! Each has its defaults from its paper, which its page names along with every difference from it. [`menu`] lists them
//! by name with their parameters, and [`build`] makes one from options that can be written `fmn:norm=linf,steps=1000`.
//!
//! # One of your own
//!
//! An attack is its parameters and one step. This one fades the picture to grey:
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use decoy::attack::{Attack, Problem, Run, Search, State};
//! use decoy::classifier::{Frozen, Goal};
//! use decoy::model::CompactConfig;
//! use decoy::norm::Norm;
//!
//! struct Fade {
//!     steps: usize,
//! }
//!
//! impl Attack for Fade {
//!     fn name(&self) -> &'static str {
//!         "fade"
//!     }
//!
//!     fn norm(&self) -> Norm {
//!         Norm::L2
//!     }
//!
//!     fn steps(&self) -> usize {
//!         self.steps
//!     }
//!
//!     fn begin(&self, problem: &Problem) -> Box<dyn Search> {
//!         Box::new(FadeSearch { share: 1.0 / self.steps as f32, state: State::new(problem) })
//!     }
//! }
//!
//! struct FadeSearch {
//!     share: f32,
//!     state: State,
//! }
//!
//! impl Search for FadeSearch {
//!     fn step(&mut self, problem: &Problem) {
//!         let grey = 0.5 - problem.pixels.clone();
//!         let taken = self.state.current.clone() - problem.pixels.clone();
//!         self.state.current = problem.perturbed(taken + grey * self.share);
//!         self.state.predict(problem, Norm::L2); // keeps it where it is misread and nearer than what was
//!     }
//!
//!     fn state(&self) -> &State {
//!         &self.state
//!     }
//! }
//!
//! # pollster::block_on(async {
//! # let device = Device::flex();
//! # let network = Frozen::new(&CompactConfig { side: 128, classes: 20 }.init(&device));
//! # let pixels = Tensor::full([1, 1, 128, 128], 0.2, &device);
//! # let class = network.predict(pixels.clone()).await?[0].class();
//! let goal = Goal::Misread(vec![class]);
//! let outcome = Run::begin(&Fade { steps: 20 }, &network, pixels, goal).await?.complete().await?;
//! println!("faded until it is misread: {}", outcome.images[0].success);
//! # assert_eq!(outcome.passes.backward, 0);
//! # Ok::<(), decoy::error::Error>(())
//! # }).unwrap();
//! ```
//!
//! Where an image depends on random numbers, all images of a batch get the same, so that an image alone has the same
//! result as in a batch. In this crate a new attack also gets a line in `menu.rs`, and one in the table of
//! `tests/attacks.rs` that holds it to everything the others are held to.

mod apgd;
mod bisection;
mod carlini_wagner;
mod ddn;
mod deepfool;
mod ensemble;
mod fgsm;
mod fmn;
mod gradient_ascent;
mod menu;
mod noise;
mod pgd;
mod random;
mod run;
mod smallest_epsilon;
mod square;

use std::cell::{Cell, RefCell};

use burn::tensor::{Bool, Tensor};
use serde::{Deserialize, Serialize};

pub use apgd::{Apgd, ApgdLoss};
pub use carlini_wagner::CarliniWagner;
pub use ddn::Ddn;
pub use deepfool::{DeepFool, DeepFoolVariant};
pub use ensemble::Ensemble;
pub use fgsm::Fgsm;
pub use fmn::Fmn;
pub use gradient_ascent::{GradientAscent, Objective};
pub use menu::{build, menu};
pub use noise::Noise;
pub use pgd::Pgd;
pub use run::{EightBit, Flag, ImageOutcome, ImageProgress, Outcome, Progress, Run};
pub use smallest_epsilon::SmallestEpsilon;
pub use square::Square;

use crate::classifier::{Criterion, Frozen};
use crate::norm::Norm;
use crate::rows;

/// A method of attack with its parameters.
pub trait Attack {
    /// Its name in commands, reports and on the page.
    fn name(&self) -> &'static str;

    /// The norm of the perturbation that it keeps small.
    fn norm(&self) -> Norm;

    /// How many steps it takes at most.
    fn steps(&self) -> usize;

    /// What it costs at most, for every image. One gradient a step if not said otherwise; the driver adds the few
    /// forward passes of its certificate.
    fn cost(&self) -> Passes {
        Passes::gradients(self.steps())
    }

    /// The norm that no perturbation of it exceeds, if it is one of fixed size.
    fn epsilon(&self) -> Option<f32> {
        None
    }

    /// κ: by how much the logit of the class to be read must lead for a success. None if not said otherwise.
    fn lead(&self) -> f32 {
        0.0
    }

    /// Whether it can make a network read a given class; all can make it misread.
    fn targeted(&self) -> bool {
        true
    }

    /// Whether it asks for answers alone, never for a gradient.
    fn black_box(&self) -> bool {
        false
    }

    /// The fewest classes it works with.
    fn fewest_classes(&self) -> usize {
        2
    }

    /// Begins on a batch.
    fn begin(&self, problem: &Problem) -> Box<dyn Search>;
}

/// An attack within a ball of fixed size around every image. [`SmallestEpsilon`] makes one for the smallest
/// perturbation of it.
pub trait Bounded: Attack {
    /// Begins on a batch, with the radius `epsilon` `[N]` of every image's ball.
    fn begin_within(&self, problem: &Problem, epsilon: Tensor<1>) -> Box<dyn Search>;
}

/// Passes through a network for every image. A gradient is one of each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
pub struct Passes {
    /// Forward passes.
    pub forward: usize,
    /// Backward passes.
    pub backward: usize,
}

impl Passes {
    /// Those of so many gradients.
    pub const fn gradients(count: usize) -> Self {
        Self { forward: count, backward: count }
    }

    /// These, and so many forward passes more.
    pub const fn and_forward(self, count: usize) -> Self {
        Self { forward: self.forward + count, ..self }
    }

    /// These, so many times.
    pub const fn times(self, count: usize) -> Self {
        Self { forward: self.forward * count, backward: self.backward * count }
    }
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
    /// What the network said when it last looked, `[N, K]`.
    pub logits: Option<Tensor<2>>,
    /// Where no further step changes anything, `[N]`, 1 or 0.
    pub settled: Tensor<1>,
}

impl State {
    /// At the originals, with nothing found.
    pub fn new(problem: &Problem) -> Self {
        let best = Best::none(problem);
        Self { current: problem.pixels.clone(), logits: None, settled: best.norm.zeros_like(), best }
    }

    /// Takes in the `logits` of the current images: keeps those that are adversarial and nearer in `norm` than the
    /// best. Returns where they are adversarial, `[N]`.
    pub fn look(&mut self, problem: &Problem, logits: Tensor<2>, norm: Norm) -> Tensor<1, Bool> {
        self.logits = Some(logits.clone());
        let adversarial = problem.reached(logits);
        let size = norm.distance(self.current.clone(), problem.pixels.clone());
        self.best.offer(self.current.clone(), size, adversarial.clone());
        adversarial
    }

    /// [`look`](State::look)s at the current images, for one forward pass.
    pub fn predict(&mut self, problem: &Problem, norm: Norm) {
        let logits = problem.logits(self.current.clone());
        self.look(problem, logits, norm);
    }

    /// What most searches end with, for `bisections` + 1 forward passes: [`predict`](State::predict)s the last images,
    /// at which a search that looks first and moves then has not looked, and closes in on the line to the best ones.
    pub fn close_in(&mut self, problem: &Problem, norm: Norm, bisections: usize) {
        self.predict(problem, norm);
        bisection::bisect(problem, &mut self.best, bisections, norm);
    }

    /// Settles the images for which something is found; returns where, `[N]`.
    pub fn stop_where_found(&mut self) -> Tensor<1, Bool> {
        let found = self.best.found();
        self.settled = found.clone().float();
        found
    }
}

/// What a search works on, with a count of what it costs.
pub struct Problem<'a> {
    classifier: &'a Frozen,
    /// The original images, `[N, C, H, W]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// What counts as success.
    pub criterion: Criterion,
    passes: Cell<Passes>,
    /// The largest value of the first gradient asked for; 1 where the goal was reached there, `[N]`.
    first_gradient: RefCell<Option<Tensor<1>>>,
}

/// A margin this small could turn with another batch size or device: rounding moves logits by up to 1e-5.
const MARGIN_FLOOR: f32 = 1e-4;

impl<'a> Problem<'a> {
    fn new(classifier: &'a Frozen, pixels: Tensor<4>, criterion: Criterion) -> Self {
        Self { classifier, pixels, criterion, passes: Cell::default(), first_gradient: RefCell::default() }
    }

    /// The logits at `pixels`, `[N, K]`; counts as a forward pass.
    pub fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.passes.set(self.passes.get().and_forward(1));
        self.classifier.logits(pixels)
    }

    /// The logits at `pixels` and the gradient of `objective` there; counts as a forward and a backward pass. See
    /// [`Frozen::gradient`].
    pub fn gradient(
        &self,
        pixels: Tensor<4>,
        objective: impl FnOnce(Tensor<2>) -> Tensor<1>,
    ) -> (Tensor<2>, Tensor<4>) {
        let Passes { forward, backward } = self.passes.get();
        self.passes.set(Passes { forward: forward + 1, backward: backward + 1 });
        let (logits, gradient) = self.classifier.gradient(pixels, objective);
        self.first_gradient.borrow_mut().get_or_insert_with(|| {
            // Where the goal is reached already, an objective may well be at its highest.
            let steepest = Norm::Linf.measure(gradient.clone());
            steepest.mask_fill(self.reached(logits.clone()), 1.0)
        });
        (logits, gradient)
    }

    /// `value` for every image, `[N]`.
    pub fn for_each(&self, value: f32) -> Tensor<1> {
        Tensor::full([self.pixels.dims()[0]], value, &self.pixels.device())
    }

    /// The largest perturbations the box [0, 1] leaves room for, in `norm`, `[N]`.
    pub fn room(&self, norm: Norm) -> Tensor<1> {
        norm.measure(self.pixels.clone().max_pair(1.0 - self.pixels.clone()))
    }

    /// The images within [0, 1] that `perturbation` leads to.
    pub fn perturbed(&self, perturbation: Tensor<4>) -> Tensor<4> {
        (self.pixels.clone() + perturbation).clamp(0.0, 1.0)
    }

    /// The images within [0, 1] nearest to `pixels` whose perturbation has a norm of at most `epsilon` `[N]`.
    pub fn within(&self, norm: Norm, pixels: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        match norm {
            Norm::L0 | Norm::L1 => self.perturbed(norm.project(pixels - self.pixels.clone(), epsilon)),
            Norm::L2 => {
                let share = epsilon / self.length(pixels.clone());
                rows::between(self.pixels.clone(), pixels, share.clamp_max(1.0))
            }
            Norm::Linf => rows::cube(self.pixels.clone(), pixels, epsilon),
        }
    }

    /// The images within [0, 1] in the direction of `pixels`, with a perturbation of length `epsilon` `[N]` before the clip.
    pub fn on_sphere(&self, pixels: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        let share = epsilon / self.length(pixels.clone());
        rows::between(self.pixels.clone(), pixels, share)
    }

    /// The L2 norm of the perturbation that leads to `pixels`, not quite zero, `[N]`.
    fn length(&self, pixels: Tensor<4>) -> Tensor<1> {
        Norm::L2.distance(pixels, self.pixels.clone()).clamp_min(1e-12)
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
        Self { pixels: problem.pixels.clone(), norm: problem.for_each(Self::NONE) }
    }

    /// Where something is found, `[N]`.
    pub fn found(&self) -> Tensor<1, Bool> {
        self.norm.clone().lower_elem(Self::NONE)
    }

    /// Keeps `pixels` where they are adversarial and their `norm` is smaller than the best.
    pub fn offer(&mut self, pixels: Tensor<4>, norm: Tensor<1>, adversarial: Tensor<1, Bool>) {
        (self.pixels, self.norm) =
            rows::nearer(adversarial.float(), (pixels, norm), (self.pixels.clone(), self.norm.clone()));
    }
}

/// `direction` without what would lead `pixels` out of [0, 1].
pub(crate) fn inward(pixels: Tensor<4>, direction: Tensor<4>) -> Tensor<4> {
    let nudged = (pixels.clone() + direction.clone().sign() * 1e-3).clamp(0.0, 1.0);
    direction * nudged.not_equal(pixels).float()
}

/// Row by row `yes` where `mask`, else `no`.
pub(crate) fn choose(mask: Tensor<1, Bool>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    rows::choose(mask.float(), yes, no)
}
