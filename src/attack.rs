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
//! as in a batch. In this crate a new attack is one file with its texts and parameters. It is listed in `menu.rs`, in the
//! modules and the table above, and in `tests/attacks.rs`.

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
    /// Halvings of the line to the best image after the last step, for one forward pass each, see
    /// [`bisected`](About::bisected); `None` where the search ends itself.
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

    /// For a search made of other searches: takes over what they have found. The driver calls it only before it reads
    /// `state`.
    fn gather(&mut self, _problem: &Problem, _state: &mut State) {}

    /// Work after the last step, before the driver bisects. Nothing by default.
    fn finish(&mut self, _problem: &Problem, _state: &mut State) {}
}

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
    fn new(problem: &Problem, norm: Norm, epsilon: Tensor<1>) -> Self {
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
    fn take(&mut self, problem: &Problem, other: &Self) {
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

/// An attack on a batch, in progress.
struct Attempt {
    search: Box<dyn Search>,
    state: State,
    about: About,
}

impl Attempt {
    /// Begins with the attack's own ε.
    fn begin(attack: &dyn Attack, problem: &Problem) -> Self {
        let epsilon = problem.for_each(attack.about().epsilon.unwrap_or(Best::NONE));
        Self::within(attack, problem, epsilon)
    }

    /// Begins with the radius `epsilon` `[N]` for every image.
    fn within(attack: &dyn Attack, problem: &Problem, epsilon: Tensor<1>) -> Self {
        let about = attack.about();
        let mut state = State::new(problem, about.norm, epsilon);
        let search = attack.begin(problem, &mut state);
        state.current = problem.mask_pixels(state.current);
        Self { search, state, about }
    }

    fn step(&mut self, problem: &Problem) {
        self.search.step(problem, &mut self.state);
        self.state.current = problem.mask_pixels(self.state.current.clone());
        self.state.step += 1;
    }

    /// Brings the state up to date.
    fn gather(&mut self, problem: &Problem) {
        self.search.gather(problem, &mut self.state);
    }

    /// The same, and hands what is found to `state`, that of the search which this attempt is a part of.
    fn report(&mut self, problem: &Problem, state: &mut State) {
        self.gather(problem);
        state.take(problem, &self.state);
    }

    fn finish(&mut self, problem: &Problem) {
        self.gather(problem);
        self.search.finish(problem, &mut self.state);
        if let Some(halvings) = self.about.bisections {
            // A search that predicts before it moves has not predicted its last images.
            self.state.predict(problem);
            bisection::bisect(problem, &mut self.state.best, halvings, self.state.norm);
        }
    }

    /// Finishes, and hands the result to `state`, that of the search which this attempt is a part of.
    fn finish_into(&mut self, problem: &Problem, state: &mut State) {
        self.finish(problem);
        state.take(problem, &self.state);
    }

    /// The number of steps left.
    fn left(&self) -> usize {
        self.about.steps - self.state.step
    }
}

/// The task of a search. It counts the passes that the search uses.
pub struct Problem<'a> {
    classifier: &'a Frozen,
    /// The original images, `[N, C, H, W]`, in [0, 1].
    pub pixels: Tensor<4>,
    /// The condition for success.
    pub criterion: Criterion,
    /// 1 where a pixel may change, else 0, `[1, 1, H, W]`; `None` where all may change.
    region: Option<Tensor<4>>,
    passes: Cell<Passes>,
    /// The largest magnitude in the first gradient asked for, `[N]`; 1 where the goal was already reached there.
    first_gradient: RefCell<Option<Tensor<1>>>,
}

/// The smallest margin that counts: ten times the rounding of logits, which differs between devices and batch sizes.
const ROUNDING: f32 = 1e-4;

/// Whether a margin is large enough to keep its sign on another device or batch size.
fn is_beyond_rounding(margin: Tensor<1>) -> Tensor<1, Bool> {
    margin.greater_elem(ROUNDING)
}

impl<'a> Problem<'a> {
    fn new(classifier: &'a Frozen, pixels: Tensor<4>, criterion: Criterion, region: Option<Tensor<4>>) -> Self {
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
pub(crate) fn within_box_direction(pixels: Tensor<4>, direction: Tensor<4>) -> Tensor<4> {
    let nudged = (pixels.clone() + direction.clone().sign() * 1e-3).clamp(0.0, 1.0);
    direction * nudged.not_equal(pixels).float()
}

/// For each image, `yes` where `mask` is true, else `no`.
pub(crate) fn choose(mask: Tensor<1, Bool>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    per_image::choose(mask.float(), yes, no)
}
