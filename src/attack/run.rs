//! The driver: one attack on one batch, checked before and after.

use burn::tensor::{Bool, Tensor};

use super::{About, Attack, Attempt, Best, Passes, Problem, State, choose};
use crate::classifier::{Aim, Criterion, Frozen, Goal, Probabilities};
use crate::error::Error;
use crate::norm::{Norm, Norms};
use crate::per_image;
use crate::tensors::{broadcast, read};

/// An attack under way. Call [`advance`](Run::advance) until it returns nothing, or stop whenever you like, then
/// [`finish`](Run::finish). Between the calls nothing runs, so that the caller can show progress or cancel.
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use decoy::attack::{Ddn, Run};
/// use decoy::classifier::{Frozen, Goal};
/// use decoy::model::CompactConfig;
///
/// # pollster::block_on(async {
/// let device = Device::flex();
/// let network = Frozen::new(&CompactConfig { side: 128, classes: 20 }.init(&device));
/// let pixels = Tensor::full([1, 1, 128, 128], 0.5, &device);
///
/// let attack = Ddn { steps: 10, ..Ddn::default() };
/// let mut run = Run::begin(&attack, &network, pixels, Goal::Change).await?;
/// while let Some(progress) = run.advance(5).await? {
///     println!("{} of {}", progress.step, progress.steps);
/// }
/// let outcome = run.finish().await?;
/// assert!(outcome.images[0].success);
/// # Ok::<(), decoy::error::Error>(())
/// # }).unwrap();
/// ```
pub struct Run<'a> {
    problem: Problem<'a>,
    aim: Aim,
    about: About,
    attempt: Attempt,
    /// The logits of the originals, row by row.
    logits: Vec<Vec<f32>>,
    original: Vec<Probabilities>,
    over: bool,
}

/// How far a [`Run`] is.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Steps taken.
    pub step: usize,
    /// Steps at most.
    pub steps: usize,
    /// Every image of the batch.
    pub images: Vec<ImageProgress>,
}

/// How far one image is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageProgress {
    /// Probability of the goal's class: the true one, or the target.
    pub confidence: f32,
    /// Size of the smallest adversarial perturbation so far, in the attack's norm.
    pub norm: Option<f32>,
    /// Whether no further step changes anything.
    pub settled: bool,
}

/// What an attack achieved on a batch.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Every image of the batch.
    pub images: Vec<ImageOutcome>,
    /// The adversarial images, or the last state of those that were not fooled, `[N, C, H, W]`, in [0, 1].
    pub adversarial: Tensor<4>,
    /// The same in 256 shades, moved a little further where rounding undid the attack, `[N, C, H, W]`.
    pub eight_bit: Tensor<4>,
    /// What it cost, for every image, the check of the result included.
    pub passes: Passes,
    /// The norm that the attack kept small.
    pub norm: Norm,
    /// The norm no perturbation could exceed, if the attack was one of fixed size.
    pub epsilon: Option<f32>,
    /// What it was to achieve.
    pub aim: Aim,
    /// κ, the lead of the class to be read that the attack asked for.
    pub lead: f32,
}

/// What an attack achieved on one image; everything predicted and measured anew from the returned pixels.
#[derive(Debug, Clone)]
pub struct ImageOutcome {
    /// Whether the aim is reached, and within ε where the attack is one of fixed size.
    pub success: bool,
    /// Whether the gradient vanished, so that the attack could not go on.
    pub vanished: bool,
    /// Reasons to doubt the result.
    pub flags: Vec<Flag>,
    /// What the network says of the original.
    pub original: Probabilities,
    /// What the network says of the adversarial image.
    pub adversarial: Probabilities,
    /// Size of the perturbation.
    pub norms: Norms,
    /// The same for the image in 256 shades.
    pub eight_bit: EightBit,
}

/// A reason to doubt what an attack found, after the checks of AutoAttack (Croce and Hein 2020, arXiv 2003.01690). Each
/// has a section in `docs/flags.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// The first gradient is zero for every pixel.
    ZeroGradient,
    /// The logits of the original lie in [0, 1] and sum to 1.
    Probabilities,
    /// The same image, asked twice, has two answers.
    NotDeterministic,
    /// An attack without gradients finds smaller perturbations than those with.
    BlackBoxWins,
    /// Twice as many steps find much smaller perturbations.
    NotConverged,
}

