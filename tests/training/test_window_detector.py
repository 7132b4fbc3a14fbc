"""The detector for windows is cut from SCRFD, quantized where it does no harm, and the shipped one comes from here."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest

from app.faces.detector import WINDOW, FaceDetector
from app.restorers.store import ModelStore
from tests.vision import portrait, portrait_landmarks
from training.data import FaceSet
from training.shipping.window_detector import close_branch, cut_windows, judge, make_window_detector, take_bytes

from .conftest import Images


@pytest.fixture(scope="module")
def faces(real_faces: tuple[Images, np.ndarray]) -> FaceSet:
    images, landmarks = real_faces
    return FaceSet(images, landmarks, np.ones(len(images)))


def test_windows_show_faces_where_the_landmarks_say(faces: FaceSet) -> None:
    windows = list(cut_windows(faces))
    assert {image.shape for image, _ in windows} == {(WINDOW, WINDOW, 3)}
    middle = np.mean([landmarks.mean(axis=0) for _, landmarks in windows], axis=0)
    assert np.abs(middle - WINDOW / 2).max() < 6
    distance, jitter = judge(FaceDetector(*ModelStore().detector_paths()), windows)
    assert distance < 2.5
    assert 0 < jitter < 0.5


def test_the_same_seed_gives_the_same_windows(faces: FaceSet) -> None:
    once, again = ([image for image, _ in cut_windows(faces, 3)] for _ in range(2))
    assert np.array_equal(once, again)


def test_a_new_one_finds_what_the_shipped_one_finds(faces: FaceSet, tmp_path: Path) -> None:
    whole, shipped = ModelStore().detector_paths()
    made = tmp_path / "window.int8.onnx"
    make_window_detector(whole, made, cut_windows(faces))
    x, y = portrait_landmarks().mean(axis=0).astype(int)
    window = np.ascontiguousarray(portrait()[y - WINDOW // 2 :, x - WINDOW // 2 :][:WINDOW, :WINDOW])
    (ours,), (theirs,) = (FaceDetector(whole, file).detect_close(window) for file in (made, shipped))
    assert np.abs(ours.landmarks - theirs.landmarks).mean() < 0.6
    assert ours.score == pytest.approx(theirs.score, abs=0.04)


def test_the_branch_computes_what_the_whole_network_does(tmp_path: Path) -> None:
    """Cut, its first layers re-laid and its averages folded: for a window, the numbers are still SCRFD's own."""
    whole, _ = ModelStore().detector_paths()
    branch = close_branch(whole)
    take_bytes(branch)
    onnx.save(branch, tmp_path / "branch.onnx")
    window = np.random.default_rng(0).integers(0, 256, (WINDOW, WINDOW, 3), dtype=np.uint8)
    x, y = portrait_landmarks().mean(axis=0).astype(int)
    window[16:-16, 16:-16] = portrait()[y - WINDOW // 2 :, x - WINDOW // 2 :][:WINDOW, :WINDOW][16:-16, 16:-16]
    theirs = onnxruntime.InferenceSession(str(whole), providers=["CPUExecutionProvider"])
    ours = onnxruntime.InferenceSession(str(tmp_path / "branch.onnx"), providers=["CPUExecutionProvider"])
    blob = cv2.dnn.blobFromImage(window, 1 / 128, mean=(127.5, 127.5, 127.5), swapRB=True)
    names = [output.name for output in ours.get_outputs()]
    for mine, wanted in zip(
        ours.run(names, {"window": window[None]}), theirs.run(names, {"input.1": blob}), strict=True
    ):
        # At the border the pad stands for 128, SCRFD's for 127.5.
        assert np.abs(mine.reshape(wanted.shape) - wanted).max() < 0.02


def test_the_backbone_is_int8_and_the_heads_are_float() -> None:
    graph = onnx.load(ModelStore().detector_paths()[1]).graph
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8  # the picture's own bytes
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    quantized = [node for node in convolutions if kinds.get(node.input[1]) != onnx.TensorProto.FLOAT]
    assert (len(quantized), len(convolutions)) == (32, 44)
    assert convolutions[0] in quantized
    assert convolutions[-1] not in quantized
