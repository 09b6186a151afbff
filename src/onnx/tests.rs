//! Tests operators against ONNX's own tests, and their gradients against finite differences.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};
use prost::Message;

use super::array::Array;
use super::constant::tensor;
use super::graph::Graph;
use super::proto;
use super::{Options, load};
use crate::classifier::Classifier;

/// The result of a case.
enum Verdict {
    Passed,
    Refused(String),
    Failed(String),
}

/// The values of a constant as a variable on the device, as a graph takes its pixels.
fn variable(constant: &Array) -> Array {
    let values: Vec<f32> = constant.values().expect("it is a constant").into_iter().map(|value| value as f32).collect();
    let device = Device::flex();
    let flat =
        Tensor::<1>::from_data(TensorData::new(values.clone(), [values.len()]), &device).autodiff().require_grad();
    let row = Array::variable(&[values.len()], Some(flat.into_dispatch()));
    row.reshape(constant.shape()).expect("it has as many values")
}

/// The values of a result, on the CPU or on the device.
fn values(array: &Array) -> Vec<f64> {
    match array.tensor().filter(|_| !array.is_constant()) {
        None => array.values().expect("it is a constant"),
        Some(values) => {
            let row = Array::variable(array.shape(), Some(values)).reshape(&[array.shape().iter().product()]);
            let values =
                Tensor::<1>::from_dispatch(row.expect("a row").tensor().expect("it has values")).inner().into_data();
            values.try_to_vec::<f32>().expect("floats").into_iter().map(f64::from).collect()
        }
    }
}

fn differs(found: &Array, expected: &Array, rough: bool) -> Option<String> {
    if found.shape() != expected.shape() {
        return Some(format!("the shape {:?} is expected, {:?} found", expected.shape(), found.shape()));
    }
    let close = |(a, b): (&f64, &f64)| {
        a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= 1e-5 + if rough { 2e-2 } else { 1e-3 } * b.abs()
    };
    let (found, expected) = (values(found), values(expected));
    let place = found.iter().zip(&expected).position(|pair| !close(pair))?;
    Some(format!("{} is expected at {place}, {} found", expected[place], found[place]))
}

/// Runs `model` with the input number `free` as a variable and all others as constants; first unchanged, then
/// simplified.
fn run(model: &proto::Model, inputs: &[proto::Tensor], outputs: &[proto::Tensor], free: Option<usize>) -> Verdict {
    let opset = model.opsets.iter().find(|opset| opset.domain.as_deref().unwrap_or_default().is_empty());
    let opset = opset.and_then(|opset| opset.version).unwrap_or(1);
    let graph = model.graph.clone().unwrap_or_default();
    let name = |info: &proto::ValueInfo| info.name.clone().unwrap_or_default();
    let mut given = graph.clone();
    for (index, (info, values)) in graph.inputs.iter().zip(inputs).enumerate() {
        if Some(index) != free {
            given.initializers.push(proto::Tensor { name: info.name.clone(), ..values.clone() });
        }
    }
    let input = free.map_or("·".to_owned(), |index| name(&graph.inputs[index]));
    let pixels = match free.map(|index| tensor(&inputs[index])) {
        Some(Ok(array)) if !array.shape().contains(&0) => variable(&array),
        Some(Ok(_)) => return Verdict::Refused("an empty input".to_owned()),
        Some(Err(error)) => return Verdict::Refused(error),
        None => Array::variable(&[1], None),
    };
    for (info, expected) in graph.outputs.iter().zip(outputs) {
        let rough = expected.data_type == Some(16); // bfloat16, which has two to three digits
        let expected = match tensor(expected) {
            Ok(expected) => expected,
            Err(error) => return Verdict::Refused(error),
        };
        for smaller in [false, true] {
            let mut read = match Graph::read(given.clone(), &input, &name(info), opset, 1 << 24) {
                Ok(read) => read,
                Err(error) => return Verdict::Refused(error.to_string()),
            };
            if smaller && free.is_some() && !pixels.shape().is_empty() {
                if let Err(error) = read.simplify(&pixels.shape()[1..], &[pixels.shape()[0]]) {
                    return Verdict::Refused(error.to_string());
                }
                read.move_constants(&Device::flex());
            }
            match read.run(pixels.clone()) {
                Err(error) => return Verdict::Refused(error.to_string()),
                Ok(found) => {
                    let softmax = graph.nodes.last().and_then(|node| node.operator.as_deref());
                    if smaller && matches!(softmax, Some("Softmax" | "LogSoftmax" | "Sigmoid")) {
                        continue; // The simplified graph does not have it.
                    }
                    if let Some(difference) = differs(&found, &expected, rough) {
                        return Verdict::Failed(difference);
                    }
                }
            }
        }
    }
    Verdict::Passed
}

fn case(folder: &Path) -> Verdict {
    let read = |name: &Path| std::fs::read(name).ok();
    let Some(model) = read(&folder.join("model.onnx")).and_then(|bytes| proto::Model::decode(&*bytes).ok()) else {
        return Verdict::Refused("the file cannot be read".to_owned());
    };
    let all = |what: &str| -> Option<Vec<proto::Tensor>> {
        let paths = (0..).map(|index| folder.join(format!("test_data_set_0/{what}_{index}.pb")));
        paths.map_while(|path| read(&path)).map(|bytes| proto::Tensor::decode(&*bytes).ok()).collect()
    };
    let (Some(inputs), Some(outputs)) = (all("input"), all("output")) else {
        return Verdict::Refused("values other than tensors".to_owned());
    };
    let graph = model.graph.clone().unwrap_or_default();
    let floats = |info: &proto::ValueInfo| {
        let kind = info.kind.as_ref().and_then(|kind| kind.tensor.as_ref()).and_then(|kind| kind.element);
        matches!(kind, Some(1 | 10 | 11 | 16))
    };
    let free = graph.inputs.iter().take(inputs.len()).position(floats);
    let constant = run(&model, &inputs, &outputs, None);
    match (constant, free) {
        (Verdict::Passed, Some(_)) | (Verdict::Refused(_), Some(_)) => run(&model, &inputs, &outputs, free),
        (verdict, _) => verdict,
    }
}

/// ONNX's tests with random wrong numbers in them: they must give errors, never panics. `ONNX_HARM` is the number of
/// variants of each.
#[test]
fn graphs_that_make_no_sense_do_no_harm() {
    let Some(root) = std::env::var_os("ONNX_TESTS").map(PathBuf::from) else {
        println!("skipped: ONNX_TESTS names no folder with the tests of ONNX");
        return;
    };
    let rounds = std::env::var("ONNX_HARM").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(2);
    let mut state = 7_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below.max(1)
    };
    const NUMBERS: [i64; 14] = [0, -1, 1, 2, 3, 7, -2, 100, 70_000, 1 << 31, 1 << 40, i64::MAX, i64::MIN, -1000];
    let mut harmed = Vec::new();
    let mut folders: Vec<PathBuf> = std::fs::read_dir(root.join("node"))
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    folders.sort();
    for folder in folders {
        let bytes = std::fs::read(folder.join("model.onnx")).expect("it is listed");
        let Ok(model) = proto::Model::decode(&*bytes) else { continue };
        let paths = (0..).map(|index| folder.join(format!("test_data_set_0/input_{index}.pb")));
        let values = paths.map_while(|path| std::fs::read(path).ok()).map(|bytes| proto::Tensor::decode(&*bytes).ok());
        let Some(inputs) = values.collect::<Option<Vec<_>>>() else { continue };
        for _ in 0..rounds {
            let (mut model, mut inputs) = (model.clone(), inputs.clone());
            let graph = model.graph.as_mut().expect("there is one");
            let numbers = graph
                .nodes
                .iter_mut()
                .flat_map(|node| &mut node.attributes)
                .flat_map(|attribute| attribute.int.iter_mut().chain(&mut attribute.ints).collect::<Vec<_>>());
            let mut numbers: Vec<&mut i64> = numbers.collect();
            if !numbers.is_empty() {
                let place = random(numbers.len());
                *numbers[place] = NUMBERS[random(NUMBERS.len())];
            }
            let place = random(inputs.len());
            match inputs.get_mut(place) {
                Some(input) if input.data_type == Some(7) && random(2) == 0 => {
                    let count = input.raw.as_ref().map_or(0, Vec::len) / 8;
                    input.int64s = (0..count).map(|_| NUMBERS[random(NUMBERS.len())]).collect();
                    input.raw = None;
                }
                // Another shape, with as many values, more or fewer.
                Some(input) if random(2) == 0 => {
                    let count: i64 = input.dims.iter().product();
                    input.dims = vec![vec![], vec![count], vec![1, count], vec![count, 1, 1], vec![0], vec![2]]
                        [random(6)]
                    .clone();
                }
                _ => {}
            }
            let free = if random(3) == 0 { None } else { Some(0) };
            let work = AssertUnwindSafe(|| run(&model, &inputs, &inputs, free.filter(|&free| free < inputs.len())));
            if catch_unwind(work).is_err() {
                harmed.push(folder.file_name().expect("a name").to_string_lossy().into_owned());
            }
        }
    }
    harmed.dedup();
    assert!(harmed.is_empty(), "{} panics: {}", harmed.len(), harmed.join(", "));
}

