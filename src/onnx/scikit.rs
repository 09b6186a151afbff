//! What exporters of scikit-learn write: classifiers with two outputs, and operators of the domain `ai.onnx.ml`, which
//! become ONNX's own.

use std::collections::{HashMap, HashSet};

use super::proto::{Attribute, FLOAT, FLOATS, Graph, Node, Tensor};
use super::refuse;
use crate::error::Error;

/// The name of the output with the logits or probabilities: the only output, or the one next to the chosen label, which
/// has floats or is made by `ZipMap`.
///
/// # Errors
///
/// If there is no such output, or several.
pub(super) fn output(graph: &Graph) -> Result<String, Error> {
    let maps = graph.nodes.iter().filter(|node| node.operator.as_deref() == Some("ZipMap"));
    let zipped: HashMap<&String, Option<&String>> =
        maps.flat_map(|node| node.outputs.iter().map(|output| (output, node.inputs.first()))).collect();
    let names: Vec<_> = graph.outputs.iter().map(|output| output.name.clone().unwrap_or_default()).collect();
    let element = |index: usize| graph.outputs[index].kind.as_ref()?.tensor.as_ref()?.element;
    let usable = |index: usize| match zipped.get(&names[index]) {
        Some(probabilities) => probabilities.cloned(),
        None => (names.len() == 1 || element(index).is_some_and(|element| FLOATS.contains(&element)))
            .then(|| names[index].clone()),
    };
    let mut found: Vec<_> = (0..names.len()).filter_map(usable).collect();
    match found.pop() {
        Some(name) if found.is_empty() => Ok(name),
        _ => refuse(format!("one output is expected, the logits, and {} found: {}", names.len(), names.join(", "))),
    }
}

/// Replaces every `LinearClassifier` by a product and what follows it, and every `Normalizer` of probabilities by
/// nothing.
///
/// # Errors
///
/// If a `LinearClassifier` has other attributes than scikit-learn's classifiers have.
pub(super) fn lower(graph: &mut Graph) -> Result<(), Error> {
    let mut probabilities = HashSet::new();
    for node in std::mem::take(&mut graph.nodes) {
        match (node.operator.as_deref(), node.inputs.first()) {
            (Some("LinearClassifier"), Some(_)) => {
                let replaced = linear(&node)?;
                graph.nodes.extend(replaced.nodes);
                graph.initializers.extend(replaced.weights);
                probabilities.extend(replaced.probabilities);
            }
            (Some("Normalizer"), Some(input)) if probabilities.contains(input) => {
                graph.nodes.push(Node { operator: name("Identity"), domain: None, attributes: Vec::new(), ..node });
            }
            _ => graph.nodes.push(node),
        }
    }
    Ok(())
}

fn name(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// What replaces a `LinearClassifier`.
struct Linear {
    nodes: Vec<Node>,
    weights: [Tensor; 2],
    /// The name of the probabilities, if it makes some.
    probabilities: Option<String>,
}

/// The replacement of a `LinearClassifier`.
fn linear(node: &Node) -> Result<Linear, Error> {
    let attribute = |wanted: &str| node.attributes.iter().find(|attribute| attribute.name.as_deref() == Some(wanted));
    let floats = |wanted| attribute(wanted).map(|attribute| attribute.floats.clone()).unwrap_or_default();
    let (coefficients, intercepts) = (floats("coefficients"), floats("intercepts"));
    let ([_, scores], [pixels]) = (&node.outputs[..], &node.inputs[..]) else {
        return refuse("LinearClassifier: one input and two outputs are expected".to_owned());
    };
    let classes = intercepts.len();
    if classes < 2 || !coefficients.len().is_multiple_of(classes) {
        let (found, expected) = (coefficients.len(), "as many coefficients for each class as pixels");
        return refuse(format!("LinearClassifier: {expected} expected, found {found} for {classes} classes"));
    }
    let tensor = |part: &str, dims: &[usize], floats: Vec<f32>| Tensor {
        name: Some(format!("{scores}/{part}")),
        dims: dims.iter().map(|&length| length as i64).collect(),
        data_type: Some(FLOAT),
        floats,
        ..Tensor::default()
    };
    let weights = [
        tensor("coefficients", &[classes, coefficients.len() / classes], coefficients),
        tensor("intercepts", &[classes], intercepts),
    ];
    let step = |operator: &str, inputs: Vec<String>, output: String, ints: &[(&str, i64)]| Node {
        operator: name(operator),
        name: node.name.clone(),
        inputs,
        outputs: vec![output],
        attributes: ints
            .iter()
            .map(|&(key, int)| Attribute { name: name(key), int: Some(int), ..Attribute::default() })
            .collect(),
        ..Node::default()
    };
    let transform = attribute("post_transform").and_then(|attribute| attribute.string.clone());
    // The operators after the product. Scikit-learn divides σ(z) of every class by their sum, which is the softmax of
    // log σ(z).
    let after: &[&str] = match transform.as_deref() {
        None | Some(b"NONE") => &[],
        Some(b"SOFTMAX") => &["Softmax"],
        Some(b"LOGISTIC") => &["Sigmoid", "Log", "Softmax"],
        Some(other) => {
            let found = String::from_utf8_lossy(other);
            return refuse(format!(
                "LinearClassifier: post_transform NONE, SOFTMAX or LOGISTIC expected, found {found}"
            ));
        }
    };
    let value = |index: usize| if index == after.len() { scores.clone() } else { format!("{scores}/{index}") };
    let names = weights.each_ref().map(|tensor| tensor.name.clone().unwrap_or_default());
    let inputs = [pixels.clone()].into_iter().chain(names).collect();
    let mut nodes = vec![step("Gemm", inputs, value(0), &[("transB", 1)])];
    for (index, operator) in after.iter().enumerate() {
        let axis: &[_] = if *operator == "Softmax" { &[("axis", 1)] } else { &[] };
        nodes.push(step(operator, vec![value(index)], value(index + 1), axis));
    }
    Ok(Linear { nodes, weights, probabilities: (!after.is_empty()).then(|| scores.clone()) })
}
