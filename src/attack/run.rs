//! The driver: runs one attack on one batch, with checks before and after.

use burn::tensor::{Bool, Tensor};

use super::{Attack, Attempt, Best, Passes, Problem, State, choose};
use crate::classifier::{Aim, Criterion, Frozen, Goal, Probabilities};
use crate::error::Error;
use crate::norm::{Norm, Norms};
use crate::tensors::{broadcast, read};

/// An attack in progress. Call [`advance`](Run::advance) until it returns `None`, or stop earlier. Then call
/// [`finish`](Run::finish). Nothing runs between the calls, so the caller can show progress or cancel.
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
    attempt: Attempt,
    /// The logits of the originals, one row per image.
    logits: Vec<Vec<f32>>,
    original: Vec<Probabilities>,
    over: bool,
}

/// The progress of a [`Run`].
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// Steps taken.
    pub step: usize,
    /// The largest number of steps.
    pub steps: usize,
    /// Every image of the batch.
    pub images: Vec<ImageProgress>,
}

/// The progress of one image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ImageProgress {
    /// Probability of the goal's class: the true class, or the target.
    pub probability: f32,
    /// Size of the smallest adversarial perturbation so far, in the attack's norm.
    pub norm: Option<f32>,
    /// Whether no further step can change the result.
    pub settled: bool,
}

/// The result of an attack on a batch.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// Every image of the batch.
    pub images: Vec<ImageOutcome>,
    /// The adversarial images, or the last images of the search where none was found, `[N, C, H, W]`, in [0, 1].
    pub adversarial: Tensor<4>,
    /// The same images in 256 shades, `[N, C, H, W]`. Where rounding undid the attack, the perturbation was made a
    /// little longer.
    pub eight_bit: Tensor<4>,
    /// The passes for every image, including the check of the result.
    pub passes: Passes,
    /// The attack's norm.
    pub norm: Norm,
    /// For an attack of fixed size: the largest norm it allows.
    pub epsilon: Option<f32>,
    /// The aim of the attack.
    pub aim: Aim,
    /// κ: the lead in logits that the attack asked for, of the class to be read.
    pub lead: f32,
}

/// The result for one image. Everything is predicted and measured again from the returned pixels.
#[derive(Debug, Clone)]
pub struct ImageOutcome {
    /// Whether the aim is reached and, for an attack of fixed size, the norm is at most ε.
    pub success: bool,
    /// Whether the gradient vanished, so that the attack could not go on.
    pub vanished: bool,
    /// Reasons to doubt the result.
    pub flags: Vec<Flag>,
    /// The network's answer for the original.
    pub original: Probabilities,
    /// The network's answer for the adversarial image.
    pub adversarial: Probabilities,
    /// Size of the perturbation.
    pub norms: Norms,
    /// The same for the image in 256 shades.
    pub eight_bit: EightBit,
}

/// A reason to doubt the result of an attack, after the checks of AutoAttack (Croce and Hein 2020, arXiv 2003.01690).
/// Each flag has a section in `docs/flags.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flag {
    /// The first gradient is zero for every pixel.
    ZeroGradient,
    /// The logits of the original lie in [0, 1] and sum to 1.
    Probabilities,
    /// The network gave two different answers for the same image.
    NotDeterministic,
    /// An attack without gradients finds smaller perturbations than the attacks with gradients.
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
                "The network's gradient is zero for this picture, so that a gradient attack cannot work: failing to \
                 fool it proves nothing. Try Square, which needs no gradient, and look for rounding or other flat steps \
                 in the network."
            }
            Flag::Probabilities => {
                "The network seems to answer with probabilities where logits are expected: attacks on them see a loss \
                 that is nearly flat. Remove the softmax at its end."
            }
            Flag::NotDeterministic => {
                "The network answers differently when it is asked the same twice, so that no result about it is certain. \
                 Look for dropout or random numbers left on."
            }
            Flag::BlackBoxWins => {
                "An attack without gradients finds smaller changes than attacks with gradients: the gradients are \
                 misleading. Take the smaller figures, and look for what hides the gradient."
            }
            Flag::NotConverged => {
                "With twice as many steps the changes become more than 2 % smaller: the attack was stopped too early, and \
                 the network looks harder to fool than it is. Take more steps."
            }
        }
    }
}

/// The adversarial image in 256 shades, as a file holds it.
#[derive(Debug, Clone)]
pub struct EightBit {
    /// Whether the aim is reached and, for an attack of fixed size, the norm is at most ε.
    pub success: bool,
    /// Whether the norm is at most ε; true if the attack has no ε.
    pub within: bool,
    /// The network's answer for this image.
    pub adversarial: Probabilities,
    /// Size of its perturbation.
    pub norms: Norms,
}

