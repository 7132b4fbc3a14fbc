"""Face detection with five key points: SCRFD-2.5G (arXiv 2105.04714).

Whole pictures go through InsightFace's own model zoo. The window round a tracked face always shows it at the same size,
and only one of the network's three branches detects that size: windows have a network of their own, which is
that branch with its backbone in INT8 (`training/shipping/window_detector.py`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.core.errors import InferenceError, ModelMissingError
from app.core.onnx import session_options
from app.core.types import Face, Image
from app.faces.boxes import overlap

THRESHOLD = 0.5

WINDOW = 128
"""Side in pixels of the window that `FaceDetector.detect_close` receives (docs/decisions/window-detector.md)."""

_STRIDE = 32  # the coarsest of the network's three; the sides of what it sees are multiples of it
CLOSE_STRIDE = 16
"""Stride of the one branch that windows are detected with: the one for faces of 32 to 128 pixels."""

_CLOSE_ANCHORS = 2
SAME_FACE = 0.4
"""Intersection over union of two candidates for one face, as in the model zoo."""
_INPUT_MEAN, _INPUT_SPREAD = 127.5, 128.0  # of the colours that SCRFD was trained on
_MARGIN = 0.1  # candidates whose score is within this of the best one's are averaged with it


class FaceDetector:
    """SCRFD behind two ONNX Runtime sessions. One worker owns it; only `detect_close` may run several times at once."""

    def __init__(self, whole: Path | bytes, window: Path | bytes, *, threads: int = 1) -> None:
        """Load the network for `whole` pictures and the one for a `window`: ONNX files, or the bytes of verified ones.

        Whole pictures use `threads` threads, 0 for every core; windows use one, because their layers are too small to
        be shared. Raises ModelMissingError
        or InferenceError.
        """
        self._open_whole(whole, threads)
        self._close_network = open_session(window, "for windows", threads=1)
        self._close_input = self._close_network.get_inputs()[0].name

    def detect(self, image: Image, size: int, *, threshold: float = THRESHOLD) -> list[Face]:
        """Detect faces in `image`, uint8 (H, W, 3) BGR: best first, in its own pixels and with track_id -1.

        The image's longer side is scaled to `size` pixels first. Faces score at least `threshold`. Raises
        InferenceError.
        """
        canvas, scale = _letterbox(image, size)
        try:
            boxes, landmarks = self._candidates(canvas, threshold)
        except Exception as error:
            raise InferenceError("The face detector failed: {error}.", error=error) from error
        return [
            Face(
                track_id=-1,
                box=(box[:4] / scale).astype(np.float32),
                landmarks=(points / scale).astype(np.float32),
                score=float(box[4]),
            )
            for box, points in zip(boxes, landmarks, strict=True)
        ]

    def _open_whole(self, whole: Path | bytes, threads: int) -> None:
        self._network = _model_of_zoo(open_session(whole, "for whole pictures", threads=threads))

    def _candidates(self, canvas: Image, threshold: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes and scores (N, 5), best first, and landmarks (N, 5, 2), in pixels of `canvas`."""
        high, wide = canvas.shape[:2]
        # The size is given on every call: without one the model zoo runs a free-sized detector twice.
        boxes, landmarks = self._network.detect(canvas, input_size=(wide, high), det_thresh=threshold)
        return boxes, landmarks

    def detect_close(self, window: Image, *, threshold: float = THRESHOLD) -> list[Face]:
        """Detect faces of 32 to 128 pixels in `window`, uint8 (WINDOW, WINDOW, 3) BGR: best first, with track_id -1.

        Faces score at least `threshold`. Raises InferenceError.
        """
        try:
            scores, sides, offsets = self._close_network.run(None, {self._close_input: window[None]})
        except Exception as error:
            raise InferenceError("The face detector failed: {error}.", error=error) from error
        scores = scores.reshape(-1)
        certain = np.flatnonzero(scores >= threshold)
        # Every position predicts the distances to the four sides and the five points, in strides.
        centres, scores = _CLOSE_CENTRES[certain], scores[certain]
        sides = sides.reshape(-1, 4)[certain] * CLOSE_STRIDE
        boxes = np.hstack((centres - sides[:, :2], centres + sides[:, 2:]))
        landmarks = centres[:, None] + offsets.reshape(-1, 5, 2)[certain] * CLOSE_STRIDE
        return _weighted_nms(boxes, landmarks, scores)


