//! Properties of every attack, on shipped networks and on small random ones with pictures that are partly black and
//! white. A new attack is held to them as soon as it is in the menu.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Linear, Small, pictures, random, read, run, shipped, values};
use decoy::attack::{
    About, Attack, AttackOptions, Fmn, Noise, Outcome, Pgd, Polished, Problem, Run, Search, Square, State, build, menu,
};
use decoy::classifier::{Frozen, Goal};
use decoy::error::Error;
use decoy::norm::{Norm, Norms};
use decoy::region::Region;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

/// Whether an attack fools every picture of the tests.
#[derive(Clone, Copy, PartialEq)]
enum Fools {
    All,
    /// A control, a black-box attack with few queries, or the original experiment, whose gradient vanishes.
    Some,
}

/// Attacks whose defaults do not fit the pictures of the tests, in every norm, with steps and radii that do.
const SETTINGS: &[(&str, Fools)] = &[
    ("superdeepfool:norm=l2,steps=12", Fools::All),
    ("superdeepfool:norm=linf,steps=12", Fools::All),
    ("cw:steps=50,searches=5,learning_rate=0.05,initial_weight=1", Fools::All),
    ("sigma-zero:steps=50", Fools::All),
    ("pdpgd:norm=l1,steps=60", Fools::All),
    ("pdpgd:norm=l2,steps=60", Fools::All),
    ("pdpgd:norm=linf,steps=60", Fools::All),
    ("fab:norm=l1,steps=40", Fools::All),
    ("fab:norm=l2,steps=20,starts=2", Fools::All),
    ("fab:norm=linf,steps=40", Fools::All),
    ("apgd-ce:norm=l2,epsilon=8", Fools::All),
    ("apgd-ce:norm=linf,epsilon=0.2", Fools::All),
    ("apgd-dlr:norm=l2,epsilon=8", Fools::All),
    ("apgd-dlr:norm=linf,epsilon=0.2", Fools::All),
    ("apgd-t:norm=l2,epsilon=8,steps=20,targets=3", Fools::All),
    ("apgd-t:norm=linf,epsilon=0.2,steps=20,targets=3", Fools::All),
    ("apgd-ce:norm=l2,searches=6,steps=20", Fools::All),
    ("apgd-ce:norm=l1,epsilon=400,steps=30", Fools::All),
    ("apgd-dlr:norm=l1,epsilon=400,steps=30", Fools::All),
    ("apgd-t:norm=l1,epsilon=400,steps=20,targets=3", Fools::All),
    ("apgd-ce:norm=l1,searches=6,steps=20", Fools::All),
    ("pgd:norm=l1,epsilon=400", Fools::All),
    ("pgd:norm=l2,epsilon=8", Fools::All),
    ("pgd:norm=linf,epsilon=0.2", Fools::All),
    ("pgd:norm=linf,searches=6,steps=20", Fools::All),
    ("fgsm:epsilon=0.3", Fools::Some),
    ("square:norm=l2,epsilon=20,steps=100", Fools::Some),
    ("square:norm=linf,epsilon=0.3,steps=100", Fools::Some),
    ("noise:norm=l0,epsilon=8000,steps=5", Fools::Some),
    ("noise:norm=l1,epsilon=8000,steps=5", Fools::Some),
    ("noise:norm=l2,epsilon=50,steps=5", Fools::Some),
    ("noise:norm=linf,epsilon=0.8,steps=5", Fools::Some),
    ("ensemble:norm=l0,steps=20", Fools::All),
    ("ensemble:norm=l1,steps=20", Fools::All),
    ("ensemble:norm=l2,steps=20", Fools::All),
    ("ensemble:norm=linf,steps=20", Fools::All),
    ("gradient", Fools::Some),
];

/// Every attack in every norm: those of [`SETTINGS`], and all others of the menu with their defaults.
fn attacks() -> Vec<(String, Fools)> {
    let settings = SETTINGS.iter().map(|&(text, fools)| (text.to_owned(), fools));
    let set: Vec<About> = SETTINGS.iter().map(|(text, _)| attack(text).about()).collect();
    let forms =
        menu().into_iter().flat_map(|info| info.forms.into_iter().map(move |form| (info.name.clone(), form.norm)));
    let others = forms.filter(|(name, norm)| !set.iter().any(|about| about.name == name && about.norm == *norm));
    settings.chain(others.map(|(name, norm)| (format!("{name}:norm={}", norm.name()), Fools::All))).collect()
}

