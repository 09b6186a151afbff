//! The graph of a network: read, simplified, and run in order.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use burn::backend::Dispatch;
use burn::backend::ops::FloatTensorOps;
use burn::tensor::Device;

use super::array::{Array, Budget, Checked, NumberKind, Window, count};
use super::constant::{kind_of, tensor};
use super::node::{Attributes, Inputs};
use super::operators::{Frame, Operation, folded_norm, operator};
use super::proto;
use super::steps::{multiply, scaled};
use crate::error::Error;
use crate::fused::{Activation, Kind, Layer};

/// The note for the user where a sigmoid at the end is removed.
pub(super) const SIGMOID_NOTE: &str = "The Sigmoid at the end, a yes or no for each class, is removed: attacks work on logits, and the classes share one \
     probability.";

/// The largest number of nodes: ten times that of large classifiers.
pub(super) const NODES: usize = 20_000;

/// The largest number of inputs of all nodes together.
const INPUTS: usize = 10 * NODES;

/// A node. Its values are numbered instead of named.
struct Node {
    operator: String,
    name: String,
    attributes: Vec<proto::Attribute>,
    inputs: Vec<Option<usize>>,
    outputs: Vec<Option<usize>>,
    run: Operation,
    /// The layer that replaces the node, if any; its inputs are then the picture, the weights and the bias.
    layer: Option<Layer>,
}

impl Node {
    /// An error of this node, with its operator and name.
    fn error(&self, message: &str) -> Error {
        node_error(&self.operator, &self.name, message)
    }

    fn attributes(&self) -> Attributes<'_> {
        Attributes::new(&self.attributes)
    }

    fn input(&self, index: usize) -> Option<usize> {
        self.inputs.get(index).copied().flatten()
    }

    fn output(&self) -> Option<usize> {
        self.outputs.first().copied().flatten()
    }
}

fn node_error(operator: &str, name: &str, message: &str) -> Error {
    let place = if name.is_empty() { String::new() } else { format!(" (node “{name}”)") };
    Error::Onnx(format!("{operator}{place}: {message}"))
}

/// Nodes in the order in which they run, with their constants.
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// The constants, indexed by the number of their value.
    constants: Vec<Option<Array>>,
    input: usize,
    output: usize,
    opset: i64,
    /// The number of images that is written into the graph's shapes, if any.
    pub fixed_batch: Option<usize>,
    /// What its constants may cost.
    budget: Rc<Budget>,
    /// Values that are no longer needed after each node.
    last_uses: Vec<Vec<usize>>,
}

