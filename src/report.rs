//! What the command line, the result files and JavaScript see: the one schema of Decoy's answers.

use serde::{Deserialize, Serialize};

use crate::attack::{ImageOutcome, Outcome};
use crate::catalog::Family;
use crate::classifier::Probabilities;
use crate::metrics::Interval;
use crate::norm::{Norm, Norms};

/// One class and how probable the network finds it.
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

/// An attack as a person chooses it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackInfo {
    /// Its name in commands and reports.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What it does, in two sentences.
    pub summary: String,
    /// The norm it keeps small.
    pub norm: Norm,
    /// What can be set.
    pub parameters: Vec<Parameter>,
}

/// A number that an attack takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Parameter {
    /// The field of [`AttackOptions`] it goes into.
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Value when none is given.
    pub default: f64,
}

/// Which attack, and its parameters; what is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct AttackOptions {
    /// The attack's name.
    pub attack: String,
    /// Steps at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// δ, the factor of the gradient in a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step_size: Option<f64>,
    /// The label to be read; any wrong one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// How far an attack on one image is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackProgress {
    /// Steps taken.
    pub step: usize,
    /// Steps at most.
    pub steps: usize,
    /// Probability now of the class to be left, or of the target.
    pub confidence: f32,
    /// L2 norm of the smallest adversarial perturbation so far.
    pub l2: Option<f32>,
    /// Whether there is one.
    pub found: bool,
    /// Time since the attack began.
    pub milliseconds: f64,
}

/// What an attack on one image achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackReport {
    /// The network.
    pub model: String,
    /// The attack.
    pub attack: String,
    /// Whether the network was fooled.
    pub success: bool,
    /// What a person should know, such as why it was not fooled.
    pub message: Option<String>,
    /// What the network said before.
    pub original: Prediction,
    /// What it says after.
    pub adversarial: Prediction,
    /// Size of the perturbation.
    pub norms: Norms,
    /// The same for the 8-bit image that is saved.
    pub eight_bit: EightBitReport,
    /// Gradients computed.
    pub gradients: usize,
    /// Forward passes alone.
    pub forwards: usize,
    /// Time taken.
    pub milliseconds: f64,
}

/// What the network says of the 8-bit image that is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct EightBitReport {
    /// Whether it is fooled by it.
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
            success: result.success,
            message: message(result, outcome.gradients),
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
            gradients: outcome.gradients,
            forwards: outcome.forwards,
            milliseconds,
        }
    }
}

fn message(result: &ImageOutcome, gradients: usize) -> Option<String> {
    if result.vanished {
        Some(format!(
            "The gradient vanished after {gradients} steps: the network is so certain that the loss is flat here. Try \
             steps of fixed length, the margin, or DDN."
        ))
    } else if !result.success {
        Some(format!("Not fooled after {gradients} steps. Try more steps or a larger step size."))
    } else if !result.eight_bit.success {
        Some("Fooled, but rounding to 256 shades undoes it: the saved picture is read correctly.".to_owned())
    } else {
        None
    }
}

/// An attack on many images with one network, in figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Summary {
    /// Images measured.
    pub images: usize,
    /// Those misread without any attack; they count nowhere below.
    pub clean_errors: usize,
    /// Those the attack did not fool; they count as infinitely far.
    pub failures: usize,
    /// Mean of ‖Δx‖₂.
    pub mean_l2: Interval,
    /// Median of ‖Δx‖₂.
    pub median_l2: Interval,
    /// Mean of ‖Δx‖∞.
    pub mean_linf: Interval,
    /// Median of ‖Δx‖∞.
    pub median_linf: Interval,
}

/// A [`Summary`] at its place on the chart.
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

/// How far a sweep is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct SweepProgress {
    /// Attacks finished.
    pub done: usize,
    /// Attacks in all.
    pub total: usize,
    /// Time since the sweep began.
    pub milliseconds: f64,
    /// What is measured so far, one point for each network begun.
    pub points: Vec<SweepPoint>,
}

/// What a sweep measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct SweepReport {
    /// One point for each network begun.
    pub points: Vec<SweepPoint>,
    /// Whether it was stopped before the end.
    pub cancelled: bool,
    /// Time taken.
    pub milliseconds: f64,
}

/// A result file: an attack on a data set with many networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The family.
    pub family: String,
    /// The attack and its parameters.
    pub attack: AttackOptions,
    /// Which images: `all`, or those held out (`test`).
    pub split: String,
    /// The command that made it.
    pub command: String,
    /// The commit it was made at.
    pub commit: String,
    /// SHA-256 of the pixels of the data set.
    pub data_sha256: String,
    /// One entry for each network.
    pub models: Vec<ModelEvaluation>,
}

/// An attack on a data set with one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEvaluation {
    /// The network.
    pub model: String,
    /// Its noise level.
    pub sigma: f64,
    /// Its seed.
    pub seed: u32,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// In figures.
    pub summary: Summary,
    /// Image by image, in the order of the data set.
    pub images: PerImage,
}

/// Columns of equal length, one row per image; a norm is absent where the attack failed, and 0 where the image was
/// misread without it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PerImage {
    /// Class read before the attack.
    pub before: Vec<usize>,
    /// Class read after it.
    pub after: Vec<usize>,
    /// ‖Δx‖₀.
    pub l0: Vec<Option<f64>>,
    /// ‖Δx‖₁.
    pub l1: Vec<Option<f64>>,
    /// ‖Δx‖₂.
    pub l2: Vec<Option<f64>>,
    /// ‖Δx‖∞.
    pub linf: Vec<Option<f64>>,
}
