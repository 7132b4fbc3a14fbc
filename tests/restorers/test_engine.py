"""One network, two buffers, k cycles."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from app.core.errors import InferenceError
from app.core.machine import usable_threads
from app.restorers.base import EngineOptions, VerifiedModel
from app.restorers.engine import InferenceEngine
from app.restorers.family import ImageTensor
from tests.vision import store


def engine(precision: str = "int8", **options: Any) -> InferenceEngine:
    return engine_of(store().path("cfrnet-rt", precision), precision=precision, **options)


def engine_of(path: Path, *, side: int = 256, precision: str = "int8", **options: Any) -> InferenceEngine:
    model = VerifiedModel(name="n", precision=precision, k_range=(1, 4), file=path.name, content=path.read_bytes())
    tensor = ImageTensor(side=side)
    return InferenceEngine(model, takes=tensor, gives=tensor, options=EngineOptions(**options))


def random_tensor() -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (1, 3, 256, 256)).astype(np.float32)


@pytest.mark.parametrize("precision", ["int8", "fp32"])
def test_cycles_are_the_network_applied_to_its_own_output(precision: str) -> None:
    session = onnxruntime.InferenceSession(
        str(store().path("cfrnet-rt", precision)), providers=["CPUExecutionProvider"]
    )
    under_test = engine(precision)
    expected = random_tensor()
    under_test.begin()[:] = expected
    for _ in range(4):
        (after,) = session.run(None, {session.get_inputs()[0].name: expected})
        under_test.advance()
        assert under_test.last_step() == pytest.approx(float(np.abs(after - expected).mean()), rel=1e-3)
        expected = after
        assert np.abs(under_test.tensor - expected).max() < 1e-4


def test_the_two_buffers_are_used_again_and_again() -> None:
    under_test = engine()
    places = set()
    for _ in range(7):
        places.add(under_test.tensor.ctypes.data)
        under_test.advance()
    assert len(places) == 2


def test_the_provider_that_computes_is_the_one_that_is_shown() -> None:
    plain = engine(threads=1, spinning=True).info
    assert (plain.provider_asked, plain.provider_got, plain.as_asked) == (
        "CPUExecutionProvider",
        "CPUExecutionProvider",
        True,
    )
    assert (plain.precision, plain.threads, plain.spinning) == ("int8", 1, True)
    missing = engine(provider="openvino").info
    if "OpenVINOExecutionProvider" not in onnxruntime.get_available_providers():
        assert (missing.provider_asked, missing.provider_got) == ("OpenVINOExecutionProvider", "CPUExecutionProvider")
        assert not missing.as_asked


def test_threads_are_what_was_asked_or_every_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("psutil.cpu_count", lambda logical=True: 16 if logical else 8)
    assert usable_threads(3) == 3
    if hasattr(os, "sched_getaffinity"):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2})
        assert usable_threads(0) == 3, "those that this process may use"
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    assert usable_threads(0) == 8, "physical ones"


def test_values_that_are_no_numbers_are_reported() -> None:
    under_test = engine("fp32")
    under_test.begin()[:] = np.nan
    under_test.advance()
    with pytest.raises(InferenceError, match="no numbers"):
        under_test.last_step()
    with pytest.raises(InferenceError, match="no numbers"):
        _ = under_test.tensor


def test_a_file_that_is_no_network_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"\x08\x07not a network")
    with pytest.raises(InferenceError, match=r"broken\.onnx"):
        engine_of(path)


def test_a_network_of_another_kind_is_refused() -> None:
    with pytest.raises(InferenceError, match="refused"):
        engine_of(store().detector_paths()[0])
    with pytest.raises(InferenceError, match=r"it takes .*\[1, 3, 256, 256\], not float32 \[1, 3, 128, 128\]"):
        engine_of(store().path("cfrnet-rt", "fp32"), side=128)
