"""What an ONNX file costs, counted by hand and on the files that ship."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from app.restorers.store import MODELS_FOLDER
from training.evaluation.cost import cost_of


def test_a_convolution_counts_its_products(tmp_path: Path) -> None:
    weight = helper.make_tensor("w", TensorProto.FLOAT, (4, 3, 3, 3), [0.0] * 108)
    bias = helper.make_tensor("b", TensorProto.FLOAT, (4,), [0.0] * 4)
    node = helper.make_node("Conv", ["x", "w", "b"], ["y"], pads=[1, 1, 1, 1], strides=[2, 2])
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        for name, shape in (("x", (1, 3, 8, 8)), ("y", (1, 4, 4, 4)))
    ]
    graph = helper.make_graph([node], "g", ends[:1], ends[1:], [weight, bias])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "one.onnx")
    cost = cost_of(tmp_path / "one.onnx")
    assert (cost.parameters, cost.macs) == (108 + 4, 108 * 16)


def test_quantization_changes_neither() -> None:
    exact, quantized = (cost_of(MODELS_FOLDER / f"cfrnet-rt.{precision}.onnx") for precision in ("fp32", "int8"))
    assert exact == quantized
    assert exact.parameters == pytest.approx(1.37e6, rel=0.01)
    assert exact.macs == pytest.approx(1.96e9, rel=0.01)