/// Tests one of the real architectures, with weights that are each one repeated value: compares the logits with the
/// given outputs.
fn real_architecture(path: &Path) -> Verdict {
    let bytes = std::fs::read(path).expect("it is listed");
    let network = match load(&bytes, &Options::default(), &Device::flex()) {
        Ok(network) => network,
        Err(error) => return Verdict::Refused(error.to_string()),
    };
    let expected = path.with_file_name(format!("{}_output_0.pb", path.file_stem().expect("a name").to_string_lossy()));
    let expected = proto::Tensor::decode(&*std::fs::read(expected).expect("it lies beside it")).expect("a tensor");
    let expected = tensor(&expected).expect("floats");
    let shape = [1, network.channels(), network.height(), network.width()];
    let count: usize = shape.iter().product();
    let pixels = (0..count).map(|index| (index as f64 / count as f64) as f32).collect();
    let logits = network.logits(Tensor::from_data(TensorData::new(pixels, shape), &Device::flex()));
    let found = match network.notes().iter().any(|note| note.contains("Softmax")) {
        true => burn::tensor::activation::softmax(logits, 1),
        false => logits,
    };
    let found = Array::variable(expected.shape(), Some(found.into_dispatch())).reshape(expected.shape());
    let found =
        Array::constant(values(&found.expect("a shape")).iter().map(|&value| value as f32).collect(), expected.shape());
    differs(&found.expect("a constant"), &expected, false).map_or(Verdict::Passed, Verdict::Failed)
}

/// ONNX's own tests, from the folder in `ONNX_TESTS`. `cargo xtask onnx` collects them and runs this. What is not
/// supported is listed with the reason.
#[test]
fn the_tests_of_onnx_pass_or_are_refused_with_a_reason() {
    let Some(root) = std::env::var_os("ONNX_TESTS").map(PathBuf::from) else {
        println!("skipped: ONNX_TESTS names no folder with the tests of ONNX");
        return;
    };
    let list = |folder: &str| -> Vec<PathBuf> {
        let entries = std::fs::read_dir(root.join(folder)).into_iter().flatten();
        let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths
    };
    let only = std::env::var("ONNX_CASE").unwrap_or_default();
    let mut failures = Vec::new();
    for kind in ["node", "pytorch-converted", "pytorch-operator", "simple", "light"] {
        let (mut passed, mut refused) = (0, BTreeMap::<String, Vec<String>>::new());
        for path in list(kind) {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            if !name.contains(&only) || kind == "light" && !name.ends_with(".onnx") {
                continue;
            }
            let work = AssertUnwindSafe(|| if kind == "light" { real_architecture(&path) } else { case(&path) });
            match catch_unwind(work) {
                Ok(Verdict::Passed) => passed += 1,
                Ok(Verdict::Refused(reason)) => refused.entry(reason).or_default().push(name),
                Ok(Verdict::Failed(difference)) => failures.push(format!("{kind}/{name}: {difference}")),
                Err(_) => failures.push(format!("{kind}/{name}: a panic")),
            }
        }
        let count: usize = refused.values().map(Vec::len).sum();
        println!("{kind}: {passed} passed, {count} refused");
        for (reason, names) in refused {
            println!("  {} × {reason}: {}", names.len(), names.join(", "));
        }
    }
    assert!(failures.is_empty(), "{} failed:\n{}", failures.len(), failures.join("\n"));
}

/// An attribute without a value.
fn attribute(name: &str) -> proto::Attribute {
    proto::Attribute { name: Some(name.to_owned()), ..Default::default() }
}

fn ints(name: &str, values: &[i64]) -> proto::Attribute {
    proto::Attribute { ints: values.to_vec(), ..attribute(name) }
}

fn int(name: &str, value: i64) -> proto::Attribute {
    proto::Attribute { int: Some(value), ..attribute(name) }
}

fn floats(name: &str, values: &[f32]) -> proto::Attribute {
    proto::Attribute { floats: values.to_vec(), ..attribute(name) }
}

fn float(name: &str, value: f32) -> proto::Attribute {
    proto::Attribute { float: Some(value), ..attribute(name) }
}

fn text(name: &str, value: &str) -> proto::Attribute {
    proto::Attribute { string: Some(value.as_bytes().to_vec()), ..attribute(name) }
}

