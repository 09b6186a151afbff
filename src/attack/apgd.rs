//! Auto-PGD: Croce and Hein 2020, arXiv 2003.01690; in L1 2021, arXiv 2103.01208.

mod climb;

use burn::tensor::Tensor;

use climb::Climb;

use super::entry::{Entry, Texts, epsilon, field, seed, steps};
use super::random::Random;
use super::{About, Attack, Passes, Problem, Search, State, choose};
use crate::norm::Norm;

/// The loss that APGD ascends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApgdLoss {
    /// The cross-entropy, in the form of the [log odds](crate::classifier::Criterion::log_odds): both rise and fall
    /// together, and the log odds do not saturate.
    CrossEntropy,
    /// The [difference of logits ratio](crate::classifier::Criterion::logits_ratio). Scaling the logits does not change
    /// it. Needs three classes, or four with a target.
    LogitsRatio,
    /// The same ratio towards each of the next most probable classes in turn, each with all the steps. Needs four
    /// classes.
    EachTarget,
}

/// Gradient ascent within a ball of radius ε that adapts its step size. It uses momentum. Whenever the loss no longer
/// rises, the step size is halved and the search continues from the best image.
///
/// In L1 a step changes only a few values, those with the steepest slopes, all by the same amount and without momentum.
/// Their number is two thirds of the number of values in which the best image differs from the original, counted again
/// at every checkpoint. If this number hardly falls, the step size is reduced, down to ε/10. Otherwise it is set back
/// to ε, and the search continues from the best image. The first 30 % of the steps climb in a ball of radius 3ε, the
/// next 30 % in one of 2ε, and the rest in one of ε.
///
/// Difference from the paper in L1: slopes that lead out of [0, 1] are left out before the steepest are chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apgd {
    /// The loss.
    pub loss: ApgdLoss,
    /// L1, L2 or L∞.
    pub norm: Norm,
    /// ε, the radius of the ball.
    pub epsilon: f32,
    /// Steps, one gradient each.
    pub steps: usize,
    /// ρ: the loss must rise in more than this share of the steps between two checkpoints, else the step size is
    /// halved.
    pub rho: f32,
    /// Number of classes that [`ApgdLoss::EachTarget`] aims at.
    pub targets: usize,
    /// Seed of the random start in the ball.
    pub seed: u64,
}

impl Apgd {
    /// The default parameters for `loss` in `norm`.
    pub fn new(loss: ApgdLoss, norm: Norm) -> Self {
        Self { loss, norm, epsilon: norm.default_epsilon(), steps: 100, rho: 0.75, targets: 9, seed: 0 }
    }

    /// Number of starts.
    fn starts(&self) -> usize {
        if self.loss == ApgdLoss::EachTarget { self.targets } else { 1 }
    }

    /// The balls of one start, in reverse order.
    fn balls(&self) -> Vec<Ball> {
        if self.norm != Norm::L1 {
            return vec![Ball { radius: 1.0, steps: self.steps }];
        }
        let wide = 3 * self.steps / 10;
        let mut balls = vec![Ball { radius: 1.0, steps: self.steps - 2 * wide }];
        if wide > 0 {
            balls.extend([2.0, 3.0].map(|radius| Ball { radius, steps: wide }));
        }
        balls
    }
}

pub(super) fn entry(loss: ApgdLoss) -> Entry {
    let (title, summary) = match loss {
        ApgdLoss::CrossEntropy => (
            "APGD-CE: adaptive steps",
            "Climbs the training loss within the distance ε, with momentum, and halves its steps when they no longer help. \
             Part of AutoAttack, the usual benchmark of robust networks.",
        ),
        ApgdLoss::LogitsRatio => (
            "APGD-DLR: increases the lead",
            "As APGD-CE, but increases the lead of the wrong answer relative to the spread of the best answers. Not \
             deceived by networks that are very certain.",
        ),
        ApgdLoss::EachTarget => (
            "APGD-T: one wrong answer at a time",
            "As APGD-DLR, but aims at one wrong answer after the other, the most probable first. Thorough, and as many \
             times slower as it has answers to try.",
        ),
    };
    let texts = Texts { title, summary, featured: loss == ApgdLoss::CrossEntropy };
    let fields = move |norm| {
        let mut fields = vec![
            steps(|apgd: &mut Apgd| &mut apgd.steps),
            epsilon(norm, |apgd: &mut Apgd| &mut apgd.epsilon),
            seed(|apgd: &mut Apgd| &mut apgd.seed),
        ];
        if loss == ApgdLoss::EachTarget {
            let help = "How many wrong answers are aimed at, one after the other.";
            fields.push(
                field("targets", "Wrong answers", help, 1.0..=100.0, |apgd: &mut Apgd| &mut apgd.targets).repeated(),
            );
        }
        fields
    };
    Entry::bounded(texts, &[Norm::Linf, Norm::L2, Norm::L1], move |norm| Apgd::new(loss, norm), fields)
}

