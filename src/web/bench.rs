//! Many passes with one read-back, for the benchmark that compares devices and libraries.

use burn::tensor::Tensor;
use wasm_bindgen::prelude::*;

use super::Decoy;
use super::gradient::goal;
use crate::classifier::Criterion;
use crate::per_image;

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
