//! Adam: Kingma and Ba 2014, arXiv 1412.6980.

use burn::tensor::Tensor;

const BETA1: f32 = 0.9;
const BETA2: f32 = 0.999;

/// Adam's running means of the gradient and of its square.
pub(super) struct Adam {
    mean: Tensor<4>,
    square: Tensor<4>,
    steps: i32,
}

impl Adam {
    /// Begins with means of zero, in the shape of `like` `[N, C, H, W]`.
    pub fn new(like: &Tensor<4>) -> Self {
        Self { mean: like.zeros_like(), square: like.zeros_like(), steps: 0 }
    }

    /// `at` after one step with learning rate `rate` down the `gradient`, all `[N, C, H, W]`.
    pub fn step(&mut self, at: Tensor<4>, gradient: Tensor<4>, rate: f32) -> Tensor<4> {
        self.steps += 1;
        self.mean = self.mean.clone() * BETA1 + gradient.clone() * (1.0 - BETA1);
        self.square = self.square.clone() * BETA2 + gradient.clone() * gradient * (1.0 - BETA2);
        let mean = self.mean.clone() / (1.0 - BETA1.powi(self.steps));
        at - mean / self.scale() * rate
    }

    /// The divisor of the mean gradient in the last step, `[N, C, H, W]`, above 0.
    pub fn scale(&self) -> Tensor<4> {
        (self.square.clone() / (1.0 - BETA2.powi(self.steps))).sqrt() + 1e-8
    }
}
