"""Pixels to the bytes of a picture file, with the metadata that the format can hold."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from app.core.errors import OutputError
from app.media.pictures.orientation import with_size
from app.media.pictures.picture_facts import (
    CICP,
    EXIF,
    PROFILE,
    RATINGS,
    TITLES,
    XMP,
    XMP_OF_JPEG,
    XMP_OF_PNG,
    PictureFacts,
    is_profile,
)
from app.media.pictures.picture_size import MAX_PICTURE_PIXELS

JPEG = frozenset({".jpg", ".jpeg", ".jpe"})
TIFF = frozenset({".tif", ".tiff"})
DEEP = frozenset({".png", ".jp2", ".ppm", ".pgm", ".pnm"}) | TIFF
WITH_ALPHA = frozenset({".png", ".webp", ".bmp", ".avif", ".jp2"}) | TIFF
WITH_METADATA = frozenset({".png", ".webp", ".avif"}) | JPEG | TIFF
WITH_RESOLUTION = frozenset({".png"}) | JPEG | TIFF
"""Suffixes of formats, and of those that hold more than 8 bits, transparency, metadata, the resolution in dpi."""

_AVIF_QUALITY = 95
_MAX_AVIF_PIXELS = MAX_PICTURE_PIXELS * 4 // 10
"""The encoder takes 40 bytes a pixel."""

_PROFILE_OF_JPEG = b"ICC_PROFILE\0"
_SEGMENT = 65533
_PART = _SEGMENT - len(_PROFILE_OF_JPEG) - 2
_MOST_IN_JPEG = {EXIF: _SEGMENT - 6, XMP: _SEGMENT - len(XMP_OF_JPEG), PROFILE: 255 * _PART}
"""Bytes of a segment of a JPEG, of a numbered part of a profile in one, and of each kind of metadata at the most."""

_METRE = 0.0254
_EXIF_DIRECTORIES = (0x8769, 0x8825)
_TIFF_XMP = 0x02BC


def encode(path: Path, pixels: NDArray[Any], metadata: Mapping[int, bytes], facts: PictureFacts) -> bytes:
    """Encode `pixels`, grey (H, W), BGR or BGRA, of a depth of the format of `path`. Raises OutputError."""
    suffix = path.suffix.lower()
    kept = dict(metadata)
    if PROFILE in kept and not is_profile(kept[PROFILE], grey=pixels.ndim == 2):
        del kept[PROFILE]
    if EXIF in kept:
        kept[EXIF] = with_size(kept[EXIF], pixels.shape[1], pixels.shape[0])
    if suffix != ".png":
        kept.pop(CICP, None)  # OpenCV would warn of it
    if suffix in TIFF:
        return _tiff(pixels, kept, facts)
    if suffix == ".avif":
        return _avif(path, np.asarray(pixels, np.uint8), kept)
    if suffix == ".png":
        xmp = kept.pop(XMP, b"")  # OpenCV would write it as a chunk in which nobody looks
        return _with_chunks(_by_opencv(path, pixels, kept), facts, xmp)
    if suffix in JPEG:
        kept = {kind: data for kind, data in kept.items() if kind not in too_long_for_jpeg(kept)}
        profile = kept.pop(PROFILE, b"")  # OpenCV would write it into a single segment
        if XMP in kept:
            kept[XMP] = XMP_OF_JPEG + kept[XMP]
        return _with_segments(_by_opencv(path, pixels, kept), facts, profile)
    return _by_opencv(path, pixels, kept)


def too_long_for_jpeg(metadata: Mapping[int, bytes]) -> list[int]:
    """Return the kinds of metadata of which there is more than a JPEG can hold."""
    return [kind for kind, most in _MOST_IN_JPEG.items() if len(metadata.get(kind, b"")) > most]


def _by_opencv(path: Path, pixels: NDArray[Any], metadata: Mapping[int, bytes]) -> bytes:
    suffix = path.suffix.lower()
    options: list[int] = []
    if suffix in JPEG:
        sampling = cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444
        options = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
    elif suffix == ".webp":
        options = [cv2.IMWRITE_WEBP_QUALITY, 101]
    elif suffix == ".png":
        options = [cv2.IMWRITE_PNG_COMPRESSION, 3]
    elif suffix == ".jp2":
        options = [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, 1000]  # without loss
    try:
        if metadata and suffix in WITH_METADATA:
            kinds = list(metadata)
            blobs = [np.frombuffer(metadata[kind], np.uint8).reshape(1, -1) for kind in kinds]
            done, encoded = cv2.imencodeWithMetadata(suffix, pixels, kinds, blobs, options)
        else:
            done, encoded = cv2.imencode(suffix, pixels, options)
    except cv2.error as error:
        raise OutputError("{path} cannot be written in this format.", error.err or "", path=path) from error
    if not done:
        raise OutputError("{path} cannot be written in this format.", "Write a PNG instead.", path=path)
    return encoded.tobytes()


def _with_chunks(encoded: bytes, facts: PictureFacts, xmp: bytes) -> bytes:
    """A PNG with further chunks behind its header, which is 33 bytes with the signature."""
    chunks = [chunk for chunk in facts.chunks if len(chunk) >= 12 and chunk[:1] != b"\xff"]
    if facts.dpi is not None and not any(chunk[4:8] == b"pHYs" for chunk in chunks):
        across, down = (round(dpi / _METRE) for dpi in facts.dpi)
        chunks.append(_chunk(b"pHYs", struct.pack(">IIB", across, down, 1)))
    if xmp:
        chunks.append(_chunk(b"iTXt", XMP_OF_PNG + bytes(4) + xmp))
    return encoded[:33] + b"".join(chunks) + encoded[33:]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _with_segments(encoded: bytes, facts: PictureFacts, profile: bytes) -> bytes:
    """A JPEG with its resolution in the JFIF header, further segments behind that, and the profile after its EXIF."""
    (length,) = struct.unpack_from(">H", encoded, 4)
    header = bytearray(encoded[: 4 + length])
    if facts.dpi is not None:
        struct.pack_into(">BHH", header, 13, 1, *(min(round(dpi), 65535) for dpi in facts.dpi))
    segments = [chunk for chunk in facts.chunks if chunk[:1] == b"\xff"]
    rest = 4 + length
    while encoded[rest + 1] & 0xF0 == 0xE0:
        rest += 2 + struct.unpack_from(">H", encoded, rest + 2)[0]
    parts = [profile[start : start + _PART] for start in range(0, len(profile), _PART)]
    numbered = (_PROFILE_OF_JPEG + bytes((i, len(parts))) + part for i, part in enumerate(parts, 1))
    profiles = [b"\xff\xe2" + struct.pack(">H", len(data) + 2) + data for data in numbered]
    return b"".join((header, *segments, encoded[4 + length : rest], *profiles, encoded[rest:]))


def _tiff(pixels: NDArray[Any], metadata: Mapping[int, bytes], facts: PictureFacts) -> bytes:
    import tifffile  # takes 20 ms, which other pictures need not wait for

    colour = pixels.ndim == 3
    shown = (
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB) if colour else pixels
    )
    exif = Pillow.Exif()
    exif.load(metadata.get(EXIF, b""))
    directories = {tag: exif.get_ifd(tag) for tag in _EXIF_DIRECTORIES if exif.get_ifd(tag)}
    tags: list[tuple[int, str, int, object, bool]] = [
        (tag, "s", 0, value.encode(), True) for tag, value in exif.items() if isinstance(value, str)
    ]
    tags += [(tag, "H", 1, exif[tag], True) for tag in RATINGS if isinstance(exif.get(tag), int)]
    tags += [(tag, "B", len(exif[tag]), exif[tag], True) for tag in TITLES if isinstance(exif.get(tag), bytes)]
    tags += [(tag - 1, "I", 1, 0, True) for tag in directories]  # tifffile writes no pointers under their own tags
    tags += [(tag, "B", len(block), block, True) for tag, block in facts.blocks]
    if XMP in metadata:
        tags.append((_TIFF_XMP, "B", len(metadata[XMP]), metadata[XMP], True))
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        shown,
        byteorder="<",
        photometric="rgb" if colour else "minisblack",
        compression="zlib",
        extrasamples=["unassalpha"] if colour and shown.shape[2] == 4 else None,
        resolution=facts.dpi,
        resolutionunit="inch" if facts.dpi else None,
        iccprofile=metadata.get(PROFILE),
        metadata=None,
        software=False,
        extratags=sorted(tags),
    )
    return _with_directories(buffer.getvalue(), directories)


def _with_directories(encoded: bytes, directories: Mapping[int, Mapping[int, Any]]) -> bytes:
    """A TIFF of little endian with EXIF directories at its end. The tag before that of each becomes its pointer."""
    whole = bytearray(encoded)
    (first,) = struct.unpack_from("<I", whole, 4)
    (count,) = struct.unpack_from("<H", whole, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        tag = struct.unpack_from("<H", whole, entry)[0] + 1
        if tag in directories:
            whole += bytes(len(whole) % 2)
            struct.pack_into("<H", whole, entry, tag)
            struct.pack_into("<I", whole, entry + 8, len(whole))
            directory = ImageFileDirectory_v2(b"II\x2a\x00\x00\x00\x00\x00")
            for each, value in directories[tag].items():
                if not isinstance(value, dict):  # such as the directory for interoperability, which holds nothing
                    directory[each] = value
            whole += directory.tobytes(len(whole))
    return bytes(whole)


def _avif(path: Path, pixels: NDArray[np.uint8], metadata: Mapping[int, bytes]) -> bytes:
    height, width = pixels.shape[:2]
    if width * height > _MAX_AVIF_PIXELS:
        raise OutputError(
            "{name} would have {width}x{height} pixels, more than {limit} megapixels.",
            "Write a PNG instead.",
            name=path,
            width=width,
            height=height,
            limit=_MAX_AVIF_PIXELS // 1000000,
        )
    if pixels.ndim == 2:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    kept: dict[str, Any] = {}
    if PROFILE in metadata and is_profile(metadata[PROFILE], grey=False):
        kept["icc_profile"] = metadata[PROFILE]
    if EXIF in metadata:
        kept["exif"] = b"Exif\x00\x00" + metadata[EXIF].removeprefix(b"Exif\x00\x00")
    if XMP in metadata:
        kept["xmp"] = metadata[XMP]
    buffer = io.BytesIO()
    Pillow.fromarray(rgb).save(buffer, "AVIF", quality=_AVIF_QUALITY, subsampling="4:4:4", **kept)
    return buffer.getvalue()