impl Flag {
    /// Its name in reports, and its section in `docs/flags.md`.
    pub fn name(self) -> &'static str {
        match self {
            Flag::ZeroGradient => "zero-gradient",
            Flag::Probabilities => "probabilities",
            Flag::NotDeterministic => "not-deterministic",
            Flag::BlackBoxWins => "black-box-wins",
            Flag::NotConverged => "not-converged",
        }
    }

    /// What it means and what to do, in words.
    pub fn message(self) -> &'static str {
        match self {
            Flag::ZeroGradient => {
                "The network's gradient is zero for this picture, so that an attack by gradients is blind: failing to \
                 fool it proves nothing. Try Square, which needs no gradient, and look for rounding or other flat steps \
                 in the network."
            }
            Flag::Probabilities => {
                "The network seems to answer with probabilities where logits are expected: attacks on them see a loss \
                 that is nearly flat. Take the softmax off its end."
            }
            Flag::NotDeterministic => {
                "The network answers differently when it is asked the same twice, so that no result about it is certain. \
                 Look for dropout or random numbers left on."
            }
            Flag::BlackBoxWins => {
                "An attack without gradients finds smaller changes than the attacks with: their gradients mislead. Take \
                 the smaller figures, and look for what hides the gradient."
            }
            Flag::NotConverged => {
                "With twice as many steps the changes become more than 2 % smaller: the attack was stopped too early, and \
                 the network looks harder to fool than it is. Take more steps."
            }
        }
    }
}

/// The image as an 8-bit file holds it.
#[derive(Debug, Clone)]
pub struct EightBit {
    /// Whether the aim is reached, and within ε where the attack is one of fixed size.
    pub success: bool,
    /// Whether the change is no larger than ε, if there is one.
    pub within: bool,
    /// What the network says of it.
    pub adversarial: Probabilities,
    /// Size of its perturbation.
    pub norms: Norms,
}

/// Lengths, in multiples of the perturbation, tried in turn until the rounded image is adversarial. The last are for those of a
/// small part of a shade, which rounding takes away whole.
const STRETCHES: [f32; 12] = [1.0, 1.01, 1.03, 1.07, 1.15, 1.3, 1.6, 2.2, 3.5, 7.0, 15.0, 40.0];

/// The same where the rounded image is to stay within ε, which rounding can lead out of.
const STRETCHES_WITHIN: [f32; 12] = [1.0, 1.02, 1.05, 1.1, 1.2, 1.4, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6];

impl<'a> Run<'a> {
    /// Checks the input, predicts the originals and begins.
    ///
    /// # Shapes
    /// - `pixels`: `[N, C, H, W]`; values outside [0, 1] are clipped
    ///
    /// # Errors
    ///
    /// If the goal does not have one class for each image, or one the network does not have; if the region is one of
    /// images of another size; if the attack cannot aim at a class, or the network has too few for it; if the network
    /// answers with something that is not a number; if the device fails.
    pub async fn begin(
        attack: &dyn Attack,
        classifier: &'a Frozen,
        pixels: Tensor<4>,
        aim: impl Into<Aim>,
    ) -> Result<Self, Error> {
        let aim: Aim = aim.into();
        let about = attack.about();
        if !about.targeted && matches!(aim.goal(), Goal::Read(_)) {
            return Err(Error::Untargeted { attack: about.name });
        }
        let pixels = pixels.clamp(0.0, 1.0);
        let logits = classifier.logits(pixels.clone());
        let [images, classes] = logits.dims();
        about.check_classes(classes)?;
        let logits: Vec<Vec<f32>> = read(logits).await?.chunks(classes).map(<[f32]>::to_vec).collect();
        let original = logits.iter().map(|logits| Probabilities::of_logits(logits)).collect::<Result<Vec<_>, _>>()?;
        let aim = aim.known(&original);
        let goals = aim.goal().classes().len();
        if goals != images {
            return Err(Error::GoalLength { goals, images });
        }
        let criterion = Criterion::new(aim.clone(), classes, classifier.device())?.with_lead(about.lead);
        let mask = aim.region().map(|region| region.mask(pixels.dims(), classifier.device())).transpose()?;
        let problem = Problem::new(classifier, pixels, criterion, mask);
        problem.passes.set(Passes::default().and_forward(1));
        let attempt = Attempt::begin(attack, &problem);
        Ok(Self { attempt, about, logits, original, problem, aim, over: false })
    }

