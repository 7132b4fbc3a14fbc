"""Degrading a picture as a cheap camera and a slow connection do: few pixels, blur, noise, blocks."""

from __future__ import annotations

import functools

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import Image

_LARGEST_REDUCTION = 6.0
_NOISE_SIDE = 512


def degrade(image: Image, strength: float, *, index: int = 0) -> Image:
    """Return a degraded copy of `image`, uint8 (H, W, 3) BGR, of the same size.

    `strength` in [0, 1] ranges from hardly visible to a sixth of the resolution, blurred, noisy and coded as a JPEG of
    quality 15. `index` selects the noise; equal indices have equal noise.
    """
    height, width = image.shape[:2]
    reduction = 1.0 + (_LARGEST_REDUCTION - 1.0) * strength
    size = (max(round(width / reduction), 16), max(round(height / reduction), 16))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 0.3 + 0.7 * strength)
    noisy = small.astype(np.float32) + _noise(size[0], size[1], index) * (2.0 + 10.0 * strength)
    small = np.clip(noisy, 0, 255).astype(np.uint8)
    done, coded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, round(75 - 60 * strength)])
    if done:
        small = np.asarray(cv2.imdecode(coded, cv2.IMREAD_COLOR), np.uint8)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)


def _noise(width: int, height: int, index: int) -> NDArray[np.float32]:
    """float32 (height, width, 1), normal with a standard deviation of 1: a tile that is shifted with every index."""
    tile = _tile()
    down, across = (index * 131) % _NOISE_SIDE, (index * 197) % _NOISE_SIDE
    rolled = np.roll(tile, (down, across), (0, 1))
    times = (-(-height // _NOISE_SIDE), -(-width // _NOISE_SIDE))
    return np.tile(rolled, times)[:height, :width, None]


@functools.cache
def _tile() -> NDArray[np.float32]:
    return np.random.default_rng(0).standard_normal((_NOISE_SIDE, _NOISE_SIDE), np.float32)
