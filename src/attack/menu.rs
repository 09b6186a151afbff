//! The attacks by name, for the command line and the page.

use super::entry::Entry;
use super::{
    ApgdLoss, Attack, AttackInfo, AttackOptions, DeepFoolVariant, Objective, Parameter, apgd, carlini_wagner, ddn,
    deepfool, ensemble, fab, fgsm, fmn, gradient_ascent, noise, pdpgd, pgd, sigma_zero, square,
};
use crate::error::Error;

/// Every attack, in the order of the menu.
fn entries() -> Vec<Entry> {
    vec![
        ddn::entry(),
        gradient_ascent::entry(Objective::CrossEntropy),
        fmn::entry(),
        apgd::entry(ApgdLoss::CrossEntropy),
        pgd::entry(),
        noise::entry(),
        gradient_ascent::entry(Objective::Normalised),
        gradient_ascent::entry(Objective::Margin),
        fgsm::entry(),
        deepfool::entry(DeepFoolVariant::DeepFool),
        deepfool::entry(DeepFoolVariant::SuperDeepFool),
        carlini_wagner::entry(),
        sigma_zero::entry(),
        pdpgd::entry(),
        fab::entry(),
        apgd::entry(ApgdLoss::LogitsRatio),
        apgd::entry(ApgdLoss::EachTarget),
        square::entry(),
        ensemble::entry(),
    ]
}

/// Every attack, with its name, summary, norms, cost and parameters.
pub fn menu() -> Vec<AttackInfo> {
    entries().iter().map(Entry::info).collect()
}

/// The attack that `options` name, with its parameters.
///
/// # Errors
///
/// If there is no attack of that name, if it does not support the norm or a parameter, or if a value is out of range.
pub fn build(options: &AttackOptions) -> Result<Box<dyn Attack>, Error> {
    let entries = entries();
    let entry = entries.iter().find(|entry| entry.name() == options.attack).ok_or_else(|| Error::Unknown {
        what: "attack",
        found: options.attack.clone(),
        expected: join(entries.iter().map(Entry::name)),
    })?;
    let norm = match options.norm {
        None => entry.norms[0],
        Some(norm) if entry.norms.contains(&norm) => norm,
        Some(norm) => {
            return Err(Error::Parameter {
                name: "norm".to_owned(),
                expected: join(entry.norms.iter().map(|norm| norm.name())),
                found: norm.name().to_owned(),
            });
        }
    };
    let parameters = (entry.parameters)(norm);
    for (name, &value) in &options.parameters {
        check(&parameters, name, value)?;
    }
    Ok((entry.build)(norm, &options.parameters))
}

fn check(parameters: &[Parameter], name: &str, value: f64) -> Result<(), Error> {
    let wrong = |expected: String| Error::Parameter { name: name.to_owned(), expected, found: value.to_string() };
    match parameters.iter().find(|parameter| parameter.name == name) {
        None => {
            let names = join(parameters.iter().map(|parameter| &*parameter.name));
            Err(wrong(format!("nothing, since this attack has no such parameter, only {names}")))
        }
        Some(Parameter { min, max, .. }) if !(min..=max).contains(&&value) => Err(wrong(format!("{min} to {max}"))),
        Some(Parameter { whole: true, .. }) if value.fract() != 0.0 => Err(wrong("a whole number".to_owned())),
        Some(_) => Ok(()),
    }
}

fn join<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Passes backward, or forward where there are none.
    fn passes(attack: &dyn Attack) -> usize {
        let cost = attack.about().cost;
        if cost.backward > 0 { cost.backward } else { cost.forward }
    }

    #[test]
    fn the_cost_is_the_product_of_the_repetitions() {
        let mut followed = 0;
        for entry in entries() {
            for &norm in entry.norms {
                let parameters = (entry.parameters)(norm);
                let usual = passes(&*(entry.build)(norm, &BTreeMap::new()));
                let repetitions = parameters.iter().filter(|parameter| parameter.repeats);
                if usual as f64 != repetitions.map(|parameter| parameter.default.max(1.0)).product::<f64>() {
                    continue; // such as an ensemble, whose attacks have other numbers of steps
                }
                followed += 1;
                for Parameter { name, default, max, repeats, .. } in parameters {
                    let value = if repeats { 2.0 * default.max(1.0) } else { max };
                    let found = passes(&*(entry.build)(norm, &BTreeMap::from([(name.clone(), value)])));
                    let follows = if repeats { found >= 2 * usual } else { found == usual };
                    assert!(follows, "{} in {norm:?}, {name}={value}: {found} after {usual}", entry.name());
                }
            }
        }
        assert!(followed > 20, "only {followed} costs are products");
    }
}
