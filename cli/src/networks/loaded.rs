//! A network that is loaded, and its labels.

use anyhow::{Result, bail};
use decoy::catalog::{Family, ModelEntry};
use decoy::classifier::Frozen;
use decoy::error::Error;

/// A loaded network.
pub struct LoadedModel {
    /// Its family.
    pub family: Family,
    /// Its entry in the catalogue.
    pub entry: ModelEntry,
    /// The network.
    pub network: Frozen,
}

/// Labels with a similarity above this are offered in place of one that is not known. A slip in a word is about 0.9.
const SIMILAR: f64 = 0.85;

/// At most this many labels are offered.
const OFFERED: usize = 5;

impl LoadedModel {
    /// The label that is meant by `text`: a label, in upper or lower case, or the number of a class.
    ///
    /// # Errors
    ///
    /// If there is none; the error names the labels that are written alike.
    pub fn label(&self, text: &str) -> Result<String> {
        let labels = &self.family.labels;
        match self.family.class(text) {
            Ok(class) => Ok(labels[class].clone()),
            Err(error @ Error::Unknown { .. }) => match &*similar(labels, text) {
                [] => Err(error.into()),
                near => bail!("there is no label named “{text}”: did you mean “{}”?", near.join("”, “")),
            },
            Err(error) => Err(error.into()),
        }
    }
}

/// The labels that contain `text`, or are written like it, or have a word that is; the most similar first, among equals
/// the shortest.
fn similar<'a>(labels: &'a [String], text: &str) -> Vec<&'a str> {
    let text = text.to_lowercase();
    let mut near: Vec<(f64, &str)> = Vec::new();
    for label in labels {
        let folded = label.to_lowercase();
        let parts = folded.split(' ').chain([&*folded]);
        let likeness = parts.map(|part| strsim::jaro_winkler(part, &text)).fold(0.0, f64::max);
        if likeness > SIMILAR || folded.contains(&text) {
            near.push((likeness, label));
        }
    }
    near.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.len().cmp(&b.1.len())));
    near.into_iter().map(|(_, label)| label).take(OFFERED).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_written_alike_are_offered() {
        let labels = ["espresso maker", "espresso", "crane (134)", "crane (517)", "duck"].map(str::to_owned);
        assert_eq!(similar(&labels, "Esspreso"), ["espresso", "espresso maker"]);
        assert_eq!(similar(&labels, "crane"), ["crane (134)", "crane (517)"]);
        assert_eq!(similar(&labels, "maker"), ["espresso maker"]);
        assert!(similar(&labels, "zebra").is_empty());
    }
}
