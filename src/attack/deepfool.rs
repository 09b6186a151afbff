//! DeepFool: Moosavi-Dezfooli et al. 2016, arXiv 1511.04599. SuperDeepFool: Abdollahpourrad et al. 2023, arXiv
//! 2303.12481.

use burn::tensor::{Bool, Tensor};

use super::entry::{Entry, Texts, field, steps};
use super::plane::inner;
use super::{About, Attack, Passes, Problem, SMALLEST_MARGIN, Search, State, choose, within_box_direction};
use crate::classifier::Slope;
use crate::norm::Norm;
use crate::tensors::broadcast;

/// The two variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeepFoolVariant {
    /// Stops when the network is fooled.
    DeepFool,
    /// Goes on after that: keeps only the part of the perturbation that is perpendicular to the boundary, and steps
    /// again.
    SuperDeepFool,
}

/// Steps to the nearest class boundary, as if the network were linear, until the network is fooled. Then a bisection
/// back towards the original.
///
/// Differences from the papers. Steps to the boundary leave out changes that would lead a value out of [0, 1], so that
/// none is wasted on making black pixels blacker. This holds for all steps of SuperDeepFool and for the second half of
/// DeepFool's. In DeepFool's first half such changes are clipped, which makes those steps shorter. In L∞, where
/// SuperDeepFool has no published form, the perpendicular part is replaced by the smallest L∞ perturbation that reaches
/// the same plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeepFool {
    /// The variant.
    pub variant: DeepFoolVariant,
    /// L2 or L∞.
    pub norm: Norm,
    /// The largest number of steps, each with one gradient for every candidate.
    pub steps: usize,
    /// How far a step goes beyond the boundary, as a share of the perturbation.
    pub overshoot: f32,
    /// Number of classes whose boundaries are tried: the most probable ones besides the goal's class.
    pub candidates: usize,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
}

impl DeepFool {
    /// The default parameters for `variant` in `norm`.
    pub fn new(variant: DeepFoolVariant, norm: Norm) -> Self {
        let steps = match variant {
            DeepFoolVariant::DeepFool => 50,
            DeepFoolVariant::SuperDeepFool => 20,
        };
        Self { variant, norm, steps, overshoot: 0.02, candidates: 10, bisections: 10 }
    }
}

pub(super) fn entry(variant: DeepFoolVariant) -> Entry {
    let (title, summary) = match variant {
        DeepFoolVariant::DeepFool => (
            "DeepFool: straight to the nearest boundary",
            "Takes the network for linear, works out which wrong answer is nearest, and steps there, until it is fooled. \
             Needs few steps, each with a gradient for every wrong answer it considers.",
        ),
        DeepFoolVariant::SuperDeepFool => (
            "SuperDeepFool: DeepFool with a shorter path",
            "Goes to the nearest boundary as DeepFool does, then drops every part of the way that did not lead straight \
             to it, and repeats. Finds smaller changes than DeepFool.",
        ),
    };
    let fields = |_| {
        let help = "How many wrong answers are considered; each costs a gradient a step.";
        vec![
            steps(|deepfool: &mut DeepFool| &mut deepfool.steps),
            field("candidates", "Wrong answers", help, 1.0..=100.0, |deepfool: &mut DeepFool| &mut deepfool.candidates)
                .repeated(),
        ]
    };
    let texts = Texts { title, summary, featured: false };
    let usual = move |norm| DeepFool::new(variant, norm);
    Entry::new(texts, &[Norm::L2, Norm::Linf], usual, fields, |deepfool| Box::new(deepfool))
}

impl Attack for DeepFool {
    fn about(&self) -> About {
        let name = match self.variant {
            DeepFoolVariant::DeepFool => "deepfool",
            DeepFoolVariant::SuperDeepFool => "superdeepfool",
        };
        let cost = Passes::gradients(self.steps * self.candidates).and_forward(1);
        About { cost, targeted: false, ..About::new(name, self.norm, self.steps) }.bisected(self.bisections)
    }

