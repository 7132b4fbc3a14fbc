"""Test sets: folders of aligned faces that are never trained or tuned on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.faces.alignment import FFHQ_TEMPLATE
from app.faces.detector import FaceDetector
from app.media.picture import PICTURE_SUFFIXES
from training.data import FACE_SIZE, FaceFolderError


@dataclass(frozen=True, kw_only=True)
class TestSet:
    """Clean faces in the order of their names, uint8 (N, 256, 256, 3) BGR, and their landmarks, float32 (N, 5, 2)."""

    images: NDArray[np.uint8]
    landmarks: NDArray[np.float32]
    found: int


def read_test_set(folder: Path, detector: FaceDetector, limit: int | None) -> TestSet:
    """Read a folder of 256x256 faces. A face that the detector misses is taken to lie on the template exactly."""
    images = read_faces(folder, limit)
    landmarks, found = [], 0
    for image in images:
        faces = detector.detect(image, FACE_SIZE)
        found += bool(faces)
        landmarks.append(faces[0].landmarks if faces else FFHQ_TEMPLATE)
    return TestSet(images=images, landmarks=np.stack(landmarks).astype(np.float32), found=found)


def read_faces(folder: Path, limit: int | None) -> NDArray[np.uint8]:
    """Read the first `limit` faces of a folder, uint8 (N, 256, 256, 3) BGR. Raises FaceFolderError."""
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in PICTURE_SUFFIXES)
    if not files:
        raise FaceFolderError(f"{folder} holds no pictures")
    images: list[NDArray[np.uint8]] = []
    for path in files[:limit]:
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None or image.shape != (FACE_SIZE, FACE_SIZE, 3):
            raise FaceFolderError(f"{path} is not a readable {FACE_SIZE}x{FACE_SIZE} colour picture")
        images.append(np.asarray(image, np.uint8))
    return np.stack(images)
