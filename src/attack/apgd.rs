//! Auto-PGD: Croce and Hein 2020, arXiv 2003.01690.

use burn::tensor::{Bool, Tensor};

use super::menu::{Entry, bounded, epsilon, searches, seed, steps, whole};
use super::random::Random;
use super::{Attack, Bounded, Passes, Problem, Search, State, choose};
use crate::norm::Norm;
use crate::rows;

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
    EachTarget {
        /// How many classes.
        targets: usize,
    },
}

/// Gradient ascent with momentum within a ball of radius ε, whose step is halved, and the best image taken up again,
/// whenever the loss no longer rises.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apgd {
    /// What is ascended.
    pub loss: ApgdLoss,
    /// L2 or L∞.
    pub norm: Norm,
    /// ε, the radius of the ball.
    pub epsilon: f32,
    /// Steps, one gradient each.
    pub steps: usize,
    /// ρ, the share of the steps between two checkpoints in which the loss must rise for the step to be kept.
    pub rho: f32,
    /// Seed of the place in the ball from which it starts.
    pub seed: u64,
}

impl Apgd {
    /// The defaults for `loss` in `norm`.
    pub fn new(loss: ApgdLoss, norm: Norm) -> Self {
        Self { loss, norm, epsilon: norm.usual_epsilon(), steps: 100, rho: 0.75, seed: 0 }
    }

    /// How often it starts anew.
    fn starts(&self) -> usize {
        match self.loss {
            ApgdLoss::EachTarget { targets } => targets,
            _ => 1,
        }
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
        ApgdLoss::EachTarget { .. } => (
            "APGD-T: one wrong answer at a time",
            "As APGD-DLR, but aims at one wrong answer after the other, the most probable first. Thorough, and as many \
             times slower as it has answers to try.",
        ),
    };
    Entry {
        title,
        summary,
        featured: loss == ApgdLoss::CrossEntropy,
        norms: &[Norm::Linf, Norm::L2],
        parameters: Box::new(move |norm| {
            let mut parameters = vec![steps(Apgd::new(loss, norm).steps), epsilon(norm), searches(), seed()];
            if let ApgdLoss::EachTarget { targets } = loss {
                let help = "How many wrong answers are aimed at, one after the other.";
                parameters.push(whole("targets", "Wrong answers", help, 1, 100, targets));
            }
            parameters
        }),
        build: Box::new(move |norm, settings| {
            let loss = match loss {
                ApgdLoss::EachTarget { .. } => ApgdLoss::EachTarget { targets: settings.whole("targets") },
                other => other,
            };
            let attack = Apgd {
                epsilon: settings.real("epsilon"),
                steps: settings.whole("steps"),
                seed: settings.seed(),
                ..Apgd::new(loss, norm)
            };
            bounded(attack, settings)
        }),
    }
}

impl Attack for Apgd {
    fn name(&self) -> &'static str {
        match self.loss {
            ApgdLoss::CrossEntropy => "apgd-ce",
            ApgdLoss::LogitsRatio => "apgd-dlr",
            ApgdLoss::EachTarget { .. } => "apgd-t",
        }
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn steps(&self) -> usize {
        self.starts() * self.steps
    }

    fn cost(&self) -> Passes {
        Passes::gradients(Attack::steps(self)).and_forward(1 + self.starts())
    }

    fn epsilon(&self) -> Option<f32> {
        Some(self.epsilon)
    }

    fn targeted(&self) -> bool {
        !matches!(self.loss, ApgdLoss::EachTarget { .. })
    }

    fn fewest_classes(&self) -> usize {
        match self.loss {
            ApgdLoss::CrossEntropy => 2,
            ApgdLoss::LogitsRatio => 3,
            ApgdLoss::EachTarget { .. } => 4,
        }
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        self.begin_within(problem, problem.for_each(self.epsilon))
    }
}

impl Bounded for Apgd {
    fn begin_within(&self, problem: &Problem, epsilon: Tensor<1>) -> Box<dyn Search> {
        let targets = match self.loss {
            ApgdLoss::EachTarget { targets } => {
                let mut rivals = problem.criterion.rivals(problem.logits(problem.pixels.clone()), targets);
                rivals.reverse();
                rivals
            }
            _ => Vec::new(),
        };
        let mut search = ApgdSearch {
            config: *self,
            climb: Climb::new(self, problem, &epsilon),
            target: None,
            targets,
            random: Random::new(self.seed),
            epsilon,
            state: State::new(problem),
        };
        search.start(problem);
        Box::new(search)
    }
}

struct ApgdSearch {
    config: Apgd,
    /// `[N]`
    epsilon: Tensor<1>,
    /// The class aimed at, `[N, K]`, where it is one after the other.
    target: Option<Tensor<2>>,
    /// Those still to come, the next one last.
    targets: Vec<Tensor<2>>,
    random: Random,
    climb: Climb,
    state: State,
}

/// One ascent from one start.
struct Climb {
    /// Steps taken.
    step: usize,
    /// Steps from the last checkpoint to the next.
    period: usize,
    /// Steps taken since the last checkpoint.
    since: usize,
    /// η, length of a step, `[N]`
    step_size: Tensor<1>,
    /// The image before the current one, `[N, C, H, W]`
    previous: Tensor<4>,
    /// The image with the highest loss, `[N, C, H, W]`
    top: Tensor<4>,
    /// The gradient there, `[N, C, H, W]`
    top_gradient: Tensor<4>,
    /// The loss there, `[N]`
    top_loss: Tensor<1>,
    /// The highest loss at the last checkpoint, `[N]`
    checked_loss: Tensor<1>,
    /// The loss at the last step, `[N]`
    last_loss: Tensor<1>,
    /// In how many steps since the last checkpoint the loss rose, `[N]`
    rises: Tensor<1>,
    /// 1 where the last checkpoint halved the step, `[N]`
    halved: Tensor<1>,
}

