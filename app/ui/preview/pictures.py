"""Arrays as pictures that Qt paints, without a copy where it can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from app.core.types import Image, Patch, Restored
from app.ui.preview.geometry import Box


def as_qimage(image: Image) -> QImage:
    """A QImage over the array's own memory: no copy. The caller keeps `image` alive as long as the QImage.

    image: uint8 (H, W, 3) BGR with the three channels adjoining; rows may be padded.
    """
    height, width = image.shape[:2]
    if image.strides[1:] != (3, 1):
        raise ValueError("The channels of a picture must adjoin.")
    return QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888)


def mirrored(image: Image) -> Image:
    """Return `image`, uint8 (H, W, 3), with left and right swapped."""
    import cv2  # loaded long before by whoever gives pictures; the window's start does not wait for it

    return np.asarray(cv2.flip(image, 1), np.uint8)


def rectangle(box: Box) -> QRectF:
    """Return `box` as a QRectF."""
    return QRectF(box.x, box.y, box.width, box.height)


class Picture:
    """A frame ready to be painted, with its patches. Keeps the arrays alive as long as they are shown."""

    def __init__(self, image: Image, patches: Sequence[Patch] = (), *, mirror: bool) -> None:
        self.image = _shown(image, mirror)
        self._qimage = as_qimage(self.image)
        self._patches = []
        for patch in patches:
            left = patch.of[0] - patch.left - patch.image.shape[1] if mirror else patch.left
            pixels = _shown(patch.image, mirror)
            self._patches.append((pixels, as_qimage(pixels), left, patch.top, patch.of))

    def paint(self, painter: QPainter, target: Box, clip: Box) -> None:
        """Draw the whole picture to `target`, as much of it as lies in `clip`."""
        painter.setClipRect(rectangle(clip))
        painter.drawImage(rectangle(target), self._qimage)
        for _, qimage, left, top, (width, height) in self._patches:
            across, down = target.width / width, target.height / height
            place = QRectF(
                target.x + left * across, target.y + top * down, qimage.width() * across, qimage.height() * down
            )
            painter.drawImage(place, qimage)
        painter.setClipping(False)


class Pictures:
    """Before and after of one frame, and what another network made of it where two are compared."""

    def __init__(self, restored: Restored, *, mirror: bool) -> None:
        self.before = Picture(restored.frame.image, mirror=mirror)
        self.after = Picture(restored.image, restored.patches, mirror=mirror)
        compared = restored.compared
        self.other = Picture(compared.image, compared.patches, mirror=mirror) if compared is not None else None


def _shown(image: Image, mirror: bool) -> Image:
    if mirror:
        return mirrored(image)
    return image if image.strides[1:] == (3, 1) else np.ascontiguousarray(image)
