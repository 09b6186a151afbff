//! Networks of the user's own: an ONNX file becomes a [`Classifier`] with gradients in its input.
//!
//! ```
//! use burn::tensor::{Device, Tensor};
//! use decoy::attack::{Ddn, Run};
//! use decoy::classifier::Goal;
//! use decoy::onnx::{self, Normalisation, Options};
//!
//! # pollster::block_on(async {
//! let device = Device::flex();
//! # let input = decoy::classifier::Input { channels: 1, height: 32, width: 32 };
//! # let untrained = decoy::model::CompactConfig { side: 32, classes: 10 }.init(&device);
//! # let bytes = onnx::export(&untrained, input)?;
//! let options = Options { normalisation: Normalisation::Symmetric, ..Options::default() };
//! let network = onnx::load(&bytes, &options, &device)?;
//! let [channels, height, width] = [network.channels(), network.height(), network.width()];
//! println!("{channels} × {height} × {width} → {} classes", network.classes());
//! for note in network.notes() {
//!     println!("{note}");
//! }
//!
//! let network = network.freeze();
//! let pixels = Tensor::full([1, channels, height, width], 0.5, &device); // in [0, 1]
//! let outcome = Run::begin(&Ddn::default(), &network, pixels, Goal::Change).await?.complete().await?;
//! println!("fooled: {}, ‖Δx‖₂ = {:.4}", outcome.images[0].success, outcome.images[0].norms.l2);
//! # Ok::<(), decoy::error::Error>(())
//! # }).unwrap();
//! ```
//!
//! Supported are image classifiers of floats with one input, `[N, C, H, W]` or `[N, H, W, C]` with one or three
//! channels, and one output `[N, K]`, in operator sets 7 and later. A softmax or sigmoid at the end is removed. One
//! output, K = 1, is a yes or no, and becomes two classes. Everything else is an error that names the operator and the
//! node, and says what can be done. Where a file has its weights in others, [`join`] makes one file of them.
//!
//! [`export`] writes Decoy's own networks as ONNX, so that other runtimes can check a picture.

use std::rc::Rc;

use burn::tensor::{Device, Tensor};
use prost::Message;
use serde::{Deserialize, Serialize};

use crate::classifier::{Classifier, Frozen};
use crate::error::Error;
use array::{Array, count};
use graph::{Graph, SIGMOID_NOTE};

mod array;
mod constant;
mod external;
mod functions;
mod graph;
mod node;
mod operators;
pub(crate) mod proto;
mod scikit;
mod steps;
#[cfg(test)]
mod tests;
mod writer;

pub use external::{join, other_files};
pub use writer::{Export, Writer, export};

/// What an ONNX file does not say about its network.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// The normalisation of pixels before the network.
    pub normalisation: Normalisation,
    /// Height and width of the pictures, if the file does not fix them.
    pub input_size: Option<(usize, usize)>,
}

/// The normalisation of pixels in [0, 1] before the network: (x − mean) / deviation, per channel.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Normalisation {
    /// None: the network takes pixels in [0, 1].
    #[default]
    None,
    /// Mean and standard deviation of ImageNet, as for torchvision's networks.
    Imagenet,
    /// Maps to [−1, 1].
    Symmetric,
    /// Maps to [0, 255].
    Bytes,
    /// Blue, green, red in [0, 255], less ImageNet's mean, as for Keras's VGG and ResNet and Caffe's networks.
    Caffe,
    /// Any other, with one number for all channels or one for each.
    Custom {
        /// Mean, for pixels in [0, 1].
        mean: Vec<f32>,
        /// Standard deviation, for pixels in [0, 1]; not 0.
        deviation: Vec<f32>,
    },
}

impl Normalisation {
    /// Mean and standard deviation, for all channels or per channel, in the network's order of channels.
    fn statistics(&self) -> (Vec<f32>, Vec<f32>) {
        match self {
            Self::None => (vec![0.0], vec![1.0]),
            Self::Imagenet => (vec![0.485, 0.456, 0.406], vec![0.229, 0.224, 0.225]),
            Self::Symmetric => (vec![0.5], vec![0.5]),
            Self::Bytes => (vec![0.0], vec![1.0 / 255.0]),
            Self::Caffe => (vec![103.939 / 255.0, 116.779 / 255.0, 123.68 / 255.0], vec![1.0 / 255.0; 3]),
            Self::Custom { mean, deviation } => (mean.clone(), deviation.clone()),
        }
    }
}

