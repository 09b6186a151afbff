//! Runs the README's Rust example.

use burn::nn::{Linear, LinearConfig};
use burn::tensor::Device;

#[derive(Module, Debug)]
struct Mine {
    dense: Linear,
}

impl Classifier for Mine {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.dense.forward(pixels.flatten(1, 3))
    }
}

// From here to the closing brace of the function this is the README's example.
use burn::module::Module;
use burn::tensor::Tensor;
use decoy::attack::{Ddn, Run};
use decoy::classifier::{Classifier, Frozen, Goal};
use decoy::error::Error;

/// The L2 norm of the smallest change found for each picture.
async fn sizes<M: Module + Classifier + 'static>(
    model: &M,
    pixels: Tensor<4>,
    classes: Vec<usize>,
) -> Result<Vec<f64>, Error> {
    let network = Frozen::new(model);
    let mut run = Run::begin(&Ddn::default(), &network, pixels, Goal::Misread(classes)).await?;
    while let Some(progress) = run.advance(10).await? {
        println!("{} of {} steps", progress.step, progress.steps);
    }
    let outcome = run.finish().await?; // clipped, predicted and measured anew
    Ok(outcome.images.iter().map(|image| image.norms.l2).collect())
}

#[test]
fn the_example_runs() {
    pollster::block_on(async {
        let device = Device::flex();
        let model = Mine { dense: LinearConfig::new(28 * 28, 10).init(&device) };
        let pixels = Tensor::full([2, 1, 28, 28], 0.5, &device);
        let answers = Frozen::new(&model).predict(pixels.clone()).await.expect("it answers");
        let classes = answers.iter().map(|answer| answer.class()).collect();
        let sizes = sizes(&model, pixels, classes).await.expect("it is attacked");
        assert!(sizes.len() == 2 && sizes.iter().all(|size| *size > 0.0), "{sizes:?}");
    });
}

#[test]
fn it_is_what_the_readme_says() {
    let readme = include_str!("../README.md");
    let code = readme.split("```rust\n").skip(1).filter_map(|rest| rest.split_once("```"));
    let code: Vec<_> = code.map(|(code, _)| code).collect();
    assert!(!code.is_empty());
    for code in code {
        assert!(include_str!("readme.rs").contains(code), "not in tests/readme.rs: {code}");
    }
}