/// A constant input next to the pixels.
enum ConstantInput {
    /// Different values, in this shape.
    Floats(&'static [i64]),
    /// These values.
    Given(&'static [i64], &'static [f32]),
    /// A row of integers.
    Ints(&'static [i64]),
}

impl ConstantInput {
    fn tensor(&self, name: &str) -> proto::Tensor {
        let floats = |dims: &[i64], floats: Vec<f32>| proto::Tensor {
            dims: dims.to_vec(),
            data_type: Some(1),
            name: Some(name.to_owned()),
            floats,
            ..Default::default()
        };
        match self {
            Self::Floats(dims) => {
                floats(dims, test_values(1 + dims.iter().product::<i64>() as usize, 0.9).split_off(1))
            }
            Self::Given(dims, values) => floats(dims, values.to_vec()),
            Self::Ints(values) => proto::Tensor {
                dims: vec![values.len() as i64],
                data_type: Some(7),
                name: Some(name.to_owned()),
                int64s: values.to_vec(),
                ..Default::default()
            },
        }
    }
}

/// Different values, none near a kink of an operator.
fn test_values(count: usize, speed: f32) -> Vec<f32> {
    (0..count).map(|index| (index as f32 * speed + 0.4).sin() * 1.9 + 0.03).collect()
}

/// A graph of one node on an input and constants.
fn single(operator: &str, attributes: &[proto::Attribute], beside: &[ConstantInput]) -> proto::Graph {
    let names: Vec<String> = (0..beside.len()).map(|index| format!("c{index}")).collect();
    proto::Graph {
        nodes: vec![proto::Node {
            operator: Some(operator.to_owned()),
            inputs: std::iter::once("x".to_owned()).chain(names.iter().cloned()).collect(),
            outputs: vec!["y".to_owned()],
            attributes: attributes.to_vec(),
            ..Default::default()
        }],
        initializers: beside.iter().zip(&names).map(|(constant, name)| constant.tensor(name)).collect(),
        ..Default::default()
    }
}

/// Tests the gradient in `x` against finite differences, in the graph unchanged and simplified.
fn assert_matches(case: &str, graph: &proto::Graph, opset: i64, shape: &[usize]) {
    for smaller in [false, true] {
        let mut read =
            Graph::read(graph.clone(), "x", "y", opset, 1 << 20).unwrap_or_else(|error| panic!("{case}: {error}"));
        if smaller {
            read.simplify(&shape[1..], &[shape[0]]).unwrap_or_else(|error| panic!("{case}: {error}"));
            read.move_constants(&Device::flex());
        }
        let count: usize = shape.iter().product();
        let x = test_values(count, 1.7);
        let run = |x: &[f32]| -> (Tensor<1>, Tensor<1>) {
            let device = Device::flex();
            let x = Tensor::<1>::from_data(TensorData::new(x.to_vec(), [count]), &device).autodiff().require_grad();
            let input = Array::variable(&[count], Some(x.clone().into_dispatch())).reshape(shape).expect("a shape");
            let y = read.run(input).unwrap_or_else(|error| panic!("{case}: {error}"));
            let y = y.reshape(&[y.shape().iter().product()]).expect("a row");
            (x, Tensor::from_dispatch(y.tensor().expect("it has values")))
        };
        let weights = |count: usize| (0..count).map(|index| (index as f32 * 0.7 + 0.2).sin());
        let sum = |x: &[f32]| -> f64 {
            let y = run(x).1.inner().into_data().try_to_vec::<f32>().expect("floats");
            y.iter().zip(weights(y.len())).map(|(&y, weight)| f64::from(y) * f64::from(weight)).sum()
        };
        let (input, y) = run(&x);
        let weights =
            Tensor::<1>::from_data(TensorData::from(&*weights(y.dims()[0]).collect::<Vec<f32>>()), &Device::flex());
        let gradients = (y * weights.autodiff()).sum().backward();
        let gradient = input.grad(&gradients).unwrap_or_else(|| panic!("{case}: no gradient"));
        let gradient = gradient.into_data().try_to_vec::<f32>().expect("floats");
        let step = 3e-3;
        for (index, &found) in gradient.iter().enumerate() {
            let moved = |by: f32| {
                let mut x = x.clone();
                x[index] += by;
                sum(&x)
            };
            // At a kink the slopes on both sides differ, and both are right.
            let slopes = [moved(0.0) - moved(-step), moved(step) - moved(0.0)].map(|rise| rise / f64::from(step));
            let (low, high) = (slopes[0].min(slopes[1]), slopes[0].max(slopes[1]));
            let slack = 1e-2 * (1.0 + high.abs().max(low.abs()));
            let fits = (low - slack..=high + slack).contains(&f64::from(found));
            assert!(fits, "{case}, {index}, {smaller}: {low} to {high} is expected, {found} found");
        }
    }
}

/// An operator, its attributes, its constants and the shape of its input.
type Case = (&'static str, Vec<proto::Attribute>, Vec<ConstantInput>, &'static [usize]);

/// Operators that have gradients.
fn cases() -> Vec<Case> {
    use ConstantInput::{Floats, Given, Ints};
    let row: &[usize] = &[2, 5];
    let picture: &[usize] = &[2, 4, 5, 6];
    let small: &[usize] = &[1, 2, 4, 3];
    let positive = || vec![Given(&[], &[2.5])];
    let mut cases: Vec<Case> = [
        "Relu",
        "Sigmoid",
        "Tanh",
        "Erf",
        "Exp",
        "Abs",
        "Neg",
        "Sin",
        "Cos",
        "Identity",
        "LeakyRelu",
        "Elu",
        "Celu",
        "Selu",
        "HardSigmoid",
        "HardSwish",
        "Mish",
        "Softplus",
        "Softsign",
        "ThresholdedRelu",
        "Gelu",
        "Swish",
        "Reciprocal",
        "Dropout",
        "LogSoftmax",
        "Softmax",
        "Flatten",
        "Transpose",
        "ReduceMean",
        "ReduceSum",
        "ReduceMax",
        "ReduceMin",
        "ReduceL1",
        "ReduceL2",
        "ReduceSumSquare",
        "ReduceProd",
    ]
    .into_iter()
    .map(|operator| (operator, vec![], vec![], row))
    .collect();
    let norm =
        || vec![Given(&[4], &[1.0, 0.5, -2.0, 3.0]), Floats(&[4]), Floats(&[4]), Given(&[4], &[1.0, 0.4, 2.0, 0.9])];
    cases.extend([
        ("Gelu", vec![text("approximate", "tanh")], vec![], row),
        ("Add", vec![], vec![Floats(&[5])], row),
        ("Add", vec![], positive(), row),
        ("Sub", vec![], vec![Floats(&[3, 1, 1])], row),
        ("Mul", vec![], vec![Floats(&[2, 1])], row),
        ("Mul", vec![], positive(), row),
        ("Div", vec![], positive(), row),
        ("Pow", vec![], vec![Given(&[], &[2.0])], row),
        ("Pow", vec![], vec![Given(&[], &[3.0])], row),
        ("Max", vec![], vec![Floats(&[5])], row),
        ("Min", vec![], vec![Floats(&[5]), Floats(&[2, 5])], row),
        ("Sum", vec![], vec![Floats(&[5]), Floats(&[2, 1])], row),
        ("Mean", vec![], vec![Floats(&[5])], row),
        ("PRelu", vec![], vec![Floats(&[4, 1, 1])], picture),
        ("Clip", vec![], vec![Given(&[], &[-0.7]), Given(&[], &[1.1])], row),
        ("Clip", vec![], vec![Given(&[], &[0.0]), Given(&[], &[6.0])], row),
        ("Reshape", vec![], vec![Ints(&[5, -1])], row),
        ("Unsqueeze", vec![], vec![Ints(&[0, 3])], row),
        ("Squeeze", vec![], vec![Ints(&[0])], small),
        ("Expand", vec![], vec![Ints(&[3, 1, 1])], row),
        ("Tile", vec![], vec![Ints(&[2, 3])], row),
        ("Concat", vec![int("axis", 1)], vec![Floats(&[2, 3])], row),
        ("Slice", vec![], vec![Ints(&[1, -2]), Ints(&[9, -5]), Ints(&[2, 3]), Ints(&[2, -1])], picture),
        ("Gather", vec![int("axis", 1)], vec![Ints(&[3, 0, -1])], picture),
        ("Pad", vec![], vec![Ints(&[0, 0, 1, 2, 0, 0, 0, -1]), Given(&[], &[0.3])], small),
        ("Pad", vec![text("mode", "reflect")], vec![Ints(&[0, 0, 1, 2, 0, 0, 3, 1])], small),
        ("Pad", vec![text("mode", "edge")], vec![Ints(&[0, 0, 1, 2, 0, 0, 3, 1])], small),
        ("DepthToSpace", vec![int("blocksize", 2)], vec![], picture),
        ("Transpose", vec![ints("perm", &[0, 2, 3, 1])], vec![], small),
        ("ReduceMean", vec![int("keepdims", 0)], vec![Ints(&[2, 3])], picture),
        ("ReduceMax", vec![], vec![Ints(&[1, 3])], picture),
        ("GlobalAveragePool", vec![], vec![], small),
        ("GlobalMaxPool", vec![], vec![], small),
        ("MatMul", vec![], vec![Floats(&[5, 3])], row),
        ("MatMul", vec![], vec![Floats(&[6, 3])], picture),
        ("MatMul", vec![], vec![Floats(&[4, 6, 3])], picture),
        ("MatMul", vec![], vec![Floats(&[5])], row),
        ("Gemm", vec![], vec![Floats(&[5, 3]), Floats(&[3])], row),
        (
            "Gemm",
            vec![int("transB", 1), float("alpha", 0.5), float("beta", 2.0)],
            vec![Floats(&[3, 5]), Floats(&[1, 3])],
            row,
        ),
        ("Gemm", vec![int("transA", 1)], vec![Floats(&[2, 3])], row),
        ("Conv", vec![ints("pads", &[1, 1, 1, 1])], vec![Floats(&[3, 2, 3, 3]), Floats(&[3])], small),
        ("Conv", vec![ints("strides", &[2, 2]), ints("pads", &[0, 0, 1, 1])], vec![Floats(&[3, 2, 3, 3])], small),
        ("Conv", vec![ints("strides", &[2, 1]), ints("pads", &[1, 0, 2, 1])], vec![Floats(&[3, 2, 3, 2])], small),
        ("Conv", vec![ints("dilations", &[2, 2]), ints("pads", &[2, 2, 2, 2])], vec![Floats(&[3, 2, 3, 3])], small),
        ("Conv", vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])], vec![Floats(&[3, 2, 2, 2])], small),
        ("Conv", vec![int("group", 2)], vec![Floats(&[4, 1, 1, 1]), Floats(&[4])], small),
        ("Conv", vec![], vec![Floats(&[4, 2, 1, 1]), Floats(&[4])], small),
        ("MaxPool", vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])], vec![], picture),
        (
            "MaxPool",
            vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), ints("pads", &[0, 1, 1, 1])],
            vec![],
            picture,
        ),
        (
            "MaxPool",
            vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), int("ceil_mode", 1)],
            vec![],
            picture,
        ),
        ("AveragePool", vec![ints("kernel_shape", &[2, 2]), ints("pads", &[1, 1, 1, 1])], vec![], picture),
        (
            "AveragePool",
            vec![ints("kernel_shape", &[3, 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)],
            vec![],
            picture,
        ),
        (
            "AveragePool",
            vec![ints("kernel_shape", &[2, 2]), ints("pads", &[0, 1, 1, 0]), int("count_include_pad", 1)],
            vec![],
            picture,
        ),
        ("BatchNormalization", vec![], norm(), picture),
        ("LayerNormalization", vec![], vec![Floats(&[5]), Floats(&[5])], row),
        ("LayerNormalization", vec![int("axis", 1)], vec![Floats(&[2, 4, 3])], small),
        ("RMSNormalization", vec![], vec![Floats(&[5])], row),
        ("RMSNormalization", vec![int("axis", 1)], vec![Floats(&[2, 4, 3])], small),
        ("LpNormalization", vec![], vec![], row),
        ("LpNormalization", vec![int("axis", 1), int("p", 1)], vec![], small),
        ("Scaler", vec![floats("offset", &[0.5]), floats("scale", &[2.0, -1.0, 0.3, 1.0, 4.0])], vec![], row),
        ("Trilu", vec![], vec![], small),
        ("Trilu", vec![int("upper", 0)], vec![Ints(&[-1])], small),
        ("Einsum", vec![text("equation", "nchw,cd->ndhw")], vec![Floats(&[4, 3])], picture),
        ("Einsum", vec![text("equation", "...i,ji")], vec![Floats(&[3, 5])], row),
        ("Einsum", vec![text("equation", "bhqd, bhkd -> bhqk")], vec![Floats(&[1, 2, 5, 3])], small),
        ("Attention", vec![], vec![Floats(&[1, 2, 5, 3]), Floats(&[1, 2, 5, 2])], small),
        (
            "Attention",
            vec![int("q_num_heads", 4), int("kv_num_heads", 2), int("is_causal", 1), float("softcap", 1.5)],
            vec![Floats(&[1, 3, 4]), Floats(&[1, 3, 6]), Floats(&[3, 3])],
            &[1, 3, 8],
        ),
        ("RotaryEmbedding", vec![int("rotary_embedding_dim", 2)], vec![Floats(&[1, 4, 1]), Floats(&[1, 4, 1])], small),
        ("RotaryEmbedding", vec![int("interleaved", 1)], vec![Floats(&[1, 4, 2]), Floats(&[1, 4, 2])], &[1, 2, 4, 4]),
        ("Resize", vec![text("mode", "cubic")], vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, 2.0, 0.6])], small),
        (
            "Resize",
            vec![text("mode", "cubic"), int("exclude_outside", 1)],
            vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, 1.5, 2.0])],
            small,
        ),
        ("InstanceNormalization", vec![], vec![Floats(&[2]), Floats(&[2])], small),
        ("GroupNormalization", vec![int("num_groups", 2)], vec![Floats(&[4]), Floats(&[4])], picture),
        ("LRN", vec![int("size", 3), float("alpha", 0.5)], vec![], picture),
        ("Resize", vec![text("mode", "linear")], vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, 2.0, 1.5])], small),
        ("Resize", vec![], vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, 2.0, 2.0])], small),
        ("Upsample", vec![], vec![Given(&[4], &[1.0, 1.0, 2.0, 2.0])], small),
    ]);
    cases
}

