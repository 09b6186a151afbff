//! The fast adaptive boundary attack: Croce and Hein 2020, arXiv 1907.02044.

use super::entry::{Entry, Texts, field, seed, steps};
use super::plane::{Plane, nearest_on_plane};
use super::random::Random;
use super::{About, Attack, Passes, Problem, Search, State, choose};
use crate::norm::Norm;
use crate::per_image;
use crate::tensors::broadcast;

/// The smallest perturbation. The boundary is approximated by a plane; each step goes between two points on it: the one
/// nearest to the current image and the one nearest to the original. From an adversarial image the search first goes
/// part of the way back to the original.
///
/// Differences from the paper. Only the boundary to the most probable wrong class is used, which costs one gradient a
/// step instead of one for every class. Later starts are half as far from the original as the best adversarial image.
/// At the end the line to the best image is bisected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fab {
    /// L1, L2 or L∞.
    pub norm: Norm,
    /// Steps from each start, one gradient and one forward pass each.
    pub steps: usize,
    /// Starts: the original, then random places near it.
    pub starts: usize,
    /// α_max: the largest weight of the plane's point nearest to the original.
    pub bias: f32,
    /// η: the length of a step, in multiples of the distance to the plane.
    pub overshoot: f32,
    /// β: the share of an adversarial perturbation that is kept for the next step.
    pub backward: f32,
    /// Halvings of the line to the best image after the last step, one forward pass each.
    pub bisections: usize,
    /// Seed of the random places.
    pub seed: u64,
}

impl Fab {
    /// The default parameters for `norm`.
    pub fn new(norm: Norm) -> Self {
        Self { norm, steps: 100, starts: 1, bias: 0.1, overshoot: 1.05, backward: 0.9, bisections: 8, seed: 0 }
    }
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "FAB: along the boundary",
        summary: "Takes the boundary to the wrong answer for a plane and steps between the points of it that are nearest to \
                  the picture now and to the original. Part of AutoAttack, the usual benchmark of robust networks.",
        featured: false,
    };
    let fields = |_| {
        let starts = "The original, then random places near it; each takes all the steps.";
        vec![
            steps(|fab: &mut Fab| &mut fab.steps),
            field("starts", "Starts", starts, 1.0..=100.0, |fab: &mut Fab| &mut fab.starts).repeated(),
            seed(|fab| &mut fab.seed),
        ]
    };
    Entry::new(texts, &[Norm::Linf, Norm::L2, Norm::L1], Fab::new, fields, |fab| Box::new(fab))
}

impl Attack for Fab {
    fn about(&self) -> About {
        let steps = self.steps * self.starts;
        let cost = Passes::gradients(steps).and_forward(steps);
        About { cost, ..About::new("fab", self.norm, steps) }.bisected(self.bisections)
    }

    fn begin(&self, _problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        Box::new(FabSearch { config: *self, random: Random::new(self.seed) })
    }
}

struct FabSearch {
    config: Fab,
    random: Random,
}

impl FabSearch {
    /// Begins at a random place. Its distance is half that of the best image, or half the usual ε if none is found.
    fn start(&mut self, problem: &Problem, state: &mut State) {
        let usual = problem.for_each(state.norm.default_epsilon());
        let radius = usual.mask_where(state.best.found(), state.best.size.clone()) / 2.0;
        state.current = problem.perturbed(self.random.of_size(problem, state.norm, radius));
    }
}

impl Search for FabSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        let Fab { norm, steps, bias, overshoot, backward, .. } = self.config;
        if state.step > 0 && state.step.is_multiple_of(steps) {
            self.start(problem, state);
        }
        let (original, current) = (problem.pixels.clone(), state.current.clone());
        let plane = Plane::at(problem, state);
        let onto = nearest_on_plane(norm, current.clone(), plane.normal.clone(), plane.rise_from_here.clone());
        let nearest = nearest_on_plane(norm, original.clone(), plane.normal, plane.rise);
        let (here, there) =
            (norm.distance(onto.clone(), current.clone()), norm.distance(nearest.clone(), original.clone()));
        let weight = broadcast((here.clone() / (here + there).clamp_min(1e-12)).clamp_max(bias));
        let from_here = current.clone() + (onto - current) * overshoot;
        let from_there = original.clone() + (nearest - original.clone()) * overshoot;
        state.current = (from_here.clone() + (from_there - from_here) * weight).clamp(0.0, 1.0);

        let logits = problem.logits(state.current.clone());
        let adversarial = state.record(problem, logits);
        let back = per_image::between(original, state.current.clone(), problem.for_each(backward));
        state.current = choose(adversarial, back, state.current.clone());
    }
}
