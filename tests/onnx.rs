//! Networks exported as ONNX files, read again, and attacked.

use burn::tensor::{Device, Distribution, Tensor};
use decoy::attack::{Ddn, Run};
use decoy::classifier::{Classifier, Criterion, Frozen, Goal, Input};
use decoy::error::Error;
use decoy::model::{CompactConfig, EfficientNetLite0Config, OriginalConfig, ResidualConfig};
use decoy::onnx::{self, Export, Normalisation, Options};

/// Exports `network`, reads the file, and compares logits, gradient and the result of an attack with the network
/// itself.
fn round_trip<M: burn::module::Module + Classifier + Export + 'static>(network: &M, input: Input, images: usize) {
    let device = Device::flex();
    let bytes = onnx::export(network, input).expect("it is written");
    let read = onnx::load(&bytes, &Options::default(), &device).expect("it is read");
    assert_eq!([read.channels(), read.height(), read.width()], [input.channels, input.height, input.width]);
    assert_eq!(read.classes(), network.classes());
    assert!(read.notes().is_empty(), "{:?}", read.notes());

    let (read, own) = (read.freeze(), Frozen::new(network));
    let shape = [images, input.channels, input.height, input.width];
    let pixels = Tensor::<4>::random(shape, Distribution::Uniform(0.0, 1.0), &device);
    let classes = pollster::block_on(own.predict(pixels.clone())).expect("it answers");
    let goal = Goal::Misread(classes.iter().map(|answer| answer.class()).collect());
    let criterion = Criterion::new(&goal, network.classes(), &device).expect("they are classes");
    let [expected, found] =
        [&own, &read].map(|network| network.gradient(pixels.clone(), |logits| criterion.log_odds(logits)));
    close(found.logits, expected.logits, "logits");
    close(found.gradient, expected.gradient, "gradient");

    let attack = Ddn { steps: 5, ..Ddn::default() };
    let [expected, found] = [&own, &read].map(|network| {
        let run = async { Run::begin(&attack, network, pixels.clone(), goal.clone()).await?.complete().await };
        pollster::block_on(run).expect("it runs")
    });
    for (expected, found) in expected.images.iter().zip(&found.images) {
        assert_eq!(expected.success, found.success);
        assert!((expected.norms.l2 - found.norms.l2).abs() <= 1e-3 * expected.norms.l2, "{expected:?} {found:?}");
    }
}

fn close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str) {
    let largest: f32 = expected.clone().abs().max().into_scalar();
    let difference: f32 = (found - expected).abs().max().into_scalar();
    assert!(difference <= 1e-5 * largest, "{what}: {difference} of {largest}");
}

fn input(channels: usize, side: usize) -> Input {
    Input { channels, height: side, width: side }
}

#[test]
fn exported_networks_read_back_are_the_same() {
    let device = Device::flex();
    round_trip(&CompactConfig { side: 32, classes: 20 }.init(&device), input(1, 32), 3);
    round_trip(&OriginalConfig { side: 16, classes: 20 }.init(&device), input(1, 16), 3);
    round_trip(&ResidualConfig { channels: 3, classes: 10 }.init(&device), input(3, 32), 3);
    round_trip(&EfficientNetLite0Config { classes: 1000 }.init(&device), input(3, 224), 1);
}

#[test]
fn what_is_no_network_is_refused_in_plain_words() {
    let refusal = |bytes: &[u8]| match onnx::load(bytes, &Options::default(), &Device::flex()) {
        Err(Error::Onnx(message)) => message,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it is read"),
    };
    assert!(refusal(b"").contains("an empty file"));
    assert!(refusal(b"a letter to a friend\n").contains("a text"));
    assert!(refusal(b"PK\x03\x04").contains("torch.onnx.export"));
    assert!(refusal(&[0xff; 64]).contains("cut off"));
    let network = CompactConfig { side: 32, classes: 20 }.init(&Device::flex());
    let bytes = onnx::export(&network, input(1, 32)).expect("it is written");
    for length in [20, 1000, bytes.len() - 1] {
        let message = refusal(&bytes[..length]);
        assert!(message.contains("cut off") || message.contains("found"), "{message}");
    }
}

#[test]
fn pixels_are_normalised_as_asked() {
    let device = Device::flex();
    let network = ResidualConfig { channels: 3, classes: 10 }.init(&device);
    let bytes = onnx::export(&network, input(3, 32)).expect("it is written");
    let pixels = Tensor::<4>::random([2, 3, 32, 32], Distribution::Uniform(0.0, 1.0), &device);
    let colours = |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1, 1]);
    let cases = [
        ("none", [0.0; 3], [1.0; 3]),
        ("symmetric", [0.5; 3], [0.5; 3]),
        ("bytes", [0.0; 3], [1.0 / 255.0; 3]),
        ("imagenet", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ("0.1/0.3", [0.1; 3], [0.3; 3]),
        ("0.1,0.2,0.3/0.5", [0.1, 0.2, 0.3], [0.5; 3]),
    ];
    for (text, mean, deviation) in cases {
        let normalisation: Normalisation = text.parse().expect("it is a way");
        let read = onnx::load(&bytes, &Options { normalisation, ..Options::default() }, &device).expect("it is read");
        let expected = network.logits((pixels.clone() - colours(mean)) / colours(deviation));
        close(read.logits(pixels.clone()), expected, text);
    }
    let own = Normalisation::Custom { mean: vec![0.5, 0.5], deviation: vec![1.0] };
    let refused = onnx::load(&bytes, &Options { normalisation: own, ..Options::default() }, &device);
    assert!(matches!(refused, Err(Error::Parameter { .. })));
    assert!("0.5".parse::<Normalisation>().is_err());
}