#[test]
fn gradients_are_those_of_differences() {
    for (operator, attributes, beside, shape) in cases() {
        let opset = if operator == "Upsample" { 9 } else { 18 };
        assert_matches(operator, &single(operator, &attributes, &beside), opset, shape);
    }
}

/// A graph of nodes, each written as `operator inputs > output`, with the input `x` and the output `y`.
fn graph(nodes: &[&str], constants: &[(&str, ConstantInput)]) -> proto::Graph {
    let node = |text: &&str| {
        let (from, to) = text.split_once(" > ").expect("an output");
        let mut words = from.split(' ').map(str::to_owned);
        proto::Node {
            operator: words.next(),
            inputs: words.collect(),
            outputs: vec![to.to_owned()],
            ..Default::default()
        }
    };
    proto::Graph {
        nodes: nodes.iter().map(node).collect(),
        initializers: constants.iter().map(|(name, constant)| constant.tensor(name)).collect(),
        ..Default::default()
    }
}

#[test]
fn graphs_made_smaller_keep_their_gradients() {
    use ConstantInput::{Floats, Given};
    let norm =
        [("s", Floats(&[4])), ("b", Floats(&[4])), ("m", Floats(&[4])), ("v", Given(&[4], &[1.0, 0.4, 2.0, 0.9]))];
    let mut constants = vec![
        ("two", Given(&[], &[2.0])),
        ("low", Given(&[], &[0.0])),
        ("high", Given(&[], &[6.0])),
        ("w", Floats(&[4, 2, 3, 3])),
        ("p", Floats(&[4, 4, 1, 1])),
        ("d", Floats(&[4, 3])),
        ("e", Floats(&[3])),
        ("three", Given(&[], &[3.0])),
    ];
    constants.extend(norm);
    let nodes = [
        "Mul x two > scaled",
        "Sub scaled two > normal",
        "Conv normal w > a",
        "BatchNormalization a s b m v > c",
        "Relu c > relu",
        "Conv relu p > left",
        "Clip left low high > six",
        "Conv six p > right",
        "Add right relu > sum",
        "GlobalAveragePool sum > pool",
        "Flatten pool > flat",
        "MatMul flat d > product",
        "Add product e > biased",
        "Add biased three > y",
    ];
    assert_matches("a residual block", &graph(&nodes, &constants), 18, &[2, 2, 5, 4]);
    let mut read = Graph::read(graph(&nodes, &constants), "x", "y", 18, 1 << 20).expect("it is read");
    read.simplify(&[2, 5, 4], &[1, 2]).expect("it is made smaller");
    // The BatchNorm, the clip, the affine pair and both biases are gone. The activation with two readers stays.
    assert_eq!(read.operators(), ["Conv", "Relu", "Conv", "Conv", "Add", "GlobalAveragePool", "Flatten", "MatMul"]);
}

/// A file of `graph`, whose input `x` has these dimensions; 0 stands for an open one.
fn file(graph: proto::Graph, lengths: &[i64], opset: i64) -> Vec<u8> {
    let dims =
        lengths.iter().map(|&length| proto::Dimension { value: (length > 0).then_some(length), name: None }).collect();
    let kind = |element| proto::ValueType {
        tensor: Some(proto::TensorType { element: Some(element), shape: Some(proto::TensorShape { dims }) }),
    };
    let info = |name: &str, kind| proto::ValueInfo { name: Some(name.to_owned()), kind };
    let graph = proto::Graph { inputs: vec![info("x", Some(kind(1)))], outputs: vec![info("y", None)], ..graph };
    let opsets = vec![proto::Opset { domain: None, version: Some(opset) }];
    proto::Model { opsets, graph: Some(graph), ..Default::default() }.encode_to_vec()
}

fn attributed(mut graph: proto::Graph, node: usize, attributes: &[proto::Attribute]) -> proto::Graph {
    graph.nodes[node].attributes = attributes.to_vec();
    graph
}

#[test]
fn a_power_too_large_for_an_integer_is_a_number() {
    let nodes = ["Pow x large > p", "GlobalAveragePool p > pool", "Flatten pool > y"];
    let bytes = file(graph(&nodes, &[("large", ConstantInput::Given(&[], &[1e30]))]), &[0, 3, 4, 4], 13);
    let network = load(&bytes, &Options::default(), &Device::flex()).expect("it is read").freeze();
    let slope =
        network.gradient(Tensor::full([1, 3, 4, 4], 0.5, network.device()), |logits| logits.sum_dim(1).squeeze_dim(1));
    assert_eq!(slope.logits.into_data().try_to_vec::<f32>().expect("floats"), [0.0; 3]);
}

#[test]
fn the_length_of_zeros_has_a_gradient() {
    // Each pixel's colours divided by their length: one pixel is black.
    let nodes = ["ReduceL2 x > l", "Clip l low > c", "Div x c > d", "GlobalAveragePool d > pool", "Flatten pool > y"];
    let bytes = file(
        attributed(graph(&nodes, &[("low", ConstantInput::Given(&[], &[1e-6]))]), 0, &[ints("axes", &[1])]),
        &[0, 3, 2, 2],
        13,
    );
    let network = load(&bytes, &Options::default(), &Device::flex()).expect("it is read").freeze();
    let levels: Vec<f32> = (0..12).map(|index| if index % 4 == 1 { 0.0 } else { 0.1 + 0.05 * index as f32 }).collect();
    let pixels = Tensor::<1>::from_data(TensorData::from(&*levels), network.device()).reshape([1, 3, 2, 2]);
    let slope = network.gradient(pixels, |logits| logits.narrow(1, 0, 1).squeeze_dim(1));
    let gradient = slope.gradient.into_data().try_to_vec::<f32>().expect("floats");
    assert!(gradient.iter().all(|value| value.is_finite()) && gradient[0] > 0.0, "{gradient:?}");
}

#[test]
fn a_reduction_over_no_axes_keeps_its_other_steps() {
    let none = [("none", ConstantInput::Ints(&[]))];
    let square = attributed(graph(&["ReduceSumSquare x none > y"], &none), 0, &[int("noop_with_empty_axes", 1)]);
    let read = Graph::read(square, "x", "y", 18, 1 << 20).expect("it is read");
    let x = variable(&Array::constant(vec![1.0, -2.0, 3.0], &[1, 3]).expect("a constant"));
    assert_eq!(values(&read.run(x).expect("it runs")), [1.0, 4.0, 9.0]);
}

#[test]
fn attributes_of_another_kind_and_names_defined_twice_are_refused() {
    let error = |graph: proto::Graph| Graph::read(graph, "x", "y", 18, 1 << 20).err().expect("it is wrong").to_string();
    let leaky =
        attributed(graph(&["LeakyRelu x > y"], &[]), 0, &[proto::Attribute { kind: Some(2), ..int("alpha", 2) }]);
    assert!(error(leaky).contains("alpha is a whole number where a float is expected"));
    let two = proto::Attribute { kind: Some(2), ..int("value_float", 2) };
    let constant = attributed(graph(&["Constant > two", "Mul x two > y"], &[]), 0, &[two]);
    assert!(error(constant).contains("value_float is a whole number where a float is expected"));
    let twice = graph(&["Relu x > y", "Sigmoid x > y"], &[]);
    assert!(error(twice).contains("“y” is defined twice"));
    let block = attributed(graph(&["DepthToSpace x > y"], &[]), 0, &[int("blocksize", 0)]);
    assert!(error(block).contains("a block of 1 to 256 pixels is expected, 0 found"));
}

#[test]
fn sizes_are_computed_in_single_precision() {
    let nodes = ["Resize x none scales > r", "GlobalAveragePool r > pool", "Flatten pool > y"];
    let constants =
        [("none", ConstantInput::Floats(&[0])), ("scales", ConstantInput::Given(&[4], &[1.0, 1.0, 1.4, 0.7]))];
    let mut read = Graph::read(graph(&nodes, &constants), "x", "r", 13, 1 << 20).expect("it is read");
    read.simplify(&[3, 10, 10], &[1]).expect("it is made smaller");
    let resized = read.run(Array::variable(&[1, 3, 10, 10], None)).expect("shapes alone");
    assert_eq!(resized.shape(), [1, 3, 14, 7]);
}

