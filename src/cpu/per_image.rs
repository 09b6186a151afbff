//! The operations on each image on the CPU.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Shape;

use super::tensor;
use crate::per_image::{Combination, PerImageOps, Score, ScoreBackward, ScoreOps, Size};

impl PerImageOps for Flex {
    fn size(x: FloatTensor<Self>, size: Size) -> FloatTensor<Self> {
        let images = x.shape()[0];
        vector(size.of(x.to_contiguous().storage(), images))
    }

    fn distance(a: FloatTensor<Self>, b: FloatTensor<Self>, size: Size) -> FloatTensor<Self> {
        let images = a.shape()[0];
        vector(size.of_difference(a.to_contiguous().storage(), b.to_contiguous().storage(), images))
    }

    fn unit(x: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = x.shape();
        let y = decoy_cpu::unit(x.to_contiguous().storage(), shape[0]);
        tensor(y, shape)
    }

    fn step(from: FloatTensor<Self>, direction: FloatTensor<Self>, length: FloatTensor<Self>) -> FloatTensor<Self> {
        let shape = from.shape();
        let tensors = [from, direction, length].map(|tensor| tensor.to_contiguous());
        let [from, direction, length] = tensors.each_ref().map(|tensor| tensor.storage());
        tensor(decoy_cpu::step(from, direction, length), shape)
    }

    fn combine(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        by: FloatTensor<Self>,
        combination: Combination,
    ) -> FloatTensor<Self> {
        let shape = a.shape();
        let tensors = [a, b, by].map(|tensor| tensor.to_contiguous());
        let [a, b, by] = tensors.each_ref().map(|tensor| tensor.storage());
        tensor(combination.of(a, b, by), shape)
    }

    fn nearer(
        found: FloatTensor<Self>,
        new: FloatTensor<Self>,
        new_size: FloatTensor<Self>,
        best: FloatTensor<Self>,
        best_size: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let shape = new.shape();
        let tensors = [found, new, new_size, best, best_size].map(|tensor| tensor.to_contiguous());
        let [found, new, new_size, best, best_size] = tensors.each_ref().map(|tensor| tensor.storage());
        let (images, sizes) = decoy_cpu::nearer(found, (new, new_size), (best, best_size));
        (tensor(images, shape), vector(sizes))
    }
}

impl ScoreOps for Flex {
    fn score(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>, score: Score, sign: f32) -> FloatTensor<Self> {
        let images = logits.shape()[0];
        vector(score.of(logits.to_contiguous().storage(), one_hot.to_contiguous().storage(), images, sign))
    }
}

impl ScoreBackward for Flex {
    fn score_gradient(
        gradient: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        score: Score,
        sign: f32,
    ) -> FloatTensor<Self> {
        let shape = logits.shape();
        let tensors = [gradient, logits, one_hot].map(|tensor| tensor.to_contiguous());
        let [gradient, logits, one_hot] = tensors.each_ref().map(|tensor| tensor.storage());
        tensor(score.gradient(gradient, logits, one_hot, sign), shape)
    }
}

/// `[N]`
fn vector(values: Vec<f32>) -> FlexTensor {
    let shape = Shape::new([values.len()]);
    tensor(values, shape)
}
