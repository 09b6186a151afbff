//! Adversarial robustness for [Burn](https://burn.dev): attacks that look for the most similar image a network
//! misreads, the norms and statistics that say how robust it is, natively and in the browser on WebGPU.
//!
//! # Attack a network
//!
//! Any Burn model that maps pixels to logits is attacked once it says so, here an untrained one:
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
//! let truth = network.predict(pixels.clone()).await?.iter().map(|answer| answer.class()).collect();
//!
//! let outcome = Run::begin(&Ddn::default(), &network, pixels, Goal::Misread(truth)).await?.complete().await?;
//! for image in &outcome.images {
//!     println!("fooled: {}, ‖Δx‖₂ = {:.4}", image.success, image.norms.l2);
//! }
//! # assert!(outcome.images.iter().all(|image| image.success));
//! # Ok::<(), decoy::error::Error>(())
//! # }).unwrap();
//! ```
//!
//! [`Goal::Read`](classifier::Goal::Read) aims at a class instead. [`Run`](attack::Run) says how to watch the steps and
//! stop early, [`Outcome`](attack::Outcome) what comes back, [`attack`] which attack to take, and how to write one.
//!
//! # What a result is worth
//!
//! Attacks are not trusted. What they return is clipped to [0, 1], predicted and measured again, and rounded to the 256
//! shades that a file can hold; what raises doubt is [flagged](attack::Flag). A robustness figure is an upper bound: the
//! smallest perturbation that was found, not the smallest there is. [`Ensemble`](attack::Ensemble) takes the best of
//! several attacks, and [`compare`] says where they contradict each other.
//!
//! # Measure a network
//!
//! [`sweep`] attacks a whole data set with several networks, [`metrics`] turns the norms into means and medians with
//! their intervals, and [`report`] is the form in which the command line, result files and JavaScript see it all.
//!
//! # The rest
//!
//! A [`photo`] becomes a tensor, [`catalog`] and [`model`] are the networks that Decoy's page comes with, [`norm`]
//! measures and projects. The library does no I/O: bytes in, values out. Nothing is generic over a backend: tensors
//! live on whatever [`Device`](burn::tensor::Device) they were made on, which natively is the CPU, Vulkan with the
//! feature `vulkan`, or CUDA with `cuda`.

pub mod photo;

pub mod region;

pub mod classifier;

pub mod layer;

mod per_image;

mod tensors;

#[cfg(gpu)]
mod gpu;

pub mod model;

pub mod onnx;

pub mod catalog;

pub mod noise;

pub mod norm;

pub mod attack;

pub mod metrics;

pub mod certify;

pub mod sweep;

pub mod compare;

pub mod report;

pub mod error;

#[cfg(target_family = "wasm")]
mod web;
