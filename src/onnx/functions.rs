//! Operators that a file defines itself, as PyTorch's newer exporter does: each is replaced by the nodes it stands for.

use std::collections::HashMap;

use super::graph::NODES;
use super::proto::{Attribute, Function, Model, Node};
use super::refuse;
use crate::error::Error;

/// How deep functions may use others.
const DEEPEST: usize = 16;

/// Domain, name and overload: what says which function a node is.
type Key = (String, String, String);

/// Replaces every node that is a function of `model` by the function's nodes.
///
/// # Errors
///
/// If there are too many nodes then, or functions use each other without end.
pub(super) fn inline(model: &mut Model) -> Result<(), Error> {
    let functions = std::mem::take(&mut model.functions);
    let Some(graph) = model.graph.as_mut().filter(|_| !functions.is_empty()) else {
        return Ok(());
    };
    let key = |function: &Function| key(&function.domain, &function.name, &function.overload);
    let known = functions.iter().map(|function| (key(function), function)).collect();
    let mut inliner = Inliner { functions: known, nodes: Vec::new(), inlined: 0 };
    for node in std::mem::take(&mut graph.nodes) {
        inliner.place(node, 0)?;
    }
    graph.nodes = inliner.nodes;
    Ok(())
}

fn key(domain: &Option<String>, name: &Option<String>, overload: &Option<String>) -> Key {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    (text(domain), text(name), text(overload))
}

struct Inliner<'a> {
    functions: HashMap<Key, &'a Function>,
    /// The nodes so far.
    nodes: Vec<Node>,
    /// Functions inlined so far, for the names of their values.
    inlined: usize,
}

impl Inliner<'_> {
    fn place(&mut self, node: Node, depth: usize) -> Result<(), Error> {
        let Some(&function) = self.functions.get(&key(&node.domain, &node.operator, &node.overload)) else {
            self.nodes.push(node);
            return Ok(());
        };
        let name = function.name.as_deref().unwrap_or_default();
        if depth == DEEPEST {
            return refuse(format!("{name}: functions at most {DEEPEST} deep are expected"));
        }
        if self.nodes.len() > NODES || self.inlined > NODES {
            return refuse(format!("{name}: at most {NODES} nodes are expected"));
        }
        self.inlined += 1;
        let prefix = format!("{name}·{}", self.inlined);
        let outer = function.inputs.iter().zip(&node.inputs).chain(function.outputs.iter().zip(&node.outputs));
        let outer: HashMap<&str, &str> = outer.map(|(inner, outer)| (&**inner, &**outer)).collect();
        let left_out = |inner: &str| function.inputs.iter().any(|input| input == inner);
        let rename = |inner: &String| match outer.get(&**inner) {
            Some(outer) if !outer.is_empty() || left_out(inner) => (*outer).to_owned(),
            _ if inner.is_empty() || left_out(inner) => String::new(),
            _ => format!("{prefix}·{inner}"),
        };
        for inner in &function.nodes {
            let attributes = inner.attributes.iter().filter_map(|attribute| given(attribute, &node, function));
            let renamed = Node {
                inputs: inner.inputs.iter().map(rename).collect(),
                outputs: inner.outputs.iter().map(rename).collect(),
                attributes: attributes.collect(),
                name: node.name.clone(),
                ..inner.clone()
            };
            self.place(renamed, depth + 1)?;
        }
        Ok(())
    }
}

/// An attribute in a function: its own value, or that of the node, or the function's default; none where there is none.
fn given(attribute: &Attribute, node: &Node, function: &Function) -> Option<Attribute> {
    let Some(reference) = attribute.reference.as_ref().filter(|reference| !reference.is_empty()) else {
        return Some(attribute.clone());
    };
    let named = |other: &&Attribute| other.name.as_ref() == Some(reference);
    let found = node.attributes.iter().find(named).or_else(|| function.defaults.iter().find(named))?;
    Some(Attribute { name: attribute.name.clone(), ..found.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::Graph;

    fn node(operator: &str, domain: &str, inputs: &[&str], outputs: &[&str]) -> Node {
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Node {
            operator: Some(operator.to_owned()),
            domain: Some(domain.to_owned()),
            inputs: texts(inputs),
            outputs: texts(outputs),
            ..Default::default()
        }
    }

    /// `name(a, b)` with the one output `c`.
    fn function(name: &str, nodes: Vec<Node>) -> Function {
        Function {
            name: Some(name.to_owned()),
            domain: Some("mine".to_owned()),
            inputs: vec!["a".to_owned(), "b".to_owned()],
            outputs: vec!["c".to_owned()],
            nodes,
            ..Default::default()
        }
    }

    fn attribute(name: &str, float: Option<f32>, reference: Option<&str>) -> Attribute {
        Attribute { name: Some(name.to_owned()), float, reference: reference.map(str::to_owned), ..Default::default() }
    }

    #[test]
    fn functions_become_their_nodes() {
        let mut slope = node("LeakyRelu", "", &["a"], &["h"]);
        slope.attributes = vec![attribute("alpha", None, Some("steep")), attribute("other", None, Some("missing"))];
        let inner = function("Inner", vec![slope, node("Clip", "", &["h", "b"], &["c"])]);
        let mut call = node("Inner", "mine", &["a"], &["h"]);
        call.attributes = vec![attribute("steep", Some(0.25), None)];
        let outer = function("Outer", vec![call, node("Add", "", &["h", "b"], &["c"])]);
        let graph = Graph { nodes: vec![node("Outer", "mine", &["x", "w"], &["y"])], ..Default::default() };
        let mut model = Model { graph: Some(graph), functions: vec![inner, outer], ..Default::default() };
        inline(&mut model).expect("they end");

        let nodes = model.graph.expect("there is one").nodes;
        let line = |node: &Node| {
            let operator = node.operator.clone().unwrap_or_default();
            format!("{operator} {} > {}", node.inputs.join(" "), node.outputs.join(" "))
        };
        let lines: Vec<String> = nodes.iter().map(line).collect();
        // The input `b` of the inner function is left out.
        let expected = ["LeakyRelu x > Inner·2·h", "Clip Inner·2·h  > Outer·1·h", "Add Outer·1·h w > y"];
        assert_eq!(lines, expected);
        assert_eq!(nodes[0].attributes, [attribute("alpha", Some(0.25), None)]);
    }

    #[test]
    fn functions_without_end_are_refused() {
        let own = |count: usize| function("Own", vec![node("Own", "mine", &["a", "b"], &["c"]); count]);
        for count in [1, 100] {
            let graph = Graph { nodes: vec![node("Own", "mine", &["x", "w"], &["y"])], ..Default::default() };
            let mut model = Model { graph: Some(graph), functions: vec![own(count)], ..Default::default() };
            let error = inline(&mut model).expect_err("they have no end");
            assert!(error.to_string().contains("functions at most 16 deep are expected"), "{error}");
        }
    }
}
