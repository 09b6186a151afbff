//! The operations of attacks on each image of a batch separately, in one pass each: loops of `decoy-cpu` on the CPU
//! (`cpu/`), kernels on a GPU (`gpu/`).

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind, unary};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;
pub(crate) use decoy_cpu::{Combination, Score, Size};

/// `sign` times the `score` of every row of `logits` `[N, K]`, `[N]`. `one_hot` `[N, K]` is 1 at the class of the
/// score.
pub(crate) fn score(logits: Tensor<2>, one_hot: Tensor<2>, score: Score, sign: f32) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::score(logits.into_dispatch(), one_hot.into_dispatch(), score, sign))
}

/// The `size` of every image of `x` `[N, C, H, W]`, `[N]`.
pub(crate) fn size(x: Tensor<4>, size: Size) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::size(x.into_dispatch(), size))
}

/// The `size` of every image of `a − b`, both `[N, C, H, W]`, `[N]`.
pub(crate) fn distance(a: Tensor<4>, b: Tensor<4>, size: Size) -> Tensor<1> {
    Tensor::from_dispatch(Dispatch::distance(a.into_dispatch(), b.into_dispatch(), size))
}

/// Every image of `x` `[N, C, H, W]` scaled to L2 length 1, also a tiny one. An image of zeros stays zero.
pub(crate) fn unit(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::unit(x.into_dispatch()))
}

/// `from` plus [`unit`] of `direction`, `[N, C, H, W]`, times `length` `[N]`.
pub(crate) fn step(from: Tensor<4>, direction: Tensor<4>, length: Tensor<1>) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::step(from.into_dispatch(), direction.into_dispatch(), length.into_dispatch()))
}

/// `from` plus the signs of `direction`, `[N, C, H, W]`, times `length` `[N]`, clipped to [0, 1].
pub(crate) fn sign_step(from: Tensor<4>, direction: Tensor<4>, length: Tensor<1>) -> Tensor<4> {
    combine(from, direction, length, Combination::SignStep)
}

/// The point at the share `by` `[N]` of the line from `a` to `b`, `[N, C, H, W]`, clipped to [0, 1].
pub(crate) fn between(a: Tensor<4>, b: Tensor<4>, by: Tensor<1>) -> Tensor<4> {
    combine(a, b, by, Combination::Between)
}

/// `x` `[N, C, H, W]`, clipped to at most `radius` `[N]` from `center`, and to [0, 1].
pub(crate) fn linf_ball(center: Tensor<4>, x: Tensor<4>, radius: Tensor<1>) -> Tensor<4> {
    combine(center, x, radius, Combination::LinfBall)
}

/// The images of `yes` `[N, C, H, W]` where `mask` `[N]` is 1, else those of `no`.
pub(crate) fn choose(mask: Tensor<1>, yes: Tensor<4>, no: Tensor<4>) -> Tensor<4> {
    combine(yes, no, mask, Combination::Choice)
}

/// Images `[N, C, H, W]` and their sizes `[N]`: those of `new` where `found` `[N]` is 1 and `new` is smaller, else
/// those of `best`.
pub(crate) fn nearer(
    found: Tensor<1>,
    new: (Tensor<4>, Tensor<1>),
    best: (Tensor<4>, Tensor<1>),
) -> (Tensor<4>, Tensor<1>) {
    let new = (new.0.into_dispatch(), new.1.into_dispatch());
    let best = (best.0.into_dispatch(), best.1.into_dispatch());
    let (images, sizes) = Dispatch::nearer(found.into_dispatch(), new.0, new.1, best.0, best.1);
    (Tensor::from_dispatch(images), Tensor::from_dispatch(sizes))
}

fn combine(a: Tensor<4>, b: Tensor<4>, by: Tensor<1>, combination: Combination) -> Tensor<4> {
    Tensor::from_dispatch(Dispatch::combine(a.into_dispatch(), b.into_dispatch(), by.into_dispatch(), combination))
}

#[backend_extension(Flex, Cube: cfg(gpu))]
pub(crate) trait PerImageOps: Backend {
    fn size(x: FloatTensor<Self>, size: Size) -> FloatTensor<Self>;

    fn distance(a: FloatTensor<Self>, b: FloatTensor<Self>, size: Size) -> FloatTensor<Self>;

    fn unit(x: FloatTensor<Self>) -> FloatTensor<Self>;

    fn step(from: FloatTensor<Self>, direction: FloatTensor<Self>, length: FloatTensor<Self>) -> FloatTensor<Self>;

    fn combine(
        a: FloatTensor<Self>,
        b: FloatTensor<Self>,
        by: FloatTensor<Self>,
        combination: Combination,
    ) -> FloatTensor<Self>;

