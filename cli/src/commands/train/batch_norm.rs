//! BatchNorm on the CPU, as one operation forward and one backward: composed of Burn's operations it takes as long as
//! the convolutions.

use burn::backend::autodiff::checkpoint::{base::Checkpointer, strategy::CheckpointStrategy};
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, Backend, Dispatch, Flex, TensorMetadata, backend_extension};
use burn::module::{Module, Param};
use burn::tensor::{Device, Shape, Tensor, TensorData};
use decoy::model::residual::ChannelAffine;
use decoy_cpu::{Moments, normalise, normalise_backward};

/// BatchNorm of `[N, C, H, W]` in training: it gives every channel the mean `beta` and the standard deviation `gamma`
/// over the batch. Both are `[C]`.
#[derive(Module, Debug)]
pub struct BatchNorm {
    gamma: Param<Tensor<1>>,
    beta: Param<Tensor<1>>,
}

impl BatchNorm {
    /// A layer with standard deviation 1 and mean 0.
    pub fn new(channels: usize, device: &Device) -> Self {
        Self {
            gamma: Param::from_tensor(Tensor::ones([channels], device)),
            beta: Param::from_tensor(Tensor::zeros([channels], device)),
        }
    }

    /// `x`, `[N, C, H, W]`, normalised with the mean and variance of this batch.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [gamma, beta] = [&self.gamma, &self.beta].map(|value| value.val().into_dispatch());
        Tensor::from_dispatch(Dispatch::normalise_batch(x.into_dispatch(), gamma, beta))
    }

    /// The layer after training: an affine function of each channel, with fixed `moments` in place of the batch's.
    pub fn frozen(&self, moments: &Moments) -> ChannelAffine {
        let values =
            |tensor: &Param<Tensor<1>>| tensor.val().inner().into_data().try_to_vec::<f32>().expect("f32 values");
        let beta = values(&self.beta);
        let scale: Vec<f32> =
            values(&self.gamma).iter().zip(moments.scale()).map(|(gamma, scale)| gamma * scale).collect();
        let shift = beta.iter().zip(&scale).zip(&moments.mean).map(|((beta, scale), mean)| beta - mean * scale);
        ChannelAffine { shift: shift.collect(), scale }
    }
}

#[backend_extension(Flex, Autodiff)]
trait BatchNormOps: Backend {
    fn normalise_batch(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self>;
}

/// The backward pass.
trait BatchNormBackward: BatchNormOps {
    /// The gradients in `x`, `gamma` and `beta`, from the gradient in the output.
    fn backward(gradient: FloatTensor<Self>, x: FloatTensor<Self>, gamma: FloatTensor<Self>) -> [FloatTensor<Self>; 3];
}

fn positions(x: &Shape) -> usize {
    x[2] * x[3]
}

impl BatchNormOps for Flex {
    fn normalise_batch(x: FlexTensor, gamma: FlexTensor, beta: FlexTensor) -> FlexTensor {
        let shape = x.shape();
        let [x, gamma, beta] = [x, gamma, beta].map(|tensor| tensor.to_contiguous());
        let moments = Moments::of(x.storage(), shape[1], positions(&shape));
        let y = normalise(x.storage(), positions(&shape), &moments, gamma.storage(), beta.storage());
        FlexTensor::from_data(TensorData::new(y, shape))
    }
}

impl BatchNormBackward for Flex {
    fn backward(gradient: FlexTensor, x: FlexTensor, gamma: FlexTensor) -> [FlexTensor; 3] {
        let shape = x.shape();
        let channels = Shape::new([shape[1]]);
        let [gradient, x, gamma] = [gradient, x, gamma].map(|tensor| tensor.to_contiguous());
        let moments = Moments::of(x.storage(), shape[1], positions(&shape));
        let (in_x, in_gamma, in_beta) =
            normalise_backward(gradient.storage(), x.storage(), positions(&shape), &moments, gamma.storage());
        [(in_x, shape), (in_gamma, channels.clone()), (in_beta, channels)]
            .map(|(values, shape)| FlexTensor::from_data(TensorData::new(values, shape)))
    }
}

impl<B: BatchNormBackward, C: CheckpointStrategy> BatchNormOps for Autodiff<B, C> {
    fn normalise_batch(x: FloatTensor<Self>, gamma: FloatTensor<Self>, beta: FloatTensor<Self>) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct BatchNormGradients;

        impl<B: BatchNormBackward> Backward<B, 3> for BatchNormGradients {
            type State = (FloatTensor<B>, FloatTensor<B>);

            fn backward(self, ops: Ops<Self::State, 3>, gradients: &mut Gradients, _checkpointer: &mut Checkpointer) {
                let (x, gamma) = ops.state;
                let found = B::backward(gradients.consume::<B>(&ops.node), x, gamma);
                for (node, found) in ops.parents.into_iter().zip(found) {
                    if let Some(node) = node {
                        gradients.register::<B>(node.id, found);
                    }
                }
            }
        }

        let nodes = [x.node(), gamma.node(), beta.node()];
        let (x, gamma) = (x.into_primitive(), gamma.into_primitive());
        let output = B::normalise_batch(x.clone(), gamma.clone(), beta.into_primitive());
        match BatchNormGradients.prepare::<C>(nodes).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((x, gamma), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}
