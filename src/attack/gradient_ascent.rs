//! Gradient ascent in the input: x ← x + δ·∇x J, until the image is misread.
//!
//! Szegedy et al. 2013, arXiv 1312.6199; Goodfellow et al. 2014, arXiv 1412.6572.

use burn::tensor::Tensor;

use super::{Attack, Best, Problem, Search, bisection::bisect, choose};
use crate::norm::{Norm, unit};

/// What gradient ascent ascends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The training loss J, as it is. Its gradient vanishes where the network is certain.
    CrossEntropy,
    /// The training loss, its gradient scaled to length 1: every step is `step_size` long.
    Normalised,
    /// The margin of the logits, which does not saturate.
    Margin,
}

/// Steps along the gradient until the image is misread, then a bisection back towards the original for the most similar
/// image on that line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GradientAscent {
    /// What is ascended.
    pub objective: Objective,
    /// Steps at most, one gradient each.
    pub steps: usize,
    /// δ, the factor of the gradient in a step.
    pub step_size: f32,
    /// Halvings of the line back to the original, one forward pass each.
    pub bisections: usize,
}

impl GradientAscent {
    /// The defaults for `objective`.
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

/// A step that moves no pixel by more than this leads nowhere in any time a person would wait: a million of them are
/// less than one of 255 shades.
const VANISHED: f32 = 1e-9;

impl Attack for GradientAscent {
    fn name(&self) -> &'static str {
        match self.objective {
            Objective::CrossEntropy => "gradient",
            Objective::Normalised => "gradient-normalised",
            Objective::Margin => "gradient-margin",
        }
    }

    fn steps(&self) -> usize {
        self.steps
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        let [images, ..] = problem.pixels.dims();
        let zeros = Tensor::zeros([images], &problem.pixels.device());
        Box::new(Ascent {
            config: *self,
            current: problem.pixels.clone(),
            best: Best::none(problem),
            confidence: zeros.ones_like(),
            vanished: zeros,
        })
    }
}

struct Ascent {
    config: GradientAscent,
    /// `[N, C, H, W]`
    current: Tensor<4>,
    best: Best,
    confidence: Tensor<1>,
    /// Where the gradient is too small to move a pixel, `[N]`, 1 or 0.
    vanished: Tensor<1>,
}

impl Ascent {
    /// Looks at the current image, keeps it where it is adversarial, and returns the gradient there.
    fn look(&mut self, problem: &Problem) -> Tensor<4> {
        let criterion = &problem.criterion;
        let (logits, gradient) = problem.gradient(self.current.clone(), |logits| match self.config.objective {
            Objective::CrossEntropy => criterion.cross_entropy(logits),
            Objective::Normalised => criterion.log_odds(logits),
            Objective::Margin => criterion.margin(logits),
        });
        self.keep(problem, logits);
        match self.config.objective {
            Objective::Normalised => unit(gradient),
            _ => gradient,
        }
    }

    fn keep(&mut self, problem: &Problem, logits: Tensor<2>) {
        self.confidence = problem.criterion.confidence(logits.clone());
        let norm = Norm::L2.measure(self.current.clone() - problem.pixels.clone());
        self.best.offer(self.current.clone(), norm, problem.reached(logits));
    }
}

impl Search for Ascent {
    fn step(&mut self, problem: &Problem) {
        let step = self.look(problem) * self.config.step_size;
        self.vanished = Norm::Linf.measure(step.clone()).lower_elem(VANISHED).float();
        let moved = (self.current.clone() + step).clamp(0.0, 1.0);
        self.current = choose(self.best.found(), self.current.clone(), moved);
    }

    fn polish(&mut self, problem: &Problem) {
        let logits = problem.logits(self.current.clone());
        self.keep(problem, logits);
        bisect(problem, &mut self.best, self.config.bisections, Norm::L2);
    }

    fn best(&self) -> &Best {
        &self.best
    }

    fn current(&self) -> Tensor<4> {
        self.current.clone()
    }

    fn confidence(&self) -> Tensor<1> {
        self.confidence.clone()
    }

    fn settled(&self) -> Tensor<1> {
        self.vanished.clone().max_pair(self.best.found().float())
    }
}