#[test]
fn pictures_lie_as_the_graph_takes_them() {
    let device = Device::flex();
    let pixels =
        Tensor::<1>::from_data(TensorData::from(&*test_values(3 * 3 * 4 * 4, 1.7)), &device).reshape([3, 3, 4, 4]);
    let means = pixels.clone().flatten::<3>(2, 3).mean_dim(2).squeeze_dim::<2>(2).into_data();
    let assert_matches = |case: &str, bytes: Vec<u8>, note: Option<&str>| {
        let network = load(&bytes, &Options::default(), &device).unwrap_or_else(|error| panic!("{case}: {error}"));
        assert_eq!([network.channels(), network.height(), network.width(), network.classes()], [3, 4, 4, 3], "{case}");
        assert_eq!(network.notes().len(), usize::from(note.is_some()), "{case}: {:?}", network.notes());
        assert!(note.is_none_or(|note| network.notes()[0].contains(note)), "{case}: {:?}", network.notes());
        let found = network.logits(pixels.clone()).into_data();
        found.assert_approx_eq::<f32>(&means, burn::tensor::Tolerance::default());
    };
    let first = graph(&["GlobalAveragePool x > pool", "Flatten pool > y"], &[]);
    assert_matches("[N, C, H, W]", file(first.clone(), &[0, 3, 4, 4], 13), None);
    let mut soft = graph(&["GlobalAveragePool x > pool", "Flatten pool > flat", "Softmax flat > y"], &[]);
    assert_matches("probabilities", file(soft.clone(), &[0, 3, 4, 4], 13), Some("Softmax"));
    soft.nodes[2].operator = Some("LogSoftmax".to_owned());
    assert_matches("their logarithms", file(soft, &[1, 3, 4, 4], 11), Some("LogSoftmax"));
    let nodes = ["GlobalAveragePool x > pool", "Softmax pool > soft", "Flatten soft > y"];
    let before = attributed(graph(&nodes, &[]), 1, &[int("axis", 1)]);
    assert_matches("probabilities, then flattened", file(before, &[0, 3, 4, 4], 13), Some("Softmax"));
    let each = graph(&["GlobalAveragePool x > pool", "Flatten pool > flat", "Sigmoid flat > y"], &[]);
    assert_matches("a yes or no for each class", file(each, &[0, 3, 4, 4], 13), Some("Sigmoid"));
    let last = attributed(graph(&["ReduceMean x > y"], &[]), 0, &[ints("axes", &[1, 2]), int("keepdims", 0)]);
    assert_matches("[N, H, W, C]", file(last, &[0, 4, 4, 3], 13), Some("[N, H, W, C]"));
    let flat = graph(
        &["Reshape x apart > a", "GlobalAveragePool a > pool", "Flatten pool > y"],
        &[("apart", ConstantInput::Ints(&[-1, 3, 4, 4]))],
    );
    assert_matches("[N, C · H · W]", file(flat, &[0, 48], 13), None);

    // The number of images, 1, is written into the shapes.
    let constants = || vec![("apart", ConstantInput::Ints(&[1, 3, 16]))];
    let fixed = attributed(
        graph(&["Reshape x apart > rows", "ReduceMean rows > y"], &constants()),
        1,
        &[ints("axes", &[2]), int("keepdims", 0)],
    );
    assert_matches("one image that may be many", file(fixed, &[1, 3, 4, 4], 13), None);
    let constants = vec![("rows", ConstantInput::Ints(&[3, 16])), ("one", ConstantInput::Ints(&[1, 3]))];
    let nodes = ["Transpose x > t", "Reshape t rows > r", "ReduceMean r > mean", "Reshape mean one > y"];
    let stuck = attributed(graph(&nodes, &constants), 0, &[ints("perm", &[1, 0, 2, 3])]);
    let stuck = attributed(stuck, 2, &[ints("axes", &[1])]);
    assert_matches("one image at a time", file(stuck.clone(), &[1, 3, 4, 4], 13), Some("1 at a time"));
    let message = load(&file(stuck, &[0, 3, 4, 4], 13), &Options::default(), &device).err().expect("it is refused");
    assert!(message.to_string().contains("Reshape"), "{message}");
}

#[test]
fn one_output_is_a_yes_or_no() {
    let device = Device::flex();
    let pixels = Tensor::<4>::from_floats([[[[0.2, 0.6]]], [[[1.0, 0.4]]]], &device);
    let weights = [("w", ConstantInput::Given(&[2, 1], &[3.0, -2.0]))];
    for (nodes, dims, notes) in [
        (
            &["Flatten x > flat", "MatMul flat w > z", "Sigmoid z > y"][..],
            [0, 1, 1, 2],
            ["Sigmoid", "yes or no"].as_slice(),
        ),
        (&["Flatten x > flat", "MatMul flat w > y"], [2, 1, 1, 2], &["yes or no"]),
    ] {
        let read = load(&file(graph(nodes, &weights), &dims, 13), &Options::default(), &device).expect("it is read");
        assert_eq!((read.classes(), read.notes().len()), (2, notes.len()), "{:?}", read.notes());
        assert!(notes.iter().zip(read.notes()).all(|(word, note)| note.contains(word)), "{:?}", read.notes());
        let expected = TensorData::from([[0.0_f32, -0.6], [0.0, 2.2]]);
        read.logits(pixels.clone()).into_data().assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::default());
    }
}

#[test]
fn a_probability_is_not_taken_for_a_logit() {
    let device = Device::flex();
    let constants = [
        ("w", ConstantInput::Given(&[2, 1], &[3.0, -2.0])),
        ("low", ConstantInput::Given(&[], &[1e-7])),
        ("high", ConstantInput::Given(&[], &[1.0])),
    ];
    let of = |last: &[&str]| {
        let nodes = [&["Flatten x > flat", "MatMul flat w > z"], last].concat();
        load(&file(graph(&nodes, &constants), &[0, 1, 1, 2], 13), &Options::default(), &device)
    };
    let read = of(&["Sigmoid z > p", "Clip p low high > y"]).expect("it is a sigmoid, kept from 0 and 1");
    let logits = read.logits(Tensor::from_floats([[[[0.2, 0.6]]]], &device)).into_data();
    logits.assert_approx_eq::<f32>(&TensorData::from([[0.0_f32, -0.6]]), burn::tensor::Tolerance::default());
    for (last, operator) in [
        (&["HardSigmoid z > y"][..], "HardSigmoid"),
        (&["Sigmoid z > p", "Add p low > y"], "Sigmoid"),
        (&["Sigmoid z > p", "Sub high p > y"], "Sigmoid"),
        (&["Softmax z > y"], "Softmax"), // of one class, and so 1
    ] {
        let refused = of(last).err().expect("its output is a probability").to_string();
        assert!(refused.contains(&format!("{operator}: the only output is expected to be a logit")), "{refused}");
    }
}

#[test]
fn an_end_that_changes_values_is_kept() {
    let device = Device::flex();
    let bounds = [("low", ConstantInput::Given(&[], &[-1.0])), ("high", ConstantInput::Given(&[], &[1.0]))];
    let nodes = ["GlobalAveragePool x > pool", "Flatten pool > z", "LogSoftmax z > p", "Clip p low high > y"];
    let network = load(&file(graph(&nodes, &bounds), &[0, 3, 1, 1], 13), &Options::default(), &device);
    let logits = network.expect("it is read").logits(Tensor::from_floats([[[[0.0]], [[0.0]], [[1.0]]]], &device));
    let expected = TensorData::from([[-1.0_f32, -1.0, -0.551_445]]);
    logits.into_data().assert_approx_eq::<f32>(&expected, burn::tensor::Tolerance::default());
}

#[test]
fn weights_that_are_not_finite_are_refused() {
    for value in [f32::NAN, f32::INFINITY] {
        let mut broken = graph(&["Flatten x > flat", "Relu flat > r", "MatMul r w > y"], &[]);
        let mut weights = ConstantInput::Floats(&[2, 3]).tensor("w");
        weights.floats[4] = value;
        broken.initializers.push(weights);
        let refused = load(&file(broken, &[0, 1, 1, 2], 13), &Options::default(), &Device::flex()).err();
        let refused = refused.expect("an answer would say nothing").to_string();
        assert!(refused.contains("MatMul: finite weights are expected"), "{refused}");
    }
}

#[test]
fn of_several_outputs_with_floats_none_is_guessed() {
    let outputs = |kinds: [i32; 2]| {
        let nodes = ["GlobalAveragePool x > pool", "Flatten pool > y", "Identity y > features"];
        let mut model =
            proto::Model::decode(&*file(graph(&nodes, &[]), &[0, 3, 2, 2], 13)).expect("it is written here");
        let info = |(name, element): (&str, i32)| proto::ValueInfo {
            name: Some(name.to_owned()),
            kind: Some(proto::ValueType { tensor: Some(proto::TensorType { element: Some(element), shape: None }) }),
        };
        model.graph.as_mut().expect("it has one").outputs =
            ["y", "features"].into_iter().zip(kinds).map(info).collect();
        load(&model.encode_to_vec(), &Options::default(), &Device::flex())
    };
    for kinds in [[1, 1], [10, 1], [1, 11]] {
        let refused = outputs(kinds).err().expect("both may be the logits").to_string();
        assert!(refused.contains("one output is expected, the logits, and 2 found: y, features"), "{refused}");
    }
    let read = outputs([1, 7]).expect("the other one has whole numbers");
    assert!(read.notes().iter().any(|note| note.contains("“y” is taken as the logits")), "{:?}", read.notes());
}

#[test]
fn pixels_of_caffe_are_blue_green_red() {
    let device = Device::flex();
    let options = Options { normalisation: super::Normalisation::Caffe, ..Options::default() };
    let channels = graph(&["GlobalAveragePool x > pool", "Flatten pool > y"], &[]);
    let read = load(&file(channels, &[0, 3, 2, 2], 13), &options, &device).expect("it is read");
    let colour = Tensor::<1>::from_floats([0.1, 0.5, 1.0], &device).reshape([1, 3, 1, 1]).expand([1, 3, 2, 2]);
    let expected = TensorData::from([[255.0_f32 - 103.939, 127.5 - 116.779, 25.5 - 123.68]]);
    let tolerance = burn::tensor::Tolerance::absolute(1e-3);
    read.logits(colour).into_data().assert_approx_eq::<f32>(&expected, tolerance);
    let grey = graph(&["Flatten x > y"], &[]);
    assert!(load(&file(grey, &[0, 1, 2, 2], 13), &options, &device).is_err(), "it has one channel");
}

