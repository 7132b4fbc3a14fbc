"""A moving face without a camera, for benchmarks and tests, the same on every machine."""

from __future__ import annotations

import math
import threading
import time

import cv2
import numpy as np

from app.core.types import Frame, Image, Points
from app.core.words import phrase
from app.faces.alignment import transform
from app.sources.base import SourceInfo, SourceKind, SourceSpec

_FACE = (224.0, 122.0)  # centre of the face in scikit-image's astronaut picture
_ROUND_S = 4.0


class MovingFaceScene:
    """NASA's portrait of Eileen Collins (public domain, in scikit-image), degraded as by a webcam and moved about."""

    def __init__(self, *, width: int = 1280, height: int = 720, reduction: int = 3, seed: int = 0) -> None:
        """`reduction`: how many times the portrait is reduced and enlarged again before it is shown."""
        from skimage.data import astronaut  # only benchmarks and tests need it, and it is slow to import

        portrait = np.ascontiguousarray(astronaut()[:, :, ::-1])
        side = portrait.shape[0] // reduction
        small = cv2.resize(portrait, (side, side), interpolation=cv2.INTER_AREA)
        self._portrait = np.asarray(cv2.resize(small, portrait.shape[1::-1], interpolation=cv2.INTER_CUBIC), np.uint8)
        self.width, self.height = width, height
        noise = np.random.default_rng(seed).integers(70, 170, (9, 16, 3), dtype=np.uint8)
        self._background = np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)

    def matrix(self, seconds: float) -> Points:
        """Return float32 (2, 3), portrait -> frame: the face moves on an ellipse, tilts and changes its size."""
        turn = 2 * math.pi * seconds / _ROUND_S
        scale = self.height / 720 * (1.5 + 0.2 * math.sin(turn))
        matrix = cv2.getRotationMatrix2D(_FACE, 8 * math.sin(turn + 1), scale)
        centre = (self.width * (0.5 + 0.12 * math.cos(turn)), self.height * (0.45 + 0.05 * math.sin(turn)))
        matrix[:, 2] += np.subtract(centre, _FACE)
        return np.asarray(matrix, np.float32)

    def image(self, seconds: float) -> Image:
        """Return the scene at a time, uint8 (height, width, 3) BGR. It repeats every four seconds."""
        image = self._background.copy()
        cv2.warpAffine(
            self._portrait,
            self.matrix(seconds),
            (self.width, self.height),
            dst=image,
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_TRANSPARENT,
        )
        return image

    def place(self, points: Points, seconds: float) -> Points:
        """Return points (N, 2) of the portrait in pixels of the frame at a time."""
        return transform(points, self.matrix(seconds))


class MovingFaceSource:
    """A live source that shows a MovingFaceScene at a steady rate, as a camera would."""

    def __init__(self, scene: MovingFaceScene, *, fps: float = 30.0) -> None:
        self._scene = scene
        self._fps = fps
        self._closed = threading.Event()
        self._index = 0
        self._start = 0.0
        self.info = SourceInfo(
            name="Moving face", kind=MOVING_FACE.kind, width=scene.width, height=scene.height, fps=fps
        )

    def open(self) -> None:
        self._start = time.perf_counter()

    def read(self) -> Frame | None:
        """Return the next frame when it is due, skipping frames that are overdue; None once closed."""
        now = time.perf_counter()
        self._index = max(self._index + 1, math.floor((now - self._start) * self._fps))
        due = self._start + self._index / self._fps
        image = self._scene.image(due - self._start)
        if self._closed.wait(max(0.0, due - time.perf_counter())):
            return None
        t_capture = time.perf_counter()
        return Frame(image=image, index=self._index, t_capture=t_capture, t_media=t_capture - self._start)

    def close(self) -> None:
        self._closed.set()


MOVING_FACE = SourceSpec(
    kind=SourceKind(
        name="scene",
        label=phrase("Moving face"),
        icon="restored",
        match=lambda text, settings: None,
        make=lambda spec: MovingFaceSource(MovingFaceScene()),
        live=True,
    ),
    address="moving face",
)
"""The source of benchmarks and tests. Its kind is not in the registry, so it cannot be typed."""
