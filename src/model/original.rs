//! The network of the original experiment.

use burn::module::Module;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::pool::{MaxPool2d, MaxPool2dConfig};
use burn::nn::{Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::{Device, Tensor};

use crate::classifier::Classifier;
use crate::error::Error;
use crate::fused::{Activation, connect, convolve};
use crate::onnx::{Export, Writer};

/// The sizes of an [`Original`] network.
#[derive(Debug, Clone, Copy)]
pub struct OriginalConfig {
    /// Side of the square grey pictures, in pixels: a multiple of 4.
    pub side: usize,
    /// Number of classes K, at least 2.
    pub classes: usize,
}

impl OriginalConfig {
    /// A network with random weights on `device`.
    pub fn init(&self, device: &Device) -> Original {
        let conv = |channels: [usize; 2]| {
            let config = Conv2dConfig::new(channels, [5, 5]);
            config.with_padding(PaddingConfig2d::Explicit(2, 2, 2, 2)).init(device)
        };
        let side = self.side / 4;
        Original {
            conv1: conv([1, 32]),
            conv2: conv([32, 64]),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            dense1: LinearConfig::new(64 * side * side, 1024).init(device),
            dense2: LinearConfig::new(1024, self.classes).init(device),
        }
    }
}

/// Two convolutions with max-pooling, and two dense layers. With a side of 128 it has 67 M weights, too many to send to
/// a browser: `[N, 1, 128, 128]` → 32×64×64 → 64×32×32 → 1024 → `[N, K]`.
#[derive(Module, Debug)]
pub struct Original {
    conv1: Conv2d,
    conv2: Conv2d,
    pool: MaxPool2d,
    dense1: Linear,
    dense2: Linear,
}

impl Original {
    /// The logits `[N, K]` of `pixels` `[N, 1, S, S]`. `drop` is applied to the output `[N, 1024]` of the first dense
    /// layer, before its ReLU: in training, dropout.
    pub fn logits_with(&self, pixels: Tensor<4>, drop: impl FnOnce(Tensor<2>) -> Tensor<2>) -> Tensor<2> {
        // Max-pooling and ReLU can change places. So the ReLU moves into the next layer's pass.
        let x = self.pool.forward(convolve(&self.conv1, Activation::Identity, pixels));
        let x = self.pool.forward(convolve(&self.conv2, Activation::Relu, x));
        let x = connect(&self.dense1, Activation::Relu, x.flatten(1, 3));
        connect(&self.dense2, Activation::Relu, drop(x))
    }
}

impl Classifier for Original {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.logits_with(pixels, |x| x)
    }
}

impl Export for Original {
    fn write(&self, writer: &mut Writer, pixels: &str) -> Result<String, Error> {
        let pool: [(&str, &[i64]); 2] = [("kernel_shape", &[2, 2]), ("strides", &[2, 2])];
        let x = writer.convolve(&self.conv1, Activation::Identity, pixels)?;
        let x = writer.node("MaxPool", &[&x], &pool);
        let x = writer.convolve(&self.conv2, Activation::Relu, &x)?;
        let x = writer.node("MaxPool", &[&x], &pool);
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
    fn it_is_as_large_as_the_experiment_says() {
        let network = OriginalConfig { side: 128, classes: 20 }.init(&Device::flex());
        assert_eq!(network.num_params(), 832 + 51_264 + (65_536 * 1024 + 1024) + (1024 * 20 + 20));
        let small = OriginalConfig { side: 8, classes: 3 }.init(&Device::flex());
        assert_eq!(small.logits(Tensor::zeros([2, 1, 8, 8], &Device::flex())).dims(), [2, 3]);
    }
}
