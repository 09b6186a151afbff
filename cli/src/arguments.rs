//! Arguments that several commands take, and the values of others.

use anyhow::{Result, ensure};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use decoy::attack::AttackOptions;

/// The attack and its parameters.
#[derive(Args)]
pub struct MethodArgs {
    /// The attack, with its parameters: ddn, ddn:steps=40, fmn:norm=linf,gamma=0.1; `list` prints them all.
    #[arg(long, default_value = "ddn", value_name = "NAME:PARAMETER=VALUE,…")]
    pub attack: AttackOptions,
    /// Largest number of steps.
    #[arg(long)]
    steps: Option<u32>,
    /// Least probability of the wrong label or the target; without it, being the most probable is enough.
    #[arg(long, value_name = "0 TO 0.9999")]
    confidence: Option<f32>,
}

impl MethodArgs {
    /// The attack as the library's options, without a target.
    pub fn options(&self) -> Result<AttackOptions> {
        let mut options = AttackOptions { sure: self.confidence, ..self.attack.clone() };
        if let Some(steps) = self.steps {
            let before = options.parameters.insert("steps".to_owned(), steps.into());
            ensure!(before.is_none(), "the steps are given twice, by --attack and by --steps: expected one of them");
        }
        Ok(options)
    }
}

/// Reads a number that is at least 1; at most a thousand million, so that sums of it stay numbers.
pub fn at_least_one() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..=1_000_000_000)
}

/// Reads a number from `least` to `most`. The error says that `what` is expected, and the range.
pub fn within(what: &'static str, least: f64, most: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number: &f64| (least..=most).contains(number));
        let short = |number: f64| format!("{number:?}").trim_end_matches(".0").to_owned(); // 1e-6, 0.5, 100
        number.ok_or_else(|| format!("expected {what}, {} to {}", short(least), short(most)))
    }
}

/// Reads the standard deviation of the noise on pixels in [0, 1], from `least` to 100.
pub fn sigma(least: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    within("the standard deviation of the noise", least, 100.0)
}