#[test]
fn constants_are_scattered() {
    use ConstantInput::{Given, Ints};
    let device = Device::flex();
    let nodes = [
        "Reshape places shape > at",
        "ScatterND base at new > mask",
        "GlobalAveragePool x > pool",
        "Flatten pool > flat",
        "Add flat mask > y",
    ];
    let pixels = Tensor::<4>::full([1, 3, 2, 2], 0.5, &device);
    for (places, shape, new, expected) in [
        (&[0, 1][..], &[1, 2][..], Given(&[1], &[5.0]), [0.5_f32, 5.5, 0.5]),
        (&[-1], &[1, 1], Given(&[1, 3], &[1.0, 2.0, 3.0]), [1.5, 2.5, 3.5]),
    ] {
        let constants =
            [("base", Given(&[1, 3], &[0.0; 3])), ("places", Ints(places)), ("shape", Ints(shape)), ("new", new)];
        let read = load(&file(graph(&nodes, &constants), &[0, 3, 2, 2], 13), &Options::default(), &device);
        let found = read.expect("it is read").logits(pixels.clone()).into_data();
        found.assert_approx_eq::<f32>(&TensorData::from([expected]), burn::tensor::Tolerance::default());
    }
    let outside = [
        ("base", Given(&[1, 3], &[0.0; 3])),
        ("places", Ints(&[0, 3])),
        ("shape", Ints(&[1, 2])),
        ("new", Given(&[1], &[5.0])),
    ];
    let refused = load(&file(graph(&nodes, &outside), &[0, 3, 2, 2], 13), &Options::default(), &device).err();
    assert!(refused.is_some_and(|error| error.to_string().contains("[0, 3] found")));
}

#[test]
fn classifiers_of_scikit_learn_are_read() {
    let device = Device::flex();
    let floats = |name: &str, values: &[f32]| proto::Attribute { floats: values.to_vec(), ..attribute(name) };
    let (coefficients, intercepts) = (test_values(3 * 4, 0.7), test_values(3, 2.1));
    let values = [0.1_f32, 0.9, 0.4, 0.6];
    let scores: Vec<f32> = coefficients
        .chunks(4)
        .zip(&intercepts)
        .map(|(row, bias)| bias + row.iter().zip(values).map(|(weight, value)| weight * value).sum::<f32>())
        .collect();
    let shares =
        |weights: Vec<f32>| weights.iter().map(|weight| weight / weights.iter().sum::<f32>()).collect::<Vec<_>>();
    for (transform, weights) in [
        ("NONE", scores.iter().map(|score| score.exp()).collect::<Vec<_>>()),
        ("SOFTMAX", scores.iter().map(|score| score.exp()).collect()),
        ("LOGISTIC", scores.iter().map(|score| 1.0 / (1.0 + (-score).exp())).collect()),
    ] {
        let norm = if transform == "NONE" { "Identity" } else { "Normalizer" };
        let mut graph = graph(
            &["LinearClassifier x > scores", &format!("{norm} scores > probabilities"), "ZipMap probabilities > list"],
            &[],
        );
        graph.nodes[0].outputs.insert(0, "label".to_owned());
        graph.nodes[0].attributes = vec![
            floats("coefficients", &coefficients),
            floats("intercepts", &intercepts),
            text("post_transform", transform),
        ];
        let mut model = proto::Model::decode(&*file(graph, &[0, 4], 13)).expect("it is written here");
        let whole =
            |element| proto::ValueType { tensor: Some(proto::TensorType { element: Some(element), shape: None }) };
        for (name, kind) in [("probabilities", Some(whole(1))), ("list", None)] {
            let info = |name: &str, kind| proto::ValueInfo { name: Some(name.to_owned()), kind };
            model.graph.as_mut().expect("it has one").outputs = vec![info("label", Some(whole(7))), info(name, kind)];
            let network = load(&model.encode_to_vec(), &Options::default(), &device).expect(transform);
            assert_eq!([network.channels(), network.height(), network.width(), network.classes()], [1, 2, 2, 3]);
            let pixels = Tensor::<1>::from_data(values, &device).reshape([1, 1, 2, 2]);
            let logits = network.logits(pixels).into_data().try_to_vec::<f32>().expect("floats");
            let found = shares(logits.iter().map(|logit| logit.exp()).collect());
            let expected = shares(weights.clone());
            assert!(
                found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5),
                "{transform}: {found:?}, {expected:?}"
            );
        }
    }
}

#[test]
fn sizes_that_are_open_are_asked_for() {
    let device = Device::flex();
    let bytes = file(graph(&["GlobalAveragePool x > pool", "Flatten pool > y"], &[]), &[0, 3, 0, 0], 13);
    let message = load(&bytes, &Options::default(), &device).err().expect("it is refused").to_string();
    assert!(message.contains("input size"), "{message}");
    let options = Options { input_size: Some((5, 6)), ..Options::default() };
    let network = load(&bytes, &options, &device).expect("it is read");
    assert_eq!([network.channels(), network.height(), network.width()], [3, 5, 6]);
    let bytes = file(graph(&["GlobalAveragePool x > pool", "Flatten pool > y"], &[]), &[0, 3, 4, 0], 13);
    assert!(load(&bytes, &options, &device).is_err(), "4 rows are not 5");
}

#[test]
fn what_is_out_of_scope_is_named() {
    let refusal = |graph: proto::Graph, opset: i64| {
        let read = load(&file(graph, &[0, 3, 4, 4], opset), &Options::default(), &Device::flex());
        read.err().expect("it is refused").to_string()
    };
    let says = |message: String, words: &[&str]| {
        assert!(words.iter().all(|word| message.contains(word)), "{message}: expected {words:?}");
    };
    let named = |operator: &str| {
        let mut named = graph(&[&format!("{operator} x > y")], &[]);
        named.nodes[0].name = Some("/head/last".to_owned());
        named
    };
    says(refusal(named("Frobnicate"), 13), &["Frobnicate", "/head/last", "not read"]);
    says(refusal(named("If"), 13), &["If", "/head/last", "control flow", "onnxsim"]);
    says(refusal(named("QuantizeLinear"), 13), &["QuantizeLinear", "quantised"]);
    says(refusal(named("ArgMax"), 13), &["ArgMax", "gradient", "logits"]);
    says(refusal(named("Relu"), 13), &["[N, K]", "[1, 3, 4, 4]"]);
    says(refusal(named("Relu"), 6), &["operator set 6", "7"]);
    let mut foreign = named("FusedConv");
    foreign.nodes[0].domain = Some("com.microsoft".to_owned());
    says(refusal(foreign, 13), &["FusedConv", "com.microsoft"]);
    says(refusal(graph(&["Add x far > y"], &[]), 13), &["Add", "“far”", "nowhere in the file"]);
    says(refusal(graph(&["Add x later > y", "Relu x > later"], &[]), 13), &["Add", "made before"]);
    let misfit = graph(&["MatMul x w > y"], &[("w", ConstantInput::Floats(&[5, 2]))]);
    says(refusal(misfit, 13), &["MatMul", "[1, 3, 4, 4]", "[5, 2]"]);
    let mut outside = graph(&["Add x w > y"], &[("w", ConstantInput::Floats(&[1]))]);
    outside.initializers[0].location = Some(1);
    says(refusal(outside, 13), &["“w”", "another file"]);
    let mut short = graph(&["Add x w > y"], &[("w", ConstantInput::Floats(&[3]))]);
    short.initializers[0].dims = vec![1 << 40, 1 << 40];
    says(refusal(short, 13), &["“w”", "too large"]);
    let endless = graph(&["ConstantOfShape s > c", "Add x c > y"], &[("s", ConstantInput::Ints(&[1 << 40]))]);
    says(refusal(endless, 13), &["ConstantOfShape", "too large"]);
}

