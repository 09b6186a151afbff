//! Result files: what was measured on a data set with several networks.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::attack::AttackOptions;
use crate::catalog::{Accuracies, ModelEntry};
use crate::certify::Certificate;
use crate::metrics::{PerImage, Summary};

/// What a result file is about, and where it comes from.
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

/// A network that was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MeasuredNetwork {
    /// Its name.
    pub model: String,
    /// Its noise level.
    pub sigma: f64,
    /// Its seed.
    pub seed: u32,
    /// SHA-256 of its weights.
    pub sha256: String,
    /// The commit of the code that measured it, where that is not the one of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl From<&ModelEntry> for MeasuredNetwork {
    fn from(entry: &ModelEntry) -> Self {
        let ModelEntry { id, sigma, seed, sha256, .. } = entry.clone();
        Self { model: id, sigma, seed, sha256, commit: None }
    }
}

impl MeasuredNetwork {
    /// The order of result files: by σ, then by seed.
    pub fn order(&self, other: &Self) -> Ordering {
        self.sigma.total_cmp(&other.sigma).then(self.seed.cmp(&other.seed))
    }
}

/// An attack on a data set with one network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelEvaluation {
    /// The network.
    #[serde(flatten)]
    pub network: MeasuredNetwork,
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
    /// The network; its σ is that of the noise under which it votes.
    #[serde(flatten)]
    pub network: MeasuredNetwork,
    /// One certificate for each image.
    pub certificates: Vec<Certificate>,
}

impl CertifiedModel {
    /// An empty list of certificates for the network of `entry`, which votes under noise of `sigma`.
    pub fn new(entry: &ModelEntry, sigma: f64) -> Self {
        Self { network: MeasuredNetwork { sigma, ..entry.into() }, certificates: Vec::new() }
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
    pub models: Vec<MeasuredNetwork>,
    /// One row for each attacked network: what its saved pictures do to every network.
    pub rows: Vec<Vec<Transferred>>,
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
        let network = MeasuredNetwork { model: "a".into(), sigma: 0.5, seed: 1, sha256: String::new(), commit: None };
        let model = CertifiedModel { network, certificates };
        let shares = [0.0, 0.5, 1.0].map(|radius| model.certified_accuracy(&[0; 4], radius));
        assert_eq!(shares, [0.5, 0.25, 0.0]);
    }
}
