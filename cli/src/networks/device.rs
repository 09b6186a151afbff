//! The device on which tensors are computed.

use anyhow::Result;
use burn::tensor::Device;
use clap::ValueEnum;

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
