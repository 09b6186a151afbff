//! Several attacks, and for every image the smallest perturbation that any of them finds.

use std::collections::VecDeque;

use super::menu::{Entry, steps};
use super::{
    Apgd, ApgdLoss, Attack, Ddn, DeepFool, DeepFoolVariant, Fmn, Passes, Pgd, Problem, Search, SmallestEpsilon, State,
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
    /// The attacks that find the smallest perturbations in `norm`, with `steps` steps for those that take many.
    pub fn of_the_best(norm: Norm, steps: usize) -> Self {
        let fmn = Fmn { steps, ..Fmn::new(norm) };
        let deepfool = DeepFool { steps: steps.div_ceil(5), ..DeepFool::new(DeepFoolVariant::SuperDeepFool, norm) };
        let apgd =
            |loss| SmallestEpsilon { attack: Apgd { steps: steps.div_ceil(4), ..Apgd::new(loss, norm) }, searches: 8 };
        let attacks: Vec<Box<dyn Attack>> = match norm {
            Norm::L0 => vec![Box::new(fmn)],
            Norm::L1 => vec![
                Box::new(fmn),
                Box::new(SmallestEpsilon { attack: Pgd { steps: steps.div_ceil(4), ..Pgd::new(norm) }, searches: 8 }),
            ],
            Norm::L2 => vec![
                Box::new(Ddn { steps, ..Ddn::default() }),
                Box::new(deepfool),
                Box::new(fmn),
                Box::new(apgd(ApgdLoss::CrossEntropy)),
            ],
            Norm::Linf => vec![Box::new(fmn), Box::new(deepfool), Box::new(apgd(ApgdLoss::CrossEntropy))],
        };
        Self { norm, attacks }
    }
}

pub(super) fn entry() -> Entry {
    Entry {
        title: "Ensemble: the best of several",
        summary: "Runs several of the attacks that find small changes and keeps, for every picture, the smallest that any of \
                  them finds. The most trustworthy figure, and as slow as all of them together.",
        featured: false,
        norms: &[Norm::L2, Norm::Linf, Norm::L1, Norm::L0],
        parameters: Box::new(|_| vec![steps(100)]),
        build: Box::new(|norm, settings| Box::new(Ensemble::of_the_best(norm, settings.whole("steps")))),
    }
}

impl Attack for Ensemble {
    fn name(&self) -> &'static str {
        "ensemble"
    }

    fn norm(&self) -> Norm {
        self.norm
    }

    fn steps(&self) -> usize {
        self.attacks.iter().map(|attack| attack.steps()).sum()
    }

    fn cost(&self) -> Passes {
        self.attacks.iter().map(|attack| attack.cost()).fold(Passes::default(), |sum, cost| Passes {
            forward: sum.forward + cost.forward,
            backward: sum.backward + cost.backward,
        })
    }

    fn targeted(&self) -> bool {
        self.attacks.iter().any(|attack| attack.targeted())
    }

    fn black_box(&self) -> bool {
        self.attacks.iter().all(|attack| attack.black_box())
    }

    fn fewest_classes(&self) -> usize {
        self.attacks.iter().map(|attack| attack.fewest_classes()).max().unwrap_or(2)
    }

    fn begin(&self, problem: &Problem) -> Box<dyn Search> {
        let able = self.attacks.iter().filter(|attack| attack.targeted() || !problem.criterion.is_targeted());
        Box::new(EnsembleSearch {
            norm: self.norm,
            searches: able.map(|attack| (attack.begin(problem), attack.steps())).collect(),
            state: State::new(problem),
        })
    }
}

struct EnsembleSearch {
    norm: Norm,
    /// Those under way or still to come, with the steps they have left.
    searches: VecDeque<(Box<dyn Search>, usize)>,
    state: State,
}

impl EnsembleSearch {
    /// Takes over what the attack under way has found.
    fn take(&mut self, problem: &Problem) {
        let Some((search, _)) = self.searches.front() else { return };
        let State { current, best, logits, .. } = search.state();
        let size = self.norm.distance(best.pixels.clone(), problem.pixels.clone());
        self.state.best.offer(best.pixels.clone(), size, best.found());
        self.state.current = current.clone();
        self.state.logits = logits.clone();
    }

    /// Ends the attack under way once it has no steps left.
    fn end_turn(&mut self, problem: &Problem) {
        if let Some((search, 0)) = self.searches.front_mut() {
            search.polish(problem);
            self.take(problem);
            self.searches.pop_front();
        }
    }
}

impl Search for EnsembleSearch {
    fn step(&mut self, problem: &Problem) {
        self.end_turn(problem);
        match self.searches.front_mut() {
            Some((search, left)) => {
                search.step(problem);
                *left -= 1;
                self.take(problem);
            }
            // Those that cannot aim at a class have left their steps unused.
            None => self.state.settled = self.state.settled.ones_like(),
        }
    }

    fn polish(&mut self, problem: &Problem) {
        self.end_turn(problem);
    }

    fn state(&self) -> &State {
        &self.state
    }
}
