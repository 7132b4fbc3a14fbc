"""Facts of a picture file that OpenCV does not report: orientation, depth, metadata, further pictures."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

import cv2
from PIL import Image as Pillow

from app.core.errors import UnreadableMediaError
from app.core.words import Phrase, phrase
from app.media.pictures.jpeg_parts import losses_of_jpeg, segments
from app.media.pictures.picture_size import is_tiff

EXIF, XMP, PROFILE = cv2.IMAGE_METADATA_EXIF, cv2.IMAGE_METADATA_XMP, cv2.IMAGE_METADATA_ICCP
CICP = cv2.IMAGE_METADATA_CICP
"""OpenCV's numbers for the kinds of metadata: EXIF, XMP, ICC colour profile, and colours as four code points."""

XMP_OF_PNG, XMP_OF_JPEG = b"XML:com.adobe.xmp\0", b"http://ns.adobe.com/xap/1.0/\0"
EXIF_OF_JPEG = b"Exif\0\0"
"""The bytes that precede the XMP and EXIF data in these formats; some programs write those of JPEG elsewhere, too."""

_GREY = ("1", "L", "I", "I;16")
_MANY = frozenset({"PNG", "WEBP", "AVIF", "TIFF", "GIF"})
_JPEGS = frozenset({"JPEG", "MPO"})
_FILLED_IN = _JPEGS | {"JPEG2000"}
"""Formats of which OpenCV decodes what it can and says nothing of the rest."""

_ORIENTATION = 0x0112
_EXIF_DIRECTORIES = (0x8769, 0x8825)
RATINGS, TITLES = (0x4746, 0x4749), tuple(range(0x9C9B, 0x9CA0))
"""Tags of EXIF by Windows: numbers, and texts in UTF-16."""

_TIFF_TEXTS = frozenset({0x010D, 0x010E, 0x010F, 0x0110, 0x0131, 0x0132, 0x013B, 0x013C, 0x8298, *RATINGS, *TITLES})
_TIFF_XMP, _TIFF_PROFILE = 0x02BC, 0x8773
_TIFF_BLOCKS = (0x83BB, 0x8649)
"""Tags of TIFF: EXIF and GPS directories; texts about the picture; XMP; IPTC and Photoshop's block."""

_PNG_CHUNKS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"tIME", b"pHYs", b"gAMA", b"cHRM", b"sRGB", b"mDCV", b"cLLI"})
_JPEG_SEGMENTS = frozenset({0xED, 0xFE})
"""What is carried over as it is: of PNG texts, time, resolution and colours, of JPEG IPTC (APP13) and comments."""

_PNM = re.compile(rb"P[2356](?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+\d+(?:\s|#[^\n]*\n)+(\d+)\s")
_HDR_TRANSFERS = (16, 18)
_USUAL_PRIMARIES, _USUAL_TRANSFERS = (1, 2), (1, 2, 6, 13, 14, 15)
"""Code points of ITU-T H.273: PQ and HLG; what is shown as sRGB where no colours are named, or is not specified."""

CMYK_BECAME_RGB = phrase("its CMYK colours became RGB")
"""A loss that the reading of pixels has to know."""


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """Facts of a picture file that OpenCV does not report.

    `turn` is the container's own orientation, 1 to 8 as in EXIF; `white` the value of white in the stored samples where
    it is not that of their type, else 0; `metadata` what OpenCV does not read, by its numbers; `dpi` across and down.
    `chunks` are carried over into a file of the same format: whole chunks of a PNG, whole segments of a JPEG;
    `blocks` the same for the tags of a TIFF. `losses` name what a restored picture will lack.
    """

    turn: int = 1
    white: int = 0
    metadata: dict[int, bytes] = field(default_factory=dict)
    dpi: tuple[float, float] | None = None
    chunks: tuple[bytes, ...] = ()
    blocks: tuple[tuple[int, bytes], ...] = ()
    losses: tuple[Phrase, ...] = ()


def facts_of(encoded: bytes, name: str) -> PictureFacts:
    """Read the facts of an encoded picture; `name` is for messages.

    Raises UnreadableMediaError for a file of several pictures, for a TIFF whose compressed pixels are damaged, and for
    colours that OpenCV would misinterpret.
    """
    try:
        with Pillow.open(io.BytesIO(encoded)) as picture:
            count = _count(picture, name)
            if picture.format in _MANY:
                _expect_one(count, name)
            if picture.mode == "LAB":
                raise UnreadableMediaError(
                    "{name} has Lab colours, which are not read here.", "Save it as RGB.", name=name
                )
            if picture.format == "TIFF":
                _expect_whole(picture, name)
            dpi = picture.info.get("dpi")
            return PictureFacts(
                turn=picture.getexif().get(_ORIENTATION, 1) if picture.format == "AVIF" else 1,
                white=_white(encoded, picture.format or ""),
                metadata=_metadata(picture, encoded),
                dpi=(float(dpi[0]), float(dpi[1])) if dpi and dpi[0] > 1 and dpi[1] > 1 else None,
                chunks=tuple(_chunks(encoded, picture.format or "")),
                blocks=_blocks(picture),
                losses=tuple(_losses(picture, encoded, count)),
            )
    except UnreadableMediaError:
        raise
    except Exception:  # as many as there are ways to be damaged
        if is_tiff(encoded):
            return _facts_of_tiff(encoded, name)
        return PictureFacts(white=_white(encoded, "PPM" if encoded[:1] == b"P" else ""))


