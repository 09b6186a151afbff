//! What the command line, the result files and JavaScript see: the one schema of Decoy's answers.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::attack::{Flag, Outcome, Passes};
use crate::catalog::{Accuracies, Family};
use crate::classifier::{Aim, Goal, Probabilities};
use crate::error::Error;
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
    /// Whether it is in the short list.
    pub featured: bool,
    /// Whether it can make a network read a given label.
    pub targeted: bool,
    /// Whether it asks for answers alone, never for a gradient.
    pub black_box: bool,
    /// One for each norm it can keep small; the first is the usual one.
    pub forms: Vec<AttackForm>,
}

/// An attack that keeps one norm small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackForm {
    /// The norm.
    pub norm: Norm,
    /// What it costs at most, with the default parameters.
    pub passes: Passes,
    /// What can be set.
    pub parameters: Vec<Parameter>,
}

/// A number that an attack takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Parameter {
    /// Its name in [`AttackOptions`].
    pub name: String,
    /// Its name for people.
    pub label: String,
    /// What it means, in a sentence.
    pub help: String,
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Value when none is given.
    pub default: f64,
    /// Whether it must be a whole number.
    pub whole: bool,
}

/// Which attack, and its parameters; what is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttackOptions {
    /// The attack's name.
    pub attack: String,
    /// The norm to keep small, where the attack has a choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<Norm>,
    /// The label to be read; any wrong one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The probability that the wrong label, or the target, shall have; just the most probable if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sure: Option<f32>,
    /// The parameters by name, beside the others: `{"attack": "ddn", "steps": 40}`.
    #[serde(flatten, serialize_with = "whole_numbers")]
    pub parameters: BTreeMap<String, f64>,
}

impl AttackOptions {
    /// What is asked of an attack on one image, in which the network sees `answer`.
    ///
    /// # Errors
    ///
    /// If the family has no such target, the network sees it already, or the probability is not one.
    pub fn aim(&self, family: &Family, answer: &Probabilities) -> Result<Aim, Error> {
        let confidence = self.sure.unwrap_or(0.0);
        let Some(label) = &self.target else {
            return Goal::Misread(vec![answer.class()]).with_confidence(confidence);
        };
        let aim = Goal::Read(vec![family.class(label)?]).with_confidence(confidence)?;
        if aim.is_reached(0, answer) { Err(Error::AlreadyRead { label: label.clone() }) } else { Ok(aim) }
    }
}

/// As in `ddn`, `ddn:steps=40` or `fmn:norm=linf,steps=1000`.
impl FromStr for AttackOptions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (attack, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut options = Self { attack: attack.to_owned(), ..Self::default() };
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let wrong = |expected: &str, found: &str| Error::Parameter {
                name: part.split('=').next().unwrap_or(part).to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            };
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a value, such as steps=40", "alone"))?;
            if name == "norm" {
                let norm = Norm::ALL.into_iter().find(|norm| norm.name() == value);
                options.norm = Some(norm.ok_or_else(|| wrong("l0, l1, l2 or linf", value))?);
            } else {
                let number = value.parse().map_err(|_| wrong("a number", value))?;
                options.parameters.insert(name.to_owned(), number);
            }
        }
        Ok(options)
    }
}

/// The same words that [`FromStr`] reads.
impl fmt::Display for AttackOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let norm = self.norm.map(|norm| format!("norm={}", norm.name()));
        let parameters = self.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let parts: Vec<String> = norm.into_iter().chain(parameters).collect();
        let colon = if parts.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}", self.attack, parts.join(","))
    }
}

/// Writes 40 for 40.0.
fn whole_numbers<S: Serializer>(parameters: &BTreeMap<String, f64>, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Number {
        Whole(i64),
        Real(f64),
    }
    serializer.collect_map(parameters.iter().map(|(name, &value)| {
        let number = if value.fract() == 0.0 { Number::Whole(value as i64) } else { Number::Real(value) };
        (name, number)
    }))
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
    /// The norm that the attack keeps small.
    pub norm: Norm,
    /// The smallest adversarial perturbation so far, in that norm.
    pub size: Option<f32>,
    /// Whether there is one.
    pub found: bool,
    /// Time since the attack began.
    pub milliseconds: f64,
}

/// A reason to doubt a result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Doubt {
    /// Its name, and its section in `docs/flags.md`.
    pub name: String,
    /// What it means and what to do.
    pub message: String,
}

impl From<Flag> for Doubt {
    fn from(flag: Flag) -> Self {
        Self { name: flag.name().to_owned(), message: flag.message().to_owned() }
    }
}

/// What an attack on one image achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackReport {
    /// The network.
    pub model: String,
    /// The attack.
    pub attack: String,
    /// The norm that it kept small.
    pub norm: Norm,
    /// The label to be read, if one was asked for.
    pub target: Option<String>,
    /// The probability that the wrong label, or the target, was to have; 0 for just the most probable.
    pub sure: f32,
    /// Whether the network was fooled.
    pub success: bool,
    /// What a person should know, such as why it was not fooled.
    pub message: Option<String>,
    /// Reasons to doubt the result.
    pub flags: Vec<Doubt>,
    /// What the network said before.
    pub original: Prediction,
    /// What it says after.
    pub adversarial: Prediction,
    /// Size of the perturbation.
    pub norms: Norms,
    /// The same for the 8-bit image that is saved.
    pub eight_bit: EightBitReport,
    /// What it cost.
    pub passes: Passes,
    /// Time taken.
    pub milliseconds: f64,
}