impl Graph {
    /// Reads the part of `graph` between `input` and `output`, with its weights. Names become numbers.
    pub fn read(graph: proto::Graph, input: &str, output: &str, opset: i64, size: usize) -> Result<Self, Error> {
        if graph.nodes.len() > NODES {
            return Err(Error::Onnx(format!("at most {NODES} nodes are expected, {} found", graph.nodes.len())));
        }
        let inputs: usize = graph.nodes.iter().map(|node| node.inputs.len()).sum();
        if inputs > INPUTS {
            return Err(Error::Onnx(format!("at most {INPUTS} inputs of nodes are expected, {inputs} found")));
        }
        let mut wanted: HashSet<&str> = HashSet::from([output]);
        let mut needed = vec![false; graph.nodes.len()];
        for (index, node) in graph.nodes.iter().enumerate().rev() {
            needed[index] = node.outputs.iter().any(|name| !name.is_empty() && wanted.contains(&**name));
            if needed[index] {
                wanted.extend(node.inputs.iter().map(|name| &**name));
            }
        }
        let wanted: HashSet<String> = wanted.into_iter().map(str::to_owned).collect();
        let weights = graph.initializers.iter().filter_map(|weight| weight.name.as_deref());
        let made = graph.nodes.iter().flat_map(|node| node.outputs.iter().map(|name| &**name));
        let mut there: HashSet<String> = HashSet::new();
        for name in weights.chain(made).chain([input]).filter(|name| !name.is_empty()) {
            if !there.insert(name.to_owned()) {
                return Err(Error::Onnx(format!("“{name}” is defined twice: once is expected")));
            }
        }

        let mut numbers: HashMap<String, usize> = HashMap::new();
        let mut number = |name: &str| {
            let next = numbers.len();
            *numbers.entry(name.to_owned()).or_insert(next)
        };
        let (input, output) = (number(input), number(output));
        let mut constants: Vec<(usize, Array)> = Vec::new();
        for mut initializer in graph.initializers {
            let name = initializer.name.take().unwrap_or_default();
            if wanted.contains(&name) {
                let array =
                    tensor(&initializer).map_err(|message| Error::Onnx(format!("weights “{name}”: {message}")))?;
                constants.push((number(&name), array));
            }
        }
        let mut nodes = Vec::new();
        for (node, _) in graph.nodes.into_iter().zip(needed).filter(|(_, needed)| *needed) {
            let kind = node.operator.unwrap_or_default();
            let name = node.name.unwrap_or_default();
            let domain = node.domain.as_deref().unwrap_or_default();
            if !matches!(domain, "" | "ai.onnx" | "ai.onnx.ml") {
                let message = format!(
                    "operators of “{domain}” are not known: export the network with those of ONNX alone, without an optimiser \
                     for one runtime"
                );
                return Err(node_error(&kind, &name, &message));
            }
            if let Some(missing) = node.inputs.iter().find(|name| !name.is_empty() && !there.contains(*name)) {
                let message =
                    format!("“{missing}” is expected as a weight or the output of a node, and nowhere in the file");
                return Err(node_error(&kind, &name, &message));
            }
            let mut numbered = |names: Vec<String>| -> Vec<Option<usize>> {
                names.iter().map(|name| (!name.is_empty()).then(|| number(name))).collect()
            };
            let (inputs, outputs) = (numbered(node.inputs), numbered(node.outputs));
            let attributes = Attributes::new(&node.attributes);
            if kind == "Constant" {
                let array = constant(&attributes).and_then(|array| attributes.check().map(|()| array));
                let array = array.map_err(|message| node_error(&kind, &name, &message))?;
                constants.extend(outputs.first().copied().flatten().map(|output| (output, array)));
                continue;
            }
            let run = operator(&kind, &attributes, opset).map_err(|message| node_error(&kind, &name, &message))?;
            nodes.push(Node { operator: kind, name, attributes: node.attributes, inputs, outputs, run, layer: None });
        }
        let mut graph = Self {
            nodes,
            constants: vec![None; numbers.len()],
            input,
            output,
            opset,
            fixed_batch: None,
            budget: Budget::new(size),
            last_uses: Vec::new(),
        };
        for (number, array) in constants {
            graph.constants[number] = Some(array.within(&graph.budget).map_err(Error::Onnx)?);
        }
        graph.fold()?;
        Ok(graph)
    }

    fn new_value(&mut self, constant: Option<Array>) -> usize {
        self.constants.push(constant);
        self.constants.len() - 1
    }

    /// Inserts the operator `kind` before all nodes. Its inputs are the pixels and, if given, the constant `beside`.
    pub fn prepend(
        &mut self,
        kind: &str,
        beside: Option<Array>,
        attributes: Vec<proto::Attribute>,
    ) -> Result<(), Error> {
        let pixels = self.new_value(None);
        let beside = beside.map(|array| self.new_value(Some(array)));
        let run = operator(kind, &Attributes::new(&attributes), self.opset)
            .map_err(|message| node_error(kind, "", &message))?;
        let inputs = [Some(pixels)].into_iter().chain(beside.map(Some)).collect();
        let (operator, outputs) = (kind.to_owned(), vec![Some(self.input)]);
        self.nodes.insert(0, Node { operator, name: String::new(), attributes, inputs, outputs, run, layer: None });
        self.input = pixels;
        Ok(())
    }

