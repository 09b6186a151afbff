//! Where networks are listed, and where they run.

use std::path::PathBuf;

use anyhow::Result;
use burn::tensor::Device;
use clap::{Args, ValueEnum};

use super::catalog_file::MODELS;

/// The folder of a catalogue, and a device.
#[derive(Args)]
pub struct Place {
    /// Folder of models.json and the weights.
    #[arg(long, default_value = MODELS)]
    pub models: PathBuf,
    /// Device to run on.
    #[arg(long, default_value = "cpu")]
    pub device: DeviceChoice,
}

/// The devices this build can run on.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum DeviceChoice {
    /// The processor, all its threads.
    Cpu,
    /// A GPU through Vulkan (a build with `--features vulkan`).
    #[cfg(feature = "vulkan")]
    Vulkan,
    /// A GPU through CUDA (a build with `--features cuda`).
    #[cfg(feature = "cuda")]
    Cuda,
}

impl DeviceChoice {
    /// The device, ready for tensors.
    pub fn open(self) -> Result<Device> {
        Ok(match self {
            Self::Cpu => Device::flex(),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::wgpu_options().graphics_api(burn::tensor::wgpu::WgpuBackend::Vulkan).init()?,
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::cuda(0),
        })
    }
}