/// What the network says of the 8-bit image that is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct EightBitReport {
    /// Whether it is fooled by it, with a change no larger than ε if there is one.
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
            success: result.success,
            message: message(options, outcome, image, &family.labels),
            flags: result.flags.iter().copied().map(Doubt::from).collect(),
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

/// Why it was not fooled, or the saved picture does not fool it, and what to try.
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
        return Some(if rounded.within {
            format!("Fooled, but rounding to 256 shades undoes it: the saved picture is read as {answer}.")
        } else {
            format!("Fooled, but not in 256 shades within ε: the saved picture has {size} and is read as {answer}.")
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
    let backward = outcome.passes.backward;
    Some(match outcome.epsilon {
        _ if result.vanished => format!(
            "{what}. The gradient vanished after {backward} steps: the network is so certain that the loss is flat here. \
             Try steps of fixed length, the margin, or DDN."
        ),
        Some(epsilon) => format!("{what}, within {}. Try a larger ε, or a search over ε.", size(epsilon.into())),
        None => format!("{what}, after {backward} gradients. Try more steps or a larger step size."),
    })
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

/// Several attacks on the same images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The network.
    pub model: String,
    /// The images, by name.
    pub images: Vec<String>,
    /// Their classes: the true ones, or for pictures of one's own those that the network reads.
    pub classes: Vec<usize>,
    /// One for each attack.
    pub attacks: Vec<Trial>,
    /// Reasons to doubt all of them.
    pub flags: Vec<Doubt>,
}

/// What one attack achieved on all images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The attack and its parameters.
    pub options: AttackOptions,
    /// The norm that it keeps small.
    pub norm: Norm,
    /// Whether it asks for answers alone.
    pub black_box: bool,
    /// The size of the smallest perturbation found for every image, in that norm; 0 where it was misread without any,
    /// absent where none was found.
    pub sizes: Vec<Option<f64>>,
    /// The same perturbations in every norm.
    pub norms: Vec<Option<Norms>>,
    /// How many of the images are read correctly without an attack.
    pub attacked: usize,
    /// The median of the sizes of the images that are read correctly; absent if it is infinite, or there are none.
    pub median: Option<f64>,
    /// The same with twice as many steps, if that was asked for.
    pub median_doubled: Option<f64>,
    /// Passes for every image.
    pub passes: Passes,
    /// Time for all images.
    pub milliseconds: f64,
    /// Reasons to doubt it.
    pub flags: Vec<Doubt>,
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

/// A result file: an attack on a data set with many networks, which may differ in σ and in seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The family of networks.
    pub family: String,
    /// Its name for people.
    pub title: String,
    /// The data set.
    pub data: String,
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
    /// What the data set calls the images, in the order of the columns.
    pub pictures: Vec<String>,
    /// Draws of noise on every image from which the nearest mistake is predicted; 0 if it is not.
    #[serde(default)]
    pub noise_draws: usize,
    /// The limit of any network, image by image: half the distance in L2 to the nearest image of another class, which
    /// one of the two must be nearer to than to any mistake. Empty if it was not asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<f64>,
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
    /// Share of images read correctly, without an attack.
    pub accuracy: Accuracies,
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
    /// The distance in L2 of the nearest mistake that errors under noise predict, see
    /// [`distance_under_noise`](crate::metrics::distance_under_noise); absent where no strength of noise tells it. Empty
    /// if it was not measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub predicted: Vec<Option<f64>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_as_they_are_written() {
        for text in ["ddn", "ddn:steps=40", "fmn:norm=linf,gamma=0.1,steps=1000"] {
            let options: AttackOptions = text.parse().expect("it is well formed");
            assert_eq!(options.to_string(), text);
            let json = serde_json::to_string(&options).expect("it is plain");
            assert_eq!(serde_json::from_str::<AttackOptions>(&json).expect("it was written so"), options);
        }
        let json =
            serde_json::to_string(&"pgd:norm=l1,epsilon=0.5,steps=3".parse::<AttackOptions>().expect("well formed"));
        assert_eq!(json.expect("plain"), r#"{"attack":"pgd","norm":"l1","epsilon":0.5,"steps":3}"#);
    }

    #[test]
    fn options_that_cannot_be_read_are_told() {
        let error = |text: &str| text.parse::<AttackOptions>().expect_err("it is wrong").to_string();
        assert_eq!(error("ddn:steps"), "steps is alone: expected a value, such as steps=40");
        assert_eq!(error("ddn:steps=many"), "steps is many: expected a number");
        assert_eq!(error("fmn:norm=l3"), "norm is l3: expected l0, l1, l2 or linf");
    }
}
