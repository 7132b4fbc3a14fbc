"""The size that a picture's header states, so that a small file cannot exhaust the memory."""

from __future__ import annotations

import io
import os
import struct

from PIL import Image as Pillow

from app.core.errors import UnreadableMediaError

MAX_PICTURE_PIXELS = int(os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"])
"""Set in app/__init__.py, since OpenCV reads it when it is loaded."""

Pillow.MAX_IMAGE_PIXELS = None  # the limit here is the one above


def expect_affordable(encoded: bytes, name: str) -> None:
    """Raise UnreadableMediaError when the picture in `encoded` has too many pixels; unknown sizes pass."""
    size = picture_size(encoded)
    if size is not None and size[0] * size[1] > MAX_PICTURE_PIXELS:
        raise UnreadableMediaError(
            "{name} has {width}x{height} pixels, more than {limit} megapixels.",
            "Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.",
            name=name,
            width=size[0],
            height=size[1],
            limit=MAX_PICTURE_PIXELS // 1000000,
        )


def picture_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height from the header, None for an unknown or damaged one. Decodes nothing."""
    try:
        with Pillow.open(io.BytesIO(encoded)) as picture:
            return picture.size
    except Exception:  # whatever a damaged header makes of it
        return jpeg_size(encoded)


def jpeg_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG from its frame header (ITU-T T.81, B.2.2), None without one."""
    position = 2
    while encoded[:2] == b"\xff\xd8" and position + 9 <= len(encoded):
        if encoded[position] != 0xFF:
            position += 1
            continue
        marker = encoded[position + 1]
        if marker == 0xFF or marker == 0x01 or 0xD0 <= marker <= 0xD8:
            position += 1 if marker == 0xFF else 2
            continue
        length, _, height, width = struct.unpack_from(">HBHH", encoded, position + 2)
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return width, height
        if marker in (0xD9, 0xDA):
            return None
        position += 2 + length
    return None
