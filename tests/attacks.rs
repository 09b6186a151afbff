//! Attacks against closed-form answers, and what must hold for every one of them.

mod common;

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use common::{Linear, pictures, read, rows, run, shipped, values};
use decoy::attack::{Attack, Ddn, GradientAscent, Objective, Run, build, menu};
use decoy::classifier::{Criterion, Frozen, Goal};
use decoy::error::Error;
use decoy::norm::Norms;
use decoy::report::AttackOptions;

/// The attacks that must fool every image. The original gradient ascent is not among them: it saturates.
fn reliable() -> Vec<Box<dyn Attack>> {
    menu()
        .iter()
        .filter(|info| info.name != "gradient")
        .map(|info| {
            build(&AttackOptions { attack: info.name.clone(), ..Default::default() }).expect("it is on the menu")
        })
        .collect()
}

fn median(mut values: Vec<f32>) -> f32 {
    values.sort_by(f32::total_cmp);
    values[values.len() / 2]
}

/// Norms found by `attack` on a linear network of so many classes, as multiples of the exact minimum.
fn ratios_to_the_minimum(attack: &dyn Attack, classes: usize) -> Vec<f32> {
    let device = Device::flex();
    let linear = Linear::new(3 * 16 * 16, classes, 1, &device);
    let network = Frozen::new(&linear);
    let pixels = Tensor::random([40, 3, 16, 16], Distribution::Normal(0.5, 0.1), &device).clamp(0.05, 0.95);
    let classes = read(&network, &pixels);
    let exact = linear.smallest_l2(&pixels, &classes);
    let outcome = run(attack, &network, &pixels, Goal::Misread(classes));
    let ratios: Vec<f32> =
        outcome.images.iter().zip(&exact).map(|(image, exact)| image.norms.l2 as f32 / exact).collect();
    // Below 1 by rounding only.
    assert!(ratios.iter().all(|&ratio| ratio > 0.9999), "{}: {ratios:?}", attack.name());
    ratios
}