fn attack(text: &str) -> Box<dyn Attack> {
    let options: AttackOptions = text.parse().expect("the table is well formed");
    build(&options).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn recompute(outcome: &Outcome, pixels: &Tensor<4>) -> Vec<Norms> {
    pollster::block_on(Norms::read(outcome.adversarial.clone() - pixels.clone())).expect("the CPU does not fail")
}

/// The size of each perturbation in the attack's norm; infinite where the attack failed.
fn sizes(outcome: &Outcome) -> Vec<f64> {
    let size = |norms: &Norms, success| if success { norms.of(outcome.norm) } else { f64::INFINITY };
    outcome.images.iter().map(|image| size(&image.norms, image.success)).collect()
}

/// Whether the sizes found alone and in a batch are equal up to the order of summation.
fn same(alone: f64, together: f64) -> bool {
    alone == together || (alone / together - 1.0).abs() < 1e-2
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Checks that pixels lie in [0, 1], that the reported success, class and norms are those of the returned image, that
/// every image lies within ε, and that the 8-bit images have 256 shades.
fn check_outcome(what: &str, outcome: &Outcome, network: &Frozen, pixels: &Tensor<4>, classes: &[usize]) {
    let found = values(outcome.adversarial.clone());
    assert!(found.iter().all(|value| (0.0..=1.0).contains(value)), "{what}: outside the box");
    let rounded = values(outcome.eight_bit.clone());
    assert!(rounded.iter().all(|value| (value * 255.0 - (value * 255.0).round()).abs() < 1e-4), "{what}");
    let after = read(network, &outcome.adversarial);
    let norms = recompute(outcome, pixels);
    for (index, image) in outcome.images.iter().enumerate() {
        assert_eq!(image.success, after[index] != classes[index], "{what}: image {index}");
        assert_eq!(image.adversarial.class(), after[index], "{what}: image {index}");
        assert_eq!(image.norms, norms[index], "{what}: image {index}");
        assert_eq!(image.flags, [], "{what}: image {index}");
        if let Some(epsilon) = outcome.epsilon {
            assert!(
                image.norms.of(outcome.norm) <= f64::from(epsilon) * 1.0001,
                "{what}: image {index} leaves the ball"
            );
        }
    }
}

#[test]
fn reports_match_the_images() {
    let device = Device::flex();
    let pixels = pictures(3, &device);
    let network = shipped("coil20-sigma-0.10", &device);
    let classes = read(&network, &pixels);
    let goal = Goal::Misread(classes.clone());
    for (text, fools) in attacks() {
        let attack = attack(&text);
        let outcome = run(&*attack, &network, &pixels, goal.clone());
        check_outcome(&text, &outcome, &network, &pixels, &classes);
        if fools == Fools::All {
            assert!(outcome.images.iter().all(|image| image.success), "{text}: not every image is fooled");
            assert!(outcome.images.iter().all(|image| image.eight_bit.success), "{text}: rounding undoes it");
        }
        // The announced cost, and up to 15 passes of the driver's check: the original twice, the result, up to twelve
        // rounded images.
        let (cost, passes) = (attack.about().cost, outcome.passes);
        assert!(passes.backward <= cost.backward, "{text}: {passes:?} where at most {cost:?} are announced");
        assert!(passes.forward <= cost.forward + 15, "{text}: {passes:?} where at most {cost:?} are announced");
        // A second run gives the same result, and an image alone the same as in a batch.
        let again = run(&*attack, &network, &pixels, goal.clone());
        assert_eq!(values(outcome.adversarial.clone()), values(again.adversarial), "{text}: not reproducible");
        let alone = run(&*attack, &network, &pixels.clone().narrow(0, 1, 1), Goal::Misread(vec![classes[1]]));
        let (alone, together) = (sizes(&alone)[0], sizes(&outcome)[1]);
        assert!(
            alone == together || (alone / together - 1.0).abs() < 1e-2,
            "{text}: {alone} alone, {together} in a batch"
        );
    }
}

#[test]
fn the_best_never_grows_while_a_run_goes_on() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.05", &device);
    let pixels = pictures(2, &device);
    let classes = read(&network, &pixels);
    for (text, _) in attacks() {
        let attack = attack(&text);
        pollster::block_on(async {
            let mut run = Run::begin(&*attack, &network, pixels.clone(), Goal::Misread(classes.clone())).await?;
            let mut best = vec![f32::INFINITY; classes.len()];
            while let Some(progress) = run.advance(5).await? {
                for (image, best) in progress.images.iter().zip(&mut best) {
                    let norm = image.norm.unwrap_or(f32::INFINITY);
                    assert!(norm <= *best, "{text}: {norm} after {best}");
                    *best = norm;
                }
            }
            let outcome = run.finish().await?;
            for (size, best) in sizes(&outcome).into_iter().zip(best) {
                assert!(size <= f64::from(best) * 1.0001, "{text}: {size} at the end, {best} before");
            }
            Ok::<(), Error>(())
        })
        .expect("the CPU does not fail");
    }
}

#[test]
fn an_image_misread_to_begin_with_needs_no_change() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.00", &device);
    let pixels = pictures(2, &device);
    let read = read(&network, &pixels);
    let other = (read[1] + 1) % 20;
    for (text, _) in attacks() {
        let outcome = run(&*attack(&text), &network, &pixels, Goal::Misread(vec![read[0], other]));
        let image = &outcome.images[1];
        assert!(image.success, "{text}");
        assert_eq!((image.norms, image.eight_bit.norms), (Norms::ZERO, Norms::ZERO), "{text}");
    }
}