    /// Computes the nodes that depend only on constants, once.
    fn fold(&mut self) -> Result<(), Error> {
        self.budget.begin();
        let mut kept = Vec::new();
        for node in std::mem::take(&mut self.nodes) {
            let given: Vec<Option<&Array>> =
                node.inputs.iter().map(|input| input.and_then(|input| self.constants[input].as_ref())).collect();
            let known = node.inputs.iter().zip(&given).all(|(input, array)| input.is_some() == array.is_some());
            if !known {
                kept.push(node);
                continue;
            }
            let inputs = Inputs { arrays: given, outputs: node.outputs.len(), batch: 1, fixed_batch: None };
            let made = (node.run)(&inputs).map_err(|message| node.error(&message))?;
            for (output, array) in node.outputs.iter().zip(made) {
                if let Some(output) = output {
                    let array = array.within(&self.budget).map_err(|message| node.error(&message))?;
                    self.constants[*output] = Some(array);
                }
            }
        }
        self.nodes = kept;
        Ok(())
    }

    /// Runs the graph on `input`, with or without values. Returns every value if `all`; otherwise a value is dropped
    /// after its last use.
    fn trace(&self, input: Array, all: bool) -> Result<Vec<Option<Array>>, Error> {
        let batch = input.shape().first().copied().unwrap_or(1);
        self.budget.begin();
        let mut values: Vec<Option<Array>> = vec![None; self.constants.len()];
        values[self.input] = Some(input.within(&self.budget).map_err(Error::Onnx)?);
        for (index, node) in self.nodes.iter().enumerate() {
            let made = {
                const LATE: &str =
                    "an input is not made before it is used: expected a sorted graph, of operators that make it";
                let find = |input: &Option<usize>| match *input {
                    None => Ok(None),
                    Some(input) => match self.constants[input].as_ref().or(values[input].as_ref()) {
                        Some(array) => Ok(Some(array)),
                        None => Err(node.error(LATE)),
                    },
                };
                let arrays = node.inputs.iter().map(find).collect::<Result<_, _>>()?;
                let inputs = Inputs { arrays, outputs: node.outputs.len(), batch, fixed_batch: self.fixed_batch };
                (node.run)(&inputs).map_err(|message| node.error(&message))?
            };
            for (output, array) in node.outputs.iter().zip(made) {
                if let Some(output) = output {
                    let array = array.within(&self.budget).map_err(|message| node.error(&message))?;
                    values[*output] = Some(array);
                }
            }
            if !all {
                for &value in self.last_uses.get(index).map_or(&[][..], |values| values) {
                    values[value] = None;
                }
            }
        }
        Ok(values)
    }

    /// The output for one input.
    pub fn run(&self, input: Array) -> Result<Array, Error> {
        let mut values = self.trace(input, false)?;
        let output = values[self.output].take().or_else(|| self.constants[self.output].clone());
        output.ok_or_else(|| Error::Onnx("the graph does not make its output".to_owned()))
    }

    /// The cost of the last run, see [`Budget::work`].
    pub fn work(&self) -> usize {
        self.budget.work()
    }

