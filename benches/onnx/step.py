"""An attack step as one ONNX graph. ONNX Runtime computes no gradients in inference, so the way back through the network is
spelled out in ordinary operators, node by node, in reverse.

There is more than one way to spell it, and the quickest is another on each device:

- `cpu`: an activation's gradient is a product with a Sign; that of a convolution is one with the flipped kernel, with a
  stride a ConvTranspose, where depthwise a convolution of all phases of the stride and DepthToSpace.
- `webgpu`: the first is a Where, all others are ConvTranspose.
"""

import numpy
import onnx
from onnx import TensorProto, helper, numpy_helper, shape_inference

SPELLINGS = ["cpu", "webgpu"]


def step(forward, spelling):
    """From a network's graph, `pixels` [N, C, H, W] to `logits` [N, K], the graph of a step: with the inputs `labels` [N, K],
    one-hot, and `size` [1], to `logits`, `gradient`, that of the summed cross-entropy, and `next`, the pixels after a step of
    that size along its sign, in [0, 1]."""
    back = Back(forward, spelling)
    back.differentiate()
    signs = back.node("Sign", "gradient")
    moved = back.node("Add", "pixels", back.node("Mul", signs, "size"))
    back.node("Clip", moved, back.constant(0.0), back.constant(1.0), name="next")
    graph = back.model.graph
    pixels, logits = (value.type for value in [graph.input[0], graph.output[0]])
    graph.input.append(onnx.ValueInfoProto(name="labels", type=logits))
    graph.input.append(helper.make_tensor_value_info("size", TensorProto.FLOAT, [1]))
    graph.output.extend(onnx.ValueInfoProto(name=name, type=pixels) for name in ["gradient", "next"])
    onnx.checker.check_model(back.model, full_check=True)
    return back.model


