//! Attacks, gradients and flags compared with answers known in closed form.

mod common;

use burn::module::{Module, Param};
use burn::tensor::activation::softmax;
use burn::tensor::{Device, Distribution, Tensor, TensorData};
use common::{Linear, pictures, random, read, rows, run, shipped, values};
use decoy::attack::{Attack, AttackOptions, Flag, GradientAscent, Objective, build};
use decoy::classifier::{Classifier, Criterion, Frozen, Goal};
use decoy::norm::{Norm, Norms};
use decoy::region::Region;

fn attack(text: &str) -> Box<dyn Attack> {
    let options: AttackOptions = text.parse().expect("it is well formed");
    build(&options).expect("it is on the menu")
}

/// A linear network, as such and frozen; `images` random images around middle grey with the standard deviation
/// `spread`, `[N, 3, 16, 16]`; and their predicted classes, `[N]`.
fn linear(images: usize, spread: f32, classes: usize) -> (Linear, Frozen, Tensor<4>, Vec<usize>) {
    let device = Device::flex();
    let linear = Linear::new(3 * 16 * 16, classes, 1, &device);
    let network = Frozen::new(&linear);
    let pixels = (random([images, 3, 16, 16], 2, &device) * spread + 0.5).clamp(0.05, 0.95);
    let classes = read(&network, &pixels);
    (linear, network, pixels, classes)
}

/// The median size of the perturbations that `attack` finds on a linear network, as a multiple of the exact minimum.
/// Checks that no perturbation is smaller than the minimum, except for rounding.
fn median_ratio(attack: &dyn Attack, classes: usize) -> f32 {
    let (linear, network, pixels, classes) = linear(40, 0.1, classes);
    let exact = match attack.about().norm {
        Norm::L1 => linear.smallest_in_l1(&pixels, &classes),
        norm => linear.smallest(&pixels, &classes, norm),
    };
    let outcome = run(attack, &network, &pixels, Goal::Misread(classes));
    let norms = outcome.images.iter().map(|image| image.norms.of(attack.about().norm) as f32);
    let mut ratios: Vec<f32> = norms.zip(&exact).map(|(norm, exact)| norm / exact).collect();
    assert!(outcome.images.iter().all(|image| image.success), "{}", attack.about().name);
    assert!(ratios.iter().all(|&ratio| ratio > 0.9999), "{}: {ratios:?}", attack.about().name);
    ratios.sort_by(f32::total_cmp);
    ratios[ratios.len() / 2]
}

#[test]
fn a_linear_network_is_fooled_by_nearly_the_exact_minimum() {
    let bounds = [
        ("deepfool:norm=l2", 1.03),
        ("deepfool:norm=linf", 1.03),
        ("superdeepfool:norm=l2", 1.01),
        ("superdeepfool:norm=linf", 1.01),
        ("cw:steps=200,initial_weight=0.1", 1.01),
        ("fmn:norm=linf,steps=400", 1.01),
        ("fmn:norm=l2,steps=400", 1.01),
        ("apgd-dlr:norm=linf,searches=12", 1.02),
        ("apgd-dlr:norm=l2,searches=12", 1.02),
        ("apgd-dlr:norm=l1,searches=12", 1.02),
        ("pdpgd:norm=l1", 1.02),
        ("pdpgd:norm=l2", 1.02),
        ("pdpgd:norm=linf", 1.02),
        ("fab:norm=l1", 1.01),
        ("fab:norm=l2", 1.01),
        ("fab:norm=linf", 1.01),
        ("ensemble:norm=l1", 1.01),
        ("ensemble:norm=l2", 1.001),
        ("ensemble:norm=linf", 1.001),
        // Its gradient also depends on other near classes, not only on the nearest.
        ("ddn", 1.2),
    ];
    for (text, bound) in bounds {
        let ratio = median_ratio(&*attack(text), 10);
        assert!(ratio < bound, "{text}: {ratio}");
    }
    // These may stay far above the minimum, but never go below it.
    for text in ["fmn:norm=l1", "pgd:norm=l1,epsilon=5,searches=10"] {
        median_ratio(&*attack(text), 10);
    }
    for objective in [Objective::Normalised, Objective::Margin] {
        // With two classes the gradient points the shortest way to the boundary, and bisection ends on it.
        let attack = GradientAscent { steps: 1000, step_size: 0.01, ..GradientAscent::new(objective) };
        let ratio = median_ratio(&attack, 2);
        assert!(ratio < 1.01, "{objective:?}: {ratio}");
        median_ratio(&attack, 10);
    }
}