impl TryFrom<String> for Normalisation {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        text.parse()
    }
}

impl From<Normalisation> for String {
    /// The text that [`FromStr`](std::str::FromStr) reads.
    fn from(normalisation: Normalisation) -> Self {
        let numbers = |numbers: Vec<f32>| numbers.iter().map(f32::to_string).collect::<Vec<_>>().join(",");
        match normalisation {
            Normalisation::None => "none".to_owned(),
            Normalisation::Imagenet => "imagenet".to_owned(),
            Normalisation::Symmetric => "symmetric".to_owned(),
            Normalisation::Bytes => "bytes".to_owned(),
            Normalisation::Caffe => "caffe".to_owned(),
            Normalisation::Custom { mean, deviation } => format!("{}/{}", numbers(mean), numbers(deviation)),
        }
    }
}

impl std::str::FromStr for Normalisation {
    type Err = Error;

    /// Reads `none`, `imagenet`, `symmetric`, `bytes`, `caffe`, or MEAN/DEVIATION such as `0.5/0.25` or
    /// `0.49,0.48,0.45/0.25,0.24,0.26`.
    fn from_str(text: &str) -> Result<Self, Error> {
        let numbers =
            |text: &str| text.split(',').map(|number| number.trim().parse().ok()).collect::<Option<Vec<f32>>>();
        match text {
            "none" => Ok(Self::None),
            "imagenet" => Ok(Self::Imagenet),
            "symmetric" => Ok(Self::Symmetric),
            "bytes" => Ok(Self::Bytes),
            "caffe" => Ok(Self::Caffe),
            _ => match text.split_once('/').map(|(mean, deviation)| (numbers(mean), numbers(deviation))) {
                Some((Some(mean), Some(deviation))) => Ok(Self::Custom { mean, deviation }),
                _ => Err(Error::Parameter {
                    name: "normalisation".to_owned(),
                    expected: "none, imagenet, symmetric, bytes, caffe, or MEAN/DEVIATION, such as 0.5/0.25".to_owned(),
                    found: text.to_owned(),
                }),
            },
        }
    }
}

/// A network from an ONNX file.
pub struct Network {
    graph: Graph,
    device: Device,
    channels: usize,
    height: usize,
    width: usize,
    /// The length of a row of the output: the number of classes, or 1 for a yes or no.
    outputs: usize,
    notes: Vec<String>,
    /// The number of images in one run, if the graph works with that number alone.
    chunk: Option<usize>,
    work: usize,
}

/// The largest number of images that a file may fix.
const MOST_IMAGES: usize = 1024;

/// The longest text of an error.
const LONGEST: usize = 600;

impl Network {
    /// Channels of its pictures: 1 for grey, 3 for red, green, blue.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Rows of its pictures.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of its pictures.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of classes K.
    pub fn classes(&self) -> usize {
        self.outputs.max(2)
    }

    /// Notes for the user on how the file was read, one sentence each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Cost of one run, with one image or as many as the file fixes: values read and written, plus a share of the
    /// products.
    pub fn work(&self) -> usize {
        self.work
    }

    /// The network in the form that attacks take.
    pub fn freeze(self) -> Frozen {
        let device = self.device.clone();
        Frozen::of(Rc::new(self), device)
    }

    /// The logits `[N, K]` of `pixels`, if the graph takes this number of images in one run.
    fn run(&self, pixels: Tensor<4>) -> Option<Tensor<2>> {
        let shape = pixels.dims();
        let input = Array::variable(&shape, Some(pixels.into_dispatch()));
        let output = self.graph.run(input).ok()?.reshape(&[shape[0], self.outputs]).ok()?;
        let logits = output.tensor().map(Tensor::<2>::from_dispatch)?;
        // σ(z) is the softmax of 0 and z.
        Some(if self.outputs == 1 { Tensor::cat(vec![logits.zeros_like(), logits], 1) } else { logits })
    }
}