#[test]
fn a_linear_network_is_fooled_by_nearly_the_exact_minimum() {
    let median_ddn = median(ratios_to_the_minimum(&Ddn::default(), 10));
    // Its direction leans towards every near class, not to the nearest alone.
    assert!(median_ddn < 1.2, "{median_ddn}");
    for objective in [Objective::Normalised, Objective::Margin] {
        // Between two classes the gradient is the shortest way, and bisection ends on the boundary.
        let attack = GradientAscent { steps: 1000, step_size: 0.01, ..GradientAscent::new(objective) };
        let median_ascent = median(ratios_to_the_minimum(&attack, 2));
        assert!(median_ascent < 1.01, "{objective:?}: {median_ascent}");
        ratios_to_the_minimum(&attack, 10);
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.10", &device);
    let pixels = pictures(1, &device) * 0.8 + 0.1;
    let class = read(&network, &pixels)[0];
    let criterion = Criterion::new(&Goal::Misread(vec![class]), 20, &device).expect("the class exists");
    type Objective<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<1> + 'a>;
    let objectives: [Objective; 3] = [
        Box::new(|logits| criterion.margin(logits)),
        Box::new(|logits| criterion.log_odds(logits)),
        Box::new(|logits| criterion.cross_entropy(logits)),
    ];
    for objective in objectives {
        let (_, gradient) = network.gradient(pixels.clone(), &objective);
        let length = Norms::read(gradient.clone());
        let length = pollster::block_on(length).expect("the CPU does not fail")[0].l2 as f32;
        let direction = gradient / length;
        let at = |step: f32| values(objective(network.logits(pixels.clone() + direction.clone() * step)))[0];
        const H: f32 = 0.01;
        let slope = (at(H) - at(-H)) / (2.0 * H);
        // Kinks of the ReLUs within ±H, and single precision, leave a few thousandths.
        assert!((slope / length - 1.0).abs() < 0.02, "slope {slope}, gradient {length}");
    }
}

#[test]
fn log_odds_point_where_the_cross_entropy_does() {
    let device = Device::flex();
    let logits = Tensor::<2>::from_data([[2.0_f32, 1.0, -1.0, 0.5]], &device);
    for goal in [Goal::Misread(vec![0]), Goal::Read(vec![2])] {
        let criterion = Criterion::new(&goal, 4, &device).expect("the class exists");
        let gradient = |objective: &dyn Fn(Tensor<2>) -> Tensor<1>| {
            let logits = logits.clone().autodiff().require_grad();
            let mut gradients = objective(logits.clone()).sum().backward();
            values(logits.grad_remove(&mut gradients).expect("it depends on the logits"))
        };
        let odds = gradient(&|logits| criterion.log_odds(logits));
        let entropy = gradient(&|logits| criterion.cross_entropy(logits));
        let ratio = entropy[0] / odds[0];
        assert!(ratio > 0.0);
        for (entropy, odds) in entropy.iter().zip(&odds) {
            assert!((entropy - ratio * odds).abs() < 1e-6, "{entropy} is not {ratio} × {odds}");
        }
    }
}

#[test]
fn every_image_is_fooled_and_what_is_reported_is_so() {
    let device = Device::flex();
    let pixels = pictures(6, &device);
    for id in ["coil20-sigma-0.00", "coil20-sigma-0.10"] {
        let network = shipped(id, &device);
        let classes = read(&network, &pixels);
        for attack in reliable() {
            let name = attack.name();
            let outcome = run(&*attack, &network, &pixels, Goal::Misread(classes.clone()));
            let found = values(outcome.adversarial.clone());
            assert!(found.iter().all(|value| (0.0..=1.0).contains(value)), "{id} {name}: outside the box");
            let rounded = values(outcome.eight_bit.clone());
            assert!(rounded.iter().all(|value| (value * 255.0 - (value * 255.0).round()).abs() < 1e-4));

            let after = read(&network, &outcome.adversarial);
            let norms = Norms::read(outcome.adversarial.clone() - pixels.clone());
            let norms = pollster::block_on(norms).expect("the CPU does not fail");
            for (index, image) in outcome.images.iter().enumerate() {
                assert!(image.success && after[index] != classes[index], "{id} {name}: image {index} is not fooled");
                assert_eq!(image.adversarial.class(), after[index]);
                assert_eq!(image.norms, norms[index], "{id} {name}: image {index}");
                assert!(image.norms.l2 > 0.0);
                assert!(image.eight_bit.success, "{id} {name}: image {index} is undone by rounding");
            }
            // One image alone is the same as in a batch, whatever the order of sums.
            let alone = run(&*attack, &network, &pixels.clone().narrow(0, 2, 1), Goal::Misread(vec![classes[2]]));
            let (alone, together) = (alone.images[0].norms.l2, outcome.images[2].norms.l2);
            assert!((alone / together - 1.0).abs() < 1e-3, "{id} {name}: {alone} alone, {together} in a batch");
            // Once more is the same once more.
            let again = run(&*attack, &network, &pixels, Goal::Misread(classes.clone()));
            assert_eq!(found, values(again.adversarial), "{id} {name}");
        }
    }
}

#[test]
fn few_steps_suffice_for_ddn_and_more_never_hurt_much() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.05", &device);
    let pixels = pictures(8, &device);
    let classes = read(&network, &pixels);
    let at = |steps: usize| -> Vec<f32> {
        let attack = Ddn { steps, ..Ddn::default() };
        let outcome = run(&attack, &network, &pixels, Goal::Misread(classes.clone()));
        outcome.images.iter().map(|image| if image.success { image.norms.l2 as f32 } else { f32::INFINITY }).collect()
    };
    assert!(at(20).iter().all(|norm| norm.is_finite()));
    let (hundred, more) = (median(at(100)), median(at(400)));
    assert!((hundred / more - 1.0).abs() < 0.01, "median {hundred} after 100 steps, {more} after 400");
}

