"""The real detector on real pixels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.core.errors import InferenceError, ModelMissingError
from app.faces.detector import WINDOW, FaceDetector, network_input
from tests.vision import detector, portrait, portrait_landmarks, show, store


@pytest.mark.parametrize("size", [160, 320, 480, 640])
def test_landmarks_are_the_same_at_every_detector_size(size: int) -> None:
    frame, landmarks = show(scale=1.0)
    (face,) = detector().detect(frame, size)
    assert np.abs(face.landmarks - landmarks).max() < 8
    assert face.box[0] < landmarks[:, 0].min() < landmarks[:, 0].max() < face.box[2]
    assert face.landmarks.dtype == face.box.dtype == np.float32


@pytest.mark.parametrize("shape", [(352, 480), (720, 1280), (1280, 720), (333, 999), (65, 40)])
def test_any_shape_of_picture_is_searched(shape: tuple[int, int]) -> None:
    height, width = shape
    side = min(height, width)
    frame, landmarks = show(size=(width, height), centre=(width / 2, height / 2), scale=side / 300)
    face = detector().detect(frame, 480)[0]
    assert np.abs(face.landmarks - landmarks).max() < 0.03 * side


def test_the_network_sees_what_opencv_would_give_it() -> None:
    image = np.random.default_rng(1).integers(0, 256, (96, 64, 3), dtype=np.uint8)
    blob = cv2.dnn.blobFromImage(image, 1 / 128, (64, 96), (127.5, 127.5, 127.5), swapRB=True)
    np.testing.assert_array_equal(network_input(image), blob)


def test_a_face_is_found_without_the_part_of_opencv_for_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    frame, _ = show(scale=1.0)
    wanted = detector().detect(frame, 320)[0]
    monkeypatch.delattr(cv2, "dnn")
    face = FaceDetector(*store().detectors()).detect(frame, 320)[0]
    np.testing.assert_array_equal(face.box, wanted.box)


@pytest.mark.parametrize("shape", [(1, 1), (2, 3000), (3000, 2), (6000, 8000)])
def test_a_picture_without_a_face_has_none(shape: tuple[int, int]) -> None:
    assert detector().detect(np.full((*shape, 3), 90, np.uint8), 320) == []


def framed(turn: float = 0.0, zoom: float = 1.0, shift: float = 0.0) -> NDArray[np.uint8]:
    """The portrait's face in a window."""
    matrix = cv2.getRotationMatrix2D(tuple(portrait_landmarks().mean(axis=0).tolist()), turn, 0.9 * zoom)
    matrix[:, 2] += WINDOW / 2 - portrait_landmarks().mean(axis=0) + shift
    return np.asarray(cv2.warpAffine(portrait(), matrix, (WINDOW, WINDOW), flags=cv2.INTER_AREA), np.uint8)


@pytest.mark.parametrize("turn", [-12.0, 0.0, 12.0])
@pytest.mark.parametrize("zoom", [0.8, 1.0, 1.25])
def test_a_window_is_answered_as_the_whole_network_would(turn: float, zoom: float) -> None:
    """One branch of three, in INT8, and yet within a pixel: 2.5 of the crop's 256."""
    window = framed(turn, zoom)
    (whole,) = detector().detect(window, WINDOW)
    (close,) = detector().detect_close(window)
    assert np.abs(close.landmarks - whole.landmarks).mean() < 0.6
    assert np.abs(close.landmarks - whole.landmarks).max() < 1.5
    assert np.abs(close.box - whole.box).max() < 3
    assert close.score == pytest.approx(whole.score, abs=0.04)
    assert close.landmarks.dtype == close.box.dtype == np.float32


def test_two_faces_in_one_window_are_two() -> None:
    half = cv2.resize(framed(), (WINDOW // 2, WINDOW // 2), interpolation=cv2.INTER_AREA)
    window = np.full((WINDOW, WINDOW, 3), 90, np.uint8)
    window[32:96, :64] = window[32:96, 64:] = half
    faces = sorted(detector().detect_close(window), key=lambda face: face.landmarks[0, 0])
    assert len(faces) == 2
    assert faces[1].landmarks[:, 0].mean() - faces[0].landmarks[:, 0].mean() == pytest.approx(64, abs=2)


def test_an_empty_window_holds_no_face() -> None:
    assert detector().detect_close(np.full((WINDOW, WINDOW, 3), 90, np.uint8)) == []


@pytest.mark.parametrize("place", [0, 1])
def test_a_missing_detector_is_named_and_not_downloaded(place: int, tmp_path: Path) -> None:
    paths = list(store().detector_paths())
    paths[place] = tmp_path / "nowhere.onnx"
    with pytest.raises(ModelMissingError, match=r"nowhere\.onnx"):
        FaceDetector(*paths)


@pytest.mark.parametrize("place", [0, 1])
def test_a_file_that_is_no_network_is_refused(place: int, tmp_path: Path) -> None:
    paths = list(store().detector_paths())
    paths[place] = tmp_path / "text.onnx"
    paths[place].write_text("not a network")
    with pytest.raises(InferenceError, match=r"text\.onnx"):
        FaceDetector(*paths)


def test_the_picture_is_not_written_to() -> None:
    assert detector().detect(portrait(), 320)  # it is read-only