#[test]
fn a_target_is_reached_or_refused() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.00", &device);
    let pixels = pictures(2, &device);
    // The third most probable class: not the one that an untargeted attack would find.
    let answers = pollster::block_on(network.predict(pixels.clone())).expect("the device works");
    let targets: Vec<usize> = answers.iter().map(|answer| answer.ranked()[2]).collect();
    let goal = Goal::Read(targets.clone());
    for (text, fools) in attacks() {
        let mut options: AttackOptions = text.parse().expect("the table is well formed");
        // A given class is further away than the nearest one.
        if let Some(epsilon) = options.parameters.get_mut("epsilon") {
            *epsilon =
                if matches!(options.norm, Some(Norm::L1 | Norm::L2)) { *epsilon * 3.0 } else { 1.0_f64.max(*epsilon) };
        }
        if text.starts_with("gradient") {
            options.parameters.insert("steps".to_owned(), 600.0);
        }
        let attack = build(&options).expect("it is on the menu");
        if !attack.about().targeted {
            let refused = pollster::block_on(Run::begin(&*attack, &network, pixels.clone(), goal.clone())).err();
            assert!(refused.expect("it is refused").to_string().contains("cannot aim at a class"), "{text}");
            continue;
        }
        let outcome = run(&*attack, &network, &pixels, goal.clone());
        for (image, target) in outcome.images.iter().zip(&targets) {
            assert_eq!(image.success, image.adversarial.class() == *target, "{text}");
            assert!(image.success || fools == Fools::Some, "{text}");
        }
    }
}

#[test]
fn every_success_is_as_sure_as_asked() {
    let device = Device::flex();
    let network = Frozen::new(&Small::new([1, 12, 12], 5, 11, &device));
    let pixels = (random([4, 1, 12, 12], 12, &device) * 0.2 + 0.5).clamp(0.0, 1.0);
    let classes = read(&network, &pixels);
    for targets in [None, Some(classes.iter().map(|class| (class + 2) % 5).collect::<Vec<_>>())] {
        let goal = targets.map_or(Goal::Misread(classes.clone()), Goal::Read);
        for (text, _) in attacks() {
            let attack = attack(&text);
            if !attack.about().targeted && matches!(goal, Goal::Read(_)) {
                continue;
            }
            let mut before = vec![0.0; classes.len()];
            for confidence in [0.0, 0.5, 0.9, 0.99] {
                let aim = goal.clone().with_confidence(confidence).expect("it is a probability");
                let outcome = run(&*attack, &network, &pixels, aim.clone());
                for (index, image) in outcome.images.iter().enumerate() {
                    let (exact, rounded) = (&image.adversarial, &image.eight_bit);
                    assert_eq!(image.success, aim.is_reached(index, exact), "{text}, {confidence}");
                    assert!(!rounded.success || aim.is_reached(index, &rounded.adversarial), "{text}, {confidence}");
                    // The size may shrink by a tenth, since it depends on where the last step ends. In L0 it may vary
                    // more.
                    let smallest = attack.about().epsilon.is_none() && attack.about().norm != Norm::L0;
                    if smallest && image.success {
                        let size = image.norms.of(attack.about().norm);
                        assert!(size >= before[index] * 0.9, "{text}, {confidence}: {size} after {}", before[index]);
                        before[index] = size;
                    }
                }
            }
        }
    }
}

