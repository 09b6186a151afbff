//! Adversarial robustness for [Burn](https://burn.dev): attacks that search for the image most similar to the original
//! that a network misreads, and the norms and statistics that measure how robust the network is. It runs natively, and
//! in the browser on WebGPU.
//!
//! # Attack a network
//!
//! Any Burn model that maps pixels to logits can be attacked once it implements `Classifier`; here an untrained one:
//!
//! ```
//! use burn::module::Module;
//! use burn::nn::{Linear, LinearConfig};
//! use burn::tensor::{Device, Tensor};
//! use decoy::attack::{Ddn, Run};
//! use decoy::classifier::{Classifier, Frozen, Goal};
//!
//! #[derive(Module, Debug)]
//! struct Mine {
//!     dense: Linear,
//! }
//!
//! impl Classifier for Mine {
//!     fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
//!         self.dense.forward(pixels.flatten(1, 3))
//!     }
//! }
//!
//! # pollster::block_on(async {
//! let device = Device::flex();
//! let network = Frozen::new(&Mine { dense: LinearConfig::new(28 * 28, 10).init(&device) });
//! let pixels = Tensor::full([2, 1, 28, 28], 0.5, &device); // [N, C, H, W], in [0, 1]
//!
//! // Any class but the one that it reads now.
//! let outcome = Run::begin(&Ddn::default(), &network, pixels, Goal::Change).await?.complete().await?;
//! for image in &outcome.images {
//!     println!("fooled: {}, ‖Δx‖₂ = {:.4}", image.success, image.norms.l2);
//! }
//! # assert!(outcome.images.iter().all(|image| image.success));
//! # Ok::<(), decoy::error::Error>(())
//! # }).unwrap();
//! ```
//!
//! [`Goal::Read`](classifier::Goal::Read) aims at a class instead. [`Run`](attack::Run) describes how to watch the
//! steps and stop early, [`Outcome`](attack::Outcome) describes the result. [`attack`] helps to choose an attack, and
//! shows how to write one.
//!
//! # How far to trust a result
//!
//! Attacks are not trusted. Their result is clipped to [0, 1], predicted and measured again, and rounded to the 256
//! shades of an image file. Reasons for doubt are reported as [flags](attack::Flag). A robustness figure is an upper
//! bound: the smallest perturbation that was found, not the smallest that exists. [`Ensemble`](attack::Ensemble) takes
//! the best of several attacks, and [`compare`] reports where they contradict each other.
//!
//! # Measure a network
//!
//! [`sweep`] attacks a whole data set with several networks, [`metrics`] turns the norms into means and medians with
//! intervals, and [`report`] is the common format of the command line, the result files and JavaScript.
//!
//! # The other modules
//!
//! [`photo`] turns a picture file into values in [0, 1], [`catalog`] and [`model`] are the networks of Decoy's page,
//! and [`norm`] measures and projects perturbations. The library does no I/O: it takes bytes and returns values.
//! Nothing is generic over a backend: tensors stay on the [`Device`](burn::tensor::Device) they were made on. Natively
//! that is the CPU, Vulkan with the feature `vulkan`, or CUDA with the feature `cuda`.

pub mod photo;

pub mod error;

mod tensors;

pub mod region;

mod per_image;

pub mod fused;

mod cpu;

#[cfg(gpu)]
mod gpu;

pub mod classifier;

pub mod onnx;

pub mod model;

pub mod catalog;

pub mod noise;

pub mod norm;

pub mod attack;

pub mod metrics;

pub mod certify;

pub mod sweep;

pub mod report;

pub mod compare;

#[cfg(target_family = "wasm")]
mod web;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn sources(folder: &Path) -> Vec<PathBuf> {
        let paths = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
        paths.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
    }

    #[test]
    fn modules_use_those_above_them_alone() {
        let names: Vec<_> = include_str!("lib.rs")
            .lines()
            .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';'))
            .collect();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        for (place, &name) in names.iter().enumerate() {
            let known: HashSet<_> = names[..=place].iter().copied().collect();
            let inside = folder.join(name);
            let mut files = if inside.is_dir() { sources(&inside) } else { Vec::new() };
            files.push(folder.join(name).with_extension("rs"));
            for file in files.into_iter().filter(|file| !file.ends_with("tests.rs")) {
                let text = fs::read_to_string(&file).expect("a source file");
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                for used in code.split("crate::").skip(1) {
                    let used = used.split(|c: char| !(c.is_alphanumeric() || c == '_')).next().unwrap_or_default();
                    assert!(known.contains(used), "{} uses {used}, which is below it", file.display());
                }
            }
        }
    }
}
