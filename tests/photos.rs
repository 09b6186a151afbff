//! Compares the network for photographs with the reference implementation, and attacks and saves a photograph.
//!
//! The reference's logits are in `fixtures/photos/reference.json`, written by `fixtures/photos/reference.py`.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::slice;

use burn::tensor::{Device, Tensor};
use common::{shipped, values};
use decoy::attack::{Ddn, Run};
use decoy::classifier::{Frozen, Goal};
use decoy::model::efficientnet::SIDE;
use decoy::photo::{self, Photo};

const MODEL: &str = "photos-sigma-0.00";

/// The shipped weights have 8 bits, which changes a logit (of about 10) by up to 0.22 here; a wrong padding or pixel
/// range changes it by more than 1.
const TOLERANCE: f32 = 0.3;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/photos")
}

fn photograph(name: &str) -> Photo {
    let png = std::fs::read(fixtures().join(format!("{name}.png"))).expect("the fixture is there");
    photo::decode(&png, 3, SIDE, SIDE).expect("the fixture is a picture")
}

fn pixels(photo: &Photo, network: &Frozen) -> Tensor<4> {
    photo::batch(slice::from_ref(photo), network.device())
}

fn top5(logits: &[f32]) -> Vec<usize> {
    let mut classes: Vec<usize> = (0..logits.len()).collect();
    classes.sort_by(|&a, &b| logits[b].total_cmp(&logits[a]));
    classes.truncate(5);
    classes
}

#[test]
fn the_network_answers_as_the_reference_does() {
    let text = std::fs::read_to_string(fixtures().join("reference.json")).expect("the fixture is there");
    let reference: BTreeMap<String, Vec<f32>> = serde_json::from_str(&text).expect("lists of logits");
    assert_eq!(reference.len(), 4);
    let network = shipped(MODEL, &Device::flex());
    for (name, expected) in reference {
        let found = values(network.logits(pixels(&photograph(&name), &network)));
        assert_eq!(found.len(), expected.len());
        let difference = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < TOLERANCE, "{name}: a logit differs by {difference}");
        assert_eq!(top5(&found), top5(&expected), "{name}");
        println!("{name}: largest difference of a logit {difference:.4}");
    }
}

#[test]
fn a_saved_photograph_is_read_back_and_still_misread() {
    let network = shipped(MODEL, &Device::flex());
    let cat = pixels(&photograph("chelsea"), &network);
    let class = common::read(&network, &cat)[0];
    let attack = Ddn { steps: 20, ..Ddn::default() };
    let outcome = pollster::block_on(async {
        let mut run = Run::begin(&attack, &network, cat.clone(), Goal::Misread(vec![class])).await?;
        let mut best = f32::INFINITY;
        while let Some(progress) = run.advance(2).await? {
            let norm = progress.images[0].norm.unwrap_or(f32::INFINITY);
            assert!(norm <= best, "the best so far grew from {best} to {norm}");
            best = norm;
            // The image shown while it runs has the norm that is reported.
            let shown = values((run.best() - cat.clone()).square().sum().sqrt())[0];
            assert!(norm.is_infinite() || (shown - norm).abs() < 1e-3 * norm, "{shown} for {norm}");
        }
        run.finish().await
    })
    .expect("the attack runs");
    let image = &outcome.images[0];
    assert!(image.success && image.eight_bit.success);
    // 150 528 values change by less than one of 256 shades on average.
    assert!(image.eight_bit.norms.l1 * 255.0 / 150_528.0 < 1.0, "{:?}", image.eight_bit.norms);

    let saved = Photo::from_unit(&values(outcome.eight_bit), 3, SIDE, SIDE).expect("224×224 values");
    let read = photo::decode(&saved.png(), 3, SIDE, SIDE).expect("it was just written");
    assert_eq!(read, saved);
    assert_ne!(common::read(&network, &pixels(&read, &network)), [class]);
}