#[test]
fn the_best_never_grows_while_a_run_goes_on() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.05", &device);
    let pixels = pictures(4, &device);
    let classes = read(&network, &pixels);
    for attack in reliable() {
        pollster::block_on(async {
            let mut run = Run::begin(&*attack, &network, pixels.clone(), Goal::Misread(classes.clone())).await?;
            let mut best = vec![f32::INFINITY; classes.len()];
            while let Some(progress) = run.advance(5).await? {
                for (image, best) in progress.images.iter().zip(&mut best) {
                    let norm = image.norm.unwrap_or(f32::INFINITY);
                    assert!(norm <= *best, "{}: {norm} after {best}", attack.name());
                    *best = norm;
                }
            }
            let outcome = run.finish().await?;
            for (image, best) in outcome.images.iter().zip(best) {
                assert!(image.norms.l2 as f32 <= best * 1.0001);
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
    for info in menu() {
        let attack = build(&AttackOptions { attack: info.name, ..Default::default() }).expect("it is on the menu");
        let outcome = run(&*attack, &network, &pixels, Goal::Misread(vec![read[0], other]));
        let image = &outcome.images[1];
        assert!(image.success);
        assert_eq!(image.norms, Norms::ZERO, "{}", attack.name());
        assert_eq!(image.eight_bit.norms, Norms::ZERO, "{}", attack.name());
    }
}

#[test]
fn a_target_is_reached() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.00", &device);
    let pixels = pictures(3, &device);
    let targets: Vec<usize> = read(&network, &pixels).iter().map(|class| (class + 7) % 20).collect();
    for info in menu().into_iter().filter(|info| info.name != "gradient") {
        let options = AttackOptions { attack: info.name, steps: Some(600), ..Default::default() };
        let attack = build(&options).expect("it is on the menu");
        let outcome = run(&*attack, &network, &pixels, Goal::Read(targets.clone()));
        for (image, target) in outcome.images.iter().zip(&targets) {
            assert!(image.success && image.adversarial.class() == *target, "{}", attack.name());
            assert!(image.eight_bit.success && image.eight_bit.adversarial.class() == *target);
        }
    }
}

#[test]
fn a_vanished_gradient_is_told_and_ends_the_run() {
    let device = Device::flex();
    // Logits so far apart that the softmax is exactly 0 and 1.
    let linear = Linear::new(64, 3, 2, &device);
    let certain = Linear {
        weight: linear.weight.clone().map(|weight| weight * 1e4),
        bias: linear.bias.clone().map(|bias| bias * 1e4),
    };
    let network = Frozen::new(&certain);
    let pixels =
        Tensor::from_data(TensorData::new((0..64).map(|i| (i % 7) as f32 / 7.0).collect(), [1, 1, 8, 8]), &device);
    let goal = Goal::Misread(read(&network, &pixels));
    let plain = run(&GradientAscent::new(Objective::CrossEntropy), &network, &pixels, goal.clone());
    assert!(!plain.images[0].success && plain.images[0].vanished);
    assert!(plain.gradients < 100, "it ran on for {} steps", plain.gradients);
    for attack in reliable() {
        let outcome = run(&*attack, &network, &pixels, goal.clone());
        assert!(outcome.images[0].success, "{} is stopped by certainty", attack.name());
    }
}

#[test]
fn iteration_beats_noise_of_the_same_size() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.00", &device);
    let pixels = pictures(8, &device);
    let classes = read(&network, &pixels);
    let outcome = run(&Ddn::default(), &network, &pixels, Goal::Misread(classes.clone()));
    device.seed(5);
    let noise = Tensor::<4>::random(pixels.shape(), Distribution::Normal(0.0, 1.0), &device);
    let lengths = pollster::block_on(Norms::read(noise.clone())).expect("the CPU does not fail");
    let scale: Vec<f32> =
        outcome.images.iter().zip(&lengths).map(|(image, noise)| (image.norms.l2 / noise.l2) as f32).collect();
    let scale = Tensor::<1>::from_data(scale.as_slice(), &device).reshape([8, 1, 1, 1]);
    let noisy = read(&network, &(pixels + noise * scale).clamp(0.0, 1.0));
    let fooled = noisy.iter().zip(&classes).filter(|(noisy, class)| noisy != class).count();
    assert!(fooled <= 2, "noise of the attack's size fools {fooled} of 8");
}

#[test]
fn wrong_goals_and_options_are_refused_with_words() {
    let device = Device::flex();
    let network = Frozen::new(&Linear::new(64, 3, 1, &device));
    let pixels = Tensor::<4>::zeros([2, 1, 8, 8], &device);
    let begin = |goal| pollster::block_on(Run::begin(&Ddn::default(), &network, pixels.clone(), goal)).err();
    let text = |error: Option<Error>| error.expect("it is refused").to_string();
    assert_eq!(text(begin(Goal::Misread(vec![0]))), "the goal names 1 classes for 2 images: one each is expected");
    assert_eq!(text(begin(Goal::Misread(vec![0, 3]))), "class 3 does not exist: the network has 3 classes, 0 to 2");

    let options = |attack: &str, steps, step_size| {
        text(build(&AttackOptions { attack: attack.to_owned(), steps, step_size, target: None }).err())
    };
    assert!(options("dnn", None, None).contains("expected one of ddn, gradient"));
    assert_eq!(options("ddn", Some(0), None), "steps is 0: expected 1 to 10000");
    assert!(options("ddn", None, Some(1.0)).contains("no such parameter"));
}

#[test]
fn logits_of_a_batch_are_those_of_its_images() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.00", &device);
    let pixels = pictures(5, &device);
    let together = rows(network.logits(pixels.clone()));
    for (index, expected) in together.iter().enumerate() {
        let alone = values(network.logits(pixels.clone().narrow(0, index, 1)));
        for (alone, expected) in alone.iter().zip(expected) {
            assert!((alone - expected).abs() < 1e-4, "{alone} alone, {expected} in a batch");
        }
    }
}
