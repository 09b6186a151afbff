//! The common data format of the command line, the result files and JavaScript.

use serde::{Deserialize, Serialize};

use crate::attack::{AttackOptions, Flag, Outcome, Passes};
use crate::catalog::{Accuracies, Family, ModelEntry};
use crate::certify::Certificate;
use crate::classifier::Probabilities;
use crate::metrics::{PerImage, Summary};
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
    pub flags: Vec<Doubt>,
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
    /// Doubts about all attacks together.
    pub flags: Vec<Doubt>,
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
    /// Doubts about this attack.
    pub flags: Vec<Doubt>,
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

/// The content and the origin of a result file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Origin {
    /// The family of networks.
    pub family: String,
    /// Its title, as users see it.
    pub title: String,
    /// The data set.
    pub data: String,
    /// The images: `all`, or the held-out ones (`test`).
    pub split: String,
    /// The command that made the file.
    pub command: String,
    /// The commit of the code that made the file.
    pub commit: String,
    /// SHA-256 of the pixels of the data set.
    pub data_sha256: String,
    /// Names of the images in the data set. Every list with one value per image has this order.
    pub pictures: Vec<String>,
    /// What is done to the pixels before a network of the user's own sees them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normalisation: Option<String>,
}

/// A result file: an attack on a data set with many networks, which may differ in σ and in seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// The attack and its parameters.
    pub attack: AttackOptions,
    /// Draws of noise on every image, from which the nearest error is predicted; 0 if it is not.
    #[serde(default)]
    pub noise_draws: usize,
    /// An upper bound for every network, for each image: half the L2 distance to the nearest image of another class.
    /// For at least one of the two images, an error is no further away. Empty if it was not asked for.
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
    /// The statistics over all images.
    pub summary: Summary,
    /// The values for each image, in the order of the data set.
    pub images: PerImage,
}

/// A result file: the certificates of a data set, for several networks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertifiedSet {
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// The true class of each image.
    pub classes: Vec<usize>,
    /// n₀: the number of votes that choose a class.
    pub choose: usize,
    /// n: the number of votes that are counted.
    pub count: usize,
    /// α: a certificate is wrong with at most this probability.
    pub alpha: f64,
    /// Seed of the noise.
    pub seed: u64,
    /// One entry for each network.
    pub models: Vec<CertifiedModel>,
}

/// The certificates of a data set, for one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CertifiedModel {
    /// The network.
    pub model: String,
    /// σ: standard deviation of the noise under which it votes.
    pub sigma: f64,
    /// Its seed.
    pub seed: u32,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// One certificate for each image.
    pub certificates: Vec<Certificate>,
}

impl CertifiedModel {
    /// An empty list of certificates for the network of `entry`, which votes under noise of `sigma`.
    pub fn new(entry: &ModelEntry, sigma: f64) -> Self {
        let ModelEntry { id, seed, sha256, .. } = entry.clone();
        Self { model: id, sigma, seed, sha256, certificates: Vec::new() }
    }

    /// The share of images that are read correctly, as in `classes`, and certified for at least `radius`.
    pub fn certified_accuracy(&self, classes: &[usize], radius: f64) -> f64 {
        let holds = |(found, class): &(&Certificate, &usize)| {
            found.class == **class && found.radius.is_some_and(|found| found >= radius)
        };
        let certified = self.certificates.iter().zip(classes).filter(holds).count();
        certified as f64 / self.certificates.len().max(1) as f64
    }
}

/// A result file: how many of the images that fool one network also fool the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferMatrix {
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// The attack and its parameters.
    pub attack: AttackOptions,
    /// The networks, in the order of the rows and columns.
    pub models: Vec<TransferModel>,
    /// One row for each attacked network: what its saved pictures do to every network.
    pub rows: Vec<Vec<Transferred>>,
}

/// A network in a [`TransferMatrix`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransferModel {
    /// The network.
    pub model: String,
    /// Its noise level.
    pub sigma: f64,
    /// Its seed.
    pub seed: u32,
    /// SHA-256 of its weights.
    pub sha256: String,
}

/// Of the images that both networks read correctly and that fool the attacked network once they are changed: how many
/// fool the other one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transferred {
    /// Number of images that fool the other network.
    pub fooled: usize,
    /// Number of images in all.
    pub of: usize,
}

impl Transferred {
    /// The share of images that fool the other network; `None` if there are no images.
    pub fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.fooled as f64 / self.of as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_counts_where_it_is_right_and_large_enough() {
        let certificate = |class, radius| Certificate { class, votes: 9, count: 10, share: 0.6, radius };
        let certificates = vec![
            certificate(0, Some(0.6)),
            certificate(0, Some(0.3)),
            certificate(1, Some(9.0)), // wrong class
            certificate(0, None),
        ];
        let model = CertifiedModel { model: "a".into(), sigma: 0.5, seed: 1, sha256: String::new(), certificates };
        let shares = [0.0, 0.5, 1.0].map(|radius| model.certified_accuracy(&[0; 4], radius));
        assert_eq!(shares, [0.5, 0.25, 0.0]);
    }
}