    /// Simplifies the graph, with trial runs for `batches` numbers of images of `shape`. Values that are the same for
    /// all these numbers become constants, a BatchNorm is folded into the convolution before it, and convolutions,
    /// matrices and activations become layers. Returns notes for the user.
    pub fn simplify(&mut self, shape: &[usize], batches: &[usize]) -> Result<Vec<String>, Error> {
        let mut traces = Vec::new();
        for &batch in batches {
            let shape: Vec<usize> = [&[batch], shape].concat();
            traces.push(self.trace(Array::variable(&shape, None), true)?);
        }
        for number in 0..self.constants.len() {
            let mut made = traces.iter().map(|trace| trace[number].as_ref().filter(|array| array.is_constant()));
            let (Some(Some(first)), true) = (made.next(), traces.len() > 1) else { continue };
            self.budget.begin();
            let same = |array: Option<&Array>| {
                let alike = array.filter(|array| array.shape() == first.shape()).map(|array| array.values());
                matches!((alike, first.values()), (Some(Ok(values)), Ok(expected)) if values == expected)
            };
            if made.all(same) {
                self.constants[number] = Some(first.clone());
            }
        }
        self.budget.begin();
        let constants = &self.constants;
        self.nodes.retain(|node| node.outputs.iter().flatten().any(|&output| constants[output].is_none()));

        let mut notes = Vec::new();
        let shapes: Vec<Option<(Vec<usize>, NumberKind)>> = traces
            .swap_remove(0)
            .into_iter()
            .map(|value| value.map(|array| (array.shape().to_vec(), array.kind())))
            .collect();
        self.skip(&shapes);
        self.remove_final_softmax(&shapes, &mut notes);
        self.fold_norms()?;
        self.make_layers(&shapes)?;
        self.merge_activations()?;
        self.check_weights()?;
        Ok(notes)
    }

    /// Weights that are not finite are refused: what a network answers with them says nothing.
    fn check_weights(&self) -> Result<(), Error> {
        for node in self.nodes.iter().filter(|node| node.layer.is_some()) {
            for array in node.inputs[1..].iter().filter_map(|&input| self.constant(input)) {
                if !array.is_finite().map_err(|message| node.error(&message))? {
                    return Err(node.error("finite weights are expected, found some that are infinite or not a number"));
                }
            }
        }
        Ok(())
    }

    /// Removes nodes that change nothing.
    fn skip(&mut self, shapes: &[Option<(Vec<usize>, NumberKind)>]) {
        let mut other: HashMap<usize, usize> = HashMap::new();
        let find = |other: &HashMap<usize, usize>, value: usize| other.get(&value).copied().unwrap_or(value);
        let (mut kept, output) = (Vec::new(), self.output);
        for mut node in std::mem::take(&mut self.nodes) {
            node.inputs.iter_mut().flatten().for_each(|input| *input = find(&other, *input));
            let nothing = match &*node.operator {
                "Identity" | "Dropout" => true,
                "Cast" | "CastLike" | "Reshape" | "Flatten" => {
                    let known = |value: Option<usize>| value.and_then(|value| shapes.get(value)?.as_ref());
                    known(node.input(0)).is_some() && known(node.input(0)) == known(node.output())
                }
                _ => false,
            };
            match (nothing, node.input(0), node.output()) {
                (true, Some(input), Some(output)) => drop(other.insert(output, input)),
                _ => kept.push(node),
            }
        }
        self.output = find(&other, output);
        self.nodes = kept;
    }

    /// Removes a softmax over the classes, or a sigmoid, at the end, also where nodes after it only change the shape or
    /// keep probabilities from 0 and 1.
    fn remove_final_softmax(&mut self, shapes: &[Option<(Vec<usize>, NumberKind)>], notes: &mut Vec<String>) {
        let mut value = self.output;
        let mut removed = Vec::new();
        let (last, input) = loop {
            let Some(index) = self.nodes.iter().position(|node| node.output() == Some(value)) else { return };
            let node = &self.nodes[index];
            let Some(input) = node.input(0) else { return };
            match &*node.operator {
                "Softmax" | "LogSoftmax" | "Sigmoid" => break (index, input),
                _ if only_reshapes(node) => {}
                "Clip" if self.bounds(node).is_some_and(|[low, high]| low <= 1e-3 && high >= 0.999) => {
                    removed.push(index)
                }
                _ => return,
            }
            value = input;
        };
        let node = &self.nodes[last];
        let Some((shape, _)) = &shapes[input] else { return };
        let note = if node.operator == "Sigmoid" {
            // It keeps the order of the classes, but far from 0 its gradient vanishes and no attack would get on.
            SIGMOID_NOTE.to_owned()
        } else {
            let axis = node.attributes().int("axis", if self.opset < 13 { 1 } else { -1 });
            let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
            let is_class = |index: usize| index as i64 == axis;
            // Of a single class the softmax is 1; and a bound below 0 may change logarithms.
            let changes =
                shape.get(axis as usize) == Some(&1) || (node.operator == "LogSoftmax" && !removed.is_empty());
            if axis <= 0 || changes || (1..shape.len()).any(|index| !is_class(index) && shape[index] != 1) {
                return;
            }
            format!("The {} at the end is removed: attacks work on logits.", node.operator)
        };
        notes.push(note);
        removed.push(last);
        removed.sort_unstable();
        for index in removed.into_iter().rev() {
            self.bypass(index);
        }
    }

