//! Flags that follow from comparing several attacks on the same images.

use crate::attack::Flag;
use crate::norm::Norm;
use crate::report::{FlagWords, Trial};

/// An attack without gradients must win on more than this share of the images to count; fewer may be chance.
const CHANCE_SHARE: f64 = 0.05;

/// The largest relative decrease of the median when the steps are doubled.
const CONVERGED: f64 = 0.02;

/// Flags on all attacks together: an attack without gradients finds smaller perturbations than every attack with
/// gradients in its norm, on more than 5 % of the images.
pub fn flags(trials: &[Trial]) -> Vec<FlagWords> {
    let wins = Norm::ALL.into_iter().any(|norm| black_box_wins(trials, norm));
    if wins { vec![Flag::BlackBoxWins.into()] } else { Vec::new() }
}

fn black_box_wins(trials: &[Trial], norm: Norm) -> bool {
    let [black, white] = [true, false].map(|black_box| {
        let of_this_kind = trials.iter().filter(move |trial| trial.norm == norm && trial.black_box == black_box);
        of_this_kind.collect::<Vec<_>>()
    });
    let images = trials.first().map_or(0, |trial| trial.sizes.len());
    let smallest = |trials: &[&Trial], image: usize| {
        trials.iter().map(|trial| trial.sizes[image].unwrap_or(f64::INFINITY)).fold(f64::INFINITY, f64::min)
    };
    let won = (0..images).filter(|&image| smallest(&black, image) < smallest(&white, image)).count();
    !white.is_empty() && won as f64 > CHANCE_SHARE * images as f64
}

/// The flag if the median with twice as many steps is clearly smaller.
pub fn converged(median: f64, median_doubled: f64) -> Option<FlagWords> {
    (median_doubled < median * (1.0 - CONVERGED)).then(|| Flag::NotConverged.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attack::Passes;

    fn trial(norm: Norm, black_box: bool, sizes: &[Option<f64>]) -> Trial {
        Trial {
            options: "ddn".parse().expect("it is well formed"),
            norm,
            black_box,
            sizes: sizes.to_vec(),
            norms: Vec::new(),
            attacked: sizes.len(),
            median: None,
            median_doubled: None,
            passes: Passes::default(),
            milliseconds: 0.0,
            flags: Vec::new(),
        }
    }

    #[test]
    fn a_black_box_that_wins_is_told() {
        let white = trial(Norm::Linf, false, &[Some(0.1), None, Some(0.3)]);
        let worse = trial(Norm::Linf, true, &[Some(0.2), None, Some(0.3)]);
        let better = trial(Norm::Linf, true, &[Some(0.2), Some(0.5), None]);
        let elsewhere = trial(Norm::L2, true, &[Some(0.01), Some(0.01), Some(0.01)]);
        assert_eq!(flags(&[white.clone(), worse, elsewhere.clone()]), []);
        assert_eq!(flags(&[white, better]), [Flag::BlackBoxWins.into()]);
        assert_eq!(flags(&[elsewhere]), []);
    }

    #[test]
    fn steps_that_were_too_few_are_told() {
        assert_eq!(converged(1.0, 0.99), None);
        assert_eq!(converged(1.0, 0.97), Some(Flag::NotConverged.into()));
        assert_eq!(converged(f64::INFINITY, 3.0), Some(Flag::NotConverged.into()));
        assert_eq!(converged(f64::INFINITY, f64::INFINITY), None);
    }
}
