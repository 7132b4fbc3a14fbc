"""Arrays as pictures that Qt paints, without a copy where it can be."""

from __future__ import annotations

import numpy as np
from PySide6.QtGui import QImage

from app.core.types import Image, Restored


def as_qimage(image: Image) -> QImage:
    """A QImage over the array's own memory: no copy. The caller keeps `image` alive as long as the QImage.

    image: uint8 (H, W, 3) BGR with the three channels adjoining; rows may be padded.
    """
    height, width = image.shape[:2]
    if image.strides[1:] != (3, 1):
        raise ValueError("The channels of a picture must adjoin.")
    return QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888)


def mirrored(image: Image) -> Image:
    """`image`, uint8 (H, W, 3), with left and right swapped."""
    import cv2  # loaded long before by whoever gives pictures; the window's start does not wait for it

    return np.asarray(cv2.flip(image, 1), np.uint8)


class Pictures:
    """Before and after of one frame, ready to be painted. Keeps the arrays alive as long as they are shown."""

    def __init__(self, restored: Restored, *, mirror: bool) -> None:
        images = (restored.frame.image, restored.image)
        self.images: tuple[Image, ...] = tuple(mirrored(image) if mirror else _contiguous(image) for image in images)
        self.qimages: tuple[QImage, ...] = tuple(as_qimage(image) for image in self.images)


def _contiguous(image: Image) -> Image:
    return image if image.strides[1:] == (3, 1) else np.ascontiguousarray(image)