    /// Removes a node: its first input takes the place of its output.
    fn bypass(&mut self, index: usize) {
        let node = self.nodes.remove(index);
        let (Some(input), Some(output)) = (node.input(0), node.output()) else { return };
        if output == self.output {
            self.output = input;
        }
        let inputs = self.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().flatten());
        inputs.filter(|other| **other == output).for_each(|other| *other = input);
    }

    /// The operator that makes the output, except those that only change its shape, or each value in the same way.
    pub fn last_operator(&self) -> &str {
        let mut value = Some(self.output);
        loop {
            let maker = value.and_then(|value| self.nodes.iter().find(|node| node.output() == Some(value)));
            let Some(node) = maker else { return "" };
            let constants: Vec<&Array> = node.inputs.iter().filter_map(|&input| self.constant(input)).collect();
            let is_scaled = matches!(&*node.operator, "Add" | "Sub" | "Mul" | "Div" | "Gemm" | "MatMul")
                && !constants.is_empty()
                && constants.iter().all(|array| array.scalar().is_some());
            if !only_reshapes(node) && !is_scaled {
                return &node.operator;
            }
            value = node.inputs.iter().copied().find(|&input| self.constant(input).is_none()).flatten();
        }
    }

    /// The bounds of a `Clip`, if they are constants.
    fn bounds(&self, node: &Node) -> Option<[f64; 2]> {
        let bound = |index: usize, name: &str, none: f64| match node.input(index) {
            Some(input) => self.constant(Some(input)).and_then(Array::scalar).map(|value| f64::from(value as f32)),
            None => Some(node.attributes().float(name, none)),
        };
        Some([bound(1, "min", f64::MIN)?, bound(2, "max", f64::MAX)?])
    }

    /// The nodes that read a value.
    fn readers(&self, value: usize) -> Vec<usize> {
        let reads = |node: &Node| node.inputs.contains(&Some(value));
        self.nodes.iter().enumerate().filter(|(_, node)| reads(node)).map(|(index, _)| index).collect()
    }

    /// The node that makes `value`, if only `reader` reads it.
    fn only_for(&self, value: Option<usize>, reader: usize) -> Option<usize> {
        let value = value.filter(|&value| value != self.output)?;
        let maker = self.nodes.iter().position(|node| node.output() == Some(value))?;
        (self.readers(value) == [reader]).then_some(maker)
    }

    fn constant(&self, value: Option<usize>) -> Option<&Array> {
        self.constants[value?].as_ref()
    }

    /// Folds every BatchNorm into the convolution before it.
    fn fold_norms(&mut self) -> Result<(), Error> {
        let mut index = 0;
        while index < self.nodes.len() {
            match self.folded(index) {
                None => index += 1,
                Some((conv, folded)) => {
                    let [weight, bias] = folded.map_err(|message| self.nodes[index].error(&message))?;
                    let [weight, bias] = [weight, bias].map(|array| self.new_value(Some(array)));
                    let norm = self.nodes.remove(index);
                    self.nodes[conv].inputs.truncate(1);
                    self.nodes[conv].inputs.extend([Some(weight), Some(bias)]);
                    self.nodes[conv].outputs = vec![norm.output()];
                    // The convolution now runs in the BatchNorm's place, after the nodes whose values it reads.
                    index = conv + 1;
                }
            }
        }
        Ok(())
    }

    /// The convolution before the BatchNorm at `index`, and the folded weights and bias.
    fn folded(&self, index: usize) -> Option<(usize, Checked<[Array; 2]>)> {
        let node = &self.nodes[index];
        if node.operator != "BatchNormalization" {
            return None;
        }
        let conv = self.only_for(node.input(0), index)?;
        if self.nodes[conv].operator != "Conv" {
            return None;
        }
        let weight = self.constant(self.nodes[conv].input(1))?;
        let bias = match self.nodes[conv].input(2) {
            Some(bias) => Some(self.constant(Some(bias))?),
            None => None,
        };
        let arrays: Vec<Option<&Array>> = node.inputs.iter().map(|&input| self.constant(input)).collect();
        if arrays.len() != 5 || arrays[1..].iter().any(Option::is_none) {
            return None;
        }
        let fold = || {
            let [factor, shift] = folded_norm(&arrays, node.attributes().float("epsilon", 1e-5))?;
            let mut shape = vec![1; weight.rank()];
            shape[0] = count(factor.shape())?;
            let weight = multiply(weight, &factor.reshape(&shape)?)?;
            let shift = match bias {
                Some(bias) => multiply(bias, &factor)?.pair(&shift, NumberKind::Float, Dispatch::float_add)?,
                None => shift,
            };
            Ok([weight, shift])
        };
        Some((conv, fold()))
    }

    /// Converts convolutions and matrices into layers where they fit.
    fn make_layers(&mut self, shapes: &[Option<(Vec<usize>, NumberKind)>]) -> Result<(), Error> {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let shape = node.input(0).and_then(|input| shapes.get(input)?.as_ref()).map(|(shape, _)| &shape[..]);
            let Some(shape) = shape.filter(|_| self.constant(node.input(0)).is_none()) else { continue };
            let made = match &*node.operator {
                "Conv" => self.convolution(node, shape),
                "Gemm" | "MatMul" => self.dense(node, shape),
                _ => None,
            };
            let Some(made) = made else { continue };
            let (kind, weight, bias) = made.map_err(|message| node.error(&message))?;
            let layer = Layer { activation: Activation::Identity, kind };
            let [weight, bias] = [weight, bias].map(|array| self.new_value(Some(array)));
            let node = &mut self.nodes[index];
            node.inputs.truncate(1);
            node.inputs.extend([Some(weight), Some(bias)]);
            node.become_layer(layer);
        }
        // Takes in the addition of a bias after a matrix.
        let mut index = 0;
        while index < self.nodes.len() {
            match self.biased(index) {
                None => index += 1,
                Some((dense, bias)) => {
                    let bias = self.new_value(Some(bias));
                    let sum = self.nodes.remove(index);
                    self.nodes[dense].inputs[2] = Some(bias);
                    self.nodes[dense].outputs = sum.outputs;
                    index = dense + 1;
                }
            }
        }
        Ok(())
    }

    fn convolution(&self, node: &Node, shape: &[usize]) -> Option<Checked<(Kind, Array, Array)>> {
        let weight = self.constant(node.input(1)).filter(|weight| weight.rank() == 4)?;
        let groups = usize::try_from(node.attributes().int("group", 1)).ok()?;
        let window = Frame::of(&node.attributes()).window(&weight.shape()[2..], shape).ok()?;
        let Window { size, stride, dilation, padding, .. } = window;
        if size[0] != size[1] || stride[0] != stride[1] || dilation != [1, 1] || stride[0] == 0 {
            return None;
        }
        let bias = match node.input(2) {
            Some(bias) => self.constant(Some(bias))?.clone(),
            None => Array::constant(vec![0.0; weight.shape()[0]], &weight.shape()[..1]).ok()?,
        };
        let kind = Kind::convolution(size, stride[0], padding, groups);
        Some(weight.in_rows().and_then(|weight| Ok((kind, weight, bias.in_rows()?))))
    }

    fn dense(&self, node: &Node, shape: &[usize]) -> Option<Checked<(Kind, Array, Array)>> {
        let a = node.attributes();
        let weight = self.constant(node.input(1)).filter(|weight| weight.rank() == 2 && shape.len() == 2)?;
        if a.int("transA", 0) == 1 {
            return None;
        }
        let bias = match node.input(2) {
            Some(bias) => Some(self.constant(Some(bias))?),
            None => None,
        };
        let outputs = weight.shape()[usize::from(a.int("transB", 0) != 1)];
        if bias.is_some_and(|bias| bias.expand(&[1, outputs]).map_or(true, |bias| bias.shape() != [1, outputs])) {
            return None;
        }
        let make = || {
            let weight = if a.int("transB", 0) == 1 { weight.permute(&[1, 0])? } else { weight.clone() };
            let bias = match bias {
                Some(bias) => scaled(bias, a.float("beta", 1.0))?.expand(&[1, outputs])?.reshape(&[outputs])?,
                None => Array::constant(vec![0.0; outputs], &[outputs])?,
            };
            Ok((Kind::Dense, scaled(&weight, a.float("alpha", 1.0))?.in_rows()?, bias.in_rows()?))
        };
        Some(make())
    }

    /// If the node at `index` adds a bias to a matrix product: the node of that product, and its bias after that.
    fn biased(&self, index: usize) -> Option<(usize, Array)> {
        let node = &self.nodes[index];
        if node.operator != "Add" {
            return None;
        }
        let (x, bias) = match (self.constant(node.input(0)), self.constant(node.input(1))) {
            (None, Some(bias)) => (node.input(0), bias),
            (Some(bias), None) => (node.input(1), bias),
            _ => return None,
        };
        let dense = self.only_for(x, index).filter(|&maker| {
            let maker = &self.nodes[maker];
            maker.operator == "MatMul" && maker.layer.is_some()
        })?;
        let before = self.constant(self.nodes[dense].input(2))?;
        let outputs = before.shape()[0];
        let bias = bias.expand(&[1, outputs]).ok().filter(|bias| bias.shape() == [1, outputs])?;
        let bias = before.pair(&bias.reshape(&[outputs]).ok()?, NumberKind::Float, Dispatch::float_add).ok()?;
        Some((dense, bias.in_rows().ok()?))
    }

    /// Moves an activation into the layers that read it.
    fn merge_activations(&mut self) -> Result<(), Error> {
        let mut index = self.nodes.len();
        while index > 0 {
            index -= 1;
            let Some((input, activation)) = self.activation(&self.nodes[index]) else { continue };
            let Some(output) = self.nodes[index].output().filter(|&output| output != self.output) else { continue };
            let readers = self.readers(output);
            let merged: Option<Vec<Layer>> = readers
                .iter()
                .map(|&reader| {
                    let node = &self.nodes[reader];
                    let layer = node.layer.filter(|_| node.inputs[0] == Some(output))?;
                    Some(Layer { activation: composed(activation, layer.activation)?, ..layer })
                })
                .collect();
            let Some(merged) = merged.filter(|merged| !merged.is_empty()) else { continue };
            for (&reader, layer) in readers.iter().zip(merged) {
                self.nodes[reader].inputs[0] = Some(input);
                self.nodes[reader].become_layer(layer);
            }
            self.nodes.remove(index);
        }
        Ok(())
    }

    /// The input of a node and the activation that it applies, if it is one.
    fn activation(&self, node: &Node) -> Option<(usize, Activation)> {
        let scalar = |index: usize| self.constant(node.input(index)).and_then(Array::scalar).map(|value| value as f32);
        let affine = |scale: f32, shift: f32| Activation::Affine { scale, shift };
        let (first, second) = (node.input(0)?, node.input(1));
        Some(match (&*node.operator, scalar(0), scalar(1)) {
            ("Relu", ..) => (first, Activation::Relu),
            ("Clip", ..) => match self.bounds(node)? {
                [0.0, 6.0] => (first, Activation::Relu6),
                [0.0, high] if high >= f64::from(f32::MAX) => (first, Activation::Relu),
                _ => return None,
            },
            ("Add", None, Some(value)) => (first, affine(1.0, value)),
            ("Add", Some(value), None) => (second?, affine(1.0, value)),
            ("Sub", None, Some(value)) => (first, affine(1.0, -value)),
            ("Sub", Some(value), None) => (second?, affine(-1.0, value)),
            ("Mul", None, Some(value)) => (first, affine(value, 0.0)),
            ("Mul", Some(value), None) => (second?, affine(value, 0.0)),
            ("Div", None, Some(value)) => (first, affine(1.0 / value, 0.0)),
            _ => return None,
        })
    }

    /// Copies the constants to `device`, and drops those that are no longer needed.
    pub fn move_constants(&mut self, device: &Device) {
        let used: HashSet<usize> =
            self.nodes.iter().flat_map(|node| node.inputs.iter().flatten().copied()).chain([self.output]).collect();
        let others = self.nodes.iter().filter(|node| node.layer.is_none());
        let read: HashSet<usize> =
            others.flat_map(|node| node.inputs.iter().flatten().copied()).chain([self.output]).collect();
        for (number, constant) in self.constants.iter_mut().enumerate() {
            match constant {
                Some(array) if used.contains(&number) => array.copy_to(device, !read.contains(&number)),
                _ => *constant = None,
            }
        }
        let mut seen = HashSet::from([self.output]);
        self.last_uses = vec![Vec::new(); self.nodes.len()];
        for (index, node) in self.nodes.iter().enumerate().rev() {
            self.last_uses[index] = node.inputs.iter().flatten().copied().filter(|&input| seen.insert(input)).collect();
        }
    }
}

