//! JSON files of the repository: the catalogue and the results.

use std::fs;

use anyhow::{Context, Result};
use serde_json::Value;

/// Reads a JSON file.
pub fn read(path: &str) -> Result<Value> {
    let text = fs::read(path).with_context(|| path.to_owned())?;
    serde_json::from_slice(&text).with_context(|| path.to_owned())
}

/// The entries of a list; none if the value is no list.
pub fn list(value: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