/// With two classes a probability is a difference of logits, and a difference of logits is a distance.
#[test]
fn confidence_costs_its_exact_distance() {
    let (linear, network, pixels, classes) = linear(10, 0.02, 2);
    let slope = linear.slope(0, 1, Norm::L2);
    for confidence in [0.3, 0.5, 0.9, 0.99_f32] {
        let odds = (confidence / (1.0 - confidence)).ln().max(0.0);
        let exact: Vec<f32> =
            linear.smallest(&pixels, &classes, Norm::L2).into_iter().map(|edge| edge + odds / slope).collect();
        for text in ["ddn", "fmn:norm=l2", "deepfool", "superdeepfool", "gradient-margin:steps=1000,step_size=0.001"] {
            let aim = Goal::Misread(classes.clone()).with_confidence(confidence).expect("it is a probability");
            let outcome = run(&*attack(text), &network, &pixels, aim);
            for (image, exact) in outcome.images.iter().zip(&exact) {
                let answer = &image.adversarial;
                assert!(image.success && answer.of(answer.class()) >= confidence, "{text}, {confidence}: {image:?}");
                let ratio = image.norms.l2 as f32 / exact;
                assert!((0.9999..1.02).contains(&ratio), "{text}, {confidence}: {ratio} times the smallest");
            }
        }
    }
}

/// With two classes the smallest change of a region is the difference of the logits over the dual norm of the
/// difference of weights inside the region.
#[test]
fn region_attack_finds_the_minimum() {
    let (linear, network, pixels, classes) = linear(10, 0.02, 2);
    let region = Region::of("4,2,9,11".parse().expect("it is well formed"), 16, 16).expect("it fits");
    let inside = |index: usize| (2..13).contains(&(index / 16 % 16)) && (4..13).contains(&(index % 16));
    let weight = rows(linear.weight.val().transpose());
    let gaps =
        || weight[0].iter().zip(&weight[1]).enumerate().filter(|(index, _)| inside(*index)).map(|(_, (a, b))| a - b);
    let logits = rows(network.logits(pixels.clone()));
    for (norm, slope) in
        [(Norm::L2, gaps().map(|gap| gap * gap).sum::<f32>().sqrt()), (Norm::Linf, gaps().map(f32::abs).sum())]
    {
        for name in ["ddn", "fmn", "deepfool", "superdeepfool", "ensemble"] {
            if (name, norm) == ("ddn", Norm::Linf) {
                continue;
            }
            let text = if name == "ddn" { name.to_owned() } else { format!("{name}:norm={}", norm.name()) };
            let aim = Goal::Misread(classes.clone()).inside(region.clone());
            let outcome = run(&*attack(&text), &network, &pixels, aim);
            for (image, logits) in outcome.images.iter().zip(&logits) {
                let ratio = image.norms.of(norm) as f32 / ((logits[0] - logits[1]).abs() / slope);
                assert!(image.success && (0.9999..1.02).contains(&ratio), "{text}: {ratio} times the smallest");
            }
        }
    }
}

/// κ is a difference of logits, too.
#[test]
fn kappa_is_reached() {
    let device = Device::flex();
    let linear = Linear::new(64, 3, 7, &device);
    let network = Frozen::new(&linear);
    let pixels = Tensor::full([1, 1, 8, 8], 0.45, &device);
    let class = read(&network, &pixels)[0];
    for lead in [0.0, 1.0, 3.0_f32] {
        let text = format!("cw:lead={lead},steps=200,searches=6,learning_rate=0.05,initial_weight=1");
        let outcome = run(&*attack(&text), &network, &pixels, Goal::Misread(vec![class]));
        let image = &outcome.images[0];
        let logits = &rows(network.logits(outcome.adversarial.clone()))[0];
        let other = (0..3).filter(|&other| other != class).map(|other| logits[other]).fold(f32::NEG_INFINITY, f32::max);
        assert!(image.success && other - logits[class] >= lead, "κ = {lead}: a lead of {}", other - logits[class]);
        let edge = &rows(network.logits(pixels.clone()))[0];
        let exact = (0..3)
            .filter(|&other| other != class)
            .map(|other| (edge[class] - edge[other] + lead) / linear.slope(other, class, Norm::L2));
        let ratio = image.norms.l2 as f32 / exact.fold(f32::INFINITY, f32::min);
        assert!((0.9999..1.1).contains(&ratio), "κ = {lead}: {ratio} times the smallest");
    }
}

/// A network that depends only on the mean brightness: every value counts the same, and 50 values are enough.
#[test]
fn l0_changes_no_more_values_than_needed() {
    let device = Device::flex();
    let (values, slope, shade, enough) = (1024, 0.1_f32, 0.3_f32, 50.0_f32);
    let weight: Vec<f32> = (0..values).flat_map(|_| [0.0, slope]).collect();
    let lead = slope * (values as f32 * shade + enough * (1.0 - shade) * 0.999);
    let network = Frozen::new(&Linear {
        weight: Param::from_tensor(Tensor::from_data(TensorData::new(weight, [values, 2]), &device)),
        bias: Param::from_tensor(Tensor::from_data(TensorData::new(vec![lead, 0.0], [1, 2]), &device)),
    });
    let pixels = Tensor::full([1, 1, 32, 32], shade, &device);
    let outcome = run(&*attack("fmn:norm=l0"), &network, &pixels, Goal::Misread(vec![0]));
    let image = &outcome.images[0];
    assert!(image.success && (50.0..=60.0).contains(&image.norms.l0), "{} values", image.norms.l0);
}