#[cfg(test)]
impl Graph {
    /// The operators of the nodes, in order.
    pub fn operators(&self) -> Vec<&str> {
        self.nodes.iter().map(|node| &*node.operator).collect()
    }
}

impl Node {
    fn become_layer(&mut self, layer: Layer) {
        self.layer = Some(layer);
        self.run = Box::new(move |inputs: &Inputs| {
            let [Some(x), Some(weight), Some(bias)] = inputs.arrays[..] else {
                return Err("an input, weights and a bias are expected".to_owned());
            };
            Ok(vec![x.layer(layer, weight, bias)?])
        });
    }
}

/// Whether an operator keeps the values of its input, and changes at most their shape or type.
fn only_reshapes(node: &Node) -> bool {
    match &*node.operator {
        "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze" => true,
        "Cast" => kind_of(node.attributes().int("to", 1)) == Ok(NumberKind::Float),
        _ => false,
    }
}

/// Two activations as one, if there is such an activation.
fn composed(first: Activation, second: Activation) -> Option<Activation> {
    match (first, second) {
        (first, Activation::Identity) => Some(first),
        (Activation::Affine { scale: a, shift: b }, Activation::Affine { scale, shift }) => {
            Some(Activation::Affine { scale: scale * a, shift: scale * b + shift })
        }
        _ => None,
    }
}

/// The value of a `Constant` node.
fn constant(a: &Attributes) -> Checked<Array> {
    if let Some(value) = a.tensor("value") {
        return tensor(value);
    }
    let name = a.all.first().and_then(|attribute| attribute.name.as_deref()).unwrap_or_default();
    match name {
        "value_float" => Array::constant(vec![a.float(name, 0.0) as f32], &[]),
        "value_int" => Array::integers(&[a.int(name, 0)], &[]),
        "value_ints" => a.ints(name).map_or(Err(String::new()), |ints| Array::integers(&ints, &[ints.len()])),
        "value_floats" => {
            let values: Vec<f32> = a.floats(name).unwrap_or_default().iter().map(|&value| value as f32).collect();
            let length = values.len();
            Array::constant(values, &[length])
        }
        _ => Err(format!("a value of numbers is expected, “{name}” found")),
    }
}
