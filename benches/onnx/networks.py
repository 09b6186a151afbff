"""ResNet-18 and MobileNetV2 as ONNX graphs like those that exporters write: every BatchNorm folded into its convolution. The
weights are random, since only time is measured."""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE = 224
CLASSES = 1000


class Network:
    """The nodes so far; a method that adds some returns the name of what they give."""

    def __init__(self):
        self.nodes, self.weights = [], []
        self.random = numpy.random.default_rng(0)

    def node(self, operator, *inputs, **attributes):
        name = f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values):
        name = f"weights_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(values, numpy.float32), name))
        return name

    def drawn(self, *shape):
        """Weights after which what is passed on keeps its size, and biases."""
        scale = (2 / numpy.prod(shape[1:])) ** 0.5
        return self.constant(self.random.normal(0, scale, shape)), self.constant(self.random.normal(0, 0.1, shape[0]))

    def conv(self, x, inputs, outputs, kernel=1, stride=1, group=1):
        weights = self.drawn(outputs, inputs // group, kernel, kernel)
        pads, strides = [(kernel - 1) // 2] * 4, [stride] * 2
        shape = {"kernel_shape": [kernel] * 2, "dilations": [1, 1]}
        return self.node("Conv", x, *weights, strides=strides, pads=pads, group=group, **shape)

    def model(self, name, x, channels):
        """The whole graph, from the last convolution's `channels`."""
        rows = self.node("Flatten", self.node("GlobalAveragePool", x), axis=1)
        self.node("Gemm", rows, *self.drawn(CLASSES, channels), transB=1)
        self.nodes[-1].output[0] = "logits"
        pixels = helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["N", 3, SIDE, SIDE])
        logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["N", CLASSES])
        graph = helper.make_graph(self.nodes, name, [pixels], [logits], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model


def resnet18():
    """He et al. 2015, arXiv 1512.03385."""
    network = Network()
    x = network.node("Relu", network.conv("pixels", 3, 64, 7, 2))
    x = network.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    inputs = 64
    for outputs in [64, 128, 256, 512]:
        for _ in range(2):
            stride = 1 if outputs == 64 or inputs == outputs else 2
            y = network.node("Relu", network.conv(x, inputs, outputs, 3, stride))
            y = network.conv(y, outputs, outputs, 3)
            if inputs != outputs:
                x = network.conv(x, inputs, outputs, 1, stride)
            x = network.node("Relu", network.node("Add", y, x))
            inputs = outputs
    return network.model("resnet18", x, inputs)


def mobilenetv2():
    """Sandler et al. 2018, arXiv 1801.04381."""
    network = Network()
    limits = [network.constant(0.0), network.constant(6.0)]

    def activated(*conv):
        return network.node("Clip", network.conv(*conv), *limits)

    x = activated("pixels", 3, 32, 3, 2)
    inputs = 32
    stages = [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)]
    for expansion, outputs, repeats, first in stages:
        for stride in [first, *[1] * (repeats - 1)]:
            wide = expansion * inputs
            y = activated(x, inputs, wide) if expansion > 1 else x
            y = network.conv(activated(y, wide, wide, 3, stride, wide), wide, outputs)
            x = network.node("Add", y, x) if stride == 1 and inputs == outputs else y
            inputs = outputs
    return network.model("mobilenetv2", activated(x, inputs, 1280), 1280)
