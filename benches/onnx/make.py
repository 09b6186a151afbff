"""Writes the graphs that the benchmarks give to ONNX Runtime: `python make.py EXPORTED FOLDER`, where EXPORTED has Decoy's
networks as `decoy export` writes them. Of each: NAME.onnx, a forward pass, and NAME.SPELLING.onnx, a step. Besides,
networks that Decoy reads from the same file."""

import sys
from pathlib import Path

import networks
import numpy
import onnx
from onnx import numpy_helper
from step import SPELLINGS, step


def tidied(model):
    """The same network in fewer nodes, as Decoy computes it: the normalisation's scale is part of the first convolution, an
    activation comes before Flatten, where ONNX Runtime makes it a part of the convolution, and the last node gives the
    logits."""
    graph = model.graph
    scale, shift, conv, *rest = graph.node
    last, end = rest[-2:]
    assert [node.op_type for node in (scale, shift, conv, end)] == ["Mul", "Add", "Conv", "Identity"]
    factor = value(graph, scale.input[1])
    replace(graph, shift.input[1], value(graph, shift.input[1]) / factor)
    replace(graph, conv.input[1], value(graph, conv.input[1]) * factor)
    shift.input[0] = scale.input[0]
    last.output[0] = end.output[0]
    graph.node.remove(scale)
    graph.node.remove(end)
    for flatten, relu in zip(graph.node, graph.node[1:]):
        if [flatten.op_type, relu.op_type] == ["Flatten", "Relu"]:
            flatten.op_type, relu.op_type = "Relu", "Flatten"
            relu.attribute.extend(flatten.attribute)
            del flatten.attribute[:]
    return model


def middle(model, side):
    """The network of the middle part of its pictures: the first dense layer keeps the weights of that part."""
    cut = onnx.ModelProto()
    cut.CopyFrom(model)
    height, width = cut.graph.input[0].type.tensor_type.shape.dim[2:]
    share = height.dim_value // side
    height.dim_value = width.dim_value = side
    weight = next(node for node in cut.graph.node if node.op_type == "Gemm").input[1]
    last = [node for node in cut.graph.node if node.op_type == "Conv"][-1]
    values, channels = value(cut.graph, weight), value(cut.graph, last.input[1]).shape[0]
    whole = round((values.shape[0] / channels) ** 0.5)
    part = whole // share
    edge = (whole - part) // 2
    kept = values.reshape(channels, whole, whole, -1)[:, edge : edge + part, edge : edge + part]
    replace(cut.graph, weight, kept.reshape(channels * part**2, -1))
    return cut


def initializer(graph, name):
    return next(each for each in graph.initializer if each.name == name)


def value(graph, name):
    return numpy_helper.to_array(initializer(graph, name))


def replace(graph, name, values):
    initializer(graph, name).CopyFrom(numpy_helper.from_array(numpy.ascontiguousarray(values, numpy.float32), name))


def main(exported, folder):
    folder.mkdir(parents=True, exist_ok=True)
    forward = {path.stem: tidied(onnx.load(path)) for path in sorted(exported.glob("*.onnx"))}
    forward["coil20-32"] = middle(forward["coil20"], 32)
    for name, model in forward.items():
        onnx.save(model, folder / f"{name}.onnx")
        for spelling in SPELLINGS:
            onnx.save(step(model, spelling), folder / f"{name}.{spelling}.onnx")
    for network in [networks.resnet18, networks.mobilenetv2]:
        onnx.save(network(), folder / f"{network.__name__}.onnx")


main(*map(Path, sys.argv[1:]))