/// A damaged file gives an error or another network, never a panic.
#[test]
fn damaged_files_do_no_harm() {
    let mut files = vec![
        crate::onnx::export(
            &crate::model::CompactConfig { side: 8, classes: 3 }.init(&Device::flex()),
            crate::classifier::Input { channels: 1, height: 8, width: 8 },
        )
        .expect("it is written"),
    ];
    let nodes =
        ["Conv x w > a", "BatchNormalization a s s s s > b", "MaxPool b > p", "Reshape p r > f", "Gemm f g > y"];
    let constants = [
        ("w", ConstantInput::Floats(&[4, 3, 2, 2])),
        ("s", ConstantInput::Given(&[4], &[1.0, 2.0, 3.0, 4.0])),
        ("r", ConstantInput::Ints(&[0, -1])),
        ("g", ConstantInput::Floats(&[16, 5])),
    ];
    let whole = attributed(graph(&nodes, &constants), 0, &[ints("pads", &[1, 1, 0, 0]), text("auto_pad", "NOTSET")]);
    let window = [ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
    files.push(file(attributed(whole, 2, &window), &[0, 3, 4, 4], 13));
    let rounds = std::env::var("ONNX_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(300_u64);
    let mut state = 1_u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % below
    };
    let mut read = 0;
    for round in 0..rounds {
        let whole = &files[round as usize % files.len()];
        // The first 1500 bytes hold the names and numbers of the graph, before the weights.
        let mut bytes = whole.clone();
        for _ in 0..1 + random(3) {
            let place = random(bytes.len().min(1500));
            bytes[place] = random(256) as u8;
        }
        read += usize::from(load(&bytes, &Options::default(), &Device::flex()).is_ok());
    }
    assert!(read > 0, "some damage does not matter");
}

/// Small files for the fuzzer, into the folder in `FUZZ_SEEDS`: every operator on pictures, and every test of ONNX in
/// `ONNX_TESTS` as constants.
#[test]
fn seeds_for_the_fuzzer_are_written() {
    let Some(folder) = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from) else {
        println!("skipped: FUZZ_SEEDS names no folder");
        return;
    };
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes).expect("the folder is there");
    for (index, (operator, attributes, beside, shape)) in cases().into_iter().enumerate() {
        let mut graph = single(operator, &attributes, &beside);
        let apart: Vec<i64> = [-1].into_iter().chain(shape[1..].iter().map(|&length| length as i64)).collect();
        graph.nodes[0].inputs[0] = "apart".to_owned();
        graph.nodes[0].outputs[0] = "made".to_owned();
        let node = |operator: &str, input: &str, output: &str, attributes| proto::Node {
            operator: Some(operator.to_owned()),
            inputs: vec![input.to_owned()],
            outputs: vec![output.to_owned()],
            attributes,
            ..Default::default()
        };
        graph.nodes.insert(0, node("Reshape", "x", "apart", vec![ints("shape", &apart)]));
        graph.nodes.push(node("Flatten", "made", "y", vec![]));
        let opset = if operator == "Upsample" { 9 } else { 18 };
        let values = shape[1..].iter().product::<usize>() as i64;
        for (name, images) in [("open", 0), ("fixed", shape[0] as i64)] {
            write(&format!("{operator}-{index}-{name}"), file(graph.clone(), &[images, 1, 1, values], opset));
        }
    }
    let numbers = [
        ("shape", ConstantInput::Ints(&[0, -1])),
        ("zero", ConstantInput::Ints(&[0])),
        ("two", ConstantInput::Ints(&[2])),
        ("one", ConstantInput::Given(&[], &[1.0])),
    ];
    let graphs: [&[&str]; 8] = [
        &[
            "Shape x > s",
            "Gather s zero > n",
            "Concat n two > t",
            "Expand one t > e",
            "Flatten x > f",
            "Concat f e > y",
        ],
        &[
            "ConstantOfShape two > c",
            "Reshape x shape > f",
            "Add f c > g",
            "Cast g > h",
            "ReduceMean h > i",
            "Add f i > y",
        ],
        &["Range zero two one > r", "Reshape x shape > f", "Gather f r > g", "Reshape g shape > y"],
        &["Split x > s", "Reshape s shape > y"],
        &["Equal x one > c", "Where c x one > w", "Reshape w shape > y"],
        &["Tile two two > t", "Size x > n", "Mul t n > m", "ReduceMax m > k", "Flatten x > f", "Add f k > y"],
        &[
            "Mod x one > m",
            "Less m one > l",
            "Not l > n",
            "Cast n > c",
            "Mul x c > d",
            "Flatten d > f",
            "Softmax f > y",
        ],
        &["SpaceToDepth x > d", "GlobalMaxPool d > p", "Squeeze p > y"],
    ];
    for (index, nodes) in graphs.into_iter().enumerate() {
        for opset in [11, 18] {
            write(&format!("graph-{index}-{opset}"), file(graph(nodes, &numbers), &[0, 3, 2, 2], opset));
        }
    }
    let Some(root) = std::env::var_os("ONNX_TESTS").map(PathBuf::from) else { return };
    for entry in std::fs::read_dir(root.join("node")).into_iter().flatten().flatten() {
        let Some(model) = std::fs::read(entry.path().join("model.onnx")).ok() else { continue };
        let Ok(proto::Model { graph: Some(mut whole), opsets, .. }) = proto::Model::decode(&*model) else { continue };
        let inputs: Option<Vec<proto::Tensor>> = (0..whole.inputs.len())
            .map(|index| std::fs::read(entry.path().join(format!("test_data_set_0/input_{index}.pb"))).ok())
            .map(|bytes| proto::Tensor::decode(&*bytes?).ok())
            .collect();
        let (Some(inputs), Some(output)) = (inputs, whole.outputs.first().and_then(|output| output.name.clone()))
        else {
            continue;
        };
        for (info, values) in whole.inputs.drain(..).zip(inputs) {
            whole.initializers.push(proto::Tensor { name: info.name, ..values });
        }
        // The names of the picture and of the last values are others.
        let own = |name: &mut String| {
            if !name.is_empty() {
                name.insert(0, '_')
            }
        };
        whole.nodes.iter_mut().flat_map(|node| node.inputs.iter_mut().chain(&mut node.outputs)).for_each(own);
        whole.initializers.iter_mut().filter_map(|tensor| tensor.name.as_mut()).for_each(own);
        let after = graph(&["Flatten x > f", &format!("ReduceMax _{output} > k"), "Add f k > y"], &[]);
        let after = attributed(after, 1, &[int("keepdims", 0)]);
        whole.nodes.extend(after.nodes);
        let opset = opsets.first().and_then(|opset| opset.version).unwrap_or(18);
        let bytes = file(whole, &[0, 3, 2, 2], opset);
        if bytes.len() <= 4096 {
            write(&format!("onnx-{}", entry.file_name().to_string_lossy()), bytes);
        }
    }
}

/// The sentence with which a file is refused.
fn refusal(case: &str, bytes: &[u8]) -> String {
    let read = load(bytes, &Options::default(), &Device::flex());
    let message = read.err().unwrap_or_else(|| panic!("{case}: it is read")).to_string();
    assert!(message.chars().count() < 700 && !message.contains('\n'), "{case}: {message}");
    message
}

