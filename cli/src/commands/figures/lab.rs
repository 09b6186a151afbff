//! Certificates and transfer: the README's tables and the chart's curves, from their result files.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, bail};
use decoy::attack::AttackOptions;
use decoy::report::{CertifiedSet, TransferMatrix, Transferred};
use serde::Serialize;

use crate::results::read;

/// The radii in a table.
const RADII: u32 = 7;

/// The distance between the radii of the paper; those of a table are as far apart or a multiple of it.
const SPACING: f64 = 0.25;

/// Whether adversarial pictures of one network fool the others of its family.
#[derive(Serialize)]
pub struct TransferFigures {
    attack: AttackOptions,
    pictures: usize,
    /// The noise levels, in the order of rows and columns.
    sigmas: Vec<f64>,
    /// `shares[attacked][other]`: the share of the adversarial pictures of one network that fool another, among the
    /// pictures that both classify correctly; `None` where there are none.
    shares: Vec<Vec<Option<f64>>>,
}

/// The result files of a folder, by their names without the ending.
#[derive(Default)]
pub struct Lab {
    certified: BTreeMap<String, CertifiedSet>,
    transfer: BTreeMap<String, TransferMatrix>,
}

impl Lab {
    /// Reads the result files of `folder`.
    pub fn read(folder: &Path) -> Result<Self> {
        let mut lab = Self::default();
        for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match name.split_once('-') {
                Some(("certified", _)) => drop(lab.certified.insert(name, read(&path)?)),
                Some(("transfer", _)) => drop(lab.transfer.insert(name, read(&path)?)),
                _ => bail!("{}: expected certified-FAMILY.json or transfer-FAMILY.json", path.display()),
            }
        }
        Ok(lab)
    }

    /// The table of every file, by its name.
    pub fn tables(&self) -> BTreeMap<String, String> {
        let certified = self.certified.iter().map(|(name, set)| (name.clone(), certified(set)));
        certified.chain(self.transfer.iter().map(|(name, matrix)| (name.clone(), transfer(matrix)))).collect()
    }

    /// The transfer matrix of a family's networks.
    pub fn transfer(&self, family: &str) -> Option<TransferFigures> {
        let matrix = self.transfer.values().find(|matrix| matrix.origin.family == family)?;
        Some(TransferFigures {
            attack: matrix.attack.clone(),
            pictures: matrix.origin.pictures.len(),
            sigmas: matrix.models.iter().map(|model| model.sigma).collect(),
            shares: matrix.rows.iter().map(|row| row.iter().map(|cell| cell.share()).collect()).collect(),
        })
    }

    /// The share of images that the network with these weights classifies correctly by votes, certified at each radius.
    pub fn certified_accuracy(&self, sha256: &str, radii: &[f64]) -> Option<Vec<f64>> {
        let mut all = self.certified.values().flat_map(|set| set.models.iter().map(move |model| (set, model)));
        let (set, model) = all.find(|(_, model)| model.network.sha256 == sha256)?;
        Some(radii.iter().map(|&radius| model.certified_accuracy(&set.classes, radius)).collect())
    }
}

/// A row for each network: the share that it classifies correctly by votes, certified at each radius.
fn certified(set: &CertifiedSet) -> String {
    let proved = set.models.iter().flat_map(|model| &model.certificates).filter_map(|certificate| certificate.radius);
    let largest = proved.fold(0.0, f64::max);
    let step = SPACING * (largest / SPACING / f64::from(RADII - 1)).floor().max(1.0);
    let radii: Vec<f64> = (0..RADII).map(|index| f64::from(index) * step).collect();
    let header: String = radii.iter().map(|radius| format!(" r = {radius} |")).collect();
    let mut lines = vec![format!("| votes under σ |{header}"), format!("|---|{}", "---|".repeat(radii.len()))];
    for model in &set.models {
        let share = |radius| 100.0 * model.certified_accuracy(&set.classes, radius);
        let cells: String = radii.iter().map(|&radius| format!(" {:.1} % |", share(radius))).collect();
        lines.push(format!("| {} |{cells}", model.network.sigma));
    }
    lines.join("\n")
}

/// A row for each attacked network: the share of its adversarial pictures that fools each of the others.
fn transfer(matrix: &TransferMatrix) -> String {
    let header: String = matrix.models.iter().map(|model| format!(" σ = {} |", model.sigma)).collect();
    let mut lines =
        vec![format!("| made for | {}", header.trim_start()), format!("|---|{}", "---|".repeat(matrix.models.len()))];
    for (model, row) in matrix.models.iter().zip(&matrix.rows) {
        let cell =
            |cell: &Transferred| cell.share().map_or("–".to_owned(), |share| format!("{:.0} %", 100.0 * share));
        let cells: String = row.iter().map(|found| format!(" {} |", cell(found))).collect();
        lines.push(format!("| σ = {} |{cells}", model.sigma));
    }
    lines.join("\n")
}
