"""Converts FP32 networks to FP16 when a provider that runs FP16 best opens one.

A network that loses too much in INT8 ships as such a file.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_LARGEST = float(np.finfo(np.float16).max)
_IN_FLOAT = {"Resize": (1, 2), "Upsample": (1,)}
"""Inputs that ONNX requires in float32 for every type of image: regions and scales."""


def to_half(content: bytes) -> bytes:
    """Return the FP32 network of the ONNX file `content` with weights and arithmetic in FP16.

    Inputs and outputs stay float32 and are cast inside, so that both precisions are used alike. A weight beyond the
    range of FP16 is clipped to it.
    """
    model = onnx.load_model_from_string(content)
    graph = model.graph
    kept = {
        node.input[place] for node in graph.node for place in _IN_FLOAT.get(node.op_type, ()) if place < len(node.input)
    }
    for weight in graph.initializer:
        if weight.name not in kept:
            _halve(weight)
    for node in graph.node:
        if not kept.intersection(node.output):
            _halve_node(node)
    del graph.value_info[:]  # the types in it are outdated
    _cast_at_the_ends(graph)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def _halve(tensor: TensorProto) -> None:
    """Convert a float32 `tensor` to FP16; other types are left alone."""
    if tensor.data_type == TensorProto.FLOAT:
        values = np.clip(numpy_helper.to_array(tensor), -_LARGEST, _LARGEST).astype(np.float16)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def _halve_node(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.type == onnx.AttributeProto.TENSOR:
            _halve(attribute.t)
        elif node.op_type == "Cast" and attribute.name == "to" and attribute.i == TensorProto.FLOAT:
            attribute.i = TensorProto.FLOAT16


def _cast_at_the_ends(graph: onnx.GraphProto) -> None:
    """Add casts from the inputs to FP16 and from FP16 to the outputs."""
    inside = {each.name: f"{each.name}_half" for each in (*graph.input, *graph.output)}
    for node in graph.node:
        node.input[:] = [inside.get(name, name) for name in node.input]
        node.output[:] = [inside.get(name, name) for name in node.output]
    ins = [helper.make_node("Cast", [each.name], [inside[each.name]], to=TensorProto.FLOAT16) for each in graph.input]
    outs = [helper.make_node("Cast", [inside[each.name]], [each.name], to=TensorProto.FLOAT) for each in graph.output]
    nodes = [*ins, *graph.node, *outs]
    del graph.node[:]
    graph.node.extend(nodes)
