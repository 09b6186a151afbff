//! A shipped network's logits and gradient for a committed picture. The browser tests compare WebGPU and wasm with the
//! same values.
//!
//! After a new training of the networks, write them again with
//! `cargo test --release --workspace --test golden -- --ignored`.

mod common;

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use common::{pictures, shipped, values};
use decoy::classifier::{Criterion, Frozen, Goal, Slope};
use decoy::photo::{self, Photo};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Golden {
    model: String,
    image: String,
    class: usize,
    logits: Vec<f32>,
    /// `gradient` holds every value of the cross-entropy's gradient whose index is a multiple of this.
    gradient_stride: usize,
    gradient: Vec<f32>,
}

const MODEL: &str = "coil20-sigma-0.05";
const STRIDE: usize = 61;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn golden(network: &Frozen, png: &[u8]) -> Golden {
    let photo = photo::decode(png, 1, 128, 128).expect("the fixture is a picture");
    let pixels = photo::batch(&[photo], network.device());
    let class = common::read(network, &pixels)[0];
    let criterion = Criterion::new(Goal::Misread(vec![class]), 20, network.device()).expect("the class exists");
    let Slope { logits, gradient, .. } = network.gradient(pixels, |logits| criterion.cross_entropy(logits));
    Golden {
        model: MODEL.to_owned(),
        image: "shape.png".to_owned(),
        class,
        logits: values(logits),
        gradient_stride: STRIDE,
        gradient: values(gradient).into_iter().step_by(STRIDE).collect(),
    }
}

#[test]
#[ignore = "writes the fixture"]
fn write() {
    let device = Device::flex();
    let pixels = values(pictures(3, &device).narrow(0, 2, 1));
    let png = Photo::from_unit(&pixels, 1, 128, 128).expect("128×128 values").png();
    let golden = golden(&shipped(MODEL, &device), &png);
    std::fs::write(fixture("shape.png"), png).expect("the folder is there");
    let text = serde_json::to_string_pretty(&golden).expect("numbers are JSON");
    std::fs::write(fixture("golden.json"), text + "\n").expect("the folder is there");
}

#[test]
fn shipped_weights_answer_as_they_did() {
    let text = std::fs::read_to_string(fixture("golden.json")).expect("the fixture is committed");
    let expected: Golden = serde_json::from_str(&text).expect("the fixture is well formed");
    let png = std::fs::read(fixture(&expected.image)).expect("the fixture is committed");
    let found = golden(&shipped(&expected.model, &Device::flex()), &png);
    assert_eq!(found.class, expected.class);
    // Another processor may sum in another order, which changes the last digits.
    close(&found.logits, &expected.logits, 1e-4);
    close(&found.gradient, &expected.gradient, 1e-3);
}

fn close(found: &[f32], expected: &[f32], tolerance: f32) {
    let largest = expected.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= tolerance * largest, "{found}, expected {expected}");
    }
}
