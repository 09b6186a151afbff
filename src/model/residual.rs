//! A residual network for 32×32 pictures.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use crate::classifier::Classifier;
use crate::error::Error;
use crate::fused::{Activation, connect, convolve};
use crate::onnx::{Export, Writer};

/// Mean of the CIFAR-10 pixels, with pixels in [0, 1].
const MEAN: f32 = 0.47;
/// Standard deviation of the same pixels.
const DEVIATION: f32 = 0.25;

/// Channels of the first convolution.
const STEM: usize = 16;
/// Output channels of every stage, and its number of convolutions with a residual connection.
const STAGES: [(usize, usize); 3] = [(24, 2), (64, 2), (96, 1)];

/// Scales pixels to mean 0 and standard deviation 1.
const NORMALISED: Activation = Activation::Affine { scale: 1.0 / DEVIATION, shift: -MEAN / DEVIATION };

/// The sizes of a [`Residual`] network.
#[derive(Debug, Clone, Copy)]
pub struct ResidualConfig {
    /// Channels C of the pictures.
    pub channels: usize,
    /// Number of classes K, at least 2.
    pub classes: usize,
}

impl ResidualConfig {
    /// A network with random weights on `device`.
    pub fn init(&self, device: &Device) -> Residual {
        let conv = |channels: [usize; 2], kernel: usize, stride: usize| {
            let padding = (kernel - 1) / 2;
            Conv2dConfig::new(channels, [kernel, kernel])
                .with_stride([stride, stride])
                .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
                .with_initializer(Initializer::KaimingNormal { gain: 2.0_f64.sqrt(), fan_out_only: false })
                .init(device)
        };
        let mut from = STEM;
        let stage = |(channels, convolutions)| Stage {
            down: conv([std::mem::replace(&mut from, channels), channels], 3, 2),
            inner: (0..convolutions).map(|_| conv([channels; 2], 3, 1)).collect(),
        };
        let stages = STAGES.map(stage).into();
        Residual {
            stem: conv([self.channels, STEM], 3, 1),
            stages,
            dense: LinearConfig::new(from, self.classes).init(device),
        }
    }
}

/// 0.24 M weights in nine convolutions. Every BatchNorm of the training is folded into the convolution before it, so
/// there is no training mode: `[N, 3, 32, 32]` → 16×32×32 → 24×16×16 → 64×8×8 → 96×4×4 → 96 → `[N, K]`.
#[derive(Module, Debug)]
pub struct Residual {
    stem: Conv2d,
    stages: Vec<Stage>,
    dense: Linear,
}

/// A convolution with stride 2, then convolutions with residual connections.
#[derive(Module, Debug)]
struct Stage {
    down: Conv2d,
    inner: Vec<Conv2d>,
}

/// BatchNorm of a trained network, per channel: x · `scale` + `shift`.
#[derive(Debug, Clone)]
pub struct ChannelAffine {
    /// `[O]`
    pub scale: Vec<f32>,
    /// `[O]`
    pub shift: Vec<f32>,
}

impl Residual {
    /// The logits `[N, K]` of `pixels` `[N, C, 32, 32]`. `normalise` is applied to the output of every convolution,
    /// with the index of that convolution: in training, a BatchNorm.
    pub fn logits_with(
        &self,
        pixels: Tensor<4>,
        mut normalise: impl FnMut(usize, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let mut index = 0..;
        let mut layer = |conv: &Conv2d, activation: Activation, x: Tensor<4>| {
            normalise(index.next().expect("it has no end"), convolve(conv, activation, x))
        };
        let mut x = layer(&self.stem, NORMALISED, pixels);
        for stage in &self.stages {
            x = layer(&stage.down, Activation::Relu, x);
            x = x.clone() + stage.inner.iter().fold(x, |x, conv| layer(conv, Activation::Relu, x));
        }
        let x = relu(x).flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2);
        connect(&self.dense, Activation::Identity, x)
    }

    /// The number of output channels of every convolution, in the order of [`logits_with`](Self::logits_with).
    pub fn widths(&self) -> Vec<usize> {
        self.convolutions().map(|conv| conv.weight.dims()[0]).collect()
    }

    /// The network with `affine` folded into the convolutions: one entry for the output of each.
    ///
    /// # Panics
    ///
    /// If there is not one entry for every convolution, with one value for every output channel.
    pub fn folded(mut self, affine: &[ChannelAffine]) -> Self {
        let convolutions = self.convolutions_mut();
        assert_eq!(convolutions.len(), affine.len(), "expected what is done after each convolution");
        for (conv, ChannelAffine { scale, shift }) in convolutions.into_iter().zip(affine) {
            let device = conv.weight.device();
            let per_channel = |values: &[f32]| Tensor::<1>::from_data(values, &device);
            let bias = conv.bias.as_ref().expect("a layer has a bias").val();
            conv.bias = Some(Param::from_tensor(bias * per_channel(scale) + per_channel(shift)));
            let scale = per_channel(scale).reshape([scale.len(), 1, 1, 1]);
            conv.weight = Param::from_tensor(conv.weight.val() * scale);
        }
        self
    }

    fn convolutions(&self) -> impl Iterator<Item = &Conv2d> {
        let stages = self.stages.iter().flat_map(|Stage { down, inner }| std::iter::once(down).chain(inner));
        std::iter::once(&self.stem).chain(stages)
    }

    fn convolutions_mut(&mut self) -> Vec<&mut Conv2d> {
        let stages = self.stages.iter_mut().flat_map(|Stage { down, inner }| std::iter::once(down).chain(inner));
        std::iter::once(&mut self.stem).chain(stages).collect()
    }
}

impl Classifier for Residual {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        self.logits_with(pixels, |_, x| x)
    }
}

impl Export for Residual {
    fn write(&self, writer: &mut Writer, pixels: &str) -> Result<String, Error> {
        let mut x = writer.convolve(&self.stem, NORMALISED, pixels)?;
        for stage in &self.stages {
            x = writer.convolve(&stage.down, Activation::Relu, &x)?;
            let mut inner = x.clone();
            for conv in &stage.inner {
                inner = writer.convolve(conv, Activation::Relu, &inner)?;
            }
            x = writer.node("Add", &[&x, &inner], &[]);
        }
        let x = writer.activate(Activation::Relu, &x);
        let x = writer.mean(&x);
        writer.connect(&self.dense, Activation::Identity, &x)
    }

    fn classes(&self) -> usize {
        self.dense.weight.dims()[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    #[test]
    fn a_folded_network_does_what_was_done_after_its_convolutions() {
        let device = Device::flex();
        let network = ResidualConfig { channels: 3, classes: 10 }.init(&device);
        let pixels = Tensor::<4>::random([2, 3, 32, 32], Distribution::Uniform(0.0, 1.0), &device);
        let affine: Vec<ChannelAffine> = network
            .widths()
            .into_iter()
            .map(|width| {
                let ramp = |from: f32| (0..width).map(|i| from + 0.02 * (i % 9) as f32).collect();
                ChannelAffine { scale: ramp(0.8), shift: ramp(-0.1) }
            })
            .collect();
        let expected = network.logits_with(pixels.clone(), |index, x| {
            let ChannelAffine { scale, shift } = &affine[index];
            let tensor = |values: &[f32]| Tensor::<1>::from_data(values, &device).reshape([1, values.len(), 1, 1]);
            x * tensor(scale) + tensor(shift)
        });
        let found = network.folded(&affine).logits(pixels);
        assert_eq!(found.dims(), [2, 10]);
        found.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-3, 1e-4));
    }
}
