"""The detector for sweeps of files is SCRFD in INT8, and finds what SCRFD finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from app.faces.detector import FaceDetector
from app.faces.sweep_detector import SweepDetector
from app.restorers.store import ModelStore
from training.data import FaceSet
from training.shipping.sweep_detector import distances, draw_scenes, judge, make_sweep_detector

from .conftest import Images


@pytest.fixture(scope="module")
def faces(real_faces: tuple[Images, np.ndarray]) -> FaceSet:
    images, landmarks = real_faces
    return FaceSet(images, landmarks, np.ones(len(images)))


def test_the_same_seed_draws_the_same_scenes(faces: FaceSet) -> None:
    (once, truth), (again, _) = (next(draw_scenes(faces, 1, seed=3)) for _ in range(2))
    assert once.shape == (480, 640, 3)
    assert np.array_equal(once, again)
    assert 0 < len(truth) <= 5
    assert (truth[:, 2] <= 480).all()


def test_the_shipped_one_finds_what_the_reference_finds(faces: FaceSet) -> None:
    store = ModelStore()
    scenes = list(draw_scenes(faces, 4, size=(1152, 864), seed=1))
    recall, others, found = judge(SweepDetector(*store.detectors("sweep-detector")), scenes)
    expected, _, reference = judge(FaceDetector(*store.detectors()), scenes)
    assert recall >= expected > 0.5
    assert others <= 1
    assert distances(found, reference).mean() < 1.0


def test_a_new_one_finds_what_the_shipped_one_finds(faces: FaceSet, tmp_path: Path) -> None:
    store = ModelStore()
    whole, window = store.detector_paths()
    made = tmp_path / "sweep.int8.onnx"
    make_sweep_detector(whole, made, draw_scenes(faces, 4))
    scenes = list(draw_scenes(faces, 2, seed=2))
    ours, _, _ = judge(SweepDetector(made, window), scenes)
    theirs, _, _ = judge(SweepDetector(*store.detectors("sweep-detector")), scenes)
    assert ours == pytest.approx(theirs, abs=0.11)


def test_only_the_last_layers_are_float() -> None:
    store = ModelStore()
    graph = onnx.load_from_string(store.detectors("sweep-detector")[0]).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    floats = [node for node in convolutions if kinds.get(node.input[1]) == onnx.TensorProto.FLOAT]
    assert (len(floats), len(convolutions)) == (9, 57)
