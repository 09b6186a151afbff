//! The menu entry of an attack, defined in the attack's file: title, summary, norms, and each parameter once.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::{Attack, AttackForm, AttackInfo, Parameter, SmallestEpsilon};
use crate::norm::Norm;

/// A menu entry.
pub(super) struct Entry {
    texts: Texts,
    /// The norms it supports, the default first.
    pub norms: &'static [Norm],
    pub parameters: Box<dyn Fn(Norm) -> Vec<Parameter>>,
    pub build: Build,
}

/// Builds the attack for a norm, with values for some of its parameters.
pub(super) type Build = Box<dyn Fn(Norm, &BTreeMap<String, f64>) -> Box<dyn Attack>>;

/// The texts about an attack that users read.
pub(super) struct Texts {
    pub title: &'static str,
    /// Two sentences.
    pub summary: &'static str,
    /// Whether it is in the short list.
    pub featured: bool,
}

impl Entry {
    /// The entry of an attack whose defaults `usual` makes, with the parameters `fields`.
    pub fn new<A: 'static>(
        texts: Texts,
        norms: &'static [Norm],
        usual: impl Fn(Norm) -> A + Copy + 'static,
        fields: impl Fn(Norm) -> Vec<Field<A>> + Clone + 'static,
        attack: impl Fn(A) -> Box<dyn Attack> + 'static,
    ) -> Self {
        let listed = fields.clone();
        Self {
            texts,
            norms,
            parameters: Box::new(move |norm| listed(norm).iter().map(|field| field.parameter(usual(norm))).collect()),
            build: Box::new(move |norm, values| {
                let mut made = usual(norm);
                for field in fields(norm) {
                    let value = values.get(field.name).copied();
                    let number = (field.number)(&mut made);
                    number.set(value.unwrap_or(number.get()));
                }
                attack(made)
            }),
        }
    }

    /// The entry of an attack within a ball, which can also search for its smallest ε.
    pub fn bounded<A: Attack + Clone + 'static>(
        texts: Texts,
        norms: &'static [Norm],
        usual: impl Fn(Norm) -> A + Copy + 'static,
        fields: impl Fn(Norm) -> Vec<Field<A>> + Clone + 'static,
    ) -> Self {
        let fields = move |norm| {
            let mut all: Vec<Field<SmallestEpsilon<A>>> = fields(norm).into_iter().map(Field::for_inner).collect();
            let after = all.iter().position(|field| field.name == "epsilon").map_or(all.len(), |index| index + 1);
            let help = "0: this ε only. Otherwise the attack is run this many times, for the smallest ε that fools the network.";
            let searches =
                field("searches", "Searches over ε", help, 0.0..=30.0, |search: &mut SmallestEpsilon<A>| {
                    &mut search.searches
                });
            all.insert(after, searches.repeated());
            all
        };
        let usual = move |norm| SmallestEpsilon { attack: usual(norm), searches: 0 };
        Self::new(texts, norms, usual, fields, |search| match search.searches {
            0 => Box::new(search.attack),
            _ => Box::new(search),
        })
    }

    fn usual(&self, norm: Norm) -> Box<dyn Attack> {
        (self.build)(norm, &BTreeMap::new())
    }

    pub fn name(&self) -> &'static str {
        self.usual(self.norms[0]).about().name
    }

    pub fn info(&self) -> AttackInfo {
        let about = self.usual(self.norms[0]).about();
        let forms = self.norms.iter().map(|&norm| AttackForm {
            norm,
            passes: self.usual(norm).about().cost,
            parameters: (self.parameters)(norm),
        });
        AttackInfo {
            name: about.name.to_owned(),
            title: self.texts.title.to_owned(),
            summary: self.texts.summary.to_owned(),
            featured: self.texts.featured,
            targeted: about.targeted,
            black_box: about.black_box,
            forms: forms.collect(),
        }
    }
}

/// A parameter of an attack: its name in commands, its label, its help text, its range, and the field that holds it.
pub(super) struct Field<A> {
    name: &'static str,
    label: &'static str,
    help: &'static str,
    range: RangeInclusive<f64>,
    repeats: bool,
    number: Box<dyn Fn(&mut A) -> &mut dyn Number>,
}

/// Gives the field of an attack that holds a number.
type Place<A> = fn(&mut A) -> &mut dyn Number;

impl<A> Field<A> {
    fn parameter(&self, mut attack: A) -> Parameter {
        let number = (self.number)(&mut attack);
        Parameter {
            name: self.name.to_owned(),
            label: self.label.to_owned(),
            help: self.help.to_owned(),
            min: *self.range.start(),
            max: *self.range.end(),
            default: number.get(),
            whole: number.is_whole(),
            repeats: self.repeats,
        }
    }

    /// The same as a number of repetitions.
    pub fn repeated(self) -> Self {
        Self { repeats: true, ..self }
    }

    /// The same parameter for the attack inside [`SmallestEpsilon`].
    fn for_inner(self) -> Field<SmallestEpsilon<A>>
    where
        A: 'static,
    {
        let Self { name, label, help, range, repeats, number } = self;
        Field { name, label, help, range, repeats, number: Box::new(move |search| number(&mut search.attack)) }
    }
}

/// A number that users can set.
pub(super) trait Number {
    fn get(&self) -> f64;
    fn set(&mut self, value: f64);
    fn is_whole(&self) -> bool {
        true
    }
}

impl Number for usize {
    fn get(&self) -> f64 {
        *self as f64
    }

    fn set(&mut self, value: f64) {
        *self = value as Self;
    }
}

impl Number for u64 {
    fn get(&self) -> f64 {
        *self as f64
    }

    fn set(&mut self, value: f64) {
        *self = value as Self;
    }
}

impl Number for f32 {
    /// Rounded to four decimals, as users would type it.
    fn get(&self) -> f64 {
        (f64::from(*self) * 1e4).round() / 1e4
    }

    fn set(&mut self, value: f64) {
        *self = value as Self;
    }

    fn is_whole(&self) -> bool {
        false
    }
}

/// A parameter of an attack.
pub(super) fn field<A: 'static>(
    name: &'static str,
    label: &'static str,
    help: &'static str,
    range: RangeInclusive<f64>,
    number: Place<A>,
) -> Field<A> {
    Field { name, label, help, range, repeats: false, number: Box::new(number) }
}

pub(super) fn steps<A: 'static>(number: Place<A>) -> Field<A> {
    let help = "How many steps at most; more take longer and find smaller changes.";
    field("steps", "Steps", help, 1.0..=10_000.0, number).repeated()
}

pub(super) fn epsilon<A: 'static>(norm: Norm, number: Place<A>) -> Field<A> {
    let (help, largest) = match norm {
        Norm::L0 => ("How many values may change.", 1e6),
        Norm::L1 => ("How large the sum of all changes may be.", 1e5),
        Norm::L2 => ("How long the change may be.", 1e3),
        Norm::Linf => ("How far any value may change; all lie between 0 and 1.", 1.0),
    };
    field("epsilon", "Distance ε", help, 1e-5..=largest, number)
}

pub(super) fn seed<A: 'static>(number: Place<A>) -> Field<A> {
    field("seed", "Seed", "Another seed gives other random numbers.", 0.0..=1e6, number)
}
