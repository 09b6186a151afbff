//! The common data format of the command line and JavaScript, and that of the result files.

mod result_file;

use serde::{Deserialize, Serialize};

pub use result_file::{
    CertifiedModel, CertifiedSet, Evaluation, MeasuredNetwork, ModelEvaluation, Origin, TransferMatrix, Transferred,
};

use crate::attack::{AttackOptions, Flag, Outcome, Passes};
use crate::catalog::Family;
use crate::classifier::Probabilities;
use crate::metrics::Summary;
use crate::norm::{Norm, Norms};
use crate::region::Rectangle;

/// One class and its probability.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Prediction {
    /// Class index.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// In [0, 1].
    pub probability: f32,
}

impl Prediction {
    /// The `count` most probable classes, the most probable first.
    pub fn top(answer: &Probabilities, labels: &[String], count: usize) -> Vec<Self> {
        answer
            .ranked()
            .into_iter()
            .take(count)
            .map(|class| Self { class, label: labels[class].clone(), probability: answer.of(class) })
            .collect()
    }

    fn best(answer: &Probabilities, labels: &[String]) -> Self {
        Self::top(answer, labels, 1).remove(0)
    }
}

/// The progress of an attack on one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackProgress {
    /// Steps taken.
    pub step: usize,
    /// The largest number of steps.
    pub steps: usize,
    /// Current probability of the true class, or of the target.
    pub probability: f32,
    /// The attack's norm.
    pub norm: Norm,
    /// Norm of the smallest adversarial perturbation so far, in `norm`.
    pub size: Option<f32>,
    /// Whether an adversarial image is found.
    pub found: bool,
    /// Time since the attack began.
    pub milliseconds: f64,
}

/// A reason to doubt a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct FlagWords {
    /// Its name, and its section in `docs/flags.md`.
    pub name: String,
    /// What it means and what to do.
    pub message: String,
}

impl From<Flag> for FlagWords {
    fn from(flag: Flag) -> Self {
        Self { name: flag.name().to_owned(), message: flag.message().to_owned() }
    }
}

/// The result of an attack on one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackReport {
    /// Name of the network.
    pub model: String,
    /// Name of the attack.
    pub attack: String,
    /// The attack's norm.
    pub norm: Norm,
    /// The label to be read, if one was asked for.
    pub target: Option<String>,
    /// The probability that the wrong label or the target had to reach; 0 if it only had to be the most probable.
    pub sure: f32,
    /// The part of the picture that could change, if not all of it: `LEFT,TOP,WIDTH,HEIGHT` in pixels.
    #[cfg_attr(target_family = "wasm", tsify(type = "string | null"))]
    pub region: Option<Rectangle>,
    /// Whether the network was fooled.
    pub success: bool,
    /// A message for the user, such as why the network was not fooled.
    pub message: Option<String>,
    /// Reasons to doubt the result.
    pub flags: Vec<FlagWords>,
    /// The most probable class of the original.
    pub original: Prediction,
    /// The most probable class of the adversarial image.
    pub adversarial: Prediction,
    /// Size of the perturbation.
    pub norms: Norms,
    /// The same for the 8-bit image that is saved.
    pub eight_bit: EightBitReport,
    /// The passes of the attack.
    pub passes: Passes,
    /// Time taken.
    pub milliseconds: f64,
}

/// The network's answer for the 8-bit image that is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct EightBitReport {
    /// Whether this image fools the network, with a norm of at most ε if there is one.
    pub success: bool,
    /// Class index.
    pub class: usize,
    /// Its name.
    pub label: String,
    /// In [0, 1].
    pub probability: f32,
    /// Size of the perturbation.
    pub norms: Norms,
}

impl AttackReport {
    /// The report on one image of an outcome.
    ///
    /// # Panics
    ///
    /// If the outcome has no such image.
    pub fn new(
        model: &str,
        family: &Family,
        options: &AttackOptions,
        outcome: &Outcome,
        image: usize,
        milliseconds: f64,
    ) -> Self {
        let result = &outcome.images[image];
        let rounded = Prediction::best(&result.eight_bit.adversarial, &family.labels);
        Self {
            model: model.to_owned(),
            attack: options.attack.clone(),
            norm: outcome.norm,
            target: options.target.clone(),
            sure: outcome.aim.confidence(),
            region: options.region,
            success: result.success,
            message: message(options, outcome, image, &family.labels),
            flags: result.flags.iter().copied().map(FlagWords::from).collect(),
            original: Prediction::best(&result.original, &family.labels),
            adversarial: Prediction::best(&result.adversarial, &family.labels),
            norms: result.norms,
            eight_bit: EightBitReport {
                success: result.eight_bit.success,
                class: rounded.class,
                label: rounded.label,
                probability: rounded.probability,
                norms: result.eight_bit.norms,
            },
            passes: outcome.passes,
            milliseconds,
        }
    }
}