def _facts_of_tiff(encoded: bytes, name: str) -> PictureFacts:
    """Read those of a TIFF that Pillow does not know, such as one of floating-point numbers."""
    import tifffile  # takes 20 ms, which other pictures need not wait for

    try:
        with tifffile.TiffFile(io.BytesIO(encoded)) as file:
            _expect_one(len(file.pages), name)
            page = file.pages.first
            tags = {tag: page.tags[tag].value for tag in (_TIFF_PROFILE, _TIFF_XMP) if tag in page.tags}
            across, down = page.get_resolution(unit="inch")
    except UnreadableMediaError:
        raise
    except Exception:  # as above
        return PictureFacts()
    metadata = {PROFILE: tags.get(_TIFF_PROFILE), XMP: tags.get(_TIFF_XMP)}
    return PictureFacts(
        metadata={kind: bytes(data) for kind, data in metadata.items() if data},
        dpi=(float(across), float(down)) if across > 1 and down > 1 else None,
    )


def _expect_one(count: int, name: str) -> None:
    if count > 1:
        raise UnreadableMediaError(
            "{name} holds {count} pictures, an animation or pages; only the first would be restored.",
            "Save the one that is meant as a file of its own.",
            name=name,
            count=count,
        )


def is_profile(profile: bytes, *, grey: bool) -> bool:
    """Whether `profile` is a whole ICC profile for such colours.

    ICC.1, 7.2: length at byte 0, colour space at 16, signature at 36; 128 bytes and the number of tags at the least.
    """
    spaces = (b"RGB ", b"GRAY") if grey else (b"RGB ",)
    whole = len(profile) >= 132 and int.from_bytes(profile[:4], "big") == len(profile)
    return whole and profile[36:40] == b"acsp" and profile[16:20] in spaces


def is_hdr(code_points: bytes) -> bool:
    """Whether colours given as code points are of high dynamic range."""
    return len(code_points) == 4 and code_points[1] in _HDR_TRANSFERS


def are_unusual(code_points: bytes) -> bool:
    """Whether colours given as code points look wrong where they are taken for sRGB."""
    return len(code_points) == 4 and not (code_points[0] in _USUAL_PRIMARIES and code_points[1] in _USUAL_TRANSFERS)


def _white(encoded: bytes, kind: str) -> int:
    if kind == "PPM" and (match := _PNM.match(encoded[:4096])):
        return int(match[1])
    if kind == "AVIF" and (place := encoded.find(b"av1C")) > 0:
        # AV1 Codec ISO Media File Format Binding, 2.3.3: the flags high_bitdepth and twelve_bit.
        flags = encoded[place + 6]
        return (4095 if flags & 0x20 else 1023) if flags & 0x40 else 0
    if kind == "JPEG2000" and (place := encoded.find(b"\xff\x4f\xff\x51")) >= 0:
        # ITU-T T.800, A.5.1: the depth of the first component, less one.
        return int(2 ** ((encoded[place + 42] & 0x7F) + 1) - 1)
    return 0


def _metadata(picture: Pillow.Image, encoded: bytes) -> dict[int, bytes]:
    found = {}
    if picture.format in ("TIFF", "AVIF"):
        found = {XMP: picture.info.get("xmp"), PROFILE: picture.info.get("icc_profile"), EXIF: _tiff_exif(picture)}
    if picture.format == "AVIF" and (colours := _nclx(encoded, has_profile=bool(found[PROFILE]))):
        found[CICP] = colours
    if picture.format in _JPEGS:
        found = {PROFILE: picture.info.get("icc_profile")}  # OpenCV takes every APP2 segment for a part of it
    if picture.format == "PNG":
        exif = picture.info.get("exif", b"").removeprefix(EXIF_OF_JPEG)  # Pillow puts this before what is stored
        found = {EXIF: exif.removeprefix(EXIF_OF_JPEG) if exif.startswith(EXIF_OF_JPEG) else b""}  # OpenCV refuses it
    if picture.format == "JPEG2000":
        found = {PROFILE: _jp2_profile(encoded)}
    return {kind: bytes(data) for kind, data in found.items() if data}


