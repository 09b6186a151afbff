//! Several attacks in turn. For every image the smallest perturbation of all of them is kept.

use std::collections::VecDeque;

use super::entry::{Entry, Texts, steps};
use super::{
    About, Apgd, ApgdLoss, Attack, Attempt, Ddn, DeepFool, DeepFoolVariant, Fab, Fmn, Pdpgd, Polished, Problem, Search,
    SigmaZero, SmallestEpsilon, State,
};
use crate::norm::Norm;

/// Runs attacks one after the other and keeps, for each image, the smallest perturbation in `norm`. The norm that an
/// attack finds is an upper bound on the true minimum, so the smallest of several is the best estimate.
pub struct Ensemble {
    /// The norm in which perturbations are compared.
    pub norm: Norm,
    /// The attacks, in the order in which they run. They may have another norm.
    pub attacks: Vec<Box<dyn Attack>>,
}

impl Ensemble {
    /// The attacks that find the smallest perturbations in `norm`, with `steps` steps each, or more where they need
    /// them: in L1 and L∞ FMN also runs with twice as many, PDPGD has five times and σ-zero also ten times as many.
    /// APGD has a quarter of them for each ε. SuperDeepFool has its own 20, and its result is polished in `steps`. FMN
    /// runs with several first steps: which of them ends nearest differs from image to image.
    pub fn of_the_best(norm: Norm, steps: usize) -> Self {
        let ddn = || Box::new(Ddn { steps, ..Ddn::default() });
        let fmn = |steps, first: f32| {
            let usual = Fmn::new(norm);
            Box::new(Fmn { steps, step_size: first * usual.step_size, ..usual })
        };
        // It often ends in another local minimum than DDN and FMN.
        let deepfool = || Box::new(Polished::new(DeepFool::new(DeepFoolVariant::SuperDeepFool, norm), steps));
        let pdpgd = || Box::new(Pdpgd { steps: 5 * steps, ..Pdpgd::new(norm) });
        let fab = || Box::new(Fab { steps, ..Fab::new(norm) });
        let apgd = |loss, searches| {
            let attack = Apgd { steps: steps.div_ceil(4), targets: 3, ..Apgd::new(loss, norm) };
            Box::new(SmallestEpsilon { attack, searches })
        };
        let apgd_ce = || apgd(ApgdLoss::CrossEntropy, 8);
        let apgd_targets = || apgd(ApgdLoss::EachTarget, 6);
        let sigma_zero = |steps| Box::new(SigmaZero { steps, ..SigmaZero::default() });
        let attacks: Vec<Box<dyn Attack>> = match norm {
            Norm::L0 => vec![fmn(steps, 1.0), sigma_zero(steps), sigma_zero(10 * steps)],
            Norm::L1 => vec![fmn(steps, 0.3), fmn(2 * steps, 1.0), fmn(2 * steps, 3.0), fab(), apgd_ce(), pdpgd()],
            Norm::L2 => {
                vec![ddn(), fmn(steps, 1.0), fmn(steps, 0.3), fmn(steps, 3.0), deepfool(), apgd_ce(), apgd_targets()]
            }
            Norm::Linf => vec![fmn(steps, 1.0), fmn(2 * steps, 4.0), fmn(2 * steps, 8.0), apgd_ce(), apgd_targets()],
        };
        Self { norm, attacks }
    }

    /// The same, [`Polished`] at the end with three times as many steps. With 100 steps an image costs 1650 gradients
    /// in L2, 1450 in L∞, 1600 in L1 and 1500 in L0.
    pub fn polished(norm: Norm, steps: usize) -> Polished<Self> {
        Polished::new(Self::of_the_best(norm, steps), 3 * steps)
    }
}

/// The options of the ensemble.
struct EnsembleOptions {
    norm: Norm,
    steps: usize,
}

pub(super) fn entry() -> Entry {
    let texts = Texts {
        title: "Ensemble: the best of several",
        summary: "Runs several of the attacks that find small changes and keeps, for every picture, the smallest that any of \
                  them finds; then looks around it for a smaller one. The most trustworthy figure, and as slow as all of \
                  them together.",
        featured: false,
    };
    Entry::new(
        texts,
        &[Norm::L2, Norm::Linf, Norm::L1, Norm::L0],
        |norm| EnsembleOptions { norm, steps: 100 },
        |_| vec![steps(|options: &mut EnsembleOptions| &mut options.steps)],
        |EnsembleOptions { norm, steps }| Box::new(Ensemble::polished(norm, steps)),
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
        // Attacks that cannot aim at a class, or need more classes, are left out.
        let able = self.attacks.iter().filter(|attack| {
            let About { targeted, fewest_classes, .. } = attack.about();
            (targeted || !problem.criterion.is_targeted()) && fewest_classes <= problem.criterion.classes()
        });
        let attempts = able.map(|attack| Attempt::begin(&**attack, problem));
        Box::new(OneByOne(attempts.collect()))
    }
}

/// The attack in progress and the ones still to come.
struct OneByOne(VecDeque<Attempt>);

impl OneByOne {
    /// Ends the current attack when it has no steps left.
    fn end_turn(&mut self, problem: &Problem, state: &mut State) {
        if let Some(attempt) = self.0.front_mut().filter(|attempt| attempt.left() == 0) {
            attempt.finish_into(problem, state);
            self.0.pop_front();
        }
    }
}

impl Search for OneByOne {
    fn step(&mut self, problem: &Problem, state: &mut State) {
        self.end_turn(problem, state);
        match self.0.front_mut() {
            Some(attempt) => attempt.step(problem),
            // All attacks are done. The steps of attacks that were left out remain unused.
            None => state.settled = state.best.found().float(),
        }
    }

    fn update(&mut self, problem: &Problem, state: &mut State) {
        if let Some(attempt) = self.0.front_mut() {
            attempt.report(problem, state);
        }
    }

    fn finish(&mut self, problem: &Problem, state: &mut State) {
        self.end_turn(problem, state);
    }
}
