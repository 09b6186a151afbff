//! Several attacks, and for every image the smallest perturbation that any of them finds.

use std::collections::VecDeque;

use super::entry::{Entry, Words, steps};
use super::{
    About, Apgd, ApgdLoss, Attack, Attempt, Ddn, Fab, Fmn, Pdpgd, Polished, Problem, Search, SigmaZero,
    SmallestEpsilon, State,
};
use crate::norm::Norm;

/// Runs attacks one after the other and keeps, image by image, the smallest perturbation in `norm`. A robustness figure
/// is an upper bound, and the least of several is the better one.
pub struct Ensemble {
    /// The norm to keep small.
    pub norm: Norm,
    /// The attacks, in the order they are run; their own norm may be another.
    pub attacks: Vec<Box<dyn Attack>>,
}

impl Ensemble {
    /// The attacks that find the smallest perturbations in `norm`, with `steps` steps for those that take many; PDPGD and
    /// σ-zero take five and ten times as many, since they need them.
    pub fn of_the_best(norm: Norm, steps: usize) -> Self {
        let ddn = || Box::new(Ddn { steps, ..Ddn::default() });
        let fmn = || Box::new(Fmn { steps, ..Fmn::new(norm) });
        let pdpgd = || Box::new(Pdpgd { steps: 5 * steps, ..Pdpgd::new(norm) });
        let fab = || Box::new(Fab { steps, ..Fab::new(norm) });
        let apgd = |loss, searches| {
            let attack = Apgd { steps: steps.div_ceil(4), targets: 3, ..Apgd::new(loss, norm) };
            Box::new(SmallestEpsilon { attack, searches })
        };
        let (any, each) = (|| apgd(ApgdLoss::CrossEntropy, 8), || apgd(ApgdLoss::EachTarget, 6));
        let sigma_zero = || Box::new(SigmaZero { steps: 10 * steps, ..SigmaZero::default() });
        let attacks: Vec<Box<dyn Attack>> = match norm {
            Norm::L0 => vec![fmn(), sigma_zero()],
            Norm::L1 => vec![fmn(), fab(), any(), pdpgd()],
            Norm::L2 => vec![ddn(), fmn(), any(), each()],
            Norm::Linf => vec![fmn(), any(), each()],
        };
        Self { norm, attacks }
    }

    /// The same, [`Polished`] at the end in as many steps. With 100 steps an image costs 950
    /// gradients in L2, 850 in L∞, 1000 in L1, 1200 in L0.
    pub fn polished(norm: Norm, steps: usize) -> Polished<Self> {
        Polished::new(Self::of_the_best(norm, steps), steps)
    }
}

/// What can be set of the usual ensemble.
struct Usual {
    norm: Norm,
    steps: usize,
}

pub(super) fn entry() -> Entry {
    let words = Words {
        title: "Ensemble: the best of several",
        summary: "Runs several of the attacks that find small changes and keeps, for every picture, the smallest that any of \
                  them finds; then looks around it for a smaller one. The most trustworthy figure, and as slow as all of \
                  them together.",
        featured: false,
    };
    Entry::new(
        words,
        &[Norm::L2, Norm::Linf, Norm::L1, Norm::L0],
        |norm| Usual { norm, steps: 100 },
        |_| vec![steps(|usual: &mut Usual| &mut usual.steps)],
        |Usual { norm, steps }| Box::new(Ensemble::polished(norm, steps)),
    )
}

impl Attack for Ensemble {
    fn about(&self) -> About {
        let all = || self.attacks.iter().map(|attack| attack.about());
        About {
            cost: all().map(|about| about.cost).sum(),
            targeted: all().any(|about| about.targeted),
            black_box: all().all(|about| about.black_box),
            fewest_classes: all().map(|about| about.fewest_classes).min().unwrap_or(2),
            ..About::new("ensemble", self.norm, all().map(|about| about.steps).sum())
        }
    }

    fn begin(&self, problem: &Problem, _state: &mut State) -> Box<dyn Search> {
        // Those that cannot aim at a class, or need more classes, are left out.
        let able = self.attacks.iter().filter(|attack| {
            let About { targeted, fewest_classes, .. } = attack.about();
            (targeted || !problem.criterion.is_targeted()) && fewest_classes <= problem.criterion.classes()
        });
        let attempts = able.map(|attack| Attempt::begin(&**attack, problem));
        Box::new(InTurn(attempts.collect()))
    }
}

/// Those under way or still to come.
struct InTurn(VecDeque<Attempt>);

impl InTurn {
    /// Ends the attack under way once it has no steps left.
    fn end_turn(&mut self, problem: &Problem, state: &mut State) {
        if let Some(attempt) = self.0.front_mut().filter(|attempt| attempt.left() == 0) {
            attempt.polish(problem);
            state.take(problem, &attempt.state);
            self.0.pop_front();
        }
    }
}

impl Search for InTurn {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        self.end_turn(problem, state);
        match self.0.front_mut() {
            Some(attempt) => {
                attempt.step(problem);
                state.take(problem, &attempt.state);
            }
            // Those left out have left their steps unused.
            None => state.settled = state.settled.ones_like(),
        }
    }

    fn polish(&mut self, problem: &Problem, state: &mut State) {
        self.end_turn(problem, state);
    }
}
