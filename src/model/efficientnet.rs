//! EfficientNet-Lite0, the network for photographs: [Tan and Le 2019](https://arxiv.org/abs/1905.11946) without
//! squeeze-and-excitation and with ReLU6, as its authors publish it for small devices.

use burn::module::{Module, Param};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::{Initializer, Linear, LinearConfig, PaddingConfig2d};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor, TensorData};

use crate::classifier::Classifier;
use crate::error::Error;
use crate::fused::{Activation, connect, convolve};
use crate::onnx::{Export, Writer};

/// Side of the square input, in pixels.
pub const SIDE: usize = 224;

/// Number of ImageNet classes.
pub const CLASSES: usize = 1000;

/// The stages: channel expansion, kernel side, stride of the first block, output channels, number of blocks.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
];

/// Scales pixels to about [−1, 1], as the reference weights expect.
const NORMALISED: Activation = Activation::Affine { scale: 255.0 / 128.0, shift: -127.0 / 128.0 };

/// Added to a variance before the square root, as in the reference weights.
const BATCH_NORM_EPSILON: f32 = 1e-3;

/// The sizes of an [`EfficientNetLite0`].
#[derive(Debug, Clone, Copy)]
pub struct EfficientNetLite0Config {
    /// Number of classes K, at least 2.
    pub classes: usize,
}

impl EfficientNetLite0Config {
    /// A network with random weights on `device`.
    pub fn init(&self, device: &Device) -> EfficientNetLite0 {
        let mut side = SIDE / 2;
        let mut channels = 32;
        let mut blocks = Vec::new();
        for (expansion, kernel, stride, out, repeats) in STAGES {
            for repeat in 0..repeats {
                let stride = if repeat == 0 { stride } else { 1 };
                let inner = channels * expansion;
                blocks.push(Block {
                    expand: (expansion > 1).then(|| conv([channels, inner], 1, 1, 1, side, device)),
                    depthwise: conv([inner, inner], kernel, stride, inner, side, device),
                    project: conv([inner, out], 1, 1, 1, side, device),
                });
                side = side.div_ceil(stride);
                channels = out;
            }
        }
        EfficientNetLite0 {
            stem: conv([3, 32], 3, 2, 1, SIDE, device),
            blocks,
            head: conv([channels, 1280], 1, 1, 1, side, device),
            dense: LinearConfig::new(1280, self.classes).init(device),
        }
    }
}

/// A convolution whose output has the side `side / stride`, rounded up. If the padding is odd, the larger half is at
/// the end, as in the reference.
fn conv(channels: [usize; 2], kernel: usize, stride: usize, groups: usize, side: usize, device: &Device) -> Conv2d {
    let padding = ((side.div_ceil(stride) - 1) * stride + kernel).saturating_sub(side);
    let (begin, end) = (padding / 2, padding.div_ceil(2));
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(begin, begin, end, end))
        .with_groups(groups)
        .with_initializer(Initializer::KaimingUniform { gain: 1.0, fan_out_only: false })
        .init(device)
}

/// 4.65 M weights. Every BatchNorm is folded into the convolution before it, so there is no training mode:
/// `[N, 3, 224, 224]` → 32×112×112 → … → 320×7×7 → 1280×7×7 → 1280 → `[N, K]`.
#[derive(Module, Debug)]
pub struct EfficientNetLite0 {
    stem: Conv2d,
    blocks: Vec<Block>,
    head: Conv2d,
    dense: Linear,
}

/// An inverted bottleneck: expand the channels, filter each channel separately, reduce the channels. The input is added
/// where the shapes allow it.
#[derive(Module, Debug)]
struct Block {
    expand: Option<Conv2d>,
    depthwise: Conv2d,
    project: Conv2d,
}

impl Block {
    /// Number of input channels.
    fn inputs(&self) -> usize {
        self.expand.as_ref().map_or(self.depthwise.weight.dims()[0], |expand| expand.weight.dims()[1])
    }

    /// `activation` is the one of the layer before this block.
    fn forward(&self, activation: Activation, input: Tensor<4>) -> Tensor<4> {
        let x = match &self.expand {
            Some(expand) => convolve(&self.depthwise, Activation::Relu6, convolve(expand, activation, input.clone())),
            None => convolve(&self.depthwise, activation, input.clone()),
        };
        let x = convolve(&self.project, Activation::Relu6, x);
        if x.dims() == input.dims() { x + input } else { x }
    }
}

impl Classifier for EfficientNetLite0 {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        let mut x = convolve(&self.stem, NORMALISED, pixels);
        let mut activation = Activation::Relu6;
        for block in &self.blocks {
            x = block.forward(activation, x);
            activation = Activation::Identity;
        }
        let x = relu6(convolve(&self.head, Activation::Identity, x));
        connect(&self.dense, Activation::Identity, x.flatten::<3>(2, 3).mean_dim(2).squeeze_dim(2))
    }
}

