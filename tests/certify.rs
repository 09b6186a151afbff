//! Certificates compared with exact distances and with attacks: no change smaller than a certified radius fools the
//! smoothed network.

mod common;

use burn::tensor::{Device, Tensor, TensorData};
use common::{Linear, random, read, run, shipped};
use decoy::attack::Ddn;
use decoy::certify::{Certificate, Certification, CertifyOptions, Smoothed, Smoothing};
use decoy::classifier::{Frozen, Goal};
use decoy::norm::Norm;
use decoy::photo::{self, Crop};

const PICTURES: usize = 100;

fn certificates(network: &Frozen, pixels: &Tensor<4>, options: CertifyOptions) -> Vec<Certificate> {
    let one = |image| {
        pollster::block_on(async {
            let picture = pixels.clone().narrow(0, image, 1);
            let mut certification = Certification::begin(network, picture, options).await?;
            while certification.advance(200).await?.is_some() {}
            Ok::<_, decoy::error::Error>(certification.finish())
        })
    };
    (0..pixels.dims()[0]).map(|image| one(image).expect("the CPU does not fail")).collect()
}

/// The smoothed version of a linear network has the same decision boundary as the network. So the distance to the
/// boundary is the largest radius that votes may certify.
#[test]
fn no_certificate_of_a_linear_network_exceeds_the_exact_distance() {
    let device = Device::flex();
    let pixels = (random([PICTURES, 1, 8, 8], 5, &device) * 0.1 + 0.5).clamp(0.0, 1.0);
    let linear = Linear::new(64, 4, 11, &device);
    let network = Frozen::new(&linear);
    let classes = read(&network, &pixels);
    let exact = linear.smallest(&pixels, &classes, Norm::L2);
    let mut typical = exact.clone();
    typical.sort_by(f32::total_cmp);

    // Noise of the size of the distances: votes are neither unanimous nor evenly split.
    let sigma = f64::from(typical[PICTURES / 2]);
    let options = CertifyOptions { count: 400, ..CertifyOptions::new(sigma) };
    let found = certificates(&network, &pixels, options);
    let proved = found.iter().filter(|certificate| certificate.radius.is_some()).count();
    assert!(proved > PICTURES / 4, "only {proved} are certified");
    for ((certificate, exact), class) in found.iter().zip(&exact).zip(&classes) {
        let Some(radius) = certificate.radius else { continue };
        assert_eq!(certificate.class, *class, "a vote that is not divided is for the class itself");
        assert!(radius <= f64::from(*exact), "{radius} is proved, {exact} is enough");
    }
}

/// The first pictures of the gallery of CIFAR-10, `[N, 3, 32, 32]`.
fn small_pictures(device: &Device) -> Tensor<4> {
    let bytes = std::fs::read("www/gallery/cifar10/sheet.png").expect("the gallery is there");
    let sheet = photo::open(&bytes).expect("it is a picture");
    let columns = sheet.width() as usize / 32;
    let tile = |index: usize| {
        let (left, top) = ((index % columns * 32) as f64, (index / columns * 32) as f64);
        sheet.crop(Crop { left, top, side: 32.0 }, 3, 32, 32).expect("it is within the sheet").to_unit()
    };
    let values: Vec<f32> = (0..PICTURES).flat_map(tile).collect();
    Tensor::from_data(TensorData::new(values, [PICTURES, 3, 32, 32]), device)
}

#[test]
fn no_attack_on_the_smoothed_network_succeeds_within_a_certified_radius() {
    let device = Device::flex();
    let pixels = small_pictures(&device);
    let network = shipped("cifar10-sigma-0.25", &device);
    let sigma = 0.25;
    let options = CertifyOptions { choose: 50, count: 100, ..CertifyOptions::new(sigma) };
    let found = certificates(&network, &pixels, options);

    let smoothed =
        Smoothed::of(network.clone(), [3, 32, 32], Smoothing { sigma, draws: 8 }, 3).expect("it is within range");
    let goal = Goal::Misread(found.iter().map(|certificate| certificate.class).collect());
    let outcome = run(&Ddn { steps: 12, ..Ddn::default() }, &smoothed, &pixels, goal);
    let fresh = CertifyOptions { seed: 1, ..options };
    let mut compared = 0;
    for (image, certificate) in found.iter().enumerate() {
        let Some(radius) = certificate.radius.filter(|_| outcome.images[image].success) else { continue };
        compared += 1;
        if outcome.images[image].norms.l2 < radius {
            // The attack sees few draws of the noise: near the boundary it may fool these and not the smoothed network.
            // So vote again, with fresh noise.
            let voted = certificates(&network, &outcome.adversarial.clone().narrow(0, image, 1), fresh)[0];
            assert!(voted.class == certificate.class || voted.radius.is_none(), "{certificate:?}, then {voted:?}");
        }
    }
    assert!(compared > PICTURES / 2, "only {compared} are certified and fooled");
}
