//! Small helpers between tensors and values.

use burn::tensor::Tensor;

use crate::error::Error;

/// One value per image `[N]` as `[N, 1, 1, 1]`, to be broadcast over the image.
pub(crate) fn broadcast(values: Tensor<1>) -> Tensor<4> {
    let [images] = values.dims();
    values.reshape([images, 1, 1, 1])
}

/// Reads all values of a tensor back from the device, row by row.
///
/// # Errors
///
/// If the device fails.
pub(crate) async fn read<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
    let data = tensor.into_data_async().await.map_err(|error| Error::Device(error.to_string()))?;
    data.try_to_vec::<f32>().map_err(|error| Error::Device(format!("{error:?}")))
}

/// The devices for the tests of kernels and layers: the CPU, and the GPU if its feature is on.
#[cfg(test)]
pub(crate) fn devices() -> Vec<burn::tensor::Device> {
    use burn::tensor::Device;
    // A card is opened once in a process.
    static DEVICES: std::sync::OnceLock<Vec<Device>> = std::sync::OnceLock::new();
    let open = || {
        vec![
            Device::flex(),
            #[cfg(feature = "vulkan")]
            Device::wgpu_options()
                .graphics_api(burn::tensor::wgpu::WgpuBackend::Vulkan)
                .init()
                .expect("a test with the feature `vulkan` needs a device for Vulkan"),
            #[cfg(feature = "cuda")]
            Device::cuda(0),
        ]
    };
    DEVICES.get_or_init(open).clone()
}
