"""Window detection: correct landmarks at any tilt, and faces that are upside down."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.types import Face
from app.faces.alignment import FFHQ_TEMPLATE, estimate_similarity, scale_of
from app.faces.window_detection import detect_in_window, inspect_detection, is_plausible
from tests.vision import detector, show


def crop_error(found: np.ndarray, true: np.ndarray) -> float:
    """Mean distance in crop pixels."""
    return float(np.linalg.norm(found - true, axis=1).mean() * scale_of(estimate_similarity(true)))


def turned_about_centre(points: np.ndarray, degrees: float) -> np.ndarray:
    angle = np.deg2rad(degrees)
    rotation = np.array(((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))))
    return ((points - points.mean(axis=0)) @ rotation + points.mean(axis=0)).astype(np.float32)


@pytest.mark.parametrize("degrees", [0, 35, -60, 90, 135, 180])
@pytest.mark.parametrize("scale", [0.4, 1.5])
def test_landmarks_are_right_at_any_tilt_and_size(degrees: float, scale: float) -> None:
    frame, landmarks = show(size=(800, 800), centre=(400, 400), scale=scale, degrees=degrees)
    guess = turned_about_centre(landmarks, 20) + np.float32(6 * scale)
    face = detect_in_window(detector(), frame, guess)
    assert face is not None
    assert crop_error(face.landmarks, landmarks) < 5


def test_a_face_taken_for_upright_is_turned_over() -> None:
    frame, landmarks = show(degrees=180)
    upside_down = turned_about_centre(landmarks, 180)  # the upright face that a sweep believes to see
    box = np.concatenate((landmarks.min(axis=0) - 30, landmarks.max(axis=0) + 30)).astype(np.float32)
    face = inspect_detection(detector(), frame, Face(track_id=-1, box=box, landmarks=upside_down, score=0.6))
    assert face is not None
    assert crop_error(face.landmarks, landmarks) < 5


def test_where_no_face_is_none_is_seen() -> None:
    frame, _ = show(centre=(100, 100), scale=0.5)
    box = np.array((380, 280, 460, 360), np.float32)
    landmarks = FFHQ_TEMPLATE / 2 + np.float32((350, 240))
    assert detect_in_window(detector(), frame, landmarks) is None
    assert inspect_detection(detector(), frame, Face(track_id=-1, box=box, landmarks=landmarks, score=0.6)) is None
    assert detect_in_window(detector(), frame, landmarks + np.float32(5000)) is None


@pytest.mark.parametrize(("eye_distance", "expected"), [(5.5, False), (7, True), (60, True), (3000, True)])
def test_a_face_too_small_to_restore_is_left_alone(eye_distance: float, expected: bool) -> None:
    landmarks = FFHQ_TEMPLATE * np.float32(eye_distance / 63)
    face = Face(track_id=-1, box=np.zeros(4, np.float32), landmarks=landmarks, score=0.9)
    assert is_plausible(face) is expected


def test_landmarks_in_the_wrong_order_are_no_face() -> None:
    shuffled = FFHQ_TEMPLATE[[3, 1, 2, 0, 4]]
    assert not is_plausible(Face(track_id=-1, box=np.zeros(4, np.float32), landmarks=shuffled, score=0.9))
