//! Values of arguments that several commands take.

use clap::builder::RangedU64ValueParser;

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