#[test]
fn nothing_changes_outside_of_the_region() {
    let device = Device::flex();
    let network = Frozen::new(&Small::new([2, 12, 12], 5, 11, &device));
    let pixels = ((random([4, 2, 12, 12], 12, &device) * 0.2 + 0.5).clamp(0.0, 1.0) * 255.0).round() / 255.0;
    let classes = read(&network, &pixels);
    let region = Region::of("3,2,8,6".parse().expect("it is well formed"), 12, 12).expect("it fits");
    let outside = |index: usize| {
        let (y, x) = (index / 12 % 12, index % 12);
        !((2..8).contains(&y) && (3..11).contains(&x))
    };
    for (text, fools) in attacks() {
        let attack = attack(&text);
        let outcome = run(&*attack, &network, &pixels, Goal::Misread(classes.clone()).inside(region.clone()));
        let before = values(pixels.clone());
        for after in [outcome.adversarial.clone(), outcome.eight_bit.clone()].map(values) {
            let mut places = before.iter().zip(&after).enumerate().filter(|(index, _)| outside(*index));
            assert!(places.all(|(_, (before, after))| before == after), "{text}: a value outside has changed");
        }
        // With a fixed ε, changing only a part of the picture may not be enough.
        let smallest = fools == Fools::All && attack.about().epsilon.is_none();
        assert!(!smallest || outcome.images.iter().all(|image| image.success), "{text}: not every image is fooled");
        check_outcome(&text, &outcome, &network, &pixels, &classes);
    }
}

#[test]
fn a_region_of_other_images_is_refused() {
    let device = Device::flex();
    let network = Frozen::new(&Linear::new(64, 3, 1, &device));
    let region = Region::new(vec![true; 16], 4, 4).expect("it has pixels");
    let pixels = Tensor::<4>::zeros([1, 1, 8, 8], &device);
    let refused = pollster::block_on(Run::begin(&*attack("ddn"), &network, pixels, Goal::Change.inside(region))).err();
    let expected =
        "the region that may change: expected a region of an image of 8×8, found a region of an image of 4×4";
    assert_eq!(refused.expect("it is refused").to_string(), expected);
}

#[test]
fn what_is_no_probability_is_refused() {
    for confidence in [-0.1, 1.0, f32::NAN] {
        let refused = Goal::Misread(vec![0]).with_confidence(confidence).expect_err("it is refused").to_string();
        assert_eq!(refused, format!("confidence is {confidence}: expected a probability, 0 to 0.9999"));
    }
}

/// The attack's squares are at least 3 pixels wide, even where the picture is narrower.
#[test]
fn square_takes_narrow_pictures() {
    let device = Device::flex();
    for (height, norm) in [1, 2, 3].into_iter().flat_map(|height| [(height, Norm::L2), (height, Norm::Linf)]) {
        let network = Frozen::new(&Linear::new(height * 32, 3, 1, &device));
        let pixels = Tensor::full([1, 1, height, 32], 0.4, &device);
        let goal = Goal::Misread(read(&network, &pixels));
        let square = Square { epsilon: 0.2, steps: 50, ..Square::new(norm) };
        let outcome = run(&square, &network, &pixels, goal);
        assert!(outcome.images[0].norms.of(norm) <= 0.2 * 1.001, "{height}");
    }
}

/// The 8-bit images stay within ε too: rounding to 256 shades could leave the ball.
#[test]
fn what_is_saved_stays_within_the_ball() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.00", &device);
    let pixels = (pictures(3, &device) * 255.0).round() / 255.0;
    let classes = read(&network, &pixels);
    for text in [
        "pgd:norm=linf,epsilon=0.001",
        "pgd:norm=linf,epsilon=0.1", // 25.5 shades
        "fgsm:epsilon=0.5",
        "pgd:norm=l2,epsilon=8",
        "pgd:norm=l1,epsilon=400",
    ] {
        let attack = attack(text);
        let outcome = run(&*attack, &network, &pixels, Goal::Misread(classes.clone()));
        for image in &outcome.images {
            let (size, epsilon) =
                (image.eight_bit.norms.of(attack.about().norm), attack.about().epsilon.expect("it has one"));
            let within = size <= f64::from(epsilon) * 1.001;
            assert!(within || !image.eight_bit.success, "{text}: {size}");
            assert!(!image.success || image.eight_bit.success || epsilon < 1.0 / 255.0, "{text}: {size}");
        }
    }
}

