//! In place of `webgpu`, in the module with threads: there is no GPU.

use burn::tensor::Device;

use crate::error::Error;

/// The time limits of `webgpu`, which the CPU does not have.
pub const FIRST_PASS: u32 = u32::MAX;
pub const WORKING: u32 = u32::MAX;
pub const UNLIMITED: u32 = u32::MAX;

pub struct WebGpu {
    pub device: Device,
    pub name: String,
    pub software: bool,
}

/// Says that there is none, in words for the beginning of a sentence.
pub async fn open() -> Result<WebGpu, String> {
    Err("This program computes on all cores and has no WebGPU".to_owned())
}

pub async fn watched<T>(_limit: u32, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    work.await
}