/// What no exporter writes, in every operator that takes numbers.
#[test]
fn numbers_that_make_no_sense_are_refused() {
    use ConstantInput::{Floats, Given, Ints};
    const MOST: i64 = i64::MAX;
    let kernel = || vec![Floats(&[4, 3, 2, 2])];
    let size = |size: &[i64]| ints("kernel_shape", size);
    let cases: Vec<(&str, Vec<proto::Attribute>, Vec<ConstantInput>, &str)> = vec![
        ("Reshape", vec![], vec![Ints(&[-1, -1])], "a length"),
        ("Reshape", vec![], vec![Ints(&[MOST, MOST, -1])], "too large"),
        ("Reshape", vec![], vec![Ints(&[-1, 0, 0, 0, 0])], "dimension 4 is to be kept"),
        ("Reshape", vec![], vec![Ints(&[1; 2000])], "at most 1024 numbers"),
        ("Reshape", vec![], vec![Ints(&[1; 20])], "at most 16 axes"),
        ("Unsqueeze", vec![ints("axes", &[0; 5000])], vec![], "at most 16 axes"),
        ("Unsqueeze", vec![ints("axes", &[MOST])], vec![], "an axis"),
        ("Squeeze", vec![ints("axes", &[i64::MIN])], vec![], "an axis"),
        ("Flatten", vec![int("axis", i64::MIN)], vec![], "an axis"),
        ("Transpose", vec![ints("perm", &[0, 0, 0, 0])], vec![], "an order"),
        ("Concat", vec![int("axis", 1)], vec![Given(&[], &[1.0])], "axis 1"),
        ("Concat", vec![int("axis", MOST)], vec![], "an axis"),
        ("Slice", vec![], vec![Ints(&[0]), Ints(&[MOST]), Ints(&[1]), Ints(&[0])], "a step"),
        ("Slice", vec![], vec![Ints(&[MOST]), Ints(&[i64::MIN]), Ints(&[1])], "empty"),
        ("Slice", vec![], vec![Ints(&[0]), Ints(&[1, 2])], "as many starts"),
        ("Split", vec![int("axis", 1)], vec![Ints(&[MOST, MOST, MOST])], "a range"),
        ("Split", vec![int("axis", 1)], vec![Ints(&[0, 3])], "empty"),
        ("Split", vec![int("axis", 1)], vec![Ints(&[-1, 4])], "a length"),
        ("Gather", vec![int("axis", 1)], vec![Ints(&[MOST])], "indices below 3"),
        ("Gather", vec![int("axis", 1)], vec![Ints(&[i64::MIN])], "a length"),
        ("Expand", vec![], vec![Ints(&[MOST, 1, 1, 1, 1])], "too large"),
        ("Expand", vec![], vec![Ints(&[-1])], "a length"),
        ("Tile", vec![], vec![Ints(&[1, MOST, MOST, 1])], "too large"),
        ("Tile", vec![], vec![Ints(&[1, 0, 1, 1])], "empty"),
        ("Pad", vec![ints("pads", &[0, MOST, 0, 0, 0, MOST, 0, 0])], vec![], "padding"),
        ("Pad", vec![ints("pads", &[0, i64::MIN, 0, 0, 0, i64::MIN, 0, 0])], vec![], "a range"),
        ("Pad", vec![ints("pads", &[0, 0, 9, 0, 0, 0, 0, 0]), text("mode", "reflect")], vec![], "at most 3"),
        ("Resize", vec![], vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, 1e30, 1.0])], "a size"),
        ("Resize", vec![], vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, f32::NAN, 1.0])], "a size"),
        ("Resize", vec![], vec![Floats(&[0]), Given(&[4], &[1.0, 1.0, 0.0, -1.0])], "a size"),
        ("Resize", vec![], vec![Floats(&[0]), Floats(&[0]), Ints(&[1, 3, MOST, 4])], "a size"),
        ("Conv", vec![ints("strides", &[0, 0])], kernel(), "a window"),
        ("Conv", vec![ints("dilations", &[0, 0])], kernel(), "a window"),
        ("Conv", vec![ints("dilations", &[MOST, MOST])], kernel(), "a window"),
        ("Conv", vec![ints("pads", &[MOST, MOST, MOST, MOST])], kernel(), "a window"),
        ("Conv", vec![ints("pads", &[-1, 0, 0, 0])], kernel(), "a length"),
        ("Conv", vec![int("group", 0)], kernel(), "groups"),
        ("Conv", vec![int("group", -1)], kernel(), "a length"),
        ("Conv", vec![int("group", MOST)], kernel(), "groups"),
        ("Conv", vec![], vec![Floats(&[4, 3, 9, 9])], "a window"),
        ("Conv", vec![], vec![Floats(&[0, 3, 2, 2])], "empty"),
        ("Conv", vec![], vec![Floats(&[4, 3, 0, 2])], "a window"),
        ("MaxPool", vec![size(&[0, 0])], vec![], "a window"),
        ("MaxPool", vec![size(&[MOST, MOST])], vec![], "a window"),
        ("AveragePool", vec![size(&[2, 2]), ints("pads", &[MOST, 0, 0, 0])], vec![], "a window"),
        (
            "AveragePool",
            vec![size(&[2, 2]), ints("strides", &[0, 1]), text("auto_pad", "SAME_UPPER")],
            vec![],
            "a window",
        ),
        ("LRN", vec![int("size", MOST)], vec![], "padding"),
        ("GroupNormalization", vec![int("num_groups", MOST)], vec![Floats(&[3]), Floats(&[3])], "too large"),
        ("GroupNormalization", vec![int("num_groups", 0)], vec![Floats(&[3]), Floats(&[3])], "shape"),
        ("LayerNormalization", vec![int("axis", i64::MIN)], vec![Floats(&[4])], "an axis"),
        ("DepthToSpace", vec![int("blocksize", MOST)], vec![], "a block of 1 to 256"),
        ("DepthToSpace", vec![int("blocksize", -1)], vec![], "a length"),
        ("Softmax", vec![int("axis", 99)], vec![], "an axis"),
        ("ReduceMean", vec![ints("axes", &[i64::MIN])], vec![], "an axis"),
        ("Cast", vec![int("to", 99)], vec![], "type 99"),
        ("Clip", vec![], vec![Floats(&[2])], "one constant"),
    ];
    for (operator, attributes, beside, words) in cases {
        let case = format!("{operator}, {words}");
        let message = refusal(&case, &file(single(operator, &attributes, &beside), &[0, 3, 4, 4], 18));
        assert!(message.contains(operator) && message.contains(words), "{case}: {message}");
    }
    let constants = [
        ("far", Ints(&[MOST])),
        ("below", Ints(&[-1])),
        ("zero", Ints(&[0])),
        ("many", Ints(&[1, 1 << 26])),
        ("one", Given(&[], &[1.0])),
    ];
    let nothing: &[&str] = &["Concat > y"];
    let repeated = |shape: &str| (0..20).map(|index| format!("Expand one {shape} > a{index}")).collect::<Vec<_>>();
    let sum = (0..20).fold("Sum x".to_owned(), |sum, index| format!("{sum} a{index}")) + " > y";
    let [alike, each] = [repeated("many"), repeated("t")];
    let endless: Vec<&str> = alike.iter().map(|node| &**node).chain([&*sum]).collect();
    // As many constants, others for every number of images.
    let counted = ["Shape x > s", "Gather s zero > n", "Concat n many > t"];
    let each: Vec<&str> = counted.into_iter().chain(each.iter().map(|node| &**node)).chain([&*sum]).collect();
    for (nodes, words) in [
        (nothing, "at least one input"),
        (&["ConstantOfShape far > c", "Add x c > y"], "too large"),
        (&["ConstantOfShape below > c", "Add x c > y"], "a length"),
        (&["Range zero far one > c", "Add x c > y"], "too large"),
        (&["Range zero far zero > c", "Add x c > y"], "a step"),
        (&["Add x y > y"], "before it is used"),
        (&endless, "far more constants"),
        (&each, "far more constants"),
    ] {
        let mut graph = graph(nodes, &constants);
        graph.nodes.iter_mut().filter(|node| node.operator.as_deref() == Some("Concat")).for_each(|node| {
            node.attributes = vec![int("axis", 0)];
        });
        let message = refusal(words, &file(graph, &[0, 3, 4, 4], 18));
        assert!(message.contains(words), "{words}: {message}");
    }
}

#[test]
fn sizes_that_make_no_sense_are_refused() {
    let mean = || graph(&["GlobalAveragePool x > pool", "Flatten pool > y"], &[]);
    for (lengths, words) in [
        (&[1, 3, i64::MAX, i64::MAX][..], "too large"),
        (&[0, 3, 1_000_000, 1_000_000], "too large"),
        (&[1_000_000_000, 3, 4, 4], "at most 1024 images"),
        (&[0, i64::MAX], "the input size"),
        (&[0, i64::MAX, 4, 4], "colours"),
        (&[1; 300], "[N, C, H, W]"),
        (&[], "[N, C, H, W]"),
    ] {
        let message = refusal(words, &file(mean(), lengths, 18));
        assert!(message.contains(words), "{lengths:?}: {message}");
    }
    for opset in [i64::MIN, -1, 0] {
        assert!(refusal("old", &file(mean(), &[0, 3, 4, 4], opset)).contains("operator set"));
    }
    assert!(load(&file(mean(), &[0, 3, 4, 4], i64::MAX), &Options::default(), &Device::flex()).is_ok());

    let weights = |data_type: i32, dims: &[i64], raw: &[u8], words: &str| {
        let mut graph = graph(&["Add x w > y"], &[("w", ConstantInput::Floats(&[1]))]);
        let (dims, raw) = (dims.to_vec(), Some(raw.to_vec()));
        let name = graph.initializers[0].name.clone();
        graph.initializers[0] = proto::Tensor { dims, data_type: Some(data_type), raw, name, ..Default::default() };
        let message = refusal(words, &file(graph, &[0, 3, 4, 4], 18));
        assert!(message.contains("“w”") && message.contains(words), "{words}: {message}");
    };
    weights(10, &[1], &[0; 3], "2 bytes");
    weights(16, &[2], &[0; 3], "4 bytes");
    weights(1, &[2, 2], &[0; 15], "16 bytes");
    weights(7, &[], &[0; 7], "8 bytes");
    weights(1, &[-1], &[0; 4], "lengths");
    weights(1, &[i64::MAX, i64::MAX], &[0; 4], "too large");
    weights(1, &[0, i64::MAX], &[], "too large");
    weights(8, &[1], &[0; 4], "type 8");

    // Groups in groups, of which no message of ONNX has any.
    assert!(refusal("deep", &[0x0B; 1 << 16]).contains("an ONNX file"));
}

/// A name of the file is no reason for a long message, or one of many lines.
#[test]
fn a_sentence_is_short() {
    let mut named = graph(&["Frobnicate x > y"], &[]);
    named.nodes[0].name = Some("a\nb".repeat(5000));
    assert!(refusal("a long name", &file(named, &[0, 3, 4, 4], 13)).ends_with('…'));
}

/// What a graph does may depend on the number of images, of which three are tried.
#[test]
fn other_numbers_of_images_than_were_tried_are_read() {
    use ConstantInput::{Floats, Ints};
    let device = Device::flex();
    // A number for each number of images up to 3.
    let nodes =
        ["Flatten x > f", "Shape x > s", "Gather s zero > n", "Gather table n > t", "Mul t none > u", "Add f u > y"];
    let constants = [("zero", Ints(&[0])), ("table", Ints(&[5, 6, 7, 8])), ("none", ConstantInput::Given(&[], &[0.0]))];
    let bytes = file(graph(&nodes, &constants), &[0, 1, 2, 2], 18);
    let network = load(&bytes, &Options::default(), &device).expect("it is read");
    let pixels = Tensor::<1>::from_data(TensorData::from(&*test_values(24, 1.7)), &device).reshape([6, 1, 2, 2]);
    network.logits(pixels.clone()).into_data().assert_eq(&pixels.flatten::<2>(1, 3).into_data(), false);

    // A long row of weights that is repeated for every image, such as the class token of a large transformer.
    let nodes =
        ["Flatten x > f", "Shape x > s", "Gather s zero > n", "Concat n long > t", "Expand w t > e", "Concat f e > y"];
    let constants = [("zero", Ints(&[0])), ("long", Ints(&[2000])), ("w", Floats(&[1, 2000]))];
    let mut token = graph(&nodes, &constants);
    token.nodes[3].attributes = vec![int("axis", 0)];
    let network = load(&file(token, &[0, 1, 2, 2], 18), &Options::default(), &device).expect("it is read");
    assert_eq!(network.logits(Tensor::ones([5, 1, 2, 2], &device)).dims(), [5, 2004]);
}
