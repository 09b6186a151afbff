//! Attacks: searches for the most similar image that a network misreads.
//!
//! An attack writes only its [`Search`]. The driver, [`Run`], owns the [`State`]: it checks the input, lets the search
//! step, reads its progress back once every few steps, and at the end trusts nothing: it clips, predicts and measures
//! again, and finds the 8-bit image that is misread too.
//!
//! # Which one
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
//! | [`Noise`] | a misread image of size ε by chance: the control | L0, L1, L2, L∞ |
//! | [`GradientAscent`] | a misread image: the original experiment | L2 |
//! | [`SmallestEpsilon`] | the smallest perturbation by an attack within ε | its norm |
//! | [`Polished`] | what an attack finds, made smaller | its norm |
//! | [`Ensemble`] | the smallest perturbation by any of several | any |
//!
//! Each has its defaults from its paper, which its page names along with every difference from it. [`menu`] lists them
//! by name with their parameters, and [`build`] makes one from options that can be written `fmn:norm=linf,steps=1000`.
//!
//! # One of your own
//!
//! An attack says what it is and takes steps. This one fades the picture to grey:
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
//!         state.predict(problem); // keeps it where it is misread and nearer than what was
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
//! Where an image depends on random numbers, all images of a batch get the same, so that an image alone has the same
//! result as in a batch. In this crate a new attack is one file, which says its words and parameters too, and one line in
//! `menu.rs`; the table of `tests/attacks.rs` holds everything in the menu to what must hold.

mod adam;
mod apgd;
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
mod random;
mod run;
mod sigma_zero;
mod smallest_epsilon;
mod square;

use std::cell::{Cell, RefCell};
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
pub use run::{EightBit, Flag, ImageOutcome, ImageProgress, Outcome, Progress, Run};
pub use sigma_zero::SigmaZero;
pub use smallest_epsilon::SmallestEpsilon;
pub use square::Square;

use crate::classifier::{Criterion, Frozen, Slope};
use crate::error::Error;
use crate::norm::{Norm, shrink_within_box};
use crate::per_image;

/// A method of attack with its parameters.
pub trait Attack {
    /// What it is, with these parameters.
    fn about(&self) -> About;

    /// Begins on a batch: moves `state`, which stands at the originals, to where the search starts.
    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search>;
}

impl Attack for Box<dyn Attack> {
    fn about(&self) -> About {
        (**self).about()
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        (**self).begin(problem, state)
    }
}

/// What an attack is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct About {
    /// Its name in commands, reports and on the page.
    pub name: &'static str,
    /// The norm of the perturbation that it keeps small.
    pub norm: Norm,
    /// How many steps it takes at most.
    pub steps: usize,
    /// What it costs at most, for every image; the driver adds a few forward passes to check the result.
    pub cost: Passes,
    /// The norm that no perturbation of it exceeds, if it is one of fixed size.
    pub epsilon: Option<f32>,
    /// κ: by how much the logit of the class to be read must lead for a success.
    pub lead: f32,
    /// Whether it can make a network read a given class; all can make it misread.
    pub targeted: bool,
    /// Whether it asks for answers alone, never for a gradient.
    pub black_box: bool,
    /// The fewest classes it works with.
    pub fewest_classes: usize,
}

impl About {
    /// An attack that takes one gradient a step, can aim at a class, and looks for the smallest perturbation.
    pub const fn new(name: &'static str, norm: Norm, steps: usize) -> Self {
        Self {
            name,
            norm,
            steps,
            cost: Passes::gradients(steps),
            epsilon: None,
            lead: 0.0,
            targeted: true,
            black_box: false,
            fewest_classes: 2,
        }
    }

    /// Whether it works with so many classes.
    ///
    /// # Errors
    ///
    /// If they are too few.
    pub fn check_classes(&self, found: usize) -> Result<(), Error> {
        let expected = self.fewest_classes;
        if found >= expected { Ok(()) } else { Err(Error::TooFewClasses { attack: self.name, expected, found }) }
    }
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

impl Sum for Passes {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |sum, one| Self {
            forward: sum.forward + one.forward,
            backward: sum.backward + one.backward,
        })
    }
}

/// The steps of one attack on one batch. All it knows stays on the device, one value or image per row; no row depends on
/// another.
pub trait Search {
    /// Takes one step.
    fn step(&mut self, problem: &Problem, state: &mut State);

    /// Work after the last step, such as a bisection. Nothing by default.
    fn polish(&mut self, _problem: &Problem, _state: &mut State) {}
}

/// Where a search stands, for every image of a batch.
pub struct State {
    /// The norm that is kept small.
    pub norm: Norm,
    /// The radius of the ball that the perturbation is to stay in, `[N]`; [`Best::NONE`] where there is none.
    pub epsilon: Tensor<1>,
    /// Steps taken.
    pub step: usize,
    /// The images as they are now, adversarial or not, `[N, C, H, W]`.
    pub current: Tensor<4>,
    /// The best adversarial images so far.
    pub best: Best,
    /// What the network said when it was last asked, `[N, K]`.
    pub logits: Option<Tensor<2>>,
    /// Where no further step changes anything, `[N]`, 1 or 0.
    pub settled: Tensor<1>,
}

