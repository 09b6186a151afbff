//! The attacks by name, for the command line and the page.

use super::{
    ApgdLoss, Attack, Bounded, DeepFoolVariant, Objective, SmallestEpsilon, apgd, carlini_wagner, ddn, deepfool,
    ensemble, fgsm, fmn, gradient_ascent, noise, pgd, square,
};
use crate::error::Error;
use crate::norm::Norm;
use crate::report::{AttackForm, AttackInfo, AttackOptions, Parameter};

/// How an attack is offered; its file says it.
pub(super) struct Entry {
    pub title: &'static str,
    /// Two sentences.
    pub summary: &'static str,
    /// Whether it is in the short list.
    pub featured: bool,
    /// The norms it can keep small, the usual one first.
    pub norms: &'static [Norm],
    pub parameters: Box<dyn Fn(Norm) -> Vec<Parameter>>,
    pub build: Build,
}

/// The attack that keeps a norm small, with its settings.
type Build = Box<dyn Fn(Norm, &Settings) -> Box<dyn Attack>>;

/// Every attack, in the order they are offered.
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
        apgd::entry(ApgdLoss::LogitsRatio),
        apgd::entry(ApgdLoss::EachTarget { targets: 9 }),
        square::entry(),
        ensemble::entry(),
    ]
}

impl Entry {
    fn usual(&self, norm: Norm) -> Box<dyn Attack> {
        let options = AttackOptions::default();
        (self.build)(norm, &Settings { options: &options, parameters: (self.parameters)(norm) })
    }

    fn name(&self) -> &'static str {
        self.usual(self.norms[0]).name()
    }

    fn info(&self) -> AttackInfo {
        let usual = self.usual(self.norms[0]);
        AttackInfo {
            name: usual.name().to_owned(),
            title: self.title.to_owned(),
            summary: self.summary.to_owned(),
            featured: self.featured,
            targeted: usual.targeted(),
            black_box: usual.black_box(),
            forms: self
                .norms
                .iter()
                .map(|&norm| AttackForm { norm, passes: self.usual(norm).cost(), parameters: (self.parameters)(norm) })
                .collect(),
        }
    }
}

/// Every attack: name, meaning, norms, cost, parameters.
pub fn menu() -> Vec<AttackInfo> {
    entries().iter().map(Entry::info).collect()
}

/// The attack that `options` name, with its parameters.
///
/// # Errors
///
/// If there is no attack of that name, it does not know the norm or a parameter, or a value is out of range.
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
    Ok((entry.build)(norm, &Settings { options, parameters }))
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

/// The parameters asked for, and the defaults of the others.
pub(super) struct Settings<'a> {
    options: &'a AttackOptions,
    parameters: Vec<Parameter>,
}

impl Settings<'_> {
    pub fn real(&self, name: &str) -> f32 {
        self.value(name) as f32
    }

    pub fn whole(&self, name: &str) -> usize {
        self.value(name) as usize
    }

    pub fn seed(&self) -> u64 {
        self.value("seed") as u64
    }

    fn value(&self, name: &str) -> f64 {
        let usual =
            || self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.default);
        let value = self.options.parameters.get(name).copied().or_else(usual);
        value.expect("an attack reads the parameters that its entry lists")
    }
}

/// The attack at its own ε, or where searches are asked for the smallest perturbation by it.
pub(super) fn bounded<A: Bounded + Clone + 'static>(attack: A, settings: &Settings) -> Box<dyn Attack> {
    match settings.whole("searches") {
        0 => Box::new(attack),
        searches => Box::new(SmallestEpsilon { attack, searches }),
    }
}

/// A parameter that is a number.
pub(super) fn real(name: &str, label: &str, help: &str, min: f64, max: f64, default: f32) -> Parameter {
    // The shortest decimal of a single-precision default: 0.1, not 0.10000000149.
    let default = default.to_string().parse().expect("a float prints as a float");
    Parameter { name: name.to_owned(), label: label.to_owned(), help: help.to_owned(), min, max, default, whole: false }
}

/// A parameter that is a whole number.
pub(super) fn whole(name: &str, label: &str, help: &str, min: usize, max: usize, default: usize) -> Parameter {
    let number = |value: usize| value as f64;
    Parameter {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        min: number(min),
        max: number(max),
        default: number(default),
        whole: true,
    }
}

pub(super) fn steps(default: usize) -> Parameter {
    whole("steps", "Steps", "How many steps at most; more take longer and find smaller changes.", 1, 10_000, default)
}

pub(super) fn epsilon(norm: Norm) -> Parameter {
    // To four digits, as people would type it.
    let usual = (norm.usual_epsilon() * 1e4).round() / 1e4;
    let (help, max) = match norm {
        Norm::L0 => ("How many values may change.", 1e6),
        Norm::L1 => ("How large the sum of all changes may be.", 1e5),
        Norm::L2 => ("How long the change may be.", 1e3),
        Norm::Linf => ("How far any value may change; all lie between 0 and 1.", 1.0),
    };
    real("epsilon", "Distance ε", help, 1e-5, max, usual)
}

pub(super) fn searches() -> Parameter {
    let help = "0: this ε alone. Else the attack is run so many times, for the smallest ε that fools the network.";
    whole("searches", "Searches over ε", help, 0, 30, 0)
}

pub(super) fn seed() -> Parameter {
    whole("seed", "Seed", "Another seed gives other random numbers.", 0, 1_000_000, 0)
}