    fn nearer(
        found: FloatTensor<Self>,
        new: FloatTensor<Self>,
        new_size: FloatTensor<Self>,
        best: FloatTensor<Self>,
        best_size: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

#[backend_extension(Flex, Cube: cfg(gpu), Autodiff)]
pub(crate) trait ScoreOps: Backend {
    fn score(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>, score: Score, sign: f32) -> FloatTensor<Self>;
}

/// The backward pass on one device.
pub(crate) trait ScoreBackward: ScoreOps {
    /// The gradient in the logits, from the `gradient` in the scores.
    fn score_gradient(
        gradient: FloatTensor<Self>,
        logits: FloatTensor<Self>,
        one_hot: FloatTensor<Self>,
        score: Score,
        sign: f32,
    ) -> FloatTensor<Self>;
}

impl<B: ScoreBackward, C: CheckpointStrategy> ScoreOps for Autodiff<B, C> {
    fn score(logits: FloatTensor<Self>, one_hot: FloatTensor<Self>, score: Score, sign: f32) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct InLogits;

        impl<B: ScoreBackward> Backward<B, 1> for InLogits {
            type State = (FloatTensor<B>, FloatTensor<B>, Score, f32);

            fn backward(self, ops: Ops<Self::State, 1>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
                let (logits, one_hot, score, sign) = ops.state;
                unary::<B, _>(ops.parents, ops.node, gradients, |gradient| {
                    B::score_gradient(gradient, logits, one_hot, score, sign)
                });
            }
        }

        let (input, one_hot) = (logits.primitive().clone(), one_hot.into_primitive());
        let output = B::score(input.clone(), one_hot.clone(), score, sign);
        match InLogits.prepare::<C>([logits.node()]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((input, one_hot, score, sign), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::activation::log_softmax;
    use burn::tensor::{Device, Distribution, TensorData, Tolerance};

    use crate::tensors::{broadcast, devices};

    /// Tests that values and gradient of `score` equal those of `expected`, which Burn computes from the logits and
    /// `one_hot`.
    fn assert_matches(kind: Score, expected: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>) {
        for device in devices() {
            assert_matches_on(&device, kind, &expected);
        }
    }

    fn assert_matches_on(device: &Device, kind: Score, expected: impl Fn(Tensor<2>, Tensor<2>) -> Tensor<1>) {
        let logits = Tensor::random([4, 7], Distribution::Normal(0.0, 5.0), device);
        let one_hot = Tensor::from_data(
            TensorData::new((0..28).map(|i| f32::from(i % 7 == i / 7 * 2)).collect::<Vec<_>>(), [4, 7]),
            device,
        );
        let factors = Tensor::<1>::from_data([1.0, -2.0, 0.5, 3.0], device).autodiff();
        let passes = |score: &dyn Fn(Tensor<2>) -> Tensor<1>| {
            let logits = logits.clone().autodiff().require_grad();
            let scores = score(logits.clone());
            let gradient = logits.grad(&(scores.clone() * factors.clone()).backward()).expect("it takes part");
            (scores.inner().into_data(), gradient.into_data())
        };
        for sign in [1.0, -1.0] {
            let (scores, gradient) = passes(&|logits| score(logits, one_hot.clone(), kind, sign));
            let (expected_scores, expected_gradient) =
                passes(&|logits| expected(logits, one_hot.clone().autodiff()) * sign);
            let tolerance = Tolerance::absolute(1e-5).set_relative(1e-4);
            scores.assert_approx_eq::<f32>(&expected_scores, tolerance);
            gradient.assert_approx_eq::<f32>(&expected_gradient, tolerance);
        }
    }

    fn log_probability(logits: Tensor<2>, one_hot: Tensor<2>) -> Tensor<1> {
        (log_softmax(logits, 1) * one_hot).sum_dim(1).squeeze_dim(1)
    }

    #[test]
    fn scores_are_what_they_are_called() {
        assert_matches(Score::CrossEntropy, |logits, one_hot| -log_probability(logits, one_hot));
        assert_matches(Score::Probability, |logits, one_hot| log_probability(logits, one_hot).exp());
        assert_matches(Score::LogOdds, |logits, one_hot| {
            let others = (logits.clone() - one_hot.clone() * 1e9).exp().sum_dim(1).log();
            (others - (logits * one_hot).sum_dim(1)).squeeze_dim(1)
        });
        assert_matches(Score::Margin, |logits, one_hot| {
            let others = (logits.clone() - one_hot.clone() * 1e9).max_dim(1);
            (others - (logits * one_hot).sum_dim(1)).squeeze_dim(1)
        });
    }

    #[test]
    fn odds_neither_overflow_nor_vanish() {
        for device in devices() {
            let logits = Tensor::<2>::from_data([[500.0, 0.0, 1.0], [0.0, 500.0, -500.0]], &device);
            let one_hot = Tensor::<2>::from_data([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]], &device);
            let of = |kind| score(logits.clone(), one_hot.clone(), kind, 1.0).into_data();
            let close = Tolerance::absolute(1e-4);
            of(Score::LogOdds).assert_approx_eq::<f32>(&TensorData::from([-498.68674_f32, 500.0]), close);
            of(Score::CrossEntropy).assert_approx_eq::<f32>(&TensorData::from([0.0_f32, 500.0]), close);
            of(Score::Probability).assert_approx_eq::<f32>(&TensorData::from([1.0_f32, 0.0]), close);

            let tracked = logits.clone().autodiff().require_grad();
            let log_odds = score(tracked.clone(), one_hot.clone(), Score::LogOdds, 1.0);
            let gradient = tracked.grad(&log_odds.backward()).expect("it takes part").into_data();
            let expected = TensorData::from([[-1.0_f32, 0.26894143, 0.7310586], [-1.0, 1.0, 0.0]]);
            gradient.assert_approx_eq::<f32>(&expected, close);
        }
    }

    /// [`size`] made of Burn's operations.
    fn composed_size(x: Tensor<4>, kind: Size) -> Tensor<1> {
        let x: Tensor<2> = x.flatten(1, 3);
        let size = match kind {
            Size::Count => x.not_equal_elem(0.0).float().sum_dim(1),
            Size::Sum => x.abs().sum_dim(1),
            Size::Length => (x.clone() * x).sum_dim(1).sqrt(),
            Size::Largest => x.abs().max_dim(1),
        };
        size.squeeze_dim(1)
    }

    #[test]
    fn sizes_and_directions_are_those_of_burn() {
        for device in devices() {
            let x = Tensor::<4>::random([3, 2, 5, 7], Distribution::Normal(0.0, 2.0), &device);
            let x = x.clone().mask_fill(x.lower_elem(0.0), 0.0);
            for kind in [Size::Count, Size::Sum, Size::Length, Size::Largest] {
                let expected = composed_size(x.clone(), kind).into_data();
                size(x.clone(), kind).into_data().assert_approx_eq::<f32>(&expected, Tolerance::default());
            }
            let other = Tensor::<4>::random([3, 2, 5, 7], Distribution::Normal(0.0, 2.0), &device);
            for kind in [Size::Count, Size::Sum, Size::Length, Size::Largest] {
                let expected = size(x.clone() - other.clone(), kind).into_data();
                let found = distance(x.clone(), other.clone(), kind).into_data();
                found.assert_approx_eq::<f32>(&expected, Tolerance::default());
            }
            let expected = x.clone() / broadcast(composed_size(x.clone(), Size::Length));
            unit(x.clone()).into_data().assert_approx_eq::<f32>(&expected.to_data(), Tolerance::default());
            // The squares of these images underflow to 0, or are 0.
            for (scale, length) in [(1e-30, 1.0), (0.0, 0.0)] {
                let found = composed_size(unit(x.clone() * scale), Size::Length).into_data();
                found.assert_approx_eq::<f32>(&TensorData::from([length; 3]), Tolerance::<f32>::absolute(1e-4));
            }
            let lengths = Tensor::<1>::from_data([0.0, 2.0, 1e-3], &device);
            let expected = other.clone() + expected * broadcast(lengths.clone());
            step(other, x, lengths).into_data().assert_approx_eq::<f32>(&expected.into_data(), Tolerance::default());
        }
    }

    #[test]
    fn images_are_combined_each_by_its_own_number() {
        for device in devices() {
            let tensor = |values: [f32; 4]| Tensor::<1>::from_data(values, &device).reshape([2, 1, 1, 2]);
            let (a, b) = (tensor([0.1, 0.2, 0.3, 0.4]), tensor([1.0, -1.0, 2.0, 0.1]));
            let by = Tensor::<1>::from_data([0.0, 1.0], &device);
            let assert_matches = |found: Tensor<4>, expected| {
                found.into_data().assert_approx_eq::<f32>(&tensor(expected).into_data(), Tolerance::default());
            };
            assert_matches(choose(by.clone(), a.clone(), b.clone()), [1.0, -1.0, 0.3, 0.4]);
            assert_matches(between(a.clone(), b.clone(), by.clone() * 0.5), [0.1, 0.2, 1.0, 0.25]);
            assert_matches(
                sign_step(a.clone(), b.clone() * tensor([1.0, 1.0, -1.0, 0.0]), by.clone() * 0.2 + 0.1),
                [0.2, 0.1, 0.0, 0.4],
            );
            assert_matches(linf_ball(a.clone(), b.clone(), by.clone() * 0.2 + 0.1), [0.2, 0.1, 0.6, 0.1]);
            // A network may return NaN. Here it must not panic; the driver reports it later.
            assert_matches(linf_ball(a.clone(), b.clone(), by.clone() * f32::NAN), [1.0, 0.0, 1.0, 0.1]);

            let sizes = |values: [f32; 2]| Tensor::<1>::from_data(values, &device);
            let found = sizes([1.0, 1.0]);
            let (images, smaller) =
                nearer(found.clone(), (a.clone(), sizes([2.0, 1.0])), (b.clone(), sizes([1.0, 2.0])));
            assert_matches(images, [1.0, -1.0, 0.3, 0.4]);
            assert_eq!(smaller.into_data(), sizes([1.0, 1.0]).into_data());
            let (images, kept) = nearer(found * 0.0, (a, sizes([0.0, 0.0])), (b, sizes([1.0, 2.0])));
            assert_matches(images, [1.0, -1.0, 2.0, 0.1]);
            assert_eq!(kept.into_data(), sizes([1.0, 2.0]).into_data());
        }
    }
}