impl State {
    /// At the originals, with nothing found.
    fn new(problem: &Problem, norm: Norm, epsilon: Tensor<1>) -> Self {
        let best = Best::none(problem);
        let settled = best.norm.zeros_like();
        Self { norm, epsilon, step: 0, current: problem.pixels.clone(), best, logits: None, settled }
    }

    /// Takes in the `logits` of the current images: keeps those that are adversarial and nearer than the best. Returns
    /// where they are adversarial, `[N]`.
    pub fn record(&mut self, problem: &Problem, logits: Tensor<2>) -> Tensor<1, Bool> {
        let margin = problem.criterion.margin(logits.clone());
        self.record_margin(problem, logits, margin)
    }

    /// The same, where their `margin` `[N]` is known.
    pub fn record_margin(&mut self, problem: &Problem, logits: Tensor<2>, margin: Tensor<1>) -> Tensor<1, Bool> {
        self.logits = Some(logits);
        self.current = problem.allowed(self.current.clone());
        let adversarial = is_beyond_rounding(margin);
        let size = self.norm.distance(self.current.clone(), problem.pixels.clone());
        self.best.offer(self.current.clone(), size, adversarial.clone());
        adversarial
    }

    /// [`record`](State::record)s the current images, for one forward pass.
    pub fn predict(&mut self, problem: &Problem) {
        let logits = problem.logits(self.current.clone());
        self.record(problem, logits);
    }

    /// What most searches end with, for `bisections` + 1 forward passes: [`predict`](State::predict)s the last images,
    /// which a search that predicts first and moves then has not, and closes in on the line to the best ones.
    pub fn close_in(&mut self, problem: &Problem, bisections: usize) {
        self.predict(problem);
        bisection::bisect(problem, &mut self.best, bisections, self.norm);
    }

    /// Settles the images for which something is found; returns where, `[N]`.
    pub fn stop_where_found(&mut self) -> Tensor<1, Bool> {
        let found = self.best.found();
        self.settled = found.clone().float();
        found
    }

    /// Takes over where another search on the same images stands, and what it has found.
    fn take(&mut self, problem: &Problem, other: &Self) {
        let Self { current, best, logits, .. } = other;
        let size = if other.norm == self.norm {
            best.norm.clone()
        } else {
            self.norm.distance(best.pixels.clone(), problem.pixels.clone())
        };
        self.best.offer(best.pixels.clone(), size, best.found());
        self.current = current.clone();
        self.logits = logits.clone();
    }
}

/// An attack under way on a batch.
struct Attempt {
    search: Box<dyn Search>,
    state: State,
    /// Steps at most.
    steps: usize,
}

impl Attempt {
    /// Begins with the attack's own ε.
    fn begin(attack: &dyn Attack, problem: &Problem) -> Self {
        let epsilon = problem.for_each(attack.about().epsilon.unwrap_or(Best::NONE));
        Self::within(attack, problem, epsilon)
    }

    /// Begins with the radius `epsilon` `[N]` for every image.
    fn within(attack: &dyn Attack, problem: &Problem, epsilon: Tensor<1>) -> Self {
        let About { norm, steps, .. } = attack.about();
        let mut state = State::new(problem, norm, epsilon);
        let search = attack.begin(problem, &mut state);
        state.current = problem.allowed(state.current);
        Self { search, state, steps }
    }

    fn step(&mut self, problem: &Problem) {
        self.search.step(problem, &mut self.state);
        self.state.current = problem.allowed(self.state.current.clone());
        self.state.step += 1;
    }

    fn polish(&mut self, problem: &Problem) {
        self.search.polish(problem, &mut self.state);
    }

    /// Steps that are left.
    fn left(&self) -> usize {
        self.steps - self.state.step
    }
}

/// What a search works on, with a count of what it costs.
pub struct Problem<'a> {
    classifier: &'a Frozen,
    /// The original images, `[N, C, H, W]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// What counts as success.
    pub criterion: Criterion,
    /// 1 where a value may change, else 0, `[1, 1, H, W]`; none where all may.
    region: Option<Tensor<4>>,
    passes: Cell<Passes>,
    /// The largest value of the first gradient asked for; 1 where the goal was reached there, `[N]`.
    first_gradient: RefCell<Option<Tensor<1>>>,
}

/// Whether a margin does not turn with another batch size or device: rounding moves logits by up to 1e-5.
fn is_beyond_rounding(margin: Tensor<1>) -> Tensor<1, Bool> {
    margin.greater_elem(1e-4)
}

impl<'a> Problem<'a> {
    fn new(classifier: &'a Frozen, pixels: Tensor<4>, criterion: Criterion, region: Option<Tensor<4>>) -> Self {
        Self { classifier, pixels, criterion, region, passes: Cell::default(), first_gradient: RefCell::default() }
    }

