//! Products of matrices.

use super::einsum::Einsum;
use super::{Operation, one};
use crate::onnx::array::{Array, Checked};
use crate::onnx::node::Attributes;
use crate::onnx::steps::{add, scaled};

/// Products.
pub(super) fn read(kind: &str, a: &Attributes) -> Checked<Option<Operation>> {
    Ok(Some(match kind {
        "MatMul" => one(|inputs| inputs.get(0)?.matmul(inputs.get(1)?)),
        "Gemm" => {
            let [first, second] = ["transA", "transB"].map(|name| a.int(name, 0) == 1);
            let (alpha, beta) = (a.float("alpha", 1.0), a.float("beta", 1.0));
            one(move |inputs| {
                let turn = |x: &Array, turned: bool| if turned { x.permute(&[1, 0]) } else { Ok(x.clone()) };
                let product = turn(inputs.get(0)?, first)?.matmul(&turn(inputs.get(1)?, second)?)?;
                let product = scaled(&product, alpha)?;
                match inputs.maybe(2) {
                    Some(bias) => add(&product, &scaled(bias, beta)?),
                    None => Ok(product),
                }
            })
        }
        "Einsum" => {
            let einsum = Einsum::of(&a.text("equation", ""))?;
            one(move |inputs| einsum.run(&inputs.arrays))
        }
        _ => return Ok(None),
    }))
}
