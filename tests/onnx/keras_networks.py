"""Architectures of Keras, exported by Keras itself and by tf2onnx, read by `decoy` and held to ONNX Runtime and to
TensorFlow's own gradients: `cargo xtask onnx --keras`, from the root of the repository. The weights are random: what is
tested is the reading."""

import os
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # before TensorFlow is imported

import keras
import numpy
import tensorflow
import tf2onnx

from exports import compare, main

NETWORKS = [
    "ResNet50", "ResNet50V2", "DenseNet121", "InceptionV3", "InceptionResNetV2", "Xception", "MobileNet",
    "MobileNetV2", "MobileNetV3Small", "NASNetMobile", "EfficientNetB0", "EfficientNetV2B0", "ConvNeXtTiny",
]  # fmt: skip


def network(name: str, side: int) -> keras.Model:
    """With random weights, a BatchNorm that changes what it sees, and a softmax at the end."""
    keras.utils.set_random_seed(0)
    model = getattr(keras.applications, name)(weights=None, input_shape=(side, side, 3))
    pixels = tensorflow.random.uniform((4, side, side, 3))
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
            if layer.scale:
                layer.gamma.assign(tensorflow.random.uniform(layer.gamma.shape, 0.8, 1.2))
            layer.beta.assign(tensorflow.random.normal(layer.beta.shape, stddev=0.1))
    model(pixels, training=True)  # every BatchNorm takes the statistics of what it sees
    weights = next(layer.kernel for layer in reversed(model.layers) if hasattr(layer, "kernel"))
    weights.assign(weights / tensorflow.math.reduce_std(logits(model, pixels)))  # so that no probability is rounded to 0
    return model


def logits(model: keras.Model, pixels: tensorflow.Tensor) -> tensorflow.Tensor:
    """What the softmax at the end is given."""
    last = model.layers[-1]
    activation, last.activation = last.activation, keras.activations.linear
    values = model(pixels, training=False)
    last.activation = activation
    return values


def export(model: keras.Model, path: Path, side: int, exporter: str) -> None:
    if exporter == "Keras":
        model.export(path, format="onnx", verbose=False)
    else:
        signature = [tensorflow.TensorSpec([None, side, side, 3], tensorflow.float32, name="pixels")]
        function = tensorflow.function(lambda pixels: model(pixels, training=False), input_signature=signature)
        tf2onnx.convert.from_function(function, input_signature=signature, opset=17, output_path=str(path))


def gradient(model: keras.Model, pixels: numpy.ndarray, classes: numpy.ndarray) -> numpy.ndarray:
    """Of the margin between the logits."""
    pixels = tensorflow.constant(pixels.transpose(0, 2, 3, 1))
    with tensorflow.GradientTape() as tape:
        tape.watch(pixels)
        values = logits(model, pixels)
        own = tensorflow.one_hot(classes, values.shape[1])
        margin = tensorflow.reduce_max(values - 1e9 * own, axis=1) - tensorflow.reduce_sum(values * own, axis=1)
    return tape.gradient(margin, pixels).numpy().transpose(0, 3, 1, 2)


def softmax(logits: numpy.ndarray) -> numpy.ndarray:
    powers = numpy.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def check(name: str, exporter: str, path: Path) -> dict:
    side = 299 if name in ("InceptionV3", "InceptionResNetV2", "Xception") else 224
    model = network(name, side)
    try:
        export(model, path, side, exporter)
    except ValueError as error:  # Keras cannot export each of its own networks
        return {"not exported": str(error)}
    return compare(path, lambda *images: gradient(model, *images), lambda pixels: pixels.transpose(0, 2, 3, 1), softmax)


if __name__ == "__main__":
    main(__doc__, check, NETWORKS, ["Keras", "tf2onnx"])
