"""68 facial landmarks by PFLD (Guo et al., 2019), for the landmark error. Nothing is trained with it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor

SIZE = 112
# The square of an FFHQ crop of 256x256 that holds brows, jaw and chin: left, top and side in pixels. Chosen on training
# faces, where the eyes, the nose and the corners of the mouth come closest to the detector's.
SQUARE = (33.0, 65.0, 190.0)


class LandmarkNetwork:
    """68 points of aligned faces, all cut at the same place, so that only the picture matters."""

    def __init__(self, weights: Path, *, threads: int = 1) -> None:
        path = weights / "pfld_68.onnx"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; the landmark error needs PFLD's published weights")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def __call__(self, images: NDArray[np.uint8]) -> Tensor:
        """`images`: uint8 (N, 256, 256, 3) BGR, FFHQ framing. Returns float (N, 68, 2), x and y in their pixels."""
        left, top, side = SQUARE
        zoom = SIZE / side
        matrix = np.array([[zoom, 0.0, -left * zoom], [0.0, zoom, -top * zoom]])
        crops = [
            cv2.warpAffine(image, matrix, (SIZE, SIZE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for image in images
        ]
        rgb = np.ascontiguousarray(np.stack(crops)[..., ::-1].transpose(0, 3, 1, 2), dtype=np.float32) / 255.0
        (points,) = self._session.run(None, {"input": rgb})
        corner = np.array([left, top], np.float32)
        return torch.from_numpy(points.reshape(-1, 68, 2) * np.float32(side) + corner)