def _tiff_exif(picture: Pillow.Image) -> bytes:
    """The texts and directories of a TIFF as an EXIF block, without what describes its pixels."""
    if picture.format != "TIFF":
        return b""
    whole, kept = picture.getexif(), Pillow.Exif()
    for tag in _TIFF_TEXTS & set(whole):
        kept[tag] = whole[tag]
    for tag in _EXIF_DIRECTORIES:
        if directory := whole.get_ifd(tag):
            kept.get_ifd(tag).update(directory)
    return kept.tobytes().removeprefix(EXIF_OF_JPEG) if len(kept) or any(map(kept.get_ifd, _EXIF_DIRECTORIES)) else b""


def _nclx(encoded: bytes, *, has_profile: bool) -> bytes:
    """The colours of an AVIF as the code points of RGB, empty where a profile or sRGB says the same.

    ISO/IEC 14496-12, 12.1.5: primaries, transfer and matrix, 16 bits each, behind the type of the colour box.
    """
    place = encoded.find(b"colrnclx")
    if place < 0 or place + 12 > len(encoded):
        return b""
    primaries, transfer = struct.unpack_from(">HH", encoded, place + 8)
    if primaries > 255 or transfer > 255:
        return b""
    colours = bytes((primaries, transfer, 0, 1))
    return colours if is_hdr(colours) or (are_unusual(colours) and not has_profile) else b""


def _jp2_profile(encoded: bytes) -> bytes:
    """The restricted or full ICC profile of a JP2's colour box (ITU-T T.800, I.5.3.3)."""
    place = encoded.find(b"colr")
    if place < 4 or encoded[place + 4] not in (2, 3):
        return b""
    (length,) = struct.unpack_from(">I", encoded, place - 4)
    return encoded[place + 7 : place - 4 + length]


def _blocks(picture: Pillow.Image) -> tuple[tuple[int, bytes], ...]:
    if picture.format != "TIFF":
        return ()
    tags = picture.tag_v2  # type: ignore[attr-defined]
    return tuple((tag, bytes(tags[tag])) for tag in _TIFF_BLOCKS if isinstance(tags.get(tag), bytes))


def _chunks(encoded: bytes, kind: str) -> Iterator[bytes]:
    if kind == "PNG":
        position = 8
        while position + 12 <= len(encoded):
            (length,) = struct.unpack_from(">I", encoded, position)
            chunk = encoded[position : position + 12 + length]
            if chunk[4:8] in _PNG_CHUNKS and not chunk[8:].startswith(XMP_OF_PNG):
                yield chunk
            position += 12 + length
    if kind in _JPEGS:
        yield from (segment for marker, segment in segments(encoded) if marker in _JPEG_SEGMENTS)


def _losses(picture: Pillow.Image, encoded: bytes, count: int) -> Iterator[Phrase]:
    """Say what of the picture is lost. It is decoded at the end, and then has another size."""
    if picture.mode == "CMYK":
        yield CMYK_BECAME_RGB
    if picture.format == "PNG" and picture.mode in _GREY and "transparency" in picture.info:
        yield phrase("left out: {parts}", parts=phrase("its transparency"))  # OpenCV reads no grey that is
    if picture.format in _JPEGS:
        yield from losses_of_jpeg(encoded, count)
    if picture.format in _FILLED_IN:
        picture.draft(None, (1, 1))  # a JPEG is read whole all the same, and decoded at an eighth of its size
        if (error := _error_of(picture)) is not None:
            yield phrase("the file is damaged ({error}): what cannot be read was filled in", error=error)


def _count(picture: Pillow.Image, name: str) -> int:
    """Return how many pictures there are. Raises UnreadableMediaError for a TIFF whose pages cannot be counted."""
    try:
        return int(getattr(picture, "n_frames", 1))
    except Exception as error:
        if picture.format != "TIFF":
            raise
        raise UnreadableMediaError(
            "{name} is damaged ({error}).", "Get a whole copy of it.", name=name, error=error
        ) from error


def _expect_whole(picture: Pillow.Image, name: str) -> None:
    """Decode every pixel, because OpenCV ignores damage."""
    if not picture.info.get("compression", "raw").startswith(
        ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "lzma")
    ):
        return
    if (error := _error_of(picture)) is not None:
        raise UnreadableMediaError(
            "{name} is damaged ({error}).", "Get a whole copy of it.", name=name, error=error
        ) from error


def _error_of(picture: Pillow.Image) -> Exception | None:
    """Decode every pixel; return the error if there is one."""
    try:
        picture.load()
    except Exception as error:  # as many as there are ways to be damaged
        return error
    return None
