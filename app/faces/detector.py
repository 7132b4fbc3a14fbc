"""Face detection with five key points: InsightFace's SCRFD-2.5G (arXiv 2105.04714) through its own model zoo."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from app.core.errors import InferenceError, ModelMissingError
from app.core.onnx import session_options
from app.core.types import Face, Image

_STRIDE = 32
THRESHOLD = 0.5


class FaceDetector:
    """SCRFD behind one ONNX Runtime session. Not thread-safe: one worker owns it."""

    def __init__(self, model_path: Path, *, threads: int = 1) -> None:
        """Load the detector. Raises ModelMissingError or InferenceError.

        In a window of 128 or 160 pixels its layers are too small to be shared: a second thread gains nothing and
        keeps a core from the camera and the screen. Large pictures are worth more `threads`; 0 takes every core.
        """
        # The model zoo answers a missing path with an assertion, or with a download when told so.
        if not model_path.is_file():
            raise ModelMissingError(f"The face detector is missing: {model_path}.")
        # InsightFace pulls in SciPy and scikit-image and takes most of a second to import, so not before it is needed.
        from insightface.model_zoo import get_model

        try:
            self._network = get_model(
                str(model_path),
                providers=["CPUExecutionProvider"],
                sess_options=session_options(threads=threads, spinning=False),
                # Otherwise the zoo keeps a session, with all its memory, for every size that it ever sees.
                static_shape_sessions=False,
            )
        except Exception as error:  # ONNX Runtime raises a different class for every kind of refusal
            raise InferenceError(f"The face detector {model_path.name} was refused: {error}.") from error

    def detect(self, image: Image, size: int, *, threshold: float = THRESHOLD) -> list[Face]:
        """Faces in `image`, uint8 (H, W, 3) BGR, best first, in its own pixels and with track_id -1.

        The image's longer side is scaled to `size` pixels first. Faces score at least `threshold`. Raises
        InferenceError.
        """
        canvas, scale = _letterbox(image, size)
        high, wide = canvas.shape[:2]
        try:
            # The size is given on every call: without one the model zoo runs a free-sized detector twice.
            boxes, landmarks = self._network.detect(canvas, input_size=(wide, high), det_thresh=threshold)
        except Exception as error:
            raise InferenceError(f"The face detector failed: {error}.") from error
        return [
            Face(
                track_id=-1,
                box=(box[:4] / scale).astype(np.float32),
                landmarks=(points / scale).astype(np.float32),
                score=float(box[4]),
            )
            for box, points in zip(boxes, landmarks, strict=True)
        ]


def _letterbox(image: Image, size: int) -> tuple[Image, float]:
    """`image` scaled to a longer side of `size`, in the corner of a black canvas that SCRFD can divide.

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