impl Climb {
    fn new(config: &Apgd, problem: &Problem, epsilon: &Tensor<1>) -> Self {
        let zero = problem.for_each(0.0);
        Self {
            step: 0,
            period: (0.22 * config.steps as f32).max(1.0) as usize,
            since: 0,
            step_size: epsilon.clone() * 2.0,
            previous: problem.pixels.clone(),
            top: problem.pixels.clone(),
            top_gradient: problem.pixels.zeros_like(),
            top_loss: zero.clone(),
            checked_loss: zero.clone(),
            last_loss: zero.clone(),
            rises: zero.clone(),
            // As if it had, or the first checkpoint would halve a step that did not help at once.
            halved: zero.ones_like(),
        }
    }

    /// Takes in the loss `[N]` and its gradient at the current images, and returns whence and in which direction to go
    /// on.
    fn record(
        &mut self,
        config: &Apgd,
        current: Tensor<4>,
        loss: Tensor<1>,
        gradient: Tensor<4>,
    ) -> (Tensor<4>, Tensor<4>) {
        if self.step == 0 {
            self.previous = current.clone();
            self.top = current.clone();
            self.top_gradient = gradient.clone();
            self.top_loss = loss.clone();
            self.checked_loss = loss.clone();
            self.last_loss = loss;
            return (current, gradient);
        }
        self.rises = self.rises.clone() + loss.clone().greater(self.last_loss.clone()).float();
        self.last_loss = loss.clone();
        let higher = loss.clone().greater(self.top_loss.clone());
        self.top = choose(higher.clone(), current.clone(), self.top.clone());
        self.top_gradient = choose(higher.clone(), gradient.clone(), self.top_gradient.clone());
        self.top_loss = self.top_loss.clone().mask_where(higher, loss);
        self.since += 1;
        if self.since < self.period {
            return (current, gradient);
        }
        let stalled = self.stalled(config);
        self.step_size = self.step_size.clone().mask_where(stalled.clone(), self.step_size.clone() / 2.0);
        (choose(stalled.clone(), self.top.clone(), current), choose(stalled, self.top_gradient.clone(), gradient))
    }

    /// The checkpoint: where the step is to be halved. Begins the next period.
    fn stalled(&mut self, config: &Apgd) -> Tensor<1, Bool> {
        let seldom = self.rises.clone().lower_equal_elem(config.rho * self.period as f32);
        let unchanged = self.checked_loss.clone().greater_equal(self.top_loss.clone());
        let stalled = seldom.bool_or(unchanged.bool_and(self.halved.clone().lower_elem(0.5)));
        self.halved = stalled.clone().float();
        self.checked_loss = self.top_loss.clone();
        self.rises = self.rises.zeros_like();
        self.since = 0;
        let share = |part: f32| ((part * config.steps as f32) as usize).max(1);
        self.period = self.period.saturating_sub(share(0.03)).max(share(0.06));
        stalled
    }
}

impl ApgdSearch {
    /// Begins at a place in the ball, and with the next target where there is one.
    fn start(&mut self, problem: &Problem) {
        let start = self.random.of_size(problem, self.config.norm, self.epsilon.clone());
        self.state.current = problem.perturbed(start);
        self.climb = Climb::new(&self.config, problem, &self.epsilon);
        self.target = self.targets.pop();
    }

    fn loss(&self, problem: &Problem, logits: Tensor<2>) -> Tensor<1> {
        match (&self.target, self.config.loss) {
            (Some(target), _) => problem.criterion.logits_ratio_towards(logits, target),
            (None, ApgdLoss::CrossEntropy) => problem.criterion.log_odds(logits),
            (None, _) => problem.criterion.logits_ratio(logits),
        }
    }

    /// The nearest images in the ball and the box.
    fn within(&self, problem: &Problem, pixels: Tensor<4>) -> Tensor<4> {
        problem.within(self.config.norm, pixels, self.epsilon.clone())
    }
}

/// The share of a step that the gradient decides, the rest being momentum.
const MOMENTUM: f32 = 0.75;

impl Search for ApgdSearch {
    fn step(&mut self, problem: &Problem) {
        let norm = self.config.norm;
        if self.climb.step == self.config.steps {
            self.state.predict(problem, norm);
            self.start(problem);
        }
        let current = self.state.current.clone();
        let (logits, gradient) = problem.gradient(current.clone(), |logits| self.loss(problem, logits));
        self.state.look(problem, logits.clone(), norm);
        let found = self.state.stop_where_found();
        let loss = self.loss(problem, logits);
        let (from, gradient) = self.climb.record(&self.config, current.clone(), loss, gradient);

        let step = if norm == Norm::Linf { rows::sign_step } else { rows::step };
        let stepped = self.within(problem, step(from.clone(), gradient, self.climb.step_size.clone()));
        let next = if self.climb.step == 0 {
            stepped
        } else {
            let momentum = from.clone() - self.climb.previous.clone();
            self.within(problem, from.clone() + (stepped - from.clone()) * MOMENTUM + momentum * (1.0 - MOMENTUM))
        };
        self.climb.previous = from;
        self.climb.step += 1;
        self.state.current = choose(found, current, next);
    }

    fn polish(&mut self, problem: &Problem) {
        self.state.predict(problem, self.config.norm);
    }

    fn state(&self) -> &State {
        &self.state
    }
}
