"""Small real ONNX files in a models folder of a test's own: what a family's module opens before weights are trained."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from app.restorers.family import Family
from app.restorers.manifest import SCHEMA
from app.restorers.store import ModelStore

Operations = Callable[[], tuple[list[onnx.NodeProto], list[onnx.TensorProto]]]


def scale_and_shift(factor: float, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Operations:
    """y = factor x + shift, `shift` by channel."""

    def make() -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        constants = [
            numpy_helper.from_array(np.array(factor, np.float32), "factor"),
            numpy_helper.from_array(np.array(shift, np.float32).reshape(1, 3, 1, 1), "shift"),
        ]
        nodes = [
            helper.make_node("Mul", ["x", "factor"], ["scaled"]),
            helper.make_node("Add", ["scaled", "shift"], ["y"]),
        ]
        return nodes, constants

    return make


def enlarge(times: int, *, factor: float = 1.0) -> Operations:
    """y = factor x, every pixel `times` by `times` large."""

    def make() -> tuple[list[onnx.NodeProto], list[onnx.TensorProto]]:
        constants = [
            numpy_helper.from_array(np.array((1, 1, times, times), np.float32), "scales"),
            numpy_helper.from_array(np.array(factor, np.float32), "factor"),
        ]
        resize = helper.make_node(
            "Resize", ["x", "", "scales"], ["large"], mode="nearest", nearest_mode="floor",
            coordinate_transformation_mode="asymmetric",
        )  # fmt: skip
        return [resize, helper.make_node("Mul", ["large", "factor"], ["y"])], constants

    return make


def network(operations: Operations, *, takes: int, gives: int) -> bytes:
    """An ONNX file from "x", float32 (1, 3, takes, takes), to "y", float32 (1, 3, gives, gives)."""
    nodes, constants = operations()
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, takes, takes])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, gives, gives])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())


def entry(family: Family, content: bytes, *, name: str, precision: str = "fp32", **changes: Any) -> dict[str, Any]:
    """What the manifest says of a restorer of `family` whose file is `content`."""
    return {
        "name": name,
        "kind": "restorer",
        "precision": precision,
        "file": f"{name}.{precision}.onnx",
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "family": family.name,
        "licence": family.licence,
        "source": "made by a test",
        "input": {"name": "x", **family.takes.described()},
        "output": {"name": "y", **family.gives.described()},
        "template": family.template,
        "k_range": list(family.k_range),
        **changes,
    }


def store_of(folder: Path, *models: tuple[dict[str, Any], bytes], default: str = "") -> ModelStore:
    """A store of these models, each an entry and its file's bytes. The first is the default."""
    folder.mkdir(parents=True, exist_ok=True)
    for model, content in models:
        (folder / model["file"]).write_bytes(content)
    entries = [model for model, _ in models]
    manifest = {"schema": SCHEMA, "default": default or entries[0]["name"], "models": entries}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return ModelStore(folder)
