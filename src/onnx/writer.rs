//! Writes networks as ONNX files.

use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::Tensor;
use prost::Message;

use super::proto::{self, Attribute};
use crate::classifier::Input;
use crate::error::Error;
use crate::fused::{Activation, padding};

/// The operator set that is written.
const OPSET: i64 = 17;
/// The version of the file format that belongs to this operator set.
const VERSION: i64 = 8;
/// The number of the float type in ONNX.
const FLOAT: i32 = 1;

/// A network that can be written as ONNX, including its normalisation.
pub trait Export {
    /// Writes the network and returns the name of its logits `[N, K]`. `pixels` is the name of its input `[N, C, H,
    /// W]`, in [0, 1].
    ///
    /// # Errors
    ///
    /// If the weights cannot be read from their device.
    fn write(&self, writer: &mut Writer, pixels: &str) -> Result<String, Error>;

    /// Number of classes K.
    fn classes(&self) -> usize;
}

/// `network` as an ONNX file. Its input `pixels` `[N, C, H, W]` is in [0, 1], its output is `logits` `[N, K]`; the
/// number of images N is free.
///
/// # Errors
///
/// If the weights cannot be read from their device.
pub fn export(network: &(impl Export + ?Sized), input: Input) -> Result<Vec<u8>, Error> {
    let mut writer = Writer::default();
    let logits = network.write(&mut writer, "pixels")?;
    writer.node("Identity", &[&logits], &[]);
    let mut graph = writer.graph;
    if let Some(name) = graph.nodes.last_mut().and_then(|node| node.outputs.first_mut()) {
        *name = "logits".to_owned();
    }
    let Input { channels, height, width } = input;
    graph.name = Some("network".to_owned());
    graph.inputs = vec![described("pixels", &[channels, height, width])];
    graph.outputs = vec![described("logits", &[network.classes()])];
    let opset = proto::Opset { domain: Some(String::new()), version: Some(OPSET) };
    let model = proto::Model {
        ir_version: Some(VERSION),
        producer: Some("decoy".to_owned()),
        opsets: vec![opset],
        graph: Some(graph),
        functions: Vec::new(),
    };
    Ok(model.encode_to_vec())
}

/// The type of a value: floats, with the dimensions N and then `lengths`.
fn described(name: &str, lengths: &[usize]) -> proto::ValueInfo {
    let images = proto::Dimension { name: Some("N".to_owned()), ..Default::default() };
    let fixed = lengths.iter().map(|&length| proto::Dimension { value: Some(length as i64), ..Default::default() });
    let shape = proto::TensorShape { dims: std::iter::once(images).chain(fixed).collect() };
    let tensor = proto::TensorType { element: Some(FLOAT), shape: Some(shape) };
    proto::ValueInfo { name: Some(name.to_owned()), kind: Some(proto::ValueType { tensor: Some(tensor) }) }
}

/// Writes the nodes of a network one after another. A method that makes a value returns its name.
#[derive(Default)]
pub struct Writer {
    graph: proto::Graph,
}

impl Writer {
    /// An ONNX operator on `inputs`. Its attributes are lists of integers; `group` and `axis` are single integers.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[(&str, &[i64])]) -> String {
        let output = format!("{operator}_{}", self.graph.nodes.len());
        let attribute = |&(name, values): &(&str, &[i64])| {
            let (int, ints, kind) = match values {
                &[value] if name == "group" || name == "axis" => (Some(value), Vec::new(), 2),
                _ => (None, values.to_vec(), 7),
            };
            Attribute { name: Some(name.to_owned()), int, ints, kind: Some(kind), ..Default::default() }
        };
        self.graph.nodes.push(proto::Node {
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: vec![output.clone()],
            name: Some(output.clone()),
            operator: Some(operator.to_owned()),
            attributes: attributes.iter().map(attribute).collect(),
            ..Default::default()
        });
        output
    }

    /// A constant with these values, in this shape.
    fn constant(&mut self, values: Vec<f32>, shape: &[usize]) -> String {
        let name = format!("weights_{}", self.graph.initializers.len());
        self.graph.initializers.push(proto::Tensor {
            dims: shape.iter().map(|&length| length as i64).collect(),
            data_type: Some(FLOAT),
            raw: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
            name: Some(name.clone()),
            ..Default::default()
        });
        name
    }

    fn weights<const D: usize>(&mut self, tensor: Tensor<D>) -> Result<String, Error> {
        let shape = tensor.dims();
        let data = tensor.try_into_data().map_err(|error| Error::Device(error.to_string()))?;
        let values = data.try_to_vec::<f32>().map_err(|error| Error::Device(format!("{error:?}")))?;
        Ok(self.constant(values, &shape))
    }

    /// Applies `activation` to `x`.
    pub fn activate(&mut self, activation: Activation, x: &str) -> String {
        match activation {
            Activation::Identity => x.to_owned(),
            Activation::Relu => self.node("Relu", &[x], &[]),
            Activation::Relu6 => {
                let (zero, six) = (self.constant(vec![0.0], &[]), self.constant(vec![6.0], &[]));
                self.node("Clip", &[x, &zero, &six], &[])
            }
            Activation::Affine { scale, shift } => {
                let (scale, shift) = (self.constant(vec![scale], &[]), self.constant(vec![shift], &[]));
                let x = self.node("Mul", &[x, &scale], &[]);
                self.node("Add", &[&x, &shift], &[])
            }
        }
    }

    /// The layer of [`crate::fused::convolve`].
    ///
    /// # Errors
    ///
    /// If the weights cannot be read from their device.
    ///
    /// # Panics
    ///
    /// If the padding of `conv` is “same”.
    pub fn convolve(&mut self, conv: &Conv2d, activation: Activation, x: &str) -> Result<String, Error> {
        let x = self.activate(activation, x);
        let weight = self.weights(conv.weight.val())?;
        let bias = conv.bias.as_ref().map(|bias| self.weights(bias.val())).transpose()?;
        let inputs: Vec<&str> = [&*x, &*weight].into_iter().chain(bias.as_deref()).collect();
        let attributes: [(&str, &[i64]); 5] = [
            ("kernel_shape", &conv.kernel_size.map(|size| size as i64)),
            ("strides", &conv.stride.map(|stride| stride as i64)),
            ("dilations", &conv.dilation.map(|dilation| dilation as i64)),
            ("pads", &padding(conv).map(|pad| pad as i64)),
            ("group", &[conv.groups as i64]),
        ];
        Ok(self.node("Conv", &inputs, &attributes))
    }

    /// The layer of [`crate::fused::connect`].
    ///
    /// # Errors
    ///
    /// If the weights cannot be read from their device.
    pub fn connect(&mut self, linear: &Linear, activation: Activation, x: &str) -> Result<String, Error> {
        let x = self.activate(activation, x);
        let weight = self.weights(linear.weight.val())?;
        let bias = linear.bias.as_ref().map(|bias| self.weights(bias.val())).transpose()?;
        let inputs: Vec<&str> = [&*x, &*weight].into_iter().chain(bias.as_deref()).collect();
        Ok(self.node("Gemm", &inputs, &[]))
    }

    /// The mean of every channel, `[N, C]`.
    pub fn mean(&mut self, x: &str) -> String {
        let x = self.node("GlobalAveragePool", &[x], &[]);
        self.flatten(&x)
    }

    /// All values of an image in one row, `[N, …]`.
    pub fn flatten(&mut self, x: &str) -> String {
        self.node("Flatten", &[x], &[("axis", &[1])])
    }
}
