//! Gradient ascent in the input: x ← x + δ·∇x J, until the image is misread.
//!
//! Szegedy et al. 2013, arXiv 1312.6199; Goodfellow et al. 2014, arXiv 1412.6572.

use super::entry::{Entry, Texts, field, steps};
use super::{About, Attack, Problem, Search, State, choose};
use crate::norm::{Norm, unit};

/// The function that gradient ascent ascends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The training loss J, unchanged. Its gradient vanishes where the network is certain.
    CrossEntropy,
    /// The training loss, with its gradient scaled to L2 length 1: every step is `step_size` long.
    Normalised,
    /// The margin of the logits, which does not saturate.
    Margin,
}

/// Steps along the gradient until the image is misread. Then a bisection back towards the original finds the most
/// similar misread image on that line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientAscent {
    /// The function to ascend.
    pub objective: Objective,
    /// The largest number of steps, one gradient each.
    pub steps: usize,
    /// δ, the factor of the gradient in a step.
    pub step_size: f32,
    /// Halvings of the line back to the original, one forward pass each.
    pub bisections: usize,
}

impl GradientAscent {
    /// The default parameters for `objective`.
    pub fn new(objective: Objective) -> Self {
        Self {
            objective,
            steps: 100,
            step_size: match objective {
                Objective::CrossEntropy => 100.0,
                Objective::Normalised => 0.2,
                Objective::Margin => 0.04,
            },
            bisections: 10,
        }
    }
}

pub(super) fn entry(objective: Objective) -> Entry {
    let (title, summary, largest_step) = match objective {
        Objective::CrossEntropy => (
            "Gradient ascent: the original experiment",
            "Adds δ times the gradient of the training loss until the network is fooled, then goes back halfway as often \
             as it stays fooled. Where the network is certain the gradient vanishes, and the attack says so.",
            1e4,
        ),
        Objective::Normalised => (
            "Gradient ascent, steps of fixed length",
            "The same direction, but every step has length δ. A network that is certain cannot hide behind a vanishing \
             gradient.",
            10.0,
        ),
        Objective::Margin => (
            "Gradient ascent on the margin",
            "Increases the lead of the best wrong answer over the right one in place of the training loss. That lead has \
             a gradient however certain the network is.",
            10.0,
        ),
    };
    let texts = Texts { title, summary, featured: objective == Objective::CrossEntropy };
    let fields = move |_| {
        let help = "The factor of the gradient in a step.";
        vec![
            steps(|ascent: &mut GradientAscent| &mut ascent.steps),
            field("step_size", "Step size δ", help, 1e-4..=largest_step, |ascent| &mut ascent.step_size),
        ]
    };
    Entry::new(texts, &[Norm::L2], move |_| GradientAscent::new(objective), fields, |ascent| Box::new(ascent))
}

/// The gradient counts as vanished when a step moves no pixel by more than this: a million such steps change a pixel by
/// less than one of the 255 shades.
const VANISHED: f32 = 1e-9;

impl Attack for GradientAscent {
    fn about(&self) -> About {
        let name = match self.objective {
            Objective::CrossEntropy => "gradient",
            Objective::Normalised => "gradient-normalised",
            Objective::Margin => "gradient-margin",
        };
        About::new(name, Norm::L2, self.steps).bisected(self.bisections)
    }

    fn begin(&self, _problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        Box::new(*self)
    }
}

impl Search for GradientAscent {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let (criterion, current) = (&problem.criterion, state.current.clone());
        let slope = problem.gradient(current.clone(), |logits| match self.objective {
            Objective::CrossEntropy => criterion.cross_entropy(logits),
            Objective::Normalised => criterion.log_odds(logits),
            Objective::Margin => criterion.margin(logits),
        });
        match self.objective {
            Objective::Margin => state.record_margin(problem, slope.logits, slope.value),
            _ => state.record(problem, slope.logits),
        };
        let found = state.best.found();

        let normalised = self.objective == Objective::Normalised;
        let step = if normalised { unit(slope.gradient) } else { slope.gradient } * self.step_size;
        let vanished = Norm::Linf.measure(step.clone()).lower_elem(VANISHED);
        state.current = choose(found.clone(), current.clone(), (current + step).clamp(0.0, 1.0));
        state.settled = vanished.bool_or(found).float();
    }
}
