//! Forward and backward passes without an attack, to measure how fast a device is.

use burn::tensor::{Tensor, TensorData};
use wasm_bindgen::prelude::*;

use super::{Decoy, watch};
use crate::catalog::Family;
use crate::classifier::{Criterion, Goal, Slope};
use crate::error::Error;
use crate::per_image;
use crate::tensors::read;

#[wasm_bindgen]
impl Decoy {
    /// The logits of a batch, row by row, after `times` forward passes and one read-back. `pixels` are in [0, 1], in
    /// the order `[N, C, H, W]`.
    pub async fn forward(&self, model: String, pixels: Vec<f32>, times: usize) -> Result<Vec<f32>, JsError> {
        let (family, network) = self.network(&model)?;
        let pixels = self.batch(family, pixels)?;
        let mut logits = network.logits(pixels.clone());
        for _ in 1..times {
            // The input of every pass depends on the logits of the pass before, so that no pass can be skipped.
            let nothing = logits.sum() * 0.0;
            logits = network.logits(pixels.clone() + nothing.reshape([1, 1, 1, 1]));
        }
        Ok(self.read(logits).await?)
    }

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

    /// The pixels after `steps` steps of length `size` along the sign of the gradient of the cross-entropy, clipped to
    /// [0, 1]; one read-back at the end.
    #[wasm_bindgen(js_name = signSteps)]
    pub async fn sign_steps(
        &self,
        model: String,
        pixels: Vec<f32>,
        classes: Vec<u32>,
        size: f32,
        steps: usize,
    ) -> Result<Vec<f32>, JsError> {
        let (family, network) = self.network(&model)?;
        let mut pixels = self.batch(family, pixels)?;
        let criterion = Criterion::new(goal(&classes), family.labels.len(), network.device())?;
        let length = Tensor::full([classes.len()], size, network.device());
        for _ in 0..steps {
            let slope = network.gradient(pixels.clone(), |logits| criterion.cross_entropy(logits));
            pixels = per_image::sign_step(pixels, slope.gradient, length.clone());
        }
        Ok(self.read(pixels).await?)
    }
}

fn goal(classes: &[u32]) -> Goal {
    Goal::Misread(classes.iter().map(|&class| class as usize).collect())
}

impl Decoy {
    async fn read<const D: usize>(&self, tensor: Tensor<D>) -> Result<Vec<f32>, Error> {
        let device = self.device.borrow().clone();
        device.watched(watch::UNLIMITED, read(tensor)).await
    }

    /// `pixels` as `[N, C, H, W]` on the device.
    fn batch(&self, family: &Family, pixels: Vec<f32>) -> Result<Tensor<4>, JsError> {
        let input = family.input;
        let size = input.channels * input.height * input.width;
        if pixels.is_empty() || !pixels.len().is_multiple_of(size) {
            return Err(JsError::new(&format!("{} values: expected a multiple of {size}", pixels.len())));
        }
        let shape = [pixels.len() / size, input.channels, input.height, input.width];
        Ok(Tensor::from_data(TensorData::new(pixels, shape), &self.device.borrow().device))
    }
}
