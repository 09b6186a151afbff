//! Fused layers on the CPU: chooses the loop of a layer.

use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Flex, TensorMetadata};
use burn::tensor::Shape;
use decoy_cpu::Weights;

use super::tensor;
#[cfg(not(target_family = "wasm"))]
use crate::fused::composed_weight_gradients;
use crate::fused::{Activation, Kind, Layer, LayerBackward, LayerOps, composed, composed_backward};

/// The layer as a convolution of `decoy-cpu`, if it is one.
fn as_cpu_convolution(layer: Layer, x: &Shape, weight: &Shape) -> Option<decoy_cpu::Convolution> {
    let Kind::Convolution { stride, padding: [(top, _), (left, _)], groups } = layer.kind else {
        return None;
    };
    let to = layer.output(x, weight);
    Some(decoy_cpu::Convolution {
        activation: layer.activation,
        images: x[0],
        groups,
        from: [x[1] / groups, x[2], x[3]],
        to: [to[1] / groups, to[2], to[3]],
        size: weight[2],
        stride,
        padding: [top, left],
    })
}

/// The layer as a 1×1 convolution of `decoy-cpu`, if it is one and those loops are in this build.
fn as_cpu_pointwise(layer: Layer, x: &Shape, outputs: usize) -> Option<decoy_cpu::Pointwise> {
    (layer.kind == Kind::Pointwise && cfg!(not(webgpu))).then(|| decoy_cpu::Pointwise {
        activation: layer.activation,
        channels: x[1],
        outputs,
        pixels: x[2] * x[3],
    })
}

/// The weights of a layer. Natively they are kept packed, if they lie in memory as `decoy-cpu` reads them. In a
/// browser, where memory is scarce, they are packed in each pass.
fn kept_weights(weight: &FlexTensor) -> Weights<'_> {
    #[cfg(not(target_family = "wasm"))]
    return Weights::owned(weight.storage(), weight.data_arc());
    #[cfg(target_family = "wasm")]
    Weights::new(weight.storage())
}

fn activated(activation: Activation, x: FlexTensor) -> FlexTensor {
    if activation == Activation::Identity {
        return x;
    }
    let shape = x.shape();
    let y = activation.forward(x.to_contiguous().storage());
    tensor(y, shape)
}

fn activation_backward(activation: Activation, gradient: FlexTensor, x: FlexTensor) -> FlexTensor {
    if activation == Activation::Identity {
        return gradient;
    }
    let shape = x.shape();
    let [gradient, x] = [gradient, x].map(|tensor| tensor.to_contiguous());
    tensor(activation.backward(gradient.storage(), x.storage()), shape)
}

impl LayerOps for Flex {
    fn apply(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        let shape = layer.output(&x.shape(), &weight.shape());
        let convolution = as_cpu_convolution(layer, &x.shape(), &weight.shape());
        let pointwise = as_cpu_pointwise(layer, &x.shape(), shape[1]);
        if layer.kind == Kind::Pointwise && pointwise.is_none() {
            return composed::<Self>(activated(layer.activation, x), weight, bias, layer.linear());
        }
        let [x, weight, bias] = [x, weight, bias].map(|tensor| tensor.to_contiguous());
        let y = match (convolution, pointwise) {
            (Some(convolution), _) => convolution.forward(x.storage(), &kept_weights(&weight), bias.storage()),
            (_, Some(pointwise)) => pointwise.forward(x.storage(), &kept_weights(&weight), bias.storage()),
            _ => decoy_cpu::dense(layer.activation, x.storage(), weight.storage(), bias.storage()),
        };
        tensor(y, shape)
    }
}

impl LayerBackward for Flex {
    fn backward(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: Layer,
    ) -> FloatTensor<Self> {
        let (shape, outputs) = (x.shape(), gradient.shape()[1]);
        let convolution = as_cpu_convolution(layer, &shape, &weight.shape());
        let pointwise = as_cpu_pointwise(layer, &shape, outputs);
        if layer.kind == Kind::Pointwise && pointwise.is_none() {
            let gradient = composed_backward::<Self>(gradient, x.clone(), weight, layer.linear());
            return activation_backward(layer.activation, gradient, x);
        }
        let [gradient, x, weight] = [gradient, x, weight].map(|tensor| tensor.to_contiguous());
        let (gradient, x) = (gradient.storage(), x.storage());
        let y = match (convolution, pointwise) {
            (Some(convolution), _) => convolution.backward(gradient, x, &kept_weights(&weight)),
            (_, Some(pointwise)) => pointwise.backward(gradient, x, &kept_weights(&weight)),
            _ => decoy_cpu::dense_backward(layer.activation, gradient, x, weight.storage(), outputs),
        };
        tensor(y, shape)
    }

    #[cfg(not(target_family = "wasm"))]
    fn weight_gradients(
        gradient: FloatTensor<Self>,
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        layer: Layer,
    ) -> [FloatTensor<Self>; 2] {
        let shape = weight.shape();
        let kind = match layer.kind {
            Kind::Pointwise => Kind::Convolution { stride: 1, padding: [(0, 0); 2], groups: 1 },
            kind => kind,
        };
        match as_cpu_convolution(Layer { kind, ..layer }, &x.shape(), &shape) {
            Some(convolution) => {
                let [gradient, x] = [gradient, x].map(|tensor| tensor.to_contiguous());
                let found = convolution.weight_gradients(gradient.storage(), x.storage());
                let outputs = Shape::new([shape[0]]);
                [(found.weight, shape), (found.bias, outputs)].map(|(values, shape)| tensor(values, shape))
            }
            _ => composed_weight_gradients::<Self>(gradient, x, weight, layer),
        }
    }
}
