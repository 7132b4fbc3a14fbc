"""The cost of an ONNX file: parameters and multiply-accumulate operations of one pass."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import onnx
from onnx import numpy_helper, shape_inference

_WITH_WEIGHTS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The cost: `parameters` of convolutions and linear layers, with biases, and `macs`, the products per picture."""

    parameters: int
    macs: int


def cost_of(path: Path) -> Cost:
    """Count over the graph of `path`, FP32 or quantized (QDQ). Raises ValueError where a shape is not fixed."""
    model = shape_inference.infer_shapes(onnx.load(path))
    sizes = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    made_by = {output: node for node in model.graph.node for output in node.output}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            sizes[node.output[0]] = numpy_helper.to_array(node.attribute[0].t).shape
    shapes = {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*model.graph.input, *model.graph.value_info, *model.graph.output)
    }

    def constant(name: str) -> tuple[int, ...] | None:
        """The shape of a weight that may have gone through a DequantizeLinear, None for anything computed."""
        while name not in sizes:
            node = made_by.get(name)
            if node is None or node.op_type not in ("DequantizeLinear", "QuantizeLinear", "Cast", "Identity"):
                return None
            name = node.input[0]
        return sizes[name]

    parameters = macs = 0
    for node in model.graph.node:
        if node.op_type not in _WITH_WEIGHTS:
            continue
        weights = [shape for shape in map(constant, node.input[1:]) if shape is not None]
        if not weights:
            continue
        parameters += sum(math.prod(shape) for shape in weights)
        # Every weight meets every pixel of the result, or of the input where the result is the larger one.
        place = node.input[0] if node.op_type == "ConvTranspose" else node.output[0]
        shape = shapes.get(place, ())
        if not shape or not all(shape):
            raise ValueError(f"{path}: the shape of {place} is not fixed")
        macs += math.prod(weights[0]) * (math.prod(shape[2:]) if len(shape) == 4 else math.prod(shape[:-1]))
    return Cost(parameters=parameters, macs=macs)
