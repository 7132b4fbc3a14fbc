"""What EXIF says of a picture's pixels: which way up they are stored, and how many there are."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
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

_ORIENTATION, _EXIF_DIRECTORY = 0x0112, 0x8769
_WIDTHS, _HEIGHTS = (0x0100, 0xA002), (0x0101, 0xA003)
_SHORT, _LONG = 3, 4
"""Tags and types of EXIF; the size of the picture may stand in either directory."""


def upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Return `pixels` turned and flipped as their EXIF orientation, 1 to 8, asks."""
    rotation, flip = _TURNS.get(orientation, (None, None))
    if rotation is not None:
        pixels = cv2.rotate(pixels, rotation)
    if flip is not None:
        pixels = cv2.flip(pixels, flip)
    return pixels


def take_orientation(exif: bytes) -> tuple[int, bytes]:
    """Return the orientation (1 to 8) of an EXIF block, and the block set to 1, upright, without its thumbnail.

    EXIF is a TIFF file: byte order, offset of the first directory, then 12-byte entries and the offset of the next
    directory, that of the thumbnail; orientation is the short value of tag 0x0112 (Exif 2.3, section 4.6.4).
    """
    block, orientation = bytearray(exif), 1
    if (order := _order(exif)) is None:
        return 1, exif
    with contextlib.suppress(struct.error):
        (directory,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, directory)
        for entry, tag, kind in _entries(block, order, directory):
            if tag == _ORIENTATION and kind == _SHORT:
                (orientation,) = struct.unpack_from(order + "H", block, entry + 8)
                struct.pack_into(order + "H", block, entry + 8, 1)
                break
        end = directory + 2 + 12 * count
        (next_one,) = struct.unpack_from(order + "I", block, end)
        if next_one >= end + 4 and struct.unpack_from(order + "H", block, next_one)[0]:  # some writers have data here
            struct.pack_into(order + "I", block, end, 0)  # the thumbnail shows the picture unrestored, as stored
    return orientation, bytes(block)


def with_size(exif: bytes, width: int, height: int) -> bytes:
    """Return an EXIF block in which the width and the height are these, where it has them."""
    block = bytearray(exif)
    if (order := _order(exif)) is None:
        return exif
    sizes = dict.fromkeys(_WIDTHS, width) | dict.fromkeys(_HEIGHTS, height)
    with contextlib.suppress(struct.error):
        (first,) = struct.unpack_from(order + "I", block, 4)
        directories = [first]
        for entry, tag, _ in _entries(block, order, first):
            if tag == _EXIF_DIRECTORY:
                directories += struct.unpack_from(order + "I", block, entry + 8)
        for directory in directories:
            for entry, tag, _ in _entries(block, order, directory):
                if tag in sizes:
                    struct.pack_into(order + "HHII", block, entry, tag, _LONG, 1, sizes[tag])
    return bytes(block)


def _order(exif: bytes) -> str | None:
    return {b"II": "<", b"MM": ">"}.get(exif[:2])


def _entries(block: bytearray, order: str, directory: int) -> Iterator[tuple[int, int, int]]:
    """Yield the place, the tag and the type of each entry of a directory; raises struct.error where it breaks off."""
    (count,) = struct.unpack_from(order + "H", block, directory)
    for entry in range(directory + 2, directory + 2 + 12 * count, 12):
        yield entry, *struct.unpack_from(order + "HH", block, entry)