impl Export for EfficientNetLite0 {
    fn write(&self, writer: &mut Writer, pixels: &str) -> Result<String, Error> {
        let mut x = writer.convolve(&self.stem, NORMALISED, pixels)?;
        let mut activation = Activation::Relu6;
        for block in &self.blocks {
            // The activation is written once for both of its readers.
            let input = writer.activate(activation, &x);
            let mut inner = input.clone();
            if let Some(expand) = &block.expand {
                inner = writer.convolve(expand, Activation::Identity, &inner)?;
                inner = writer.activate(Activation::Relu6, &inner);
            }
            inner = writer.convolve(&block.depthwise, Activation::Identity, &inner)?;
            x = writer.convolve(&block.project, Activation::Relu6, &inner)?;
            let [outputs, ..] = block.project.weight.dims();
            let same = block.depthwise.stride == [1, 1] && outputs == block.inputs();
            if same {
                x = writer.node("Add", &[&x, &input], &[]);
            }
            activation = Activation::Identity;
        }
        let x = writer.convolve(&self.head, Activation::Identity, &x)?;
        let x = writer.activate(Activation::Relu6, &x);
        let x = writer.mean(&x);
        writer.connect(&self.dense, Activation::Identity, &x)
    }

    fn classes(&self) -> usize {
        self.dense.weight.dims()[1]
    }
}

/// min(relu(x), 6). On the CPU its gradient takes a third of the time of a clamp's gradient.
fn relu6(x: Tensor<4>) -> Tensor<4> {
    let x = relu(x);
    x.clone() - relu(x - 6.0)
}

impl EfficientNetLite0 {
    /// The network with the weights of the reference implementation, every BatchNorm folded into its convolution.
    ///
    /// `tensor` returns the values of a reference tensor, row by row, from its name, such as
    /// `_blocks.0._depthwise_conv.weight`.
    ///
    /// # Errors
    ///
    /// The errors of `tensor`, and [`Error::Weights`] if a tensor has another size.
    pub fn from_reference(tensor: impl Fn(&str) -> Result<Vec<f32>, Error>, device: &Device) -> Result<Self, Error> {
        let fold = |conv: &mut Conv2d, name: &str, norm: &str| -> Result<(), Error> {
            let shape = conv.weight.dims();
            let outputs = shape[0];
            let mut weight = sized(name, tensor(&format!("{name}.weight"))?, shape.iter().product())?;
            let per_output = |part: &str| sized(norm, tensor(&format!("{norm}.{part}"))?, outputs);
            let (scale, shift) = (per_output("weight")?, per_output("bias")?);
            let (mean, variance) = (per_output("running_mean")?, per_output("running_var")?);
            let mut bias = Vec::with_capacity(outputs);
            for (output, filter) in weight.chunks_exact_mut(shape[1..].iter().product()).enumerate() {
                let factor = scale[output] / (variance[output] + BATCH_NORM_EPSILON).sqrt();
                filter.iter_mut().for_each(|value| *value *= factor);
                bias.push(shift[output] - mean[output] * factor);
            }
            conv.weight = Param::from_tensor(Tensor::from_data(TensorData::new(weight, shape), device));
            conv.bias = Some(Param::from_tensor(Tensor::from_data(TensorData::new(bias, [outputs]), device)));
            Ok(())
        };

        let mut model = EfficientNetLite0Config { classes: CLASSES }.init(device);
        fold(&mut model.stem, "_conv_stem", "_bn0")?;
        for (index, block) in model.blocks.iter_mut().enumerate() {
            let name = |part: &str| format!("_blocks.{index}.{part}");
            if let Some(expand) = &mut block.expand {
                fold(expand, &name("_expand_conv"), &name("_bn0"))?;
            }
            fold(&mut block.depthwise, &name("_depthwise_conv"), &name("_bn1"))?;
            fold(&mut block.project, &name("_project_conv"), &name("_bn2"))?;
        }
        fold(&mut model.head, "_conv_head", "_bn1")?;
        // Burn keeps the weights of a dense layer as `[inputs, outputs]`.
        let weight = sized("_fc", tensor("_fc.weight")?, CLASSES * 1280)?;
        let weight = Tensor::<2>::from_data(TensorData::new(weight, [CLASSES, 1280]), device).transpose();
        let bias = TensorData::new(sized("_fc", tensor("_fc.bias")?, CLASSES)?, [CLASSES]);
        model.dense.weight = Param::from_tensor(weight);
        model.dense.bias = Some(Param::from_tensor(Tensor::from_data(bias, device)));
        Ok(model)
    }
}