/// Why the network was not fooled, or not by the saved picture, and what to try next.
fn message(options: &AttackOptions, outcome: &Outcome, image: usize, labels: &[String]) -> Option<String> {
    let result = &outcome.images[image];
    let rounded = &result.eight_bit;
    let seen = |answer: &Probabilities| {
        let best = Prediction::best(answer, labels);
        format!("“{}” ({:.1} %)", best.label, 100.0 * best.probability)
    };
    let size = |size: f64| format!("{} = {}", outcome.norm.symbol(), (size * 1e4).round() / 1e4);
    if result.success && rounded.success {
        return None;
    }
    if result.success {
        let answer = seen(&rounded.adversarial);
        let size = size(rounded.norms.of(outcome.norm));
        return Some(if outcome.aim.is_read(image, &rounded.adversarial) && rounded.within {
            format!("Fooled, but rounding to 256 shades makes it less sure than asked: it is read as {answer} then.")
        } else if rounded.within {
            format!("Fooled, but rounding to 256 shades undoes it: it is read as {answer} then.")
        } else {
            format!("Fooled, but not in 256 shades within ε: rounded it has {size} and is read as {answer}.")
        });
    }
    let what = match &options.target {
        _ if outcome.aim.is_read(image, &result.adversarial) => {
            let asked = match outcome.lead {
                0.0 => format!("{} %", 100.0 * outcome.aim.confidence()),
                lead => format!("a lead of {lead}"),
            };
            format!("Not as sure as asked: it sees {}, where {asked} was asked for", seen(&result.adversarial))
        }
        Some(target) => format!("Not made to see “{target}”: it sees {}", seen(&result.adversarial)),
        None => "Not fooled".to_owned(),
    };
    let what = if outcome.aim.region().is_some() { what + " with changes inside that part only" } else { what };
    let backward = outcome.passes.backward;
    Some(match outcome.epsilon {
        _ if result.vanished => format!(
            "{what}. The gradient vanished after {backward} steps: the network is so certain that the loss is flat here. \
             Try steps of fixed length, the margin, or DDN."
        ),
        Some(epsilon) => format!("{what}, within {}. Try a larger ε, or a search over ε.", size(epsilon.into())),
        None if backward == 0 => format!("{what}. Try more steps, or an attack with gradients."),
        None => format!("{what}, after {backward} gradients. Try more steps."),
    })
}

/// One point of the chart: the [`Summary`] of a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct SweepPoint {
    /// The network.
    pub model: String,
    /// Its noise level.
    pub sigma: f64,
    /// What was measured.
    pub summary: Summary,
}

/// Several attacks on the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The network.
    pub model: String,
    /// The images, by name.
    pub images: Vec<String>,
    /// The class of each image: the true one or, for the user's own pictures, the one that the network reads.
    pub classes: Vec<usize>,
    /// One for each attack.
    pub attacks: Vec<Trial>,
    /// Flags on all attacks together.
    pub flags: Vec<FlagWords>,
}

/// The result of one attack on all images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The attack and its parameters.
    pub options: AttackOptions,
    /// The attack's norm.
    pub norm: Norm,
    /// Whether it uses only the network's answers, never a gradient.
    pub black_box: bool,
    /// The norm of the smallest perturbation found for every image, in `norm`: 0 where the image was misread without a
    /// perturbation, absent where none was found.
    pub sizes: Vec<Option<f64>>,
    /// All four norms of the same perturbations.
    pub norms: Vec<Option<Norms>>,
    /// Number of images that are read correctly without an attack.
    pub attacked: usize,
    /// The median of `sizes` over the images that are read correctly. Absent if it is infinite or there are no such
    /// images.
    pub median: Option<f64>,
    /// The same median with twice as many steps, if that was measured.
    pub median_doubled: Option<f64>,
    /// Passes for every image.
    pub passes: Passes,
    /// Time for all images.
    pub milliseconds: f64,
    /// Flags on this attack.
    pub flags: Vec<FlagWords>,
}

/// The progress of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct SweepProgress {
    /// Attacks finished.
    pub done: usize,
    /// Attacks in all.
    pub total: usize,
    /// Time since the sweep began.
    pub milliseconds: f64,
    /// The results so far, one point for each network begun.
    pub points: Vec<SweepPoint>,
}

/// The result of a sweep.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct SweepReport {
    /// One point for each network begun.
    pub points: Vec<SweepPoint>,
    /// Whether it was stopped early.
    pub cancelled: bool,
    /// Time taken.
    pub milliseconds: f64,
}