class Back:
    """Adds nodes to a copy of a network's graph."""

    def __init__(self, forward, spelling):
        self.spelling = spelling
        self.model = onnx.ModelProto()
        self.model.CopyFrom(forward)
        self.forward = list(self.model.graph.node)
        self.constants = {each.name: numpy_helper.to_array(each) for each in self.model.graph.initializer}
        inferred = shape_inference.infer_shapes(self.model, strict_mode=True, data_prop=True).graph
        values = [*inferred.input, *inferred.value_info, *inferred.output]
        self.shapes = {value.name: [axis.dim_value for axis in value.type.tensor_type.shape.dim] for value in values}

    def node(self, operator, *inputs, name=None, **attributes):
        """An operator on `inputs`; returns the name of its output."""
        name = name or f"{operator}_back_{len(self.model.graph.node)}"
        self.model.graph.node.append(helper.make_node(operator, inputs, [name], name=name, **attributes))
        return name

    def constant(self, values):
        """A constant: floats, or a shape as a list of integers."""
        array = numpy.array(values, numpy.int64 if isinstance(values, list) else numpy.float32)
        name = f"constant_back_{len(self.model.graph.initializer)}"
        self.model.graph.initializer.append(numpy_helper.from_array(array, name))
        return name

    def differentiate(self):
        """The gradient of the summed cross-entropy in every value on the way to the logits, down to the pixels."""
        gradients = {"logits": self.node("Sub", self.node("Softmax", "logits", axis=1), "labels")}
        for node in reversed(self.forward):
            rule = getattr(self, node.op_type)
            gradient = rule(node, gradients.pop(node.output[0]), **attributes(node))
            for name in [node.input[0]] if node.op_type != "Add" else node.input:
                if name in self.constants:
                    continue
                gradients[name] = self.node("Add", gradients[name], gradient) if name in gradients else gradient
        [(pixels, gradient)] = gradients.items()
        assert pixels == "pixels", pixels
        for node in self.model.graph.node:
            for names in (node.input, node.output):
                names[:] = ["gradient" if name == gradient else name for name in names]

    # One rule for each operator: from the gradient in its output to that in its first input.

    def Add(self, node, gradient):
        return gradient

    def Flatten(self, node, gradient, axis):
        return self.node("Reshape", gradient, self.constant([0, *self.shapes[node.input[0]][1:]]))

    def GlobalAveragePool(self, node, gradient):
        """[N, C, 1, 1], which the rule of the activation before it spreads."""
        _, _, height, width = self.shapes[node.input[0]]
        return self.node("Mul", gradient, self.constant(1 / (height * width)))

    def Gemm(self, node, gradient):
        return self.node("Gemm", gradient, node.input[1], transB=1)

    def Relu(self, node, gradient):
        return self.masked(node.output[0], gradient, None)

    def Clip(self, node, gradient):
        low, high = (float(self.constants[name]) for name in node.input[1:])
        assert low == 0
        return self.masked(node.output[0], gradient, self.constant(high))

    def masked(self, output, gradient, high):
        """The gradient where an activation's output is above 0 and below `high`, else 0."""
        if self.spelling == "cpu":
            inside = output if high is None else self.node("Mul", output, self.node("Sub", high, output))
            return self.node("Mul", gradient, self.node("Sign", inside))
        inside = self.node("Greater", output, self.constant(0.0))
        if high is not None:
            inside = self.node("And", inside, self.node("Less", output, high))
        return self.node("Where", inside, gradient, self.constant(0.0))

    def Conv(self, node, gradient, kernel_shape, strides, dilations, pads, group):
        weight = self.constants[node.input[1]]
        (_, inputs, side, width), (_, _, out, _) = (self.shapes[name] for name in [node.input[0], node.output[0]])
        kernel, stride, begin, end = kernel_shape[0], strides[0], pads[0], pads[2]
        square = kernel_shape == [kernel] * 2 and strides == [stride] * 2 and side == width
        assert square and pads == [begin, begin, end, end] and dilations == [1, 1] and group in (1, inputs)
        depthwise = group > 1
        shape = {"kernel_shape": kernel_shape, "group": group}
        if self.spelling == "cpu" and stride == 1:
            across = weight if depthwise else weight.transpose(1, 0, 2, 3)
            before, after = kernel - 1 - begin, kernel - 1 - end
            flipped = self.constant(across[:, :, ::-1, ::-1])
            return self.node("Conv", gradient, flipped, pads=[before, before, after, after], **shape)
        if self.spelling == "cpu" and depthwise:
            return self.woven(gradient, weight[:, 0], stride, begin, side, out)
        missing = side - (stride * (out - 1) + kernel - begin - end)
        last = {"output_padding": [missing, missing]} if missing else {}
        return self.node("ConvTranspose", gradient, node.input[1], strides=strides, pads=pads, **shape, **last)

    def woven(self, gradient, weight, stride, begin, side, out):
        """A depthwise convolution with a stride takes for its output i the inputs stride · i + tap − begin. So the gradient
        in input stride · i + phase has the taps by which phase + begin − tap is a multiple of the stride, from output
        i + that multiple."""
        assert side == stride * out
        channels, kernel, _ = weight.shape
        ways = [
            (phase, tap, (phase + begin - tap) // stride)
            for phase in range(stride)
            for tap in range(kernel)
            if (phase + begin - tap) % stride == 0
        ]
        first, last = min(way[2] for way in ways), max(way[2] for way in ways)
        length = last - first + 1
        phases = numpy.zeros((channels, stride, stride, length, length), numpy.float32)
        for row, y, i in ways:
            for column, x, j in ways:
                phases[:, row, column, i - first, j - first] = weight[:, y, x]
        weights = self.constant(phases.reshape(channels * stride**2, 1, length, length))
        pads = [-first, -first, last, last]
        woven = self.node("Conv", gradient, weights, kernel_shape=[length] * 2, pads=pads, group=channels)
        return self.node("DepthToSpace", woven, blocksize=stride, mode="CRD")


def attributes(node):
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}
