//! The CPU's side: Burn's tensors are given to the loops of `decoy-cpu`.

mod fused;
mod per_image;

use burn::backend::flex::FlexTensor;
use burn::tensor::{Shape, TensorData};

/// A tensor of these values.
fn tensor(values: Vec<f32>, shape: Shape) -> FlexTensor {
    FlexTensor::from_data(TensorData::new(values, shape))
}