impl Classifier for Network {
    fn logits(&self, pixels: Tensor<4>) -> Tensor<2> {
        const TRIED: &str = "it was tried with such images when it was loaded";
        let images = pixels.dims()[0];
        let chunk = match self.chunk {
            Some(chunk) => chunk,
            // What a graph does may depend on the number of images, of which three were tried.
            None => match self.run(pixels.clone()) {
                Some(logits) => return logits,
                None => 1,
            },
        };
        let chunks = (0..images).step_by(chunk).map(|start| {
            let part = pixels.clone().narrow(0, start, chunk.min(images - start));
            let missing = chunk - part.dims()[0];
            if missing == 0 {
                return self.run(part).expect(TRIED);
            }
            let filler = part.clone().narrow(0, 0, 1).repeat_dim(0, missing);
            self.run(Tensor::cat(vec![part, filler], 0)).expect(TRIED).narrow(0, 0, chunk - missing)
        });
        Tensor::cat(chunks.collect(), 0)
    }
}

/// Reads a network from the bytes of an ONNX file and puts it on `device`.
///
/// # Errors
///
/// [`Error::Onnx`] if the file is not valid ONNX, is cut off, or is not an image classifier with gradients. It names
/// the operator and the node, says what was expected, and what can be done.
///
/// # Limits
///
/// Doubles are computed in 32 bits, and whole numbers exactly up to 2²⁴.
///
/// Whatever the file says, reading it takes at most 512 MiB and 400 bytes for each of its bytes. An array has at most
/// 2²⁷ values and 16 axes. Constants that are computed have at most 2²² values and four for each byte of the file. A
/// graph has at most 20 000 nodes, and fixes at most 1024 images.
pub fn load(bytes: &[u8], options: &Options, device: &Device) -> Result<Network, Error> {
    in_a_sentence(read(bytes, options, device))
}

/// The same, with an error of one sentence: its names and lists are those of the file.
fn in_a_sentence<T>(found: Result<T, Error>) -> Result<T, Error> {
    found.map_err(|error| match error {
        Error::Onnx(message) => Error::Onnx(sentence(&message)),
        other => other,
    })
}

/// `message` in one line, cut off where it is too long.
fn sentence(message: &str) -> String {
    let line = |character: char| if character.is_control() { ' ' } else { character };
    let mut text: String = message.chars().take(LONGEST).map(line).collect();
    if message.chars().nth(LONGEST).is_some() {
        text.push('…');
    }
    text
}

