"""EXIF orientation: which way up a picture's pixels are stored."""

from __future__ import annotations

import struct
from typing import Any

import cv2
from numpy.typing import NDArray

_TURNS: dict[int, tuple[int | None, int | None]] = {
    2: (None, 1),
    3: (cv2.ROTATE_180, None),
    4: (None, 0),
    5: (cv2.ROTATE_90_CLOCKWISE, 1),
    6: (cv2.ROTATE_90_CLOCKWISE, None),
    7: (cv2.ROTATE_90_COUNTERCLOCKWISE, 1),
    8: (cv2.ROTATE_90_COUNTERCLOCKWISE, None),
}
"""EXIF orientation -> the rotation, then the flip (code of cv2.flip) that make the picture upright."""


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return `pixels` turned and flipped as their EXIF orientation, 1 to 8, asks."""
    rotation, flip = _TURNS.get(orientation, (None, None))
    if rotation is not None:
        pixels = cv2.rotate(pixels, rotation)
    if flip is not None:
        pixels = cv2.flip(pixels, flip)
    return pixels


def take_orientation(exif: bytes) -> tuple[int, bytes]:
    """Return the orientation (1 to 8) of an EXIF block, and the block with the orientation set to 1, upright.

    EXIF is a TIFF file of one directory: byte order, offset of the directory, then 12-byte entries; orientation is the
    short value of tag 0x0112 (Exif 2.3, section 4.6.4).
    """
    order = {b"II": "<", b"MM": ">"}.get(exif[:2])
    try:
        if order is None:
            return 1, exif
        (directory,) = struct.unpack_from(order + "I", exif, 4)
        (count,) = struct.unpack_from(order + "H", exif, directory)
        for entry in range(directory + 2, directory + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", exif, entry)
            if tag == 0x0112 and kind == 3:
                (orientation,) = struct.unpack_from(order + "H", exif, entry + 8)
                return orientation, exif[: entry + 8] + struct.pack(order + "H", 1) + exif[entry + 10 :]
    except struct.error:
        return 1, exif
    return 1, exif
