//! A gradient without an attack, for attacks and measurements in JavaScript.

use burn::tensor::{Tensor, TensorData};
use wasm_bindgen::prelude::*;

use super::{Decoy, webgpu};
use crate::catalog::Family;
use crate::classifier::{Criterion, Goal, Slope};
use crate::error::Error;
use crate::tensors::read;

#[wasm_bindgen]
impl Decoy {
    /// The gradient of each image's cross-entropy in its pixels, after the logits of the batch.
    pub async fn gradient(&self, model: String, pixels: Vec<f32>, classes: Vec<u32>) -> Result<Vec<f32>, JsError> {
        let (family, network) = self.network(&model)?;
        let pixels = self.batch(family, pixels)?;
        let criterion = Criterion::new(goal(&classes), family.labels.len(), network.device())?;
        let Slope { logits, gradient, .. } = network.gradient(pixels, |logits| criterion.cross_entropy(logits));
        let mut values = self.read(logits).await?;
        values.extend(self.read(gradient).await?);
        Ok(values)
    }
}

pub(super) fn goal(classes: &[u32]) -> Goal {
    Goal::Misread(classes.iter().map(|&class| class as usize).collect())
}

impl Decoy {
    pub(super) async fn read<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
        let device = self.device.borrow().clone();
        device.watched(webgpu::UNLIMITED, read(tensor)).await
    }

    /// `pixels` as `[N, C, H, W]` on the device.
    pub(super) fn batch(&self, family: &Family, pixels: Vec<f32>) -> Result<Tensor<4>, JsError> {
        let input = family.input;
        let size = input.channels * input.height * input.width;
        if pixels.is_empty() || !pixels.len().is_multiple_of(size) {
            return Err(JsError::new(&format!("{} values: expected a multiple of {size}", pixels.len())));
        }
        let shape = [pixels.len() / size, input.channels, input.height, input.width];
        Ok(Tensor::from_data(TensorData::new(pixels, shape), &self.device.borrow().device))
    }
}