#[test]
fn twice_the_steps_change_the_median_little() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.05", &device);
    let pixels = pictures(8, &device);
    let classes = read(&network, &pixels);
    let at = |text: &str| sizes(&run(&*attack(text), &network, &pixels, Goal::Misread(classes.clone())));
    assert!(at("ddn:steps=20").iter().all(|size| size.is_finite()));
    for name in ["ddn:", "fmn:norm=l2,", "fmn:norm=linf,"] {
        let [hundred, more] = [100, 400].map(|steps| median(at(&format!("{name}steps={steps}"))));
        assert!((hundred / more - 1.0).abs() < 0.015, "{name} median {hundred} after 100 steps, {more} after 400");
    }
}

#[test]
fn polish_never_enlarges() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.05", &device);
    let pixels = pictures(3, &device);
    let classes = read(&network, &pixels);
    for norm in Norm::ALL {
        let fmn = Fmn { steps: 40, ..Fmn::new(norm) };
        let [plain, polished]: [Box<dyn Attack>; 2] = [Box::new(fmn), Box::new(Polished::new(fmn, 30))];
        let [before, after] =
            [plain, polished].map(|attack| sizes(&run(&*attack, &network, &pixels, Goal::Misread(classes.clone()))));
        assert!(before.iter().zip(&after).all(|(before, after)| after <= before), "{norm:?}: {before:?}, {after:?}");
        assert!(before.iter().zip(&after).any(|(before, after)| after < before), "{norm:?}: {before:?}, {after:?}");
    }
}

/// The number of images that `attack` fools.
fn fooled(attack: &dyn Attack, network: &Frozen, pixels: &Tensor<4>, classes: &[usize]) -> usize {
    let outcome = run(attack, network, pixels, Goal::Misread(classes.to_vec()));
    outcome.images.iter().filter(|image| image.success).count()
}

#[test]
fn stronger_attacks_and_larger_epsilon_fool_more() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.10", &device);
    let pixels = pictures(8, &device);
    let classes = read(&network, &pixels);
    for norm in [Norm::Linf, Norm::L2] {
        // From far too small to large enough for every image.
        let radii = if norm == Norm::Linf { [0.01, 0.03, 0.06, 0.3] } else { [0.5, 2.0, 4.0, 20.0] };
        let mut before = 0;
        for epsilon in radii {
            let at = |name: &str| {
                let text = format!("{name}:norm={},epsilon={epsilon}", norm.name());
                fooled(&*attack(&text), &network, &pixels, &classes)
            };
            let (pgd, apgd) = (at("pgd"), at("apgd-ce"));
            let noise = fooled(&Noise { epsilon, steps: 20, ..Noise::new(norm) }, &network, &pixels, &classes);
            let square = fooled(&Square { epsilon, steps: 60, ..Square::new(norm) }, &network, &pixels, &classes);
            assert!(noise <= pgd && square <= pgd && pgd <= apgd, "ε = {epsilon}: {noise}, {square}, {pgd}, {apgd}");
            if norm == Norm::Linf {
                assert!(at("fgsm") <= pgd, "ε = {epsilon}");
            }
            assert!(pgd >= before, "PGD fools {pgd} within {epsilon}, {before} within less");
            before = pgd;
        }
        assert_eq!(before, classes.len(), "PGD in {} does not fool every image", norm.name());
    }
}

#[test]
fn every_image_has_its_own_radius() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.10", &device);
    let pixels = pictures(2, &device);
    let classes = read(&network, &pixels);
    struct Two(Pgd);
    impl Attack for Two {
        fn about(&self) -> About {
            About { epsilon: None, ..self.0.about() }
        }
        fn begin(&self, problem: &Problem, state: &mut State) -> Box<dyn Search> {
            state.epsilon = Tensor::from_data([0.001_f32, 0.3], &problem.pixels.device());
            self.0.begin(problem, state)
        }
    }
    let outcome = run(&Two(Pgd::new(Norm::Linf)), &network, &pixels, Goal::Misread(classes));
    assert_eq!([0, 1].map(|image| outcome.images[image].success), [false, true]);
    assert!(recompute(&outcome, &pixels)[0].linf < 0.00101);
}

