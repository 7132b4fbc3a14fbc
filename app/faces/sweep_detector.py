"""The detector for sweeps of files: SCRFD without the model zoo, which takes a worker 0.3 s to import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.core.types import Image
from app.faces.boxes import overlap
from app.faces.detector import SAME_FACE, FaceDetector, network_input, open_session

_STRIDES = (8, 16, 32)
_ANCHORS = 2
_OUTPUTS = [f"{kind}_{stride}" for stride in _STRIDES for kind in ("score", "bbox", "kps")]


class SweepDetector(FaceDetector):
    """A FaceDetector whose network for whole pictures has SCRFD's own names of input and outputs."""

    def _open_whole(self, whole: Path | bytes, threads: int) -> None:
        self._session: onnxruntime.InferenceSession = open_session(whole, "for whole pictures", threads=threads)

    def _candidates(self, canvas: Image, threshold: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return boxes and scores (N, 5), best first, and landmarks (N, 5, 2), in pixels of `canvas`."""
        outputs = iter(self._session.run(_OUTPUTS, {"input.1": network_input(canvas)}))
        boxes, landmarks = [], []
        for stride, scores, sides, offsets in zip(_STRIDES, outputs, outputs, outputs, strict=True):
            certain = np.flatnonzero(scores >= threshold)
            row, column = np.divmod(certain // _ANCHORS, canvas.shape[1] // stride)
            centres = np.stack((column, row), axis=1).astype(np.float32) * stride
            # Every position predicts the distances to the four sides and the five points, in strides.
            distances = sides.reshape(-1, 4)[certain] * stride
            corners = centres - distances[:, :2], centres + distances[:, 2:]
            boxes.append(np.hstack((*corners, scores.reshape(-1, 1)[certain])))
            landmarks.append(centres[:, None] + offsets.reshape(-1, 5, 2)[certain] * stride)
        return _best_of_each(np.vstack(boxes), np.vstack(landmarks))


def _best_of_each(
    boxes: NDArray[np.float32], landmarks: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Greedy non-maximum suppression, as in the model zoo."""
    corners = boxes[:, :4].tolist()
    kept: list[int] = []
    for index in np.argsort(-boxes[:, 4], kind="stable").tolist():
        if all(overlap(corners[index], corners[other]) <= SAME_FACE for other in kept):
            kept.append(index)
    return boxes[kept], landmarks[kept]
