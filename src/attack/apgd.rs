//! Auto-PGD: Croce and Hein 2020, arXiv 2003.01690; in L1 2021, arXiv 2103.01208.

mod climb;

use burn::tensor::Tensor;

use climb::Climb;

use super::entry::{Entry, Words, epsilon, field, seed, steps};
use super::random::Random;
use super::{About, Attack, Passes, Problem, Search, State, choose};
use crate::norm::Norm;

/// What is ascended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApgdLoss {
    /// The cross-entropy, as the [log odds](crate::classifier::Criterion::log_odds): they rise and fall together, and
    /// the log odds do not saturate.
    CrossEntropy,
    /// The [difference of logits ratio](crate::classifier::Criterion::logits_ratio), which no scaling of the logits
    /// changes. Needs three classes, towards a target four.
    LogitsRatio,
    /// The same towards each of the next most probable classes in turn, each with all the steps. Needs four classes.
    EachTarget,
}

/// Gradient ascent within a ball of radius ε that fits its own steps: with momentum, and whenever the loss no longer rises
/// the step is halved and the best image taken up again.
///
/// In L1 a step changes a few values alone, those with the steepest slopes, by the same amount each and without momentum:
/// two thirds as many as differ from the original in the best image, counted anew at every checkpoint. When they hardly
/// become fewer the step is shortened, down to ε/10; else it is ε again, and the best image is taken up. The first three
/// tenths of the steps climb in a ball of 3ε, the next three in one of 2ε, and only the rest in that of ε.
///
/// Difference from the paper in L1: slopes that lead out of [0, 1] do not count among the steepest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apgd {
    /// What is ascended.
    pub loss: ApgdLoss,
    /// L1, L2 or L∞.
    pub norm: Norm,
    /// ε, the radius of the ball.
    pub epsilon: f32,
    /// Steps, one gradient each.
    pub steps: usize,
    /// ρ, the share of the steps between two checkpoints in which the loss must rise for the step to be kept.
    pub rho: f32,
    /// How many classes [`ApgdLoss::EachTarget`] aims at.
    pub targets: usize,
    /// Seed of the place in the ball from which it starts.
    pub seed: u64,
}

impl Apgd {
    /// The defaults for `loss` in `norm`.
    pub fn new(loss: ApgdLoss, norm: Norm) -> Self {
        Self { loss, norm, epsilon: norm.usual_epsilon(), steps: 100, rho: 0.75, targets: 9, seed: 0 }
    }

    /// How often it starts anew.
    fn starts(&self) -> usize {
        if self.loss == ApgdLoss::EachTarget { self.targets } else { 1 }
    }

    /// The balls that a start climbs in, the last one first.
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
            "APGD-CE: steps that fit themselves",
            "Climbs the training loss within the distance ε, with momentum, and halves its steps when they no longer help. \
             Part of AutoAttack, the usual benchmark of robust networks.",
        ),
        ApgdLoss::LogitsRatio => (
            "APGD-DLR: climbs the lead",
            "As APGD-CE, but climbs the lead of the wrong answer relative to the spread of the best answers. Not deceived \
             by networks that are very certain.",
        ),
        ApgdLoss::EachTarget => (
            "APGD-T: one wrong answer at a time",
            "As APGD-DLR, but aims at one wrong answer after the other, the most probable first. Thorough, and as many \
             times slower as it has answers to try.",
        ),
    };
    let words = Words { title, summary, featured: loss == ApgdLoss::CrossEntropy };
    let fields = move |norm| {
        let mut fields = vec![
            steps(|apgd: &mut Apgd| &mut apgd.steps),
            epsilon(norm, |apgd: &mut Apgd| &mut apgd.epsilon),
            seed(|apgd: &mut Apgd| &mut apgd.seed),
        ];
        if loss == ApgdLoss::EachTarget {
            let help = "How many wrong answers are aimed at, one after the other.";
            fields.push(field("targets", "Wrong answers", help, 1.0..=100.0, |apgd: &mut Apgd| &mut apgd.targets));
        }
        fields
    };
    Entry::bounded(words, &[Norm::Linf, Norm::L2, Norm::L1], move |norm| Apgd::new(loss, norm), fields)
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
            cost: Passes::gradients(steps).and_forward(1 + self.starts()),
            epsilon: Some(self.epsilon),
            targeted: self.loss != ApgdLoss::EachTarget,
            fewest_classes,
            ..About::new(name, self.norm, steps)
        }
    }

    fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
        let mut targets = Vec::new();
        if self.loss == ApgdLoss::EachTarget {
            targets = problem.criterion.rivals(problem.logits(problem.pixels.clone()), self.targets);
            targets.reverse();
        }
        let climb = Climb::new(self, problem, problem.pixels.clone(), state.epsilon.clone(), self.steps);
        let random = Random::new(self.seed);
        let mut search = ApgdSearch { config: *self, climb, target: None, targets, random, balls: Vec::new() };
        search.start(problem, state);
        Box::new(search)
    }
}

struct ApgdSearch {
    config: Apgd,
    /// The class aimed at, `[N, K]`, where it is one after the other.
    target: Option<Tensor<2>>,
    /// Those still to come, the next one last.
    targets: Vec<Tensor<2>>,
    random: Random,
    /// The balls still to be climbed in from this start, the next one last.
    balls: Vec<Ball>,
    climb: Climb,
}

/// A ball in which the search climbs for a while.
#[derive(Clone, Copy)]
struct Ball {
    /// Its radius, in multiples of ε.
    radius: f32,
    steps: usize,
}

impl ApgdSearch {
    /// Begins at a random place, and with the next target where there is one.
    fn start(&mut self, problem: &Problem, state: &mut State) {
        let norm = self.config.norm;
        self.target = self.targets.pop();
        self.balls = self.config.balls();
        let noise = match norm {
            Norm::L1 => self.random.normal(problem).expand(problem.pixels.shape()),
            _ => self.random.of_size(problem, norm, state.epsilon.clone()),
        };
        self.climb_from(problem, state, problem.pixels.clone() + noise);
    }

    /// Climbs in the next ball, from where in it is nearest to `place`.
    fn climb_from(&mut self, problem: &Problem, state: &mut State, place: Tensor<4>) {
        let ball = self.balls.pop().expect("there are steps left");
        let radius = state.epsilon.clone() * ball.radius;
        state.current = problem.within(self.config.norm, place, radius.clone());
        self.climb = Climb::new(&self.config, problem, state.current.clone(), radius, ball.steps);
    }

    /// Once the climb has no steps left: the next ball, or the next start.
    fn go_on(&mut self, problem: &Problem, state: &mut State) {
        if self.balls.is_empty() {
            state.predict(problem);
            self.start(problem, state);
        } else {
            self.climb_from(problem, state, self.climb.top());
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
            self.go_on(problem, state);
        }
        let current = state.current.clone();
        let slope = problem.gradient(current.clone(), |logits| self.loss(problem, logits));
        if self.balls.is_empty() {
            state.record(problem, slope.logits);
        } else {
            // Beyond ε nothing counts.
            state.logits = Some(slope.logits);
        }
        let found = state.stop_where_found();
        let next = self.climb.next(problem, current.clone(), slope.value, slope.gradient);
        state.current = choose(found, current, next);
    }

    fn polish(&mut self, problem: &Problem, state: &mut State) {
        state.predict(problem);
    }
}
