"""Detecting faces in still pictures, where time allows it: at several sizes and orientations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np

from app.core.types import Face, Image, Points
from app.faces.detector import THRESHOLD, FaceDetector

_SMALLEST = 320
_LARGEST_ENLARGEMENT = 2.0
"""The largest enlargement; beyond it a picture has no more detail for the detector."""

_LEAST_ENLARGEMENT = 1.25
"""A smaller one finds hardly another face for its time (docs/decisions/sweep-sizes.md)."""


class StillDetector:
    """A FaceDetector for stills: faces of any size, also lying or upside down.

    SCRFD detects upright faces of 16 to 512 pixels in its input, so one input size detects either a crowd or a
    close-up.
    """

    def __init__(self, detector: FaceDetector) -> None:
        self._detector = detector

    def detect(self, image: Image, size: int, *, threshold: float = THRESHOLD) -> list[Face]:
        """Detect faces in `image`, uint8 (H, W, 3) BGR: best first, in its own pixels and with track_id -1.

        `size` in pixels is the largest longer side that is searched. Turned pictures are searched only if nothing was
        found upright. Raises InferenceError.
        """
        sizes = list(_sizes(max(image.shape[:2]), size))
        faces = [face for each in sizes for face in self._detector.detect(image, each, threshold=threshold)]
        if not faces:
            faces = self._detect_turned(image, min(sizes[-1], 2 * _SMALLEST), threshold)
        return _without_repetition(faces)

    def detect_close(self, window: Image, *, threshold: float = THRESHOLD) -> list[Face]:
        """Detect in a window as `FaceDetector.detect_close` does."""
        return self._detector.detect_close(window, threshold=threshold)

    def _detect_turned(self, image: Image, size: int, threshold: float) -> list[Face]:
        # Rotating a huge picture at full size would take longer than searching it.
        scale = min(1.0, size / max(image.shape[:2]))
        small = image
        if scale < 1:
            shrunk = [max(1, round(side * scale)) for side in image.shape[1::-1]]
            small = np.asarray(cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA), np.uint8)
        ratio = np.float32(image.shape[1] / small.shape[1])
        height, width = small.shape[:2]
        faces = []
        for quarters in (2, 1, 3):
            turned = np.ascontiguousarray(np.rot90(small, quarters))
            for face in self._detector.detect(turned, size, threshold=threshold):
                landmarks = _turn_back(face.landmarks, quarters, width, height) * ratio
                corners = _turn_back(face.box.reshape(2, 2), quarters, width, height) * ratio
                box = np.concatenate((corners.min(axis=0), corners.max(axis=0)))
                faces.append(replace(face, landmarks=landmarks, box=box))
        return faces


def _sizes(longer_side: int, largest: int) -> Iterator[int]:
    """Yield 320 and its doubles up to `largest`, or the picture's own size where that is nearly as large."""
    size = min(_SMALLEST, largest)
    yield size
    while size < largest and size < longer_side * _LARGEST_ENLARGEMENT:
        size = min(2 * size, largest)
        nearly = size == largest and longer_side < size < longer_side * _LEAST_ENLARGEMENT
        yield longer_side if nearly else size


def _turn_back(points: Points, quarters: int, width: int, height: int) -> Points:
    """Points (N, 2) found after `np.rot90(image, quarters)` in pixels of the image, which is width x height."""
    x, y = points[:, 0], points[:, 1]
    if quarters == 1:  # counter-clockwise
        x, y = width - 1 - y, x
    elif quarters == 2:
        x, y = width - 1 - x, height - 1 - y
    else:
        x, y = y, height - 1 - x
    return np.stack((x, y), axis=1).astype(np.float32)


def _without_repetition(faces: list[Face]) -> list[Face]:
    """Keep the best detection of each face: two are the same when one's centre lies in the other's box."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda face: -face.score):
        if not any(_holds_centre(face, other) or _holds_centre(other, face) for other in kept):
            kept.append(face)
    return kept


def _holds_centre(outer: Face, inner: Face) -> bool:
    x, y = (inner.box[:2] + inner.box[2:]) / 2
    return bool(outer.box[0] < x < outer.box[2] and outer.box[1] < y < outer.box[3])
