"""Enlarging a picture by a whole number, and the limit of the result's size."""

from __future__ import annotations

from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.errors import OutputError
from app.media.pictures.picture_size import MAX_PICTURE_PIXELS

Pixels = TypeVar("Pixels", bound=NDArray[Any])


def enlarge(image: Pixels, scale: int) -> Pixels:
    """Enlarge `image` (H, W) or (H, W, C), uint8, uint16 or float32, `scale` times by Lanczos over 8x8 pixels.

    Itself at scale 1.
    """
    if scale == 1:
        return image
    height, width = image.shape[:2]
    size = width * scale, height * scale
    large = cv2.resize(image, size, interpolation=cv2.INTER_LANCZOS4)
    return np.asarray(large)  # type: ignore[return-value]


def expect_affordable_result(size: tuple[int, int], name: str) -> None:
    """Raise OutputError when the result `name` of `size` (width, height) would have too many pixels."""
    width, height = size
    if width * height > MAX_PICTURE_PIXELS:
        raise OutputError(
            "{name} would have {width}x{height} pixels, more than {limit} megapixels.",
            "Choose a smaller --scale, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.",
            name=name,
            width=width,
            height=height,
            limit=MAX_PICTURE_PIXELS // 1000000,
        )