/// Factors on the perturbation, tried in turn until the rounded image is adversarial. The largest are for perturbations
/// of a small fraction of a shade, which rounding removes completely.
const ROUNDING_FACTORS: [f32; 12] = [1.0, 1.01, 1.03, 1.07, 1.15, 1.3, 1.6, 2.2, 3.5, 7.0, 15.0, 40.0];

/// The same for an attack within ε, since rounding can also push an image out of the ball.
const ROUNDING_FACTORS_WITHIN: [f32; 12] = [1.0, 1.02, 1.05, 1.1, 1.2, 1.4, 0.98, 0.95, 0.9, 0.8, 0.7, 0.6];

impl<'a> Run<'a> {
    /// Checks the input, predicts the originals and begins the attack.
    ///
    /// # Shapes
    /// - `pixels`: `[N, C, H, W]`; values outside [0, 1] are clipped
    ///
    /// # Errors
    ///
    /// - The goal does not have one class for each image, or has a class that the network does not have.
    /// - The region is for images of another size.
    /// - The attack cannot aim at a class, or needs more classes than the network has.
    /// - The network's answer is not a finite number.
    /// - The device fails.
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
        Ok(Self { attempt, logits, original, problem, aim, over: false })
    }

    /// Whether the unchanged images already reach the aim, all of them.
    pub fn is_reached_already(&self) -> bool {
        self.original.iter().enumerate().all(|(image, answer)| self.reached(image, answer))
    }

    /// The attack's norm.
    pub fn norm(&self) -> Norm {
        self.attempt.about.norm
    }

    /// The smallest adversarial images so far, or the originals where none is found, `[N, C, H, W]`.
    /// [`finish`](Run::finish) checks these.
    pub fn best(&self) -> Tensor<4> {
        self.attempt.state.best.pixels.clone()
    }

    /// Takes up to `steps` steps, then reads the progress back once. Returns `None` when there is nothing left to do.
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
        self.attempt.update(&self.problem);
        let images = self.read_progress().await?;
        self.over = images.iter().all(|image| image.settled);
        Ok(Some(Progress { step: self.attempt.state.step, steps: self.attempt.about.steps, images }))
    }

    /// Takes all steps that are left, then calls [`finish`](Run::finish).
    ///
    /// # Errors
    ///
    /// The errors of [`advance`](Run::advance) and [`finish`](Run::finish).
    pub async fn complete(mut self) -> Result<Outcome, Error> {
        while self.advance(10).await?.is_some() {}
        self.finish().await
    }

    async fn read_progress(&self) -> Result<Vec<ImageProgress>, Error> {
        let state = &self.attempt.state;
        let probability = match &state.logits {
            Some(logits) => self.problem.criterion.probability(logits.clone()),
            None => self.problem.for_each(1.0),
        };
        let columns = vec![probability, state.best.size.clone(), state.settled.clone()];
        let rows = read(Tensor::stack::<2>(columns, 1)).await?;
        Ok(rows
            .chunks_exact(3)
            .map(|row| ImageProgress {
                probability: row[0],
                norm: (row[1] < Best::NONE).then_some(row[1]),
                settled: row[2] > 0.5,
            })
            .collect())
    }

    /// Checks the result: clips, predicts and measures it again, and does the same for the image in 256 shades.
    ///
    /// # Errors
    ///
    /// If the device fails, or the network's answer is not a finite number.
    pub async fn finish(mut self) -> Result<Outcome, Error> {
        self.attempt.finish(&self.problem);
        let states = self.read_progress().await?;
        let pixels = &self.problem.pixels;

        // If the original already reaches the aim, it is its own result.
        let reached: Vec<bool> =
            (0..self.original.len()).map(|image| self.reached(image, &self.original[image])).collect();
        let mask = Tensor::<1, Bool>::from_data(reached.as_slice(), &pixels.device());
        let State { best, current, .. } = &self.attempt.state;
        let adversarial = choose(best.found(), best.pixels.clone(), current.clone());
        let adversarial = choose(mask, pixels.clone(), adversarial).clamp(0.0, 1.0);
        let adversarial = self.problem.mask_pixels(adversarial);

        let mut answers = self.predict(adversarial.clone()).await?;
        let mut norms = Norms::read(adversarial.clone() - pixels.clone()).await?;
        let (eight_bit, rounded_answers, rounded_norms) = self.round(&adversarial, &answers).await?;
        // Where only the image in 256 shades reaches the aim, it is the result.
        let rescued: Vec<bool> = (0..self.original.len())
            .map(|image| {
                !self.succeeds(image, &norms[image], &answers[image])
                    && self.succeeds(image, &rounded_norms[image], &rounded_answers[image])
            })
            .collect();
        let mask = Tensor::<1, Bool>::from_data(rescued.as_slice(), &pixels.device());
        let adversarial = choose(mask, eight_bit.clone(), adversarial);
        for image in (0..rescued.len()).filter(|&image| rescued[image]) {
            (answers[image], norms[image]) = (rounded_answers[image].clone(), rounded_norms[image]);
        }
        let flags = self.flags().await?;

        let images = (0..self.original.len())
            .map(|image| {
                let success = self.succeeds(image, &norms[image], &answers[image]);
                ImageOutcome {
                    success,
                    vanished: states[image].settled && states[image].norm.is_none() && !success,
                    flags: flags[image].clone(),
                    original: self.original[image].clone(),
                    adversarial: answers[image].clone(),
                    norms: norms[image],
                    eight_bit: EightBit {
                        success: self.succeeds(image, &rounded_norms[image], &rounded_answers[image]),
                        within: self.within(&rounded_norms[image]),
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
            norm: self.attempt.about.norm,
            epsilon: self.attempt.about.epsilon,
            aim: self.aim,
            lead: self.attempt.about.lead,
        })
    }

    /// The flags of every image.
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

    /// The nearest images in 256 shades that reach the aim where `adversarial` does, the network's answers for them,
    /// and the norms of their perturbations. Where there is no such image, `adversarial` is only rounded.
    async fn round(
        &self,
        adversarial: &Tensor<4>,
        answers: &[Probabilities],
    ) -> Result<(Tensor<4>, Vec<Probabilities>, Vec<Norms>), Error> {
        let pixels = &self.problem.pixels;
        let perturbation = adversarial.clone() - pixels.clone();
        let tried: &[f32] =
            if self.attempt.about.epsilon.is_some() { &ROUNDING_FACTORS_WITHIN } else { &ROUNDING_FACTORS };
        let wanted: Vec<bool> = (0..answers.len()).map(|image| self.reached(image, &answers[image])).collect();
        let mut chosen = vec![0; answers.len()];
        let mut given_up = vec![false; answers.len()];
        loop {
            let factors: Vec<f32> = chosen.iter().map(|&index| tried[index]).collect();
            let factors = Tensor::<1>::from_data(factors.as_slice(), &pixels.device());
            let moved = (pixels.clone() + perturbation.clone() * broadcast(factors)).clamp(0.0, 1.0);
            let mut shades = (moved * 255.0).round();
            if let Some(epsilon) = self.attempt.about.epsilon.filter(|_| self.attempt.about.norm == Norm::Linf) {
                // Only shades within ε of the original, with a tolerance of 0.001 shades for rounding of floats.
                let (original, room) = (pixels.clone() * 255.0, 255.0 * epsilon + 1e-3);
                shades = shades.max_pair((original.clone() - room).ceil()).min_pair((original + room).floor());
            }
            let rounded = self.problem.mask_pixels(shades / 255.0);
            let rounded_answers = self.predict(rounded.clone()).await?;
            let norms = Norms::read(rounded.clone() - pixels.clone()).await?;
            let mut done = true;
            for image in 0..answers.len() {
                let holds = self.succeeds(image, &norms[image], &rounded_answers[image]);
                if wanted[image] && !holds && !given_up[image] {
                    given_up[image] = chosen[image] + 1 == tried.len();
                    chosen[image] = if given_up[image] { 0 } else { chosen[image] + 1 };
                    done = false;
                }
            }
            if done {
                return Ok((rounded, rounded_answers, norms));
            }
        }
    }

    async fn predict(&self, pixels: Tensor<4>) -> Result<Vec<Probabilities>, Error> {
        Probabilities::read(self.problem.logits(pixels)).await
    }

    fn reached(&self, image: usize, answer: &Probabilities) -> bool {
        self.aim.is_reached(image, answer)
            && (self.attempt.about.lead == 0.0 || self.aim.lead(image, answer) >= self.attempt.about.lead)
    }

    /// Whether an image reaches the aim, no farther away than ε.
    fn succeeds(&self, image: usize, norms: &Norms, answer: &Probabilities) -> bool {
        self.within(norms) && self.reached(image, answer)
    }

    /// Whether the norm is at most ε, with 0.1 % tolerance for rounding; true if the attack has no ε.
    fn within(&self, norms: &Norms) -> bool {
        self.attempt.about.epsilon.is_none_or(|epsilon| norms.of(self.attempt.about.norm) <= f64::from(epsilon) * 1.001)
    }
}

fn are_probabilities(logits: &[f32]) -> bool {
    logits.iter().all(|logit| (0.0..=1.0).contains(logit)) && (logits.iter().sum::<f32>() - 1.0).abs() < 1e-3
}

/// Whether two answers agree within rounding, which changes logits by about 1e-5 of the largest.
fn agree(logits: &[f32], again: &[f32]) -> bool {
    let largest = logits.iter().fold(1e-3_f32, |largest, logit| largest.max(logit.abs()));
    logits.iter().zip(again).all(|(logit, again)| (logit - again).abs() < 1e-4 * largest)
}
