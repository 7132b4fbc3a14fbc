"""FP16 twins: made of FP32 files when they are wanted, used alike, and next to equal."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from app.core.errors import ModelIntegrityError, ModelMissingError
from app.restorers.families import family
from app.restorers.half import to_half
from app.restorers.providers import CPU, provider_called
from tests.restorers.networks import enlarge, entry, network, scale_and_shift, store_of
from tests.vision import blurred, portrait, store

CUDA = provider_called("cuda")


def test_the_twin_of_a_shipped_network_restores_the_same_picture() -> None:
    crop = blurred(portrait()[:256, 96:352])
    whole, half = (store().create_restorer("", precision) for precision in ("fp32", "fp16"))
    assert half.engine.precision == "fp16"
    for k in (1, 3):
        difference = half.restore(crop, k=k).image.astype(int) - whole.restore(crop, k=k).image
        assert np.abs(difference).max() <= 2
        assert np.abs(difference).mean() < 0.1


def test_weights_and_sums_are_halved_and_the_ends_are_not() -> None:
    content = network(scale_and_shift(0.5, (0.1, 0.2, 0.3)), takes=8, gives=8)
    model = onnx.load_model_from_string(to_half(content))
    assert {weight.data_type for weight in model.graph.initializer} == {TensorProto.FLOAT16}
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    assert [each.type for each in (*session.get_inputs(), *session.get_outputs())] == ["tensor(float)"] * 2
    assert [(each.name, each.shape) for each in session.get_inputs()] == [("x", [1, 3, 8, 8])]
    given = np.random.default_rng(0).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)
    (found,) = session.run(None, {"x": given})
    wanted = given * 0.5 + np.float32((0.1, 0.2, 0.3)).reshape(1, 3, 1, 1)
    assert 0 < np.abs(found - wanted).max() < 1e-3


def test_scales_stay_numbers_of_32_bits() -> None:
    content = to_half(network(enlarge(4), takes=8, gives=32))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (large,) = session.run(None, {"x": np.ones((1, 3, 8, 8), np.float32)})
    assert large.shape == (1, 3, 32, 32)


def test_constants_and_casts_inside_are_halved_and_too_large_a_weight_is_bounded() -> None:
    constant = helper.make_node("Constant", [], ["huge"], value=numpy_helper.from_array(np.float32([1e9]), "value"))
    nodes = [
        constant,
        helper.make_node("Cast", ["x"], ["same"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["same", "huge"], ["y"]),
    ]
    content = to_half(network(lambda: (nodes, []), takes=2, gives=2))
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": np.ones((1, 3, 2, 2), np.float32)})
    assert np.unique(found).tolist() == [65504.0]


def test_it_is_made_for_providers_that_want_it_and_of_a_verified_file(tmp_path: Path) -> None:
    content = network(scale_and_shift(0.5), takes=256, gives=256)
    models = store_of(tmp_path, (entry(family("cfrnet"), content, name="one"), content))
    assert models.restorer().precisions == ("fp32",)
    assert models.restorer().possible == ("fp16", "fp32")
    assert models.entry("one", "auto", order=CPU.precisions).precision == "fp32"
    wanted = models.entry("one", "auto", order=CUDA.precisions)
    assert (wanted.precision, wanted.halved, wanted.path.name) == ("fp16", True, "one.fp32.onnx")
    assert models.create_restorer("one", "fp16").engine.precision == "fp16"
    (tmp_path / "one.fp32.onnx").write_bytes(content + b"\0")
    with pytest.raises(ModelIntegrityError, match="not the one that was shipped"):
        models.create_restorer("one", "fp16")


def test_without_an_fp32_file_there_is_none(tmp_path: Path) -> None:
    content = network(scale_and_shift(0.5), takes=256, gives=256)
    models = store_of(tmp_path, (entry(family("cfrnet"), content, name="one", precision="int8"), content))
    assert models.entry("one", "auto", order=CUDA.precisions).precision == "int8"
    with pytest.raises(ModelMissingError, match=r"one does not ship in FP16. Choose another precision: INT8."):
        models.create_restorer("one", "fp16")
