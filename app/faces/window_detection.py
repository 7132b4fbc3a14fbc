"""Detecting one face in an upright window, and checking whether a detection can be a face."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from app.core.types import Face, Image, Points
from app.faces.alignment import (
    FFHQ_TEMPLATE,
    TEMPLATE_SIDE,
    Matrix,
    estimate_similarity,
    invert,
    misfit,
    scale_of,
    transform,
    warp_window,
)
from app.faces.detector import WINDOW

MIN_CROP_SIDE = 24.0
"""Faces whose aligned crop is smaller than this many frame pixels (an eye distance of 6) are not restored: the network
was trained on crops reduced up to 12 times, 256 / 12 = 21, and below that it would have to invent a person."""

MAX_MISFIT = 34.0
"""Landmarks further than this from the template (root mean square, crop pixels) cannot be aligned: a false positive,
or a face whose landmarks were confused."""

SAME_FACE = 0.35
"""Two boxes that overlap more than this (intersection over union) show one face."""

_WINDOW_SCALE = 0.4  # window pixels for each crop pixel: the window spans 320 crop pixels, 1.25 crops
_REACH = 0.25 * WINDOW  # a detection further from the centre is another face
_THRESHOLD = 0.4  # lower than a sweep's, since a face is likely where one was a frame ago
_CERTAIN = 0.75
"""A window detection below this score may be a face upside down (docs/decisions/upside-down-faces.md)."""

_DIFFERENT_TURN = 0.5  # radians between two estimates of a face's tilt that require a third


class Detector(Protocol):
    def detect(self, image: Image, size: int, *, threshold: float = ...) -> list[Face]: ...

    def detect_close(self, window: Image, *, threshold: float = ...) -> list[Face]: ...


def detect_in_window(detector: Detector, image: Image, landmarks: Points, *, upside_down: bool = False) -> Face | None:
    """Detect the face near `landmarks` (5, 2) in a window that shows it upright and always equally large.

    The detector knows upright faces best, and its landmarks depend on how large and how tilted a face is: a window
    that turns and zooms with the face gives right landmarks at any tilt that jitter less from frame to frame. None when
    nothing is found, or its middle lies outside the picture.
    """
    matrix = window_matrix(estimate_similarity(landmarks))
    if upside_down:
        matrix = -matrix
        matrix[:, 2] += WINDOW
    try:
        window = warp_window(image, matrix, WINDOW)
    except ValueError:  # the face has left the picture
        return None
    best: Face | None = None
    nearest = _REACH
    for face in detector.detect_close(window, threshold=_THRESHOLD):
        distance = float(np.linalg.norm(face.landmarks.mean(axis=0) - WINDOW / 2))
        if distance < nearest:
            best, nearest = face, distance
    if best is None:
        return None
    found = _through(best, invert(matrix))
    x, y = found.landmarks.mean(axis=0)
    inside = 0 <= x < image.shape[1] and 0 <= y < image.shape[0]
    return found if inside and is_plausible(found) else None


def inspect_detection(detector: Detector, image: Image, face: Face) -> Face | None:
    """Detect a sweep's face again in a window, for exact landmarks and its orientation.

    Returns None when it is no face. The landmarks of a face that is upside down turn it upright.
    """
    first = detect_in_window(detector, image, face.landmarks)
    if first is not None and first.score >= _CERTAIN:
        best = first
    else:
        turned = detect_in_window(detector, image, face.landmarks, upside_down=True)
        candidates = [candidate for candidate in (first, turned) if candidate is not None]
        if not candidates:
            return None
        best = max(candidates, key=lambda candidate: candidate.score)
    if abs(_turn_between(face.landmarks, best.landmarks)) > _DIFFERENT_TURN:
        return detect_in_window(detector, image, best.landmarks) or best
    return best


def is_plausible(face: Face) -> bool:
    """Whether the landmarks can be a face's, and it is large enough to be restored."""
    try:
        matrix = estimate_similarity(face.landmarks)
    except ValueError:
        return False
    return scale_of(matrix) * MIN_CROP_SIDE <= TEMPLATE_SIDE and misfit(face.landmarks, matrix) <= MAX_MISFIT


def window_matrix(matrix: Matrix) -> Matrix:
    """frame -> window, from frame -> crop, both float32 (2, 3): the template's centre is mapped to the window's."""
    window = matrix * np.float32(_WINDOW_SCALE)
    window[:, 2] += WINDOW / 2 - FFHQ_TEMPLATE.mean(axis=0) * _WINDOW_SCALE
    return window


def _through(face: Face, matrix: Matrix) -> Face:
    """Return a face mapped by `matrix` (2, 3). The box stays upright and keeps its shape."""
    corners = face.box.reshape(2, 2)
    centre = transform(corners.mean(axis=0, keepdims=True), matrix)[0]
    half = (corners[1] - corners[0]) / 2 * scale_of(matrix)
    return Face(
        track_id=face.track_id,
        box=np.concatenate((centre - half, centre + half)).astype(np.float32),
        landmarks=transform(face.landmarks, matrix),
        score=face.score,
    )


def _turn_between(a: Points, b: Points) -> float:
    """Return the angle in radians from the tilt of face `a` to that of face `b`."""
    first, second = (complex(*estimate_similarity(points)[:, 0]) for points in (a, b))
    return float(np.angle(second / first))