impl Attack for Apgd {
    fn about(&self) -> About {
        let (name, fewest_classes) = match self.loss {
            ApgdLoss::CrossEntropy => ("apgd-ce", 2),
            ApgdLoss::LogitsRatio => ("apgd-dlr", 3),
            ApgdLoss::EachTarget => ("apgd-t", 4),
        };
        let steps = self.starts() * self.steps;
        About {
            cost: Passes::gradients(steps).and_forward(self.starts()),
            epsilon: Some(self.epsilon),
            targeted: self.loss != ApgdLoss::EachTarget,
            fewest_classes,
            ..About::new(name, self.norm, steps)
        }
        .predicted_at_end()
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let mut targets = Vec::new();
        if self.loss == ApgdLoss::EachTarget {
            targets = problem.criterion.rivals(problem.logits(problem.pixels.clone()), self.targets);
            targets.reverse();
        }
        let mut starts =
            Starts { config: *self, target: None, targets, random: Random::new(self.seed), balls: Vec::new() };
        let climb = starts.begin(problem, state);
        Box::new(ApgdSearch { starts, climb })
    }
}

struct ApgdSearch {
    starts: Starts,
    climb: Climb,
}

/// Where climbs begin: at each start in one ball after another.
struct Starts {
    config: Apgd,
    /// The class of this start, one-hot `[N, K]`, if the loss aims at one class after another.
    target: Option<Tensor<2>>,
    /// The classes still to come, the next one last.
    targets: Vec<Tensor<2>>,
    random: Random,
    /// The balls of this start that are still to come, the next one last.
    balls: Vec<Ball>,
}

/// A ball in which the search climbs for some steps.
#[derive(Clone, Copy)]
struct Ball {
    /// Its radius, in multiples of ε.
    radius: f32,
    steps: usize,
}

impl Starts {
    /// Begins at a random place, with the next target if there is one.
    fn begin(&mut self, problem: &Problem, state: &mut State) -> Climb {
        self.target = self.targets.pop();
        self.balls = self.config.balls();
        let noise = match state.norm {
            Norm::L1 => self.random.normal(problem).expand(problem.pixels.shape()),
            norm => self.random.of_size(problem, norm, state.epsilon.clone()),
        };
        self.climb_from(problem, state, problem.pixels.clone() + noise)
    }

    /// Climbs in the next ball, beginning at its point nearest to `place`.
    fn climb_from(&mut self, problem: &Problem, state: &mut State, place: Tensor<4>) -> Climb {
        let ball = self.balls.pop().expect("there are steps left");
        let radius = state.epsilon.clone() * ball.radius;
        state.current = problem.project(state.norm, place, radius.clone());
        Climb::new(&self.config, problem, state.current.clone(), radius, ball.steps)
    }

    /// After the climb that reached `top`: continues with the next ball, or else with the next start.
    fn go_on(&mut self, problem: &Problem, state: &mut State, top: Tensor<4>) -> Climb {
        if self.balls.is_empty() {
            state.predict(problem);
            self.begin(problem, state)
        } else {
            self.climb_from(problem, state, top)
        }
    }

    fn loss(&self, problem: &Problem, logits: Tensor<2>) -> Tensor<1> {
        match (&self.target, self.config.loss) {
            (Some(target), _) => problem.criterion.logits_ratio_towards(logits, target),
            (None, ApgdLoss::CrossEntropy) => problem.criterion.log_odds(logits),
            (None, _) => problem.criterion.logits_ratio(logits),
        }
    }
}

impl Search for ApgdSearch {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        if self.climb.is_over() {
            self.climb = self.starts.go_on(problem, state, self.climb.top());
        }
        let current = state.current.clone();
        let slope = problem.gradient(current.clone(), |logits| self.starts.loss(problem, logits));
        if self.starts.balls.is_empty() {
            state.record(problem, slope.logits);
        } else {
            // In a ball larger than ε nothing is recorded: such images do not count as a success.
            state.logits = Some(slope.logits);
        }
        let found = state.stop_where_found();
        let next = self.climb.next(problem, current.clone(), slope.value, slope.gradient);
        state.current = choose(found, current, next);
    }
}