    /// What the network says of the originals.
    pub fn original(&self) -> &[Probabilities] {
        &self.original
    }

    /// Whether the network reads every image as the aim says before anything is changed.
    pub fn is_reached_already(&self) -> bool {
        self.original.iter().enumerate().all(|(image, answer)| self.reached(image, answer))
    }

    /// The norm that the attack keeps small.
    pub fn norm(&self) -> Norm {
        self.about.norm
    }

    /// The smallest adversarial images so far, and the originals where there is none yet, `[N, C, H, W]`; what
    /// [`finish`](Run::finish) checks.
    pub fn best(&self) -> Tensor<4> {
        self.attempt.state.best.pixels.clone()
    }

    /// Takes up to `steps` steps, reads back once how far it is, and returns nothing when there is nothing left to do.
    ///
    /// # Errors
    ///
    /// If the device fails.
    pub async fn advance(&mut self, steps: usize) -> Result<Option<Progress>, Error> {
        let steps = steps.max(1).min(self.attempt.left());
        if self.over || steps == 0 {
            return Ok(None);
        }
        for _ in 0..steps {
            self.attempt.step(&self.problem);
        }
        let images = self.read_progress().await?;
        self.over = images.iter().all(|image| image.settled);
        Ok(Some(Progress { step: self.attempt.state.step, steps: self.attempt.steps, images }))
    }

    /// All the steps that are left, then [`finish`](Run::finish).
    ///
    /// # Errors
    ///
    /// As [`advance`](Run::advance) and [`finish`](Run::finish).
    pub async fn complete(mut self) -> Result<Outcome, Error> {
        while self.advance(10).await?.is_some() {}
        self.finish().await
    }

    async fn read_progress(&self) -> Result<Vec<ImageProgress>, Error> {
        let state = &self.attempt.state;
        let confidence = match &state.logits {
            Some(logits) => self.problem.criterion.confidence(logits.clone()),
            None => self.problem.for_each(1.0),
        };
        let columns = vec![confidence, state.best.norm.clone(), state.settled.clone()];
        let rows = read(Tensor::stack::<2>(columns, 1)).await?;
        Ok(rows
            .chunks_exact(3)
            .map(|row| ImageProgress {
                confidence: row[0],
                norm: (row[1] < Best::NONE).then_some(row[1]),
                settled: row[2] > 0.5,
            })
            .collect())
    }

    /// Checks what was found: clips it, predicts and measures it again, and does the same for the image in 256
    /// shades.
    ///
    /// # Errors
    ///
    /// If the device fails, or the network's answer is not a number.
    pub async fn finish(mut self) -> Result<Outcome, Error> {
        self.attempt.polish(&self.problem);
        let states = self.read_progress().await?;
        let pixels = &self.problem.pixels;

        // An image that was misread to begin with is its own answer.
        let misread: Vec<bool> =
            (0..self.original.len()).map(|image| self.reached(image, &self.original[image])).collect();
        let mask = Tensor::<1, Bool>::from_data(misread.as_slice(), &pixels.device());
        let State { best, current, .. } = &self.attempt.state;
        let adversarial = choose(best.found(), best.pixels.clone(), current.clone());
        let adversarial = choose(mask, pixels.clone(), adversarial).clamp(0.0, 1.0);
        let adversarial = self.problem.allowed(adversarial);

        let answers = self.predict(adversarial.clone()).await?;
        let norms = Norms::read(adversarial.clone() - pixels.clone()).await?;
        let (eight_bit, rounded_answers, rounded_norms) = self.round(&adversarial, &answers).await?;
        let flags = self.flags().await?;

        let images = (0..self.original.len())
            .map(|image| {
                let success = self.within(&norms[image]) && self.reached(image, &answers[image]);
                let within = self.within(&rounded_norms[image]);
                ImageOutcome {
                    success,
                    vanished: states[image].settled && !success,
                    flags: flags[image].clone(),
                    original: self.original[image].clone(),
                    adversarial: answers[image].clone(),
                    norms: norms[image],
                    eight_bit: EightBit {
                        success: within && self.reached(image, &rounded_answers[image]),
                        within,
                        adversarial: rounded_answers[image].clone(),
                        norms: rounded_norms[image],
                    },
                }
            })
            .collect();
        Ok(Outcome {
            images,
            adversarial,
            eight_bit,
            passes: self.problem.passes.get(),
            norm: self.about.norm,
            epsilon: self.about.epsilon,
            aim: self.aim,
            lead: self.about.lead,
        })
    }

