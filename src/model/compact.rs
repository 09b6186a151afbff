//! A compact convolutional network for square grey pictures.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::classifier::Classifier;
use crate::error::Error;
use crate::fused::{Activation, connect, convolve};
use crate::onnx::{Export, Writer};

/// Mean of the COIL-20 pixels of the training poses, with pixels in [0, 1].
const MEAN: f32 = 0.30;
/// Standard deviation of the same pixels.
const DEVIATION: f32 = 0.32;

/// Scales pixels to mean 0 and standard deviation 1.
const NORMALISED: Activation = Activation::Affine { scale: 1.0 / DEVIATION, shift: -MEAN / DEVIATION };

/// The sizes of a [`Compact`] network.
#[derive(Debug, Clone, Copy)]
pub struct CompactConfig {
    /// Side of the square pictures, in pixels.
    pub side: usize,
    /// Number of classes K, at least 2.
    pub classes: usize,
}

impl CompactConfig {
    /// A network with random weights on `device`.
    pub fn init(&self, device: &Device) -> Compact {
        let conv = |channels: [usize; 2], kernel: usize, stride: usize| {
            let padding = (kernel - 1) / 2;
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
                .with_initializer(Initializer::KaimingUniform { gain: 1.0, fan_out_only: false })
                .init(device)
        };
        let side = self.side.div_ceil(8);
        Compact {
            conv1: conv([1, 8], 5, 2),
            conv2: conv([8, 16], 3, 2),
            conv3: conv([16, 32], 3, 2),
            dense1: LinearConfig::new(32 * side * side, 64).init(device),
            dense2: LinearConfig::new(64, self.classes).init(device),
        }
    }
}

/// Three strided convolutions and two dense layers. It has no normalisation layers, so it has no training mode. With a
/// side of 128 it has 0.5 M weights: `[N, 1, 128, 128]` → 8×64×64 → 16×32×32 → 32×16×16 → 64 → `[N, K]`.
#[derive(Module, Debug)]
pub struct Compact {
    conv1: Conv2d,
    conv2: Conv2d,
    conv3: Conv2d,
    dense1: Linear,
    dense2: Linear,
}

impl Classifier for Compact {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        let x = convolve(&self.conv1, NORMALISED, pixels);
        let x = convolve(&self.conv2, Activation::Relu, x);
        let x = convolve(&self.conv3, Activation::Relu, x);
        let x = connect(&self.dense1, Activation::Relu, x.flatten(1, 3));
        connect(&self.dense2, Activation::Relu, x)
    }
}

impl Export for Compact {
    fn write(&self, writer: &mut Writer, pixels: &str) -> Result<String, Error> {
        let x = writer.convolve(&self.conv1, NORMALISED, pixels)?;
        let x = writer.convolve(&self.conv2, Activation::Relu, &x)?;
        let x = writer.convolve(&self.conv3, Activation::Relu, &x)?;
        let x = writer.flatten(&x);
        let x = writer.connect(&self.dense1, Activation::Relu, &x)?;
        writer.connect(&self.dense2, Activation::Relu, &x)
    }

    fn classes(&self) -> usize {
        self.dense2.weight.dims()[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_of_any_side_have_logits() {
        let device = Device::flex();
        for side in [8, 30, 32, 100] {
            let logits =
                CompactConfig { side, classes: 20 }.init(&device).logits(Tensor::zeros([2, 1, side, side], &device));
            assert_eq!(logits.dims(), [2, 20], "side {side}");
        }
    }
}
