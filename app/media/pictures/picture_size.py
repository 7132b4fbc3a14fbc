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

_USUAL_PIXEL_BYTES = 4
"""Deeper pixels take several copies of more memory, so that fewer of them are allowed."""

_AVIF_SIZE = struct.pack(">I4sI", 20, b"ispe", 0)


def expect_affordable(encoded: bytes, name: str) -> None:
    """Raise UnreadableMediaError when the picture in `encoded` has too many pixels; unknown sizes pass."""
    size = picture_size(encoded)
    if size is None:
        return
    if size[0] * size[1] > MAX_PICTURE_PIXELS:
        raise UnreadableMediaError(
            "{name} has {width}x{height} pixels, more than {limit} megapixels.",
            "Make it smaller, or set CFRNET_LIVE_MAX_MEGAPIXELS to more if there is memory for it.",
            name=name,
            width=size[0],
            height=size[1],
            limit=MAX_PICTURE_PIXELS // 1000000,
        )
    if (header := _tiff_header(encoded)) is not None:
        expect_affordable_depth(size, header[2], name)


def expect_affordable_depth(size: tuple[int, int], pixel_bytes: int, name: str) -> None:
    """Raise UnreadableMediaError when a picture of `size` (width, height) is too large for that many bytes a pixel."""
    width, height = size
    most = MAX_PICTURE_PIXELS * _USUAL_PIXEL_BYTES // max(pixel_bytes, _USUAL_PIXEL_BYTES)
    if width * height > most:
        raise UnreadableMediaError(
            "{name} has {width}x{height} pixels of {count} bytes each, more than {limit} megapixels.",
            "Make it smaller, save it with fewer bits, or set CFRNET_LIVE_MAX_MEGAPIXELS to more.",
            name=name,
            width=width,
            height=height,
            count=pixel_bytes,
            limit=most // 1000000,
        )


def picture_size(encoded: bytes) -> tuple[int, int] | None:
    """Return width and height from the header, None for an unknown or damaged one. Decodes nothing."""
    try:
        with Pillow.open(io.BytesIO(encoded)) as picture:
            return picture.size
    except Exception:  # whatever a damaged header makes of it
        header = _tiff_header(encoded)
        return header[:2] if header is not None else jpeg_size(encoded) or avif_size(encoded)


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


def avif_size(encoded: bytes) -> tuple[int, int] | None:
    """Return the largest width and height that the properties of an AVIF state, None without any.

    The decoder itself refuses a size beyond its own limit without naming it. The box `ispe` is 20 bytes: length, name,
    version and flags, width, height (ISO/IEC 23008-12, 6.5.3.1).
    """
    if encoded[4:8] != b"ftyp":
        return None
    sizes: list[tuple[int, int]] = []
    place = encoded.find(_AVIF_SIZE)
    while 0 <= place <= len(encoded) - len(_AVIF_SIZE) - 8:
        width, height = struct.unpack_from(">II", encoded, place + len(_AVIF_SIZE))
        sizes.append((width, height))
        place = encoded.find(_AVIF_SIZE, place + 1)
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


def is_tiff(encoded: bytes) -> bool:
    """Whether the file begins as a TIFF or BigTIFF does."""
    return encoded[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def _tiff_header(encoded: bytes) -> tuple[int, int, int] | None:
    """Return width, height and bytes of a decoded pixel of a TIFF of any kind of pixels, None for another format."""
    if not is_tiff(encoded):
        return None
    import tifffile  # takes 20 ms, which other pictures need not wait for

    try:
        with tifffile.TiffFile(io.BytesIO(encoded)) as file:
            page = file.pages.first
            return page.imagewidth, page.imagelength, page.bitspersample * page.samplesperpixel // 8
    except Exception:  # whatever a damaged header makes of it
        return None
