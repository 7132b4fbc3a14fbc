"""Faces pasted at another size than the frame's: a small face keeps all the pixels that it was given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import cv2
import numpy as np

from app.core.types import FaceChange, Image, Patch
from app.faces.alignment import enlarged_matrix, scale_of, shift_origin
from app.faces.pasting import add_change, changed_region

_WORTHWHILE = 1.05
"""A picture that is shown hardly larger, and a face that is hardly smaller than its crop, gain nothing."""

_FINEST = 2.0
"""Pixels of a patch for each pixel of the crop, at most: beyond that there is nothing left to show."""


def enlarged_change(change: FaceChange, across: float, down: float) -> FaceChange:
    """Return `change` for a frame that was made `across` times as wide and `down` times as high."""
    return replace(change, matrix=enlarged_matrix(change.matrix, across, down))


def patches(image: Image, changes: Sequence[FaceChange], shown: tuple[int, int]) -> tuple[Patch, ...]:
    """The faces of a picture that is shown in `shown` (width, height) pixels, for where that is larger than it is.

    image: the frame as it was given, uint8 (H, W, 3) BGR. Round the faces it is interpolated linearly, as what lies
    under the patches is. Faces that have no more pixels in their crop than in the frame get no patch.
    """
    return tuple(patch for change in changes if (patch := _patch(image, change, changes, shown)) is not None)


def _patch(image: Image, change: FaceChange, changes: Sequence[FaceChange], shown: tuple[int, int]) -> Patch | None:
    height, width = image.shape[:2]
    finer = scale_of(change.matrix)
    scale = min(shown[0] / width, finer * _FINEST)
    if scale < _WORTHWHILE or finer < _WORTHWHILE:
        return None
    of = round(width * scale), round(shown[1] / shown[0] * width * scale)
    across, down = of[0] / width, of[1] / height
    region = changed_region(enlarged_change(change, across, down), of)
    if region is None:
        return None
    left, top, right, bottom = region
    # A pixel's centre lies half a pixel in on both grids: x = (X + left + 0.5) / across - 0.5.
    back = np.array(((1 / across, 0, (left + 0.5) / across - 0.5), (0, 1 / down, (top + 0.5) / down - 0.5)), np.float32)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = right - left, bottom - top
    picture = np.asarray(cv2.warpAffine(image, back, size, flags=flags, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    for each in changes:
        larger = enlarged_change(each, across, down)
        add_change(picture, replace(larger, matrix=shift_origin(larger.matrix, left, top)))
    return Patch(image=picture, left=left, top=top, of=of)