    /// The logits at `pixels`, `[N, K]`, whose values outside of the region are the originals'; counts as a forward pass.
    pub fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.passes.set(self.passes.get().and_forward(1));
        self.classifier.logits(self.allowed(pixels))
    }

    /// The logits at `pixels`, whose values outside of the region are the originals', the value of `objective` there and its
    /// gradient, which is 0 outside of the region; counts as a forward and a backward pass. See [`Frozen::gradient`].
    pub fn gradient(&self, pixels: Tensor<4>, objective: impl FnOnce(Tensor<2>) -> Tensor<1>) -> Slope {
        let Passes { forward, backward } = self.passes.get();
        self.passes.set(Passes { forward: forward + 1, backward: backward + 1 });
        let mut slope = self.classifier.gradient(self.allowed(pixels), objective);
        slope.gradient = self.inside(slope.gradient);
        self.first_gradient.borrow_mut().get_or_insert_with(|| {
            // Where the goal is reached already, an objective may well be at its highest.
            let steepest = Norm::Linf.measure(slope.gradient.clone());
            steepest.mask_fill(self.reached(slope.logits.clone()), 1.0)
        });
        slope
    }

    /// `value` for every image, `[N]`.
    pub fn for_each(&self, value: f32) -> Tensor<1> {
        Tensor::full([self.pixels.dims()[0]], value, &self.pixels.device())
    }

    /// `pixels` within the region, the originals outside of it, `[N, C, H, W]`.
    pub fn allowed(&self, pixels: Tensor<4>) -> Tensor<4> {
        match &self.region {
            None => pixels,
            Some(mask) => {
                let inside = mask.clone().greater_elem(0.5).expand(pixels.shape());
                self.pixels.clone().mask_where(inside, pixels)
            }
        }
    }

    /// `perturbation` within the region, 0 outside of it, `[N, C, H, W]`.
    pub fn inside(&self, perturbation: Tensor<4>) -> Tensor<4> {
        match &self.region {
            None => perturbation,
            Some(mask) => perturbation * mask.clone(),
        }
    }

    /// The largest perturbations the box [0, 1] and the region leave room for, in `norm`, `[N]`.
    pub fn room(&self, norm: Norm) -> Tensor<1> {
        norm.measure(self.inside(self.pixels.clone().max_pair(1.0 - self.pixels.clone())))
    }

    /// The images within [0, 1] that `perturbation` leads to.
    pub fn perturbed(&self, perturbation: Tensor<4>) -> Tensor<4> {
        (self.pixels.clone() + perturbation).clamp(0.0, 1.0)
    }

    /// The images within [0, 1] nearest to `pixels` whose perturbation has a norm of at most `epsilon` `[N]`.
    pub fn within(&self, norm: Norm, pixels: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        match norm {
            Norm::L0 => self.perturbed(norm.project(pixels - self.pixels.clone(), epsilon)),
            Norm::L1 => self.perturbed(shrink_within_box(self.pixels.clone(), pixels - self.pixels.clone(), epsilon)),
            Norm::L2 => {
                let share = epsilon / self.length(pixels.clone());
                per_image::between(self.pixels.clone(), pixels, share.clamp_max(1.0))
            }
            Norm::Linf => per_image::cube(self.pixels.clone(), pixels, epsilon),
        }
    }

    /// The images within [0, 1] in the direction of `pixels`, with a perturbation of length `epsilon` `[N]` before the clip.
    pub fn on_sphere(&self, pixels: Tensor<4>, epsilon: Tensor<1>) -> Tensor<4> {
        let share = epsilon / self.length(pixels.clone());
        per_image::between(self.pixels.clone(), pixels, share)
    }

    /// The L2 norm of the perturbation that leads to `pixels`, not quite zero, `[N]`.
    fn length(&self, pixels: Tensor<4>) -> Tensor<1> {
        Norm::L2.distance(pixels, self.pixels.clone()).clamp_min(1e-12)
    }

    /// Whether each image reaches the goal, with a margin above rounding, `[N]`.
    pub fn reached(&self, logits: Tensor<2>) -> Tensor<1, Bool> {
        is_beyond_rounding(self.criterion.margin(logits))
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
            per_image::nearer(adversarial.float(), (pixels, norm), (self.pixels.clone(), self.norm.clone()));
    }
}

/// From `first` to `last` along a cosine, as the share `done` goes from 0 to 1.
fn annealed(done: f32, first: f32, last: f32) -> f32 {
    last + (first - last) * (1.0 + (std::f32::consts::PI * done).cos()) / 2.0
}

/// `direction` without what would lead `pixels` out of [0, 1].
pub(crate) fn inward(pixels: Tensor<4>, direction: Tensor<4>) -> Tensor<4> {
    let nudged = (pixels.clone() + direction.clone().sign() * 1e-3).clamp(0.0, 1.0);
    direction * nudged.not_equal(pixels).float()
}

/// Row by row `yes` where `mask`, else `no`.
pub(crate) fn choose(mask: Tensor<1, Bool>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    per_image::choose(mask.float(), yes, no)
}
