"""What tests of faces, restorers and the pipeline share: shipped models, a real portrait, frames, true landmarks."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.data import astronaut

from app.core.types import Frame
from app.faces.alignment import transform
from app.faces.detector import FaceDetector
from app.restorers.family import Restorer
from app.restorers.store import ModelStore

FACE_CENTRE = (224.0, 122.0)
"""Middle of the face in `portrait()`."""


@cache
def store() -> ModelStore:
    return ModelStore()


@cache
def detector() -> FaceDetector:
    return FaceDetector(*store().detectors())


@cache
def restorer(precision: str = "int8") -> Restorer:
    return store().create_restorer("cfrnet-rt", precision)


@cache
def portrait() -> NDArray[np.uint8]:
    """uint8 (512, 512, 3) BGR: a sharp photograph of one person."""
    picture = np.ascontiguousarray(astronaut()[:, :, ::-1])
    picture.setflags(write=False)
    return picture


@cache
def portrait_landmarks() -> NDArray[np.float32]:
    """float32 (5, 2): the portrait's landmarks, seen at its full size."""
    return detector().detect(portrait(), 512)[0].landmarks


def blurred(image: NDArray[np.uint8], sigma: float = 2.5) -> NDArray[np.uint8]:
    return cv2.GaussianBlur(image, (0, 0), sigma)


def show(
    *,
    size: tuple[int, int] = (640, 480),
    centre: tuple[float, float] = (320.0, 240.0),
    scale: float = 1.0,
    degrees: float = 0.0,
    onto: NDArray[np.uint8] | None = None,
    picture: NDArray[np.uint8] | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """The head of the portrait on a plain ground, its face at `centre`: a frame (width, height) and its landmarks.

    With `onto` the head is painted into a copy of that frame.
    """
    matrix = cv2.getRotationMatrix2D(FACE_CENTRE, degrees, scale)
    matrix[:, 2] += np.subtract(centre, FACE_CENTRE)
    head = np.zeros((512, 512), np.uint8)
    cv2.ellipse(head, (224, 120), (88, 108), 0, 0, 360, 255, -1)
    head = cv2.GaussianBlur(head, (0, 0), 4)
    frame = np.full((size[1], size[0], 3), (120, 110, 100), np.uint8) if onto is None else onto.copy()
    width, height = frame.shape[1::-1]
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    source = portrait() if picture is None else picture
    if scale < 0.7:  # reduce before warping, or small heads alias
        source = cv2.GaussianBlur(source, (0, 0), 0.4 / scale)
    warped = cv2.warpAffine(source, matrix, (width, height), flags=flags)
    alpha = cv2.warpAffine(head, matrix, (width, height))[:, :, None].astype(np.float32) / 255
    frame[:] = (frame * (1 - alpha) + warped * alpha + 0.5).astype(np.uint8)
    return frame, transform(portrait_landmarks(), matrix.astype(np.float32))


def frame_of(image: NDArray[np.uint8], *, index: int = 0, seconds: float = 0.0) -> Frame:
    return Frame(image=image, index=index, t_capture=seconds, t_media=seconds)


def noisy(image: NDArray[np.uint8], rng: np.random.Generator, sigma: float = 5.0) -> NDArray[np.uint8]:
    return np.clip(image + rng.normal(0, sigma, image.shape), 0, 255).astype(np.uint8)
