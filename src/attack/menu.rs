//! The attacks by name, for the command line and the page.

use super::{Attack, Ddn, GradientAscent, Objective};
use crate::error::Error;
use crate::norm::Norm;
use crate::report::{AttackInfo, AttackOptions, Parameter};

/// Every attack: name, meaning, parameters.
pub fn menu() -> Vec<AttackInfo> {
    let ascent = |objective, title: &str, summary: &str, largest_step: f64| {
        let attack = GradientAscent::new(objective);
        info(
            &attack,
            title,
            summary,
            vec![
                steps(attack.steps),
                Parameter {
                    name: "step_size".to_owned(),
                    label: "Step size δ".to_owned(),
                    min: 1e-4,
                    max: largest_step,
                    default: round(attack.step_size),
                },
            ],
        )
    };
    vec![
        info(
            &Ddn::default(),
            "DDN: the smallest change",
            "Looks for the smallest change that fools the network, by walking on a sphere around the picture that \
             shrinks whenever the network is fooled. Finds far smaller changes than climbing alone.",
            vec![steps(Ddn::default().steps)],
        ),
        ascent(
            Objective::CrossEntropy,
            "Gradient ascent: the original experiment",
            "Adds δ times the gradient of the training loss until the network is fooled, then goes back halfway as \
             often as it stays fooled. Where the network is certain the gradient vanishes, and the attack says so.",
            1e4,
        ),
        ascent(
            Objective::Normalised,
            "Gradient ascent, steps of fixed length",
            "The same direction, but every step has length δ. A network that is certain cannot hide behind a vanishing \
             gradient.",
            10.0,
        ),
        ascent(
            Objective::Margin,
            "Gradient ascent on the margin",
            "Climbs the lead of the best wrong answer over the right one in place of the training loss. That lead has a \
             gradient however certain the network is.",
            10.0,
        ),
    ]
}

/// The attack that `options` name, with its parameters.
///
/// # Errors
///
/// If there is no attack of that name, it does not have such a parameter, or the value is out of range.
pub fn build(options: &AttackOptions) -> Result<Box<dyn Attack>, Error> {
    let menu = menu();
    let info = menu.iter().find(|info| info.name == options.attack).ok_or_else(|| Error::Unknown {
        what: "attack",
        found: options.attack.clone(),
        expected: menu.iter().map(|info| &*info.name).collect::<Vec<_>>().join(", "),
    })?;
    check(info, "steps", options.steps.map(f64::from))?;
    check(info, "step_size", options.step_size)?;
    let ascent = |objective| -> Box<dyn Attack> {
        let mut attack = GradientAscent::new(objective);
        attack.steps = options.steps.map_or(attack.steps, |steps| steps as usize);
        attack.step_size = options.step_size.map_or(attack.step_size, |size| size as f32);
        Box::new(attack)
    };
    Ok(match info.name.as_str() {
        "gradient" => ascent(Objective::CrossEntropy),
        "gradient-normalised" => ascent(Objective::Normalised),
        "gradient-margin" => ascent(Objective::Margin),
        _ => {
            let mut attack = Ddn::default();
            attack.steps = options.steps.map_or(attack.steps, |steps| steps as usize);
            Box::new(attack)
        }
    })
}

fn info(attack: &dyn Attack, title: &str, summary: &str, parameters: Vec<Parameter>) -> AttackInfo {
    AttackInfo {
        name: attack.name().to_owned(),
        title: title.to_owned(),
        summary: summary.to_owned(),
        norm: Norm::L2,
        parameters,
    }
}

fn steps(default: usize) -> Parameter {
    Parameter { name: "steps".to_owned(), label: "Steps".to_owned(), min: 1.0, max: 10_000.0, default: default as f64 }
}

/// The shortest decimal of a single-precision default: 0.1, not 0.10000000149.
fn round(value: f32) -> f64 {
    value.to_string().parse().expect("a float prints as a float")
}

fn check(info: &AttackInfo, name: &'static str, value: Option<f64>) -> Result<(), Error> {
    let Some(value) = value else { return Ok(()) };
    match info.parameters.iter().find(|parameter| parameter.name == name) {
        None => Err(Error::Parameter {
            name,
            expected: "nothing, since this attack has no such parameter".to_owned(),
            found: value.to_string(),
        }),
        Some(parameter) if !(parameter.min..=parameter.max).contains(&value) => Err(Error::Parameter {
            name,
            expected: format!("{} to {}", parameter.min, parameter.max),
            found: value.to_string(),
        }),
        Some(_) => Ok(()),
    }
}
