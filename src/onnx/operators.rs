//! The operators. Each reads its attributes once and returns a function that runs on arrays.

mod einsum;
mod elementwise;
mod normalisation;
mod number;
mod part;
mod product;
mod reduction;
mod resize;
mod shape;
mod transformer;
mod window;

use super::array::{Array, Checked};
use super::node::{Attributes, Inputs};

pub(super) use normalisation::folded_norm;
pub(super) use window::Frame;

/// An operator ready to run.
pub(super) type Operation = Box<dyn Fn(&Inputs) -> Checked<Vec<Array>>>;

/// Operators that are not supported, with advice for each.
const REFUSED: [(&[&str], &str); 5] = [
    (
        &["If", "Loop", "Scan", "SequenceMap"],
        "control flow is not supported: export the network for inputs of one size, or simplify it with onnxsim",
    ),
    (
        &[
            "QuantizeLinear",
            "DequantizeLinear",
            "DynamicQuantizeLinear",
            "QLinearConv",
            "QLinearMatMul",
            "QLinearAdd",
            "ConvInteger",
            "MatMulInteger",
        ],
        "a quantised network has no gradient to follow: use the network before quantisation",
    ),
    (
        &["ArgMax", "ArgMin", "TopK", "NonMaxSuppression", "Hardmax", "NonZero", "Compress"],
        "it has no gradient: export the network up to its logits",
    ),
    (&["LSTM", "GRU", "RNN"], "recurrent layers are not read: image classifiers are"),
    (&["LinearClassifier", "TreeEnsembleClassifier", "SVMClassifier"], "only networks of layers are read"),
];

/// The operator named `kind`, in this version of the operator set.
///
/// # Errors
///
/// If the operator or one of its attributes is not supported.
pub(super) fn operator(kind: &str, attributes: &Attributes, opset: i64) -> Checked<Operation> {
    let a = attributes;
    if let Some((_, advice)) = REFUSED.iter().find(|(kinds, _)| kinds.contains(&kind)) {
        return Err((*advice).to_owned());
    }
    let run = known(kind, a, opset)?;
    a.check()?;
    run.ok_or(
        "this operator is not read: simplify the file with onnxsim, or export the network with an older operator set"
            .to_owned(),
    )
}

/// The operator named `kind`, if it is known. Its attributes are still to be checked.
fn known(kind: &str, a: &Attributes, opset: i64) -> Checked<Option<Operation>> {
    for read in [
        elementwise::read,
        shape::read,
        part::read,
        number::read,
        window::read,
        product::read,
        reduction::read,
        transformer::read,
    ] {
        if let Some(run) = read(kind, a)? {
            return Ok(Some(run));
        }
    }
    normalisation::read(kind, a, opset)
}

/// An operator with one output.
fn one(work: impl Fn(&Inputs) -> Checked<Array> + 'static) -> Operation {
    Box::new(move |inputs| Ok(vec![work(inputs)?]))
}