    fn begin(&self, problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        Box::new(DeepFoolSearch {
            config: *self,
            rivals: problem.criterion.rivals(problem.logits(problem.pixels.clone()), self.candidates),
            perturbation: problem.pixels.zeros_like(),
        })
    }
}

struct DeepFoolSearch {
    config: DeepFool,
    /// The candidate classes, each one-hot `[N, K]`.
    rivals: Vec<Tensor<2>>,
    /// The perturbation so far, without overshoot, `[N, C, H, W]`
    perturbation: Tensor<4>,
}

/// The boundary to one class, in the linear approximation.
struct ClassBoundary {
    /// By how much that class's logit leads; negative before the boundary, `[N]`
    lead: Tensor<1>,
    /// The gradient of the lead, `[N, C, H, W]`
    normal: Tensor<4>,
    /// Decides between planes: the one with the larger rank is taken, `[N]`
    rank: Tensor<1>,
}

impl DeepFoolSearch {
    /// The boundary to step to, for every image: the nearest one, or after it is crossed, that of the class now read.
    fn plane(&self, problem: &Problem, state: &mut State) -> (ClassBoundary, Tensor<1, Bool>) {
        let norm = state.norm;
        let current = state.current.clone();
        let mut nearest: Option<ClassBoundary> = None;
        let mut adversarial = None;
        for rival in &self.rivals {
            let Slope { logits, value: lead, gradient } =
                problem.gradient(current.clone(), |logits| problem.criterion.lead(logits, rival));
            let crossed = adversarial.get_or_insert_with(|| state.record(problem, logits)).clone();
            let distance = lead.clone() / norm.dual(gradient.clone()).clamp_min(1e-12);
            let rank = distance.mask_where(crossed, lead.clone());
            let plane = ClassBoundary { lead, normal: gradient, rank };
            nearest = Some(match nearest {
                None => plane,
                Some(other) => {
                    let nearer = plane.rank.clone().greater(other.rank.clone());
                    ClassBoundary {
                        lead: other.lead.mask_where(nearer.clone(), plane.lead),
                        normal: choose(nearer.clone(), plane.normal, other.normal),
                        rank: other.rank.mask_where(nearer, plane.rank),
                    }
                }
            });
        }
        (nearest.expect("there is a candidate"), adversarial.expect("there is a candidate"))
    }

    /// The smallest perturbation along which a function with the gradient `normal` rises by `rise`.
    fn shortest(&self, normal: Tensor<4>, rise: Tensor<1>) -> Tensor<4> {
        let steepest = match self.config.norm {
            Norm::Linf => normal.clone().sign(),
            _ => normal.clone(),
        };
        let slope = inner(normal, steepest.clone()).clamp_min(1e-30);
        steepest * broadcast(rise / slope)
    }
}

impl Search for DeepFoolSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let (plane, adversarial) = self.plane(problem, state);
        let keeps_clipped = self.config.variant == DeepFoolVariant::DeepFool && 2 * state.step < self.config.steps;
        let normal = plane.normal.clone();
        let normal = if keeps_clipped { normal } else { within_box_direction(state.current.clone(), normal) };
        // A little further, so that the step does not end on the boundary itself.
        let onward = self.perturbation.clone() + self.shortest(normal, plane.lead.abs() + SMALLEST_MARGIN);
        let onward_pixels = problem.perturbed(onward.clone() * (1.0 + self.config.overshoot));
        match self.config.variant {
            DeepFoolVariant::DeepFool => {
                let found = state.stop_where_found();
                self.perturbation = choose(found.clone(), self.perturbation.clone(), onward);
                state.current = choose(found, state.current.clone(), onward_pixels);
            }
            DeepFoolVariant::SuperDeepFool => {
                let taken = state.current.clone() - problem.pixels.clone();
                let straight = self.shortest(plane.normal.clone(), inner(plane.normal, taken));
                self.perturbation = choose(adversarial.clone(), straight.clone(), onward);
                state.current = choose(adversarial, problem.perturbed(straight), onward_pixels);
            }
        }
    }
}
