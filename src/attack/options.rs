//! An attack as people choose it: by name, with parameters.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize, Serializer};

use super::{Attack, Passes, Run};
use crate::catalog::Family;
use crate::classifier::{Aim, Frozen, Goal};
use crate::error::Error;
use crate::norm::Norm;
use crate::region::{Rectangle, Region};

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
    /// The part of the picture that may change, as the network sees it; all of it if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Rectangle>,
    /// The parameters by name, beside the others: `{"attack": "ddn", "steps": 40}`.
    #[serde(flatten, serialize_with = "whole_numbers")]
    pub parameters: BTreeMap<String, f64>,
}

impl AttackOptions {
    /// The probability that the wrong label, or the target, shall have at least; 0 asks for the most probable.
    pub fn confidence(&self) -> f32 {
        self.sure.unwrap_or(0.0)
    }

    /// What is to be achieved on one picture by a network of `family`.
    ///
    /// # Errors
    ///
    /// If the family has no such target, the probability is not one, or its pictures have no such part.
    pub fn aim(&self, family: &Family) -> Result<Aim, Error> {
        let goal = match &self.target {
            None => Goal::Change,
            Some(label) => Goal::Read(vec![family.class(label)?]),
        };
        let aim = goal.with_confidence(self.confidence())?;
        match self.region {
            None => Ok(aim),
            Some(part) => Ok(aim.inside(Region::of(part, family.input.height, family.input.width)?)),
        }
    }

    /// Begins on one picture `[1, C, H, W]`, to achieve what [`aim`](Self::aim) says, or a narrower aim.
    ///
    /// # Errors
    ///
    /// If the network sees the target already; and as [`Run::begin`].
    pub async fn begin<'a>(
        &self,
        attack: &dyn Attack,
        network: &'a Frozen,
        pixels: Tensor<4>,
        aim: Aim,
    ) -> Result<Run<'a>, Error> {
        let run = Run::begin(attack, network, pixels, aim).await?;
        match &self.target {
            Some(label) if run.is_reached_already() => Err(Error::AlreadyRead { label: label.clone() }),
            _ => Ok(run),
        }
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