#[test]
fn a_vanished_gradient_is_told_and_ends_the_run() {
    let device = Device::flex();
    // Logits so far apart that the softmax is exactly 0 and 1.
    let linear = Linear::new(64, 4, 2, &device);
    let certain = Linear {
        weight: linear.weight.clone().map(|weight| weight * 1e4),
        bias: linear.bias.clone().map(|bias| bias * 1e4),
    };
    let network = Frozen::new(&certain);
    let pixels =
        Tensor::from_data(TensorData::new((0..64).map(|i| (i % 7) as f32 / 7.0).collect(), [1, 1, 8, 8]), &device);
    let goal = Goal::Misread(read(&network, &pixels));
    let plain = run(&*attack("gradient"), &network, &pixels, goal.clone());
    assert!(!plain.images[0].success && plain.images[0].vanished);
    assert!(plain.passes.backward < 100, "it ran on for {} steps", plain.passes.backward);
    for (text, _) in attacks().into_iter().filter(|(_, fools)| *fools == Fools::All) {
        let outcome = run(&*attack(&text), &network, &pixels, goal.clone());
        assert!(outcome.images[0].success, "{text} is stopped by certainty");
    }
}

#[test]
fn wrong_goals_and_options_are_refused_with_words() {
    let device = Device::flex();
    let network = Frozen::new(&Linear::new(64, 3, 1, &device));
    let pixels = Tensor::<4>::zeros([2, 1, 8, 8], &device);
    let begin = |text: &str, goal| {
        let refused = pollster::block_on(Run::begin(&*attack(text), &network, pixels.clone(), goal)).err();
        refused.expect("it is refused").to_string()
    };
    assert_eq!(begin("ddn", Goal::Misread(vec![0])), "the goal names 1 classes for 2 images: one each is expected");
    assert_eq!(begin("ddn", Goal::Misread(vec![0, 3])), "class 3 does not exist: the network has 3 classes, 0 to 2");
    assert_eq!(begin("apgd-t", Goal::Misread(vec![0, 1])), "apgd-t needs at least 4 classes: the network has 3");

    let options = |text: &str| {
        let options: AttackOptions = text.parse().expect("it is well formed");
        build(&options).err().expect("it is refused").to_string()
    };
    assert!(options("dnn").contains("expected one of ddn, gradient"));
    assert_eq!(options("ddn:steps=0"), "steps is 0: expected 1 to 10000");
    assert_eq!(options("ddn:steps=1.5"), "steps is 1.5: expected a whole number");
    assert_eq!(options("ddn:norm=linf"), "norm is linf: expected l2");
    assert!(options("ddn:step_size=1").contains("no such parameter, only steps, initial_norm, gamma"));
}

/// Pictures of 8×8 pixels with many that are exactly black or white.
fn saturated() -> impl Strategy<Value = Vec<f32>> {
    let value = prop_oneof![2 => Just(0.0_f32), 1 => Just(1.0), 3 => 0.0..=1.0_f32];
    prop::collection::vec(value, 3 * 64)
}

proptest! {
    // The same cases in every run: so a failure is due to a change of the code, not to chance.
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_small_network_is_attacked_soundly(
        line in 0..attacks().len(),
        seed in 0..1000_u64,
        classes in 4..8_usize,
        pixels in saturated(),
    ) {
        let device = Device::flex();
        let network = Frozen::new(&Small::new([1, 8, 8], classes, seed, &device));
        let pixels = Tensor::from_data(TensorData::new(pixels, [3, 1, 8, 8]), &device);
        let truth = read(&network, &pixels);
        let (text, _) = &attacks()[line];
        let attack = attack(text);
        let outcome = run(&*attack, &network, &pixels, Goal::Misread(truth.clone()));
        let flat = outcome.images.iter().any(|image| !image.flags.is_empty());
        prop_assume!(!flat); // all ReLUs are dead: the gradient is 0
        check_outcome(text, &outcome, &network, &pixels, &truth);
        for (index, together) in sizes(&outcome).into_iter().enumerate() {
            let alone = pixels.clone().narrow(0, index, 1);
            let alone = sizes(&run(&*attack, &network, &alone, Goal::Misread(vec![truth[index]])))[0];
            prop_assert!(same(alone, together), "{text}: {alone} alone, {together} in a batch");
        }
    }
}