fn read(bytes: &[u8], options: &Options, device: &Device) -> Result<Network, Error> {
    let mut model = decode(bytes)?;
    functions::inline(&mut model)?;
    let version = model.opsets.iter().find(|opset| matches!(opset.domain.as_deref(), None | Some("" | "ai.onnx")));
    let opset = version.and_then(|opset| opset.version).unwrap_or(1);
    if opset < 7 {
        return refuse(format!("it is written in operator set {opset}: expected 7 or later; export it again"));
    }
    let mut graph = model.graph.unwrap_or_default();
    let (input, dims) = input(&graph, &options.normalisation)?;
    let output = scikit::output(&graph)?;
    scikit::lower(&mut graph)?;
    let (mean, deviation) = options.normalisation.statistics();
    let mut failure = None;
    // If the file does not fix the layout, the first form that works is used.
    for form in forms(&dims, options)? {
        let mut read = Graph::read(graph.clone(), &input, &output, opset, bytes.len())?;
        form.prepend(&mut read)?;
        normalise(&mut read, form.shape[0], &mean, &deviation)?;
        if options.normalisation == Normalisation::Caffe {
            reverse_channels(&mut read)?;
        }
        match form.network(read, dims[0], device) {
            Ok(mut network) => {
                if graph.outputs.len() > 1 {
                    network.notes.push(format!("Of its outputs, “{output}” is taken as the logits or probabilities."));
                }
                return Ok(network);
            }
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    Err(failure.unwrap_or_else(|| Error::Onnx("the input has no supported shape".to_owned())))
}

fn refuse<T>(message: String) -> Result<T, Error> {
    Err(Error::Onnx(message))
}

/// Decodes the file. Otherwise the error says what kind of file it seems to be.
fn decode(bytes: &[u8]) -> Result<proto::Model, Error> {
    const OTHERS: [(usize, &[u8], &str); 6] = [
        (
            0,
            b"PK",
            "a zip archive, such as PyTorch and Keras write; export the network by torch.onnx.export or tf2onnx",
        ),
        (0, b"\x89HDF", "a file of Keras; export the network by tf2onnx"),
        (0, b"\x89PNG", "a picture"),
        (0, b"\xff\xd8\xff", "a picture"),
        (4, b"TFL3", "a file of TensorFlow Lite; export the network by tf2onnx"),
        (8, b"{\"", "a file of safetensors, which holds weights alone; export the network by torch.onnx.export"),
    ];
    for (offset, mark, what) in OTHERS {
        if bytes.get(offset..).is_some_and(|rest| rest.starts_with(mark)) {
            return refuse(format!("an ONNX file is expected, found {what}"));
        }
    }
    let is_text = |byte: &u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~');
    if bytes.is_empty() || bytes.iter().take(256).all(is_text) {
        let found = if bytes.is_empty() { "an empty file" } else { "a text" };
        return refuse(format!("an ONNX file is expected, found {found}"));
    }
    let model = proto::Model::decode(bytes)
        .map_err(|_| Error::Onnx("an ONNX file is expected, found another or one that is cut off".to_owned()))?;
    match &model.graph {
        Some(graph) if !graph.nodes.is_empty() => Ok(model),
        _ => refuse("an ONNX file with a graph is expected, found none".to_owned()),
    }
}

/// The name of the only input that is not a weight, and its dimensions, if they are fixed.
fn input(graph: &proto::Graph, normalisation: &Normalisation) -> Result<(String, Vec<Option<usize>>), Error> {
    let weights: std::collections::HashSet<_> =
        graph.initializers.iter().map(|tensor| tensor.name.as_deref()).collect();
    let inputs: Vec<_> = graph.inputs.iter().filter(|input| !weights.contains(&input.name.as_deref())).collect();
    let [input] = inputs[..] else {
        let names: Vec<_> = inputs.iter().filter_map(|input| input.name.as_deref()).collect();
        return refuse(format!(
            "one input is expected, the picture, and {} found: {}; constants must be in the file, not inputs",
            names.len(),
            names.join(", ")
        ));
    };
    let name = input.name.clone().unwrap_or_default();
    let kind = input.kind.as_ref().and_then(|kind| kind.tensor.as_ref());
    let shape = kind.and_then(|kind| kind.shape.as_ref());
    match kind.and_then(|kind| kind.element) {
        Some(element) if proto::FLOATS.contains(&element) => {}
        Some(2) if *normalisation == Normalisation::Bytes => {}
        Some(2) => {
            return refuse(format!(
                "the input “{name}” takes pixels from 0 to 255: expected the normalisation “bytes”, found “{}”",
                String::from(normalisation.clone())
            ));
        }
        Some(6 | 7) => {
            return refuse(format!(
                "the input “{name}” takes whole numbers, such as the words of a language model: expected pictures"
            ));
        }
        _ => return refuse(format!("the input “{name}” takes no floats: expected pictures")),
    }
    let Some(shape) = shape else {
        return refuse(format!("the input “{name}” has no shape: export the network with one"));
    };
    let length =
        |dim: &proto::Dimension| dim.value.and_then(|value| usize::try_from(value).ok()).filter(|&length| length > 0);
    Ok((name, shape.dims.iter().map(length).collect()))
}

/// The form in which a graph takes its pictures.
struct Form {
    /// Channels, height, width.
    shape: [usize; 3],
    layout: Layout,
}

enum Layout {
    /// `[N, C, H, W]`
    First,
    /// `[N, H, W, C]`
    Last,
    /// Dimensions after the number of images; the values are in the order of `[N, C, H, W]`.
    Bare(Vec<usize>),
}

/// The forms that fit the dimensions of an input, the most likely first.
fn forms(dims: &[Option<usize>], options: &Options) -> Result<Vec<Form>, Error> {
    const COLOURS: [usize; 2] = [3, 1];
    let shown: Vec<String> = dims.iter().map(|dim| dim.map_or("?".to_owned(), |length| length.to_string())).collect();
    let shown = shown.join(", ");
    let size = |height: Option<usize>, width: Option<usize>| -> Result<(usize, usize), Error> {
        let fits = |fixed: Option<usize>, asked: usize| fixed.is_none_or(|fixed| fixed == asked);
        match (height, width, options.input_size) {
            (Some(height), Some(width), None) => Ok((height, width)),
            (_, _, Some((h, w))) if h > 0 && w > 0 && fits(height, h) && fits(width, w) => Ok((h, w)),
            (_, _, Some((h, w))) => refuse(format!("an input size that fits [{shown}] is expected, {h} × {w} found")),
            (_, _, None) => refuse(format!("the input is [{shown}]: give its height and width as the input size")),
        }
    };
    let bare = |values: usize| -> Result<Vec<[usize; 3]>, Error> {
        if let Some((height, width)) = options.input_size {
            let pixels = height.checked_mul(width).filter(|&pixels| pixels > 0 && values.is_multiple_of(pixels));
            return match pixels.map(|pixels| values / pixels) {
                Some(channels @ (1 | 3)) => Ok(vec![[channels, height, width]]),
                _ => refuse(format!("an input size of {values} values is expected, {height} × {width} found")),
            };
        }
        let square = |channels: usize| {
            let side = (values / channels).isqrt();
            (side * side * channels == values).then_some([channels, side, side])
        };
        let found: Vec<_> = [1, 3].into_iter().filter_map(square).collect();
        if found.is_empty() {
            return refuse(format!("the input is [{shown}]: give height and width of its pictures as the input size"));
        }
        Ok(found)
    };
    match *dims {
        [_, channels, height, width] => {
            let first = |channels| -> Result<Form, Error> {
                let (height, width) = size(height, width)?;
                Ok(Form { shape: [channels, height, width], layout: Layout::First })
            };
            let last = |channels| -> Result<Form, Error> {
                let (height, width) = size(dims[1], dims[2])?;
                Ok(Form { shape: [channels, height, width], layout: Layout::Last })
            };
            match (channels, width) {
                (Some(channels), _) if COLOURS.contains(&channels) => Ok(vec![first(channels)?]),
                (_, Some(channels)) if COLOURS.contains(&channels) => Ok(vec![last(channels)?]),
                (None, _) => COLOURS.into_iter().map(first).collect(),
                _ => refuse(format!("an input of one or three colours is expected, [{shown}] found")),
            }
        }
        [_, Some(height), Some(width)] => {
            let (h, w) = size(Some(height), Some(width))?;
            Ok(vec![Form { shape: [1, h, w], layout: Layout::Bare(vec![h, w]) }])
        }
        [_, Some(values)] => {
            let form = |shape| Form { shape, layout: Layout::Bare(vec![values]) };
            Ok(bare(values)?.into_iter().map(form).collect())
        }
        _ => refuse(format!("an input [N, C, H, W] or [N, H, W, C] is expected, [{shown}] found")),
    }
}

/// Inserts (x − mean) / deviation before all nodes.
fn normalise(graph: &mut Graph, channels: usize, mean: &[f32], deviation: &[f32]) -> Result<(), Error> {
    let fits = |values: &[f32]| values.len() == 1 || values.len() == channels;
    let sound = |values: &[f32]| values.iter().all(|value| value.is_finite());
    if !fits(mean)
        || !fits(deviation)
        || !sound(mean)
        || !sound(deviation)
        || deviation.iter().any(|&deviation| deviation <= 0.0)
    {
        return Err(Error::Parameter {
            name: "normalisation".to_owned(),
            expected: format!("one mean and deviation or {channels}, the deviations above 0"),
            found: format!("mean {mean:?}, deviation {deviation:?}"),
        });
    }
    let of = |values: &[f32], channel: usize| values[channel % values.len()];
    let uniform = mean.len() == 1 && deviation.len() == 1;
    let many = if uniform { 1 } else { channels };
    let scale: Vec<f32> = (0..many).map(|channel| 1.0 / of(deviation, channel)).collect();
    let shift: Vec<f32> = (0..many).map(|channel| -of(mean, channel) / of(deviation, channel)).collect();
    let array = |values: Vec<f32>| Array::constant(values, &[1, many, 1, 1]).map_err(Error::Onnx);
    if shift.iter().any(|&shift| shift != 0.0) {
        graph.prepend("Add", Some(array(shift)?), Vec::new())?;
    }
    if scale.iter().any(|&scale| scale != 1.0) {
        graph.prepend("Mul", Some(array(scale)?), Vec::new())?;
    }
    Ok(())
}

/// Inserts the change from red, green, blue to blue, green, red before all nodes.
fn reverse_channels(graph: &mut Graph) -> Result<(), Error> {
    let order = Array::integers(&[2, 1, 0], &[3]).map_err(Error::Onnx)?;
    let axis = proto::Attribute { name: Some("axis".to_owned()), int: Some(1), ..Default::default() };
    graph.prepend("Gather", Some(order), vec![axis])
}

impl Form {
    fn prepend(&self, graph: &mut Graph) -> Result<(), Error> {
        let attribute =
            |name: &str, ints| vec![proto::Attribute { name: Some(name.to_owned()), ints, ..Default::default() }];
        match &self.layout {
            Layout::First => Ok(()),
            Layout::Last => graph.prepend("Transpose", None, attribute("perm", vec![0, 2, 3, 1])),
            Layout::Bare(lengths) => {
                let shape = [-1].into_iter().chain(lengths.iter().map(|&length| length as i64)).collect();
                graph.prepend("Reshape", None, attribute("shape", shape))
            }
        }
    }

    /// The network, after a trial run with pictures of this form.
    fn network(&self, mut graph: Graph, fixed_batch: Option<usize>, device: &Device) -> Result<Network, Error> {
        let Self { shape: [channels, height, width], .. } = *self;
        let first = fixed_batch.unwrap_or(1);
        if first > MOST_IMAGES {
            return refuse(format!("at most {MOST_IMAGES} images at once are expected, {first} found"));
        }
        count(&[first, channels, height, width]).map_err(Error::Onnx)?;
        let outputs = |graph: &Graph, images: usize| -> Result<usize, Error> {
            let output = graph.run(Array::variable(&[images, channels, height, width], None))?;
            let shape = output.shape();
            match shape {
                [found, rest @ ..] if *found == images && rest.iter().skip(1).all(|&length| length == 1) => {
                    if output.is_constant() {
                        return refuse("the output does not depend on the input".to_owned());
                    }
                    Ok(rest.first().copied().unwrap_or(1))
                }
                _ => refuse(format!("an output [N, K] for K classes is expected, {shape:?} found for N = {images}")),
            }
        };
        let found = outputs(&graph, first)?;
        // The number of images may be a constant in the shapes, and the graph may still work for other numbers.
        graph.fixed_batch = fixed_batch;
        let others = if first == 1 { [2, 3] } else { [1, first + 1] };
        let free = others.iter().try_for_each(|&images| match outputs(&graph, images) {
            Ok(same) if same == found => Ok(()),
            Ok(other) => refuse(format!("{found} outputs for {first} images, {other} for {images}")),
            Err(error) => Err(error),
        });
        let chunk = match (free, fixed_batch) {
            (Ok(()), _) => None,
            (Err(_), Some(_)) => Some(first),
            (Err(error), None) => return Err(error),
        };
        let batches = if chunk.is_some() { vec![first] } else { vec![first, others[0], others[1]] };
        let mut notes = graph.simplify(&[channels, height, width], &batches)?;
        if let Some(chunk) = chunk {
            let message = format!(
                "The graph reads {chunk} at a time, which is slower than all at once: export it with a free number of images."
            );
            notes.push(message);
        }
        if found == 1 {
            let last = graph.last_operator();
            if !notes.iter().any(|note| note == SIGMOID_NOTE) && !matches!(last, "Gemm" | "MatMul" | "Conv" | "Add") {
                return refuse(format!(
                    "{last}: the only output is expected to be a logit, or the probability that a Sigmoid makes of one; export \
                     the network up to its logits"
                ));
            }
            notes.push(
                "The one output is taken as a yes or no: its logit for the second class, and 0 for the first."
                    .to_owned(),
            );
        }
        if matches!(self.layout, Layout::Last) {
            notes.push("The network takes pictures as [N, H, W, C].".to_owned());
        }
        graph.move_constants(device);
        let mut work = 0;
        for &images in batches.iter().rev() {
            outputs(&graph, images)?;
            work = graph.work();
        }
        let device = device.clone();
        Ok(Network { graph, device, channels, height, width, outputs: found, notes, chunk, work })
    }
}
