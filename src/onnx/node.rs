//! What an operator is given: the inputs and attributes of its node.

use std::cell::RefCell;

use super::array::{Array, Checked};
use super::proto::{Attribute, Tensor};

/// The inputs of an operator.
pub(super) struct Inputs<'a> {
    pub arrays: Vec<Option<&'a Array>>,
    /// The number of outputs of the node.
    pub outputs: usize,
    /// The number of images in this run.
    pub batch: usize,
    /// The number of images that is written into the graph's shapes, if any.
    pub fixed_batch: Option<usize>,
}

impl<'a> Inputs<'a> {
    pub fn get(&self, index: usize) -> Checked<&'a Array> {
        self.maybe(index)
            .ok_or_else(|| format!("at least {} inputs are expected, {} found", index + 1, self.arrays.len()))
    }

    pub fn maybe(&self, index: usize) -> Option<&'a Array> {
        self.arrays.get(index).copied().flatten()
    }

    /// The integers of a constant input that is a short list, if it is given.
    pub fn whole(&self, index: usize) -> Checked<Option<Vec<i64>>> {
        self.maybe(index).map(Array::whole_list).transpose()
    }

    /// The integers of an attribute, `written`, or in newer operator sets of the constant input `index`, if it is
    /// given.
    pub fn written_or(&self, written: Option<&Vec<i64>>, index: usize) -> Checked<Option<Vec<i64>>> {
        written.map_or_else(|| self.whole(index), |written| Ok(Some(written.clone())))
    }

    /// Whether a fixed `length` stands for `fixed_batch` images and must become the number of images in this run.
    pub fn rewrites(&self, length: i64) -> bool {
        self.fixed_batch.is_some_and(|fixed| fixed != self.batch && fixed as i64 == length)
    }
}

/// The attributes of a node.
pub(super) struct Attributes<'a> {
    pub all: &'a [Attribute],
    /// The first attribute that was read and is of another kind, in words.
    wrong: RefCell<Option<String>>,
}

/// The kinds of attributes, by their numbers in the format (`AttributeProto.AttributeType`).
const KINDS: [(i32, &str); 8] = [
    (1, "a float"),
    (2, "a whole number"),
    (3, "a text"),
    (4, "a tensor"),
    (5, "a graph"),
    (6, "floats"),
    (7, "whole numbers"),
    (8, "texts"),
];

impl<'a> Attributes<'a> {
    pub fn new(all: &'a [Attribute]) -> Self {
        Self { all, wrong: RefCell::default() }
    }

    /// The attribute of this name and kind. One of another kind is left out, and [`check`](Self::check) tells.
    pub fn find(&self, name: &str, kind: i32) -> Option<&'a Attribute> {
        let found = self.all.iter().find(|attribute| attribute.name.as_deref() == Some(name))?;
        // Very old files do not say the kind.
        let other = found.kind.filter(|&found| found != 0 && found != kind);
        let Some(other) = other else { return Some(found) };
        let words = |kind| KINDS.iter().find(|known| known.0 == kind).map_or("another kind", |known| known.1);
        let message = format!("{name} is {} where {} is expected", words(other), words(kind));
        self.wrong.borrow_mut().get_or_insert(message);
        None
    }

    /// An error if an attribute that was read is of another kind.
    pub fn check(&self) -> Checked<()> {
        self.wrong.take().map_or(Ok(()), Err)
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.find(name, 2).and_then(|attribute| attribute.int).unwrap_or(default)
    }

    pub fn float(&self, name: &str, default: f64) -> f64 {
        self.find(name, 1).and_then(|attribute| attribute.float).map_or(default, f64::from)
    }

    pub fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.find(name, 7).map(|attribute| attribute.ints.clone())
    }

    pub fn floats(&self, name: &str) -> Option<Vec<f64>> {
        self.find(name, 6).map(|attribute| attribute.floats.iter().copied().map(f64::from).collect())
    }

    pub fn text(&self, name: &str, default: &str) -> String {
        let text = self.find(name, 3).and_then(|attribute| attribute.string.as_deref());
        text.map_or(default.to_owned(), |text| String::from_utf8_lossy(text).into_owned())
    }

    pub fn tensor(&self, name: &str) -> Option<&'a Tensor> {
        self.find(name, 4)?.tensor.as_deref()
    }
}