def _model_of_zoo(session: onnxruntime.InferenceSession) -> Any:
    """Return InsightFace's SCRFD around `session`."""
    # InsightFace pulls in SciPy and scikit-image and takes most of a second to import, so not before it is needed.
    from insightface.model_zoo.scrfd import SCRFD

    class Detector(SCRFD):  # type: ignore[misc]  # it has no types
        """Does without OpenCV's module for networks, which is half of OpenCV: packages leave it out."""

        def _prepare_input_blob(self, img: Image, input_size: tuple[int, int]) -> NDArray[np.float32]:
            return network_input(img)

    # Otherwise the zoo keeps a session, with all its memory, for every size that it ever sees.
    return Detector(session=session, static_shape_sessions=False)


def network_input(image: Image) -> NDArray[np.float32]:
    """Return `image`, uint8 (H, W, 3) BGR, as SCRFD sees it: float32 (1, 3, H, W) RGB in -1 to 1."""
    high, wide = image.shape[:2]
    planes = np.empty((1, 3, high, wide), np.float32)
    for plane, colour in zip(planes[0, ::-1], cv2.split(image), strict=True):
        np.subtract(colour, _INPUT_MEAN, out=plane, dtype=np.float32)
    planes *= 1 / _INPUT_SPREAD
    return planes


def open_session(model: Path | bytes, purpose: str, *, threads: int) -> onnxruntime.InferenceSession:
    """Open a session over a detector's file or its bytes. Raises ModelMissingError or InferenceError."""
    name = purpose if isinstance(model, bytes) else model.name
    try:
        content = model if isinstance(model, bytes) else model.read_bytes()
    except OSError as error:
        raise ModelMissingError("The face detector is missing: {model}.", model=model) from error
    try:
        return onnxruntime.InferenceSession(
            content, session_options(threads=threads, spinning=False), providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime raises a different class for every kind of refusal
        raise InferenceError("The face detector {name} was refused: {error}.", name=name, error=error) from error


def _weighted_nms(
    boxes: NDArray[np.float32], landmarks: NDArray[np.float32], scores: NDArray[np.float32]
) -> list[Face]:
    """Score-weighted non-maximum suppression: one face for each group of overlapping candidates, best first.

    `boxes` (N, 4), `landmarks` (N, 5, 2), `scores` (N,). Box and landmarks are the mean of the group's candidates that
    score nearly as high as its best one, weighted by how near: they jitter less than the best candidate's alone
    (docs/decisions/window-detector.md).
    """
    sides, certainty = boxes.tolist(), scores.tolist()
    free = sorted(range(len(sides)), key=lambda index: -certainty[index])  # not part of a face yet
    faces = []
    while free:
        best = free[0]
        group = [index for index in free if overlap(sides[index], sides[best]) > SAME_FACE or index == best]
        free = [index for index in free if index not in group]
        kept = [index for index in group if certainty[index] > certainty[best] - _MARGIN]
        weights = np.array([certainty[index] - certainty[best] + _MARGIN for index in kept], np.float32)
        weights /= weights.sum()
        faces.append(
            Face(
                track_id=-1,
                box=weights @ boxes[kept],
                landmarks=np.tensordot(weights, landmarks[kept], 1),
                score=certainty[best],
            )
        )
    return faces


def _close_centres() -> NDArray[np.float32]:
    """float32 (N, 2): the pixel x, y of the window that each candidate of the branch is relative to."""
    steps = np.arange(0, WINDOW, CLOSE_STRIDE, dtype=np.float32)
    x, y = np.meshgrid(steps, steps)
    return np.repeat(np.stack((x, y), axis=-1).reshape(-1, 2), _CLOSE_ANCHORS, axis=0)


_CLOSE_CENTRES = _close_centres()


def _letterbox(image: Image, size: int) -> tuple[Image, float]:
    """`image` scaled to a longer side of `size`, in the corner of a black canvas with sides that SCRFD can divide.

    The model zoo would scale by itself, but without averaging, which makes landmarks jitter.
    """
    height, width = image.shape[:2]
    scale = size / max(height, width)
    wide, high = max(1, round(width * scale)), max(1, round(height * scale))
    canvas_wide, canvas_high = (-(-side // _STRIDE) * _STRIDE for side in (wide, high))
    # The model zoo recomputes the height from the aspect ratio and truncates; 352x480 would become 352x479.
    while int(canvas_wide * (canvas_high / canvas_wide)) != canvas_high:
        canvas_high += _STRIDE
    canvas = np.zeros((canvas_high, canvas_wide, 3), np.uint8)
    shrinking = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    cv2.resize(image, (wide, high), dst=canvas[:high, :wide], interpolation=shrinking)
    return canvas, scale
