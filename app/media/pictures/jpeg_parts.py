"""What phones put into a JPEG beside its picture: a video, depth, what makes it HDR, a proof of its origin.

None of it describes a restored picture, and much of it is found by offsets. It is named and not carried over.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from app.core.words import Phrase, joined, phrase, phrase_n

_APP1, _APP11, _SCAN, _END = 0xE1, 0xEB, 0xDA, 0xD9
_JPEG = b"\xff\xd8\xff"
_EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/\0"
_MARKER = re.compile(rb"\xff([^\0\xff\xd0-\xd7])")
"""A marker with a segment, also between the scans of a picture, where a 0 follows every other 0xff."""

_VIDEO = re.compile(rb"\0\0\0.ftyp", re.DOTALL)
"""The first box of an MP4 (ISO/IEC 14496-12, 4.3)."""

_NAMES = rb"[\w-]+:(?:MotionPhoto\w*|MicroVideo\w*|HasExtendedXMP)|hdrgm:\w+"
_CLAIMS = re.compile(
    rb"\s(?:%(names)s)\s*=\s*(?:\"[^\"]*\"|'[^']*')"
    rb"|<(?P<name>%(names)s)>[^<]*</(?P=name)>"
    rb"|<(?P<list>[\w-]+:Directory)\b(?:[^<]|<(?!/?[\w-]+:Directory\b))*</(?P=list)>" % {b"names": _NAMES}
)
"""Attributes and elements of XMP by which such parts are found: of motion photos, extended XMP, HDR, and their list."""


def segments(encoded: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield marker and bytes of every segment before the pixels."""
    position = 2
    while position + 4 <= len(encoded) and encoded[position] == 0xFF and encoded[position + 1] != _SCAN:
        (length,) = struct.unpack_from(">H", encoded, position + 2)
        yield encoded[position + 1], encoded[position : position + 2 + length]
        position += 2 + length


def losses_of_jpeg(encoded: bytes, count: int) -> Iterator[Phrase]:
    """Name what a restored picture will not have. `count` is how many pictures the file's own index has."""
    rest = _behind(encoded)
    further = count - 1 or int(rest.startswith(_JPEG))
    if further:
        yield phrase_n(
            "left out: {n} further picture in the file, such as a preview or what makes it HDR",
            "left out: {n} further pictures in the file, such as a preview or what makes it HDR",
            further,
        )
    parts = []
    if _VIDEO.search(rest):
        parts.append(phrase("the video of a motion photo"))
    elif rest.strip(b"\0\r\n ") and not further:
        parts.append(phrase("what follows the picture in the file"))
    found = list(segments(encoded))
    if any(kind == _APP1 and data[4:].startswith(_EXTENDED_XMP) for kind, data in found):
        parts.append(phrase("its extended XMP data, such as its depth"))
    if any(kind == _APP11 and b"c2pa" in data for kind, data in found):
        parts.append(phrase("its content credentials (C2PA)"))
    if parts:
        yield phrase("left out: {parts}", parts=joined(parts))


def _behind(encoded: bytes) -> bytes:
    """Return what follows the end of the picture, empty when that cannot be found."""
    position = 2
    while match := _MARKER.search(encoded, position):
        position = match.end()
        if match[1][0] == _END:
            return encoded[position:]
        position += int.from_bytes(encoded[position : position + 2], "big")
    return b""


def without_claims(xmp: bytes) -> bytes:
    """Return XMP that does not say that there are such parts."""
    return _CLAIMS.sub(b"", xmp)