/// If only the last step succeeds, its image is kept and made smaller like any other.
#[test]
fn success_in_the_last_step_is_reduced() {
    let (linear, network, pixels, classes) = linear(5, 0.1, 10);
    for text in ["ddn:steps=1", "fmn:norm=linf,steps=1", "fmn:norm=l2,steps=1", "fmn:norm=l1,steps=1"] {
        let attack = attack(text);
        let exact = linear.smallest(&pixels, &classes, attack.about().norm);
        let outcome = run(&*attack, &network, &pixels, Goal::Misread(classes.clone()));
        for (image, exact) in outcome.images.iter().zip(exact).filter(|(image, _)| image.success) {
            // Eight bisections, along a line that is not the shortest way.
            let ratio = image.norms.of(attack.about().norm) as f32 / exact;
            assert!(ratio < 40.0, "{text}: {ratio} times the smallest");
        }
        assert!(outcome.images.iter().any(|image| image.success), "{text}");
    }
}

#[test]
fn the_sign_method_fools_a_linear_network_exactly_when_epsilon_suffices() {
    let device = Device::flex();
    let linear = Linear::new(64, 2, 3, &device);
    let network = Frozen::new(&linear);
    let pixels = (random([20, 1, 8, 8], 4, &device) * 0.05 + 0.5).clamp(0.3, 0.7);
    let classes = read(&network, &pixels);
    let exact = linear.smallest(&pixels, &classes, Norm::Linf);
    for epsilon in [0.01, 0.02, 0.05] {
        for name in ["fgsm", "pgd"] {
            let attack = attack(&format!("{name}:epsilon={epsilon}"));
            let outcome = run(&*attack, &network, &pixels, Goal::Misread(classes.clone()));
            for (image, &exact) in outcome.images.iter().zip(&exact) {
                // Where both are nearly equal, rounding decides.
                if (exact / epsilon - 1.0).abs() > 1e-2 {
                    assert_eq!(image.success, exact < epsilon, "{name}: {exact} needed, {epsilon} given");
                }
            }
        }
    }
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let device = Device::flex();
    let network = shipped("coil20-sigma-0.10", &device);
    let pixels = pictures(1, &device) * 0.8 + 0.1;
    let class = read(&network, &pixels)[0];
    let criterion = Criterion::new(Goal::Misread(vec![class]), 20, &device).expect("the class exists");
    type Objective<'a> = Box<dyn Fn(Tensor<2>) -> Tensor<1> + 'a>;
    let objectives: [Objective; 3] = [
        Box::new(|logits| criterion.margin(logits)),
        Box::new(|logits| criterion.log_odds(logits)),
        Box::new(|logits| criterion.cross_entropy(logits)),
    ];
    for objective in objectives {
        let gradient = network.gradient(pixels.clone(), &objective).gradient;
        let length = Norms::read(gradient.clone());
        let length = pollster::block_on(length).expect("the CPU does not fail")[0].l2 as f32;
        let direction = gradient / length;
        let at = |step: f32| values(objective(network.logits(pixels.clone() + direction.clone() * step)))[0];
        const H: f32 = 0.01;
        let slope = (at(H) - at(-H)) / (2.0 * H);
        // ReLUs that switch within ±H, and single precision, cause a relative error of a few thousandths.
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

/// A linear network with something before or after it that misleads gradient attacks.
#[derive(Module, Debug)]
struct Misled {
    weight: Param<Tensor<2>>,
    #[module(skip)]
    what: Misleading,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Misleading {
    Nothing,
    Rounding,
    Softmax,
    Chance,
}

impl Classifier for Misled {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        let pixels = if self.what == Misleading::Rounding { (pixels * 4.0).round() / 4.0 } else { pixels };
        let logits = pixels.flatten::<2>(1, 3).matmul(self.weight.val());
        match self.what {
            Misleading::Softmax => softmax(logits, 1),
            Misleading::Chance => logits.clone() + logits.random_like(Distribution::Normal(0.0, 0.1)),
            _ => logits,
        }
    }
}

#[test]
fn networks_that_mislead_are_flagged() {
    let device = Device::flex();
    let pixels = (random([3, 1, 8, 8], 6, &device) * 0.1 + 0.5).clamp(0.0, 1.0);
    let expectations = [
        (Misleading::Nothing, None),
        (Misleading::Rounding, Some(Flag::ZeroGradient)),
        (Misleading::Softmax, Some(Flag::Probabilities)),
        (Misleading::Chance, Some(Flag::NotDeterministic)),
    ];
    for (what, flag) in expectations {
        let network = Frozen::new(&Misled { weight: Param::from_tensor(random([64, 5], 5, &device)), what });
        let classes = read(&network, &pixels);
        for text in ["ddn:steps=10", "pgd:steps=10", "deepfool:steps=3"] {
            let outcome = run(&*attack(text), &network, &pixels, Goal::Misread(classes.clone()));
            for image in &outcome.images {
                assert_eq!(image.flags, Vec::from_iter(flag), "{text} on {what:?}");
            }
        }
    }
}
