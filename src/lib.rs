//! Adversarial robustness for [Burn](https://burn.dev): attacks that look for the most similar image a network
//! misreads, the norms and statistics that say how robust it is, natively and in the browser on WebGPU.
//!
//! The modules stand in the order an image passes through them: a [`photo`] becomes a tensor, a
//! [`classifier`](classifier::Classifier) reads it, an [`attack`] changes it and is certified by
//! [`Run`](attack::Run), [`metrics`] count, and a [`report`] says what came out. The library does no I/O: bytes in,
//! values out.

pub mod photo;

pub mod classifier;

pub mod model;

pub mod catalog;

pub mod norm;

pub mod attack;

pub mod metrics;

pub mod sweep;

pub mod compare;

pub mod report;

pub mod error;

#[cfg(target_family = "wasm")]
mod web;
