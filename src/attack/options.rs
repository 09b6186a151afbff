//! An attack as users choose it: by name, with parameters.

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

/// An attack of the menu.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackInfo {
    /// Its name in commands and reports.
    pub name: String,
    /// Its title, as users see it.
    pub title: String,
    /// What it does, in two sentences.
    pub summary: String,
    /// Whether it is in the short list.
    pub featured: bool,
    /// Whether it can make a network read a given label.
    pub targeted: bool,
    /// Whether it uses only the network's answers, never a gradient.
    pub black_box: bool,
    /// One for each norm it supports; the first is the default.
    pub forms: Vec<AttackForm>,
}

/// An attack in one of its norms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct AttackForm {
    /// The norm.
    pub norm: Norm,
    /// The most it costs for one image, with the default parameters.
    pub passes: Passes,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
}

/// A numeric parameter of an attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(target_family = "wasm", derive(tsify::Tsify), tsify(missing_as_null))]
pub struct Parameter {
    /// Its name in [`AttackOptions`].
    pub name: String,
    /// Its label, as users see it.
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
    /// Whether it is a number of repetitions: the cost of most attacks is the product of these.
    pub repeats: bool,
}

/// An attack and its parameters. What is left out has its default.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttackOptions {
    /// The attack's name.
    pub attack: String,
    /// The norm, if the attack supports several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub norm: Option<Norm>,
    /// The label to be read, or the index of its class; any wrong one if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The probability, in [0, 0.9999], that the wrong label or the target must reach. If left out, it need only be the
    /// most probable label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sure: Option<f32>,
    /// The part of the picture that may change, in pixels at the network's input size. If left out, all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Rectangle>,
    /// The parameters by name, next to the other fields: `{"attack": "ddn", "steps": 40}`.
    #[serde(flatten, serialize_with = "whole_numbers")]
    pub parameters: BTreeMap<String, f64>,
}

impl AttackOptions {
    /// The probability that the wrong label or the target must reach; 0 means that it need only be the most probable.
    pub fn confidence(&self) -> f32 {
        self.sure.unwrap_or(0.0)
    }

    /// The aim for one picture, for a network of `family`.
    ///
    /// # Errors
    ///
    /// If the family has no such label, the probability is out of range, or the region does not fit its pictures.
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

    /// Begins on one picture `[1, C, H, W]`. The aim is that of [`aim`](Self::aim), or a narrower one.
    ///
    /// # Errors
    ///
    /// If the network already reads the target; and the errors of [`Run::begin`].
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

/// Reads `ddn`, `ddn:steps=40` or `fmn:norm=linf,steps=1000`.
impl FromStr for AttackOptions {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let (attack, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut options = Self { attack: attack.to_owned(), ..Self::default() };
        for part in rest.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let wrong = |expected: &str, found: &str| Error::Parameter {
                name: part.split('=').next().unwrap_or(part).trim().to_owned(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            };
            let (name, value) = part.split_once('=').ok_or_else(|| wrong("a value, such as steps=40", "alone"))?;
            let (name, value) = (name.trim(), value.trim());
            if name == "norm" {
                let norm = Norm::ALL.into_iter().find(|norm| norm.name() == value);
                let norm = norm.ok_or_else(|| wrong("l0, l1, l2 or linf", value))?;
                if options.norm.replace(norm).is_some() {
                    return Err(wrong("one value", "given twice"));
                }
            } else {
                // Carlini and Wagner's own name for the lead.
                let name = if (attack, name) == ("cw", "confidence") { "lead" } else { name };
                let number = value.parse().map_err(|_| wrong("a number", value))?;
                if options.parameters.insert(name.to_owned(), number).is_some() {
                    return Err(wrong("one value", "given twice"));
                }
            }
        }
        Ok(options)
    }
}

/// Writes the form that [`FromStr`] reads.
impl fmt::Display for AttackOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let norm = self.norm.map(|norm| format!("norm={}", norm.name()));
        let parameters = self.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let parts: Vec<String> = norm.into_iter().chain(parameters).collect();
        let colon = if parts.is_empty() { "" } else { ":" };
        write!(f, "{}{colon}{}", self.attack, parts.join(","))
    }
}

/// Writes whole values without a decimal point: 40 instead of 40.0.
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
        let spaced: AttackOptions = "ddn: steps = 40 , gamma =0.1".parse().expect("spaces do no harm");
        assert_eq!(spaced.to_string(), "ddn:gamma=0.1,steps=40");
        let json =
            serde_json::to_string(&"pgd:norm=l1,epsilon=0.5,steps=3".parse::<AttackOptions>().expect("well formed"));
        assert_eq!(json.expect("plain"), r#"{"attack":"pgd","norm":"l1","epsilon":0.5,"steps":3}"#);
    }

    #[test]
    fn options_that_cannot_be_read_are_told() {
        let error = |text: &str| text.parse::<AttackOptions>().expect_err("it is wrong").to_string();
        assert_eq!(error("ddn:steps"), "steps is alone: expected a value, such as steps=40");
        assert_eq!(error("ddn:steps=many"), "steps is many: expected a number");
        assert_eq!(error("ddn:steps=5,steps=6"), "steps is given twice: expected one value");
        assert_eq!(error("fmn:norm=l2,norm=linf"), "norm is given twice: expected one value");
        assert_eq!(error("fmn:norm=l3"), "norm is l3: expected l0, l1, l2 or linf");
    }
}