fn sized(name: &str, values: Vec<f32>, expected: usize) -> Result<Vec<f32>, Error> {
    if values.len() == expected {
        return Ok(values);
    }
    Err(Error::Weights {
        model: "EfficientNet-Lite0".to_owned(),
        expected: format!("{expected} values in {name}"),
        found: values.len().to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Distribution, Tolerance};

    /// Reference tensors in which only the stem's BatchNorm changes anything.
    fn tensor(name: &str) -> Vec<f32> {
        let layers = EfficientNetLite0Config { classes: CLASSES }.init(&Device::flex());
        let outputs = |conv: &Conv2d| conv.weight.dims()[0];
        let conv = |name: &str| match name.strip_prefix("_blocks.").and_then(|rest| rest.split_once('.')) {
            Some((index, part)) => {
                let block = &layers.blocks[index.parse::<usize>().expect("an index")];
                match part {
                    "_expand_conv" | "_bn0" => block.expand.clone().expect("it is wider inside"),
                    "_depthwise_conv" | "_bn1" => block.depthwise.clone(),
                    _ => block.project.clone(),
                }
            }
            None if matches!(name, "_conv_stem" | "_bn0") => layers.stem.clone(),
            None => layers.head.clone(),
        };
        let (layer, part) = name.rsplit_once('.').expect("layer and part");
        let ramp = |length: usize, from: f32| (0..length).map(|i| from + 0.01 * (i % 7) as f32).collect();
        match (layer, part) {
            ("_fc", "weight") => ramp(CLASSES * 1280, -0.02),
            ("_fc", _) => ramp(CLASSES, 0.0),
            ("_bn0", "weight") => ramp(32, 0.5),
            ("_bn0", "bias") => ramp(32, -0.1),
            ("_bn0", "running_mean") => ramp(32, 0.2),
            ("_bn0", "running_var") => ramp(32, 0.7),
            (bn, "weight") if bn.contains("_bn") => vec![1.0; outputs(&conv(bn))],
            (bn, "running_var") => vec![1.0 - BATCH_NORM_EPSILON; outputs(&conv(bn))],
            (bn, "bias" | "running_mean") => vec![0.0; outputs(&conv(bn))],
            (layer, _) => ramp(conv(layer).weight.dims().iter().product(), -0.03),
        }
    }

    #[test]
    fn a_folded_batch_norm_gives_what_the_norm_gave() {
        let device = Device::flex();
        let folded =
            EfficientNetLite0::from_reference(|name| Ok(tensor(name)), &device).expect("every tensor is there");
        let pixels = Tensor::<4>::random([1, 3, SIDE, SIDE], Distribution::Uniform(-1.0, 1.0), &device);

        let mut raw = EfficientNetLite0Config { classes: CLASSES }.init(&device).stem;
        raw.weight =
            Param::from_tensor(Tensor::from_data(TensorData::new(tensor("_conv_stem.weight"), [32, 3, 3, 3]), &device));
        raw.bias = None;
        let per_channel = |part: &str| {
            let values = TensorData::new(tensor(&format!("_bn0.{part}")), [1, 32, 1, 1]);
            Tensor::<4>::from_data(values, &device)
        };
        let x = raw.forward(pixels.clone()) - per_channel("running_mean");
        let x = x / (per_channel("running_var") + BATCH_NORM_EPSILON).sqrt();
        let expected = x * per_channel("weight") + per_channel("bias");
        let found = folded.stem.forward(pixels);
        assert_eq!(found.dims(), [1, 32, 112, 112]);
        found.into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::rel_abs(1e-4, 1e-5));
    }

    #[test]
    fn a_reference_of_another_size_is_refused() {
        let shorter = |name: &str| Ok(tensor(name).split_off(1));
        let refused = EfficientNetLite0::from_reference(shorter, &Device::flex());
        assert!(matches!(refused, Err(Error::Weights { .. })));
    }

    #[test]
    fn relu6_is_a_clamp_with_its_gradient() {
        let device = Device::flex();
        let x = Tensor::<4>::from_data([[[[-1.0, 0.5, 5.9, 6.1, 80.0]]]], &device).autodiff().require_grad();
        let y = relu6(x.clone());
        let gradient = x.grad(&y.clone().sum().backward()).expect("it takes part");
        y.inner()
            .into_data()
            .assert_approx_eq::<f32>(&TensorData::from([[[[0.0, 0.5, 5.9, 6.0, 6.0]]]]), Tolerance::default());
        gradient.into_data().assert_eq(&TensorData::from([[[[0.0f32, 1.0, 1.0, 0.0, 0.0]]]]), true);
    }
}