    /// Reasons to doubt the result, for every image.
    async fn flags(&self) -> Result<Vec<Vec<Flag>>, Error> {
        let again = read(self.problem.logits(self.problem.pixels.clone())).await?;
        let first_gradient = self.problem.first_gradient.borrow().clone();
        let slopes = match first_gradient {
            Some(slopes) => read(slopes).await?,
            None => vec![f32::INFINITY; self.logits.len()],
        };
        let rows = self.logits.iter().zip(again.chunks(self.logits[0].len())).zip(slopes);
        Ok(rows
            .map(|((logits, again), slope)| {
                let checks = [
                    (slope == 0.0, Flag::ZeroGradient),
                    (are_probabilities(logits), Flag::Probabilities),
                    (!agree(logits, again), Flag::NotDeterministic),
                ];
                checks.into_iter().filter_map(|(holds, flag)| holds.then_some(flag)).collect()
            })
            .collect())
    }

    /// The nearest images in 256 shades that reach the aim where `adversarial` does, what the network says of them, and
    /// the size of their perturbation; where there are none, those that `adversarial` is rounded to.
    async fn round(
        &self,
        adversarial: &Tensor<4>,
        answers: &[Probabilities],
    ) -> Result<(Tensor<4>, Vec<Probabilities>, Vec<Norms>), Error> {
        let pixels = &self.problem.pixels;
        let perturbation = adversarial.clone() - pixels.clone();
        let lengths: &[f32] = if self.about.epsilon.is_some() { &STRETCHES_WITHIN } else { &STRETCHES };
        let wanted: Vec<bool> = (0..answers.len()).map(|image| self.reached(image, &answers[image])).collect();
        let mut chosen = vec![0; answers.len()];
        let mut given_up = vec![false; answers.len()];
        loop {
            let factors: Vec<f32> = chosen.iter().map(|&index| lengths[index]).collect();
            let factors = Tensor::<1>::from_data(factors.as_slice(), &pixels.device());
            let moved = pixels.clone() + perturbation.clone() * broadcast(factors);
            let moved = match self.about.epsilon.filter(|_| self.about.norm == Norm::Linf) {
                Some(epsilon) => per_image::cube(pixels.clone(), moved, self.problem.for_each(epsilon)),
                None => moved.clamp(0.0, 1.0),
            };
            let rounded = self.problem.allowed((moved * 255.0).round() / 255.0);
            let rounded_answers = self.predict(rounded.clone()).await?;
            let norms = Norms::read(rounded.clone() - pixels.clone()).await?;
            let mut settled = true;
            for image in 0..answers.len() {
                let holds = self.within(&norms[image]) && self.reached(image, &rounded_answers[image]);
                if wanted[image] && !holds && !given_up[image] {
                    given_up[image] = chosen[image] + 1 == lengths.len();
                    chosen[image] = if given_up[image] { 0 } else { chosen[image] + 1 };
                    settled = false;
                }
            }
            if settled {
                return Ok((rounded, rounded_answers, norms));
            }
        }
    }

    async fn predict(&self, pixels: Tensor<4>) -> Result<Vec<Probabilities>, Error> {
        Probabilities::read(self.problem.logits(pixels)).await
    }

    fn reached(&self, image: usize, answer: &Probabilities) -> bool {
        self.aim.is_reached(image, answer)
            && (self.about.lead == 0.0 || self.aim.lead(image, answer) >= self.about.lead)
    }

    /// Whether a perturbation is no larger than ε, but for rounding, where the attack is one of fixed size.
    fn within(&self, norms: &Norms) -> bool {
        self.about.epsilon.is_none_or(|epsilon| norms.of(self.about.norm) <= f64::from(epsilon) * 1.001)
    }
}

fn are_probabilities(logits: &[f32]) -> bool {
    logits.iter().all(|logit| (0.0..=1.0).contains(logit)) && (logits.iter().sum::<f32>() - 1.0).abs() < 1e-3
}

/// Whether two answers are the same but for rounding, which moves logits by a hundred thousandth of the largest.
fn agree(logits: &[f32], again: &[f32]) -> bool {
    let largest = logits.iter().fold(1e-3_f32, |largest, logit| largest.max(logit.abs()));
    logits.iter().zip(again).all(|(logit, again)| (logit - again).abs() < 1e-4 * largest)
}
