"""Picture files: read upright as 8-bit BGR, written with their own depth, alpha, colour profile and EXIF."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.errors import OutputError, UnreadableMediaError
from app.core.types import Image
from app.core.words import Phrase, joined, phrase
from app.media.files import permissions_of, unreadable, write_atomically
from app.media.pictures.enlarge import enlarge
from app.media.pictures.jpeg_parts import without_claims
from app.media.pictures.orientation import take_orientation, upright
from app.media.pictures.picture_encoding import (
    DEEP,
    JPEG,
    TIFF,
    WITH_ALPHA,
    WITH_METADATA,
    WITH_RESOLUTION,
    encode,
    too_long_for_jpeg,
)
from app.media.pictures.picture_facts import (
    CICP,
    CMYK_BECAME_RGB,
    EXIF,
    EXIF_OF_JPEG,
    PROFILE,
    XMP,
    XMP_OF_JPEG,
    PictureFacts,
    are_unusual,
    facts_of,
    is_hdr,
    is_profile,
)
from app.media.pictures.picture_size import expect_affordable, expect_affordable_depth, is_tiff
from app.media.pictures.tiff_pixels import tiff_pixels

PICTURE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".pgm", ".pnm", ".jp2", ".avif"}
)
"""Suffixes of the picture files that are read and written."""

_BAND_PIXELS = 1 << 20


@dataclass(frozen=True, eq=False, kw_only=True)
class Picture:
    """A decoded picture file.

    `bgr` is uint8 (H, W, 3), upright. `original` holds the same pixels in the file's own depth: (H, W) for grey,
    (H, W, 3) BGR or (H, W, 4) BGRA; uint8, uint16 or float32. `encoded` is the file itself, empty where the
    pixels are no longer its own, `metadata` its EXIF (with the orientation set to upright and no thumbnail), XMP,
    colour profile and code points of the colours by OpenCV's number of the kind; `facts` is the rest. `permissions`
    are the file's, None when they cannot be asked.
    """

    bgr: Image
    original: NDArray[Any]
    suffix: str
    encoded: bytes
    metadata: dict[int, bytes]
    facts: PictureFacts = field(default_factory=PictureFacts)
    permissions: int | None = None


def read_picture(path: Path) -> Picture:
    """Decode `path`. Raises UnreadableMediaError when it is missing, empty, truncated or not a picture."""
    try:
        encoded = path.read_bytes()
    except OSError as error:
        if path.is_dir():
            raise UnreadableMediaError(
                "The folder {path} may not be read.", "Ask for the right to read it.", path=path
            ) from error
        raise unreadable(path, error) from error
    if not encoded:
        raise UnreadableMediaError("{path} is empty.", path=path)
    expect_affordable(encoded, str(path))
    facts = facts_of(encoded, str(path))
    try:
        pixels, kinds, blobs = _decoded(encoded)
    except cv2.error as error:
        raise UnreadableMediaError("{path} is not a picture that can be read.", error.err or "", path=path) from error
    except Exception as error:  # of the other decoders of TIFF, as many as there are ways to be damaged
        raise UnreadableMediaError("{path} cannot be read: {reason}.", path=path, reason=error) from error
    if pixels is None or pixels.size == 0:
        raise UnreadableMediaError(
            "{path} is damaged or not a picture that can be read.", "Check that it is whole.", path=path
        )
    height, width = pixels.shape[:2]
    expect_affordable_depth((width, height), pixels.nbytes // (width * height), str(path))
    pixels = _usual(pixels, facts, path)
    metadata = _metadata(encoded, facts, kinds, blobs)
    orientation = 1
    if EXIF in metadata:
        orientation, metadata[EXIF] = take_orientation(metadata[EXIF])
    pixels = upright(pixels, facts.turn if path.suffix.lower() == ".avif" else orientation)
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[:, :, 0]
    return Picture(
        bgr=_to_bgr8(pixels),
        original=pixels,
        suffix=path.suffix.lower(),
        encoded=encoded,
        metadata=metadata,
        facts=facts,
        permissions=permissions_of(path),
    )


def enlarged(picture: Picture, scale: int) -> Picture:
    """Return `picture` made `scale` times as large, see `enlarge`; it no longer matches its file."""
    if scale == 1:
        return picture
    return replace(picture, bgr=enlarge(picture.bgr, scale), original=enlarge(picture.original, scale), encoded=b"")


def side_by_side(picture: Picture) -> Picture:
    """Return `picture` twice beside itself, otherwise unchanged, to hold a restored picture beside it."""
    return replace(
        picture,
        bgr=np.concatenate((picture.bgr, picture.bgr), axis=1),
        original=np.concatenate((picture.original, picture.original), axis=1),
        encoded=b"",
    )


def resized(picture: Picture, side: int) -> Picture:
    """Return the square `picture` resized to `side` pixels; it no longer matches its file."""
    if picture.bgr.shape[0] == side:
        return picture
    method = cv2.INTER_AREA if picture.bgr.shape[0] > side else cv2.INTER_CUBIC
    bgr = np.asarray(cv2.resize(picture.bgr, (side, side), interpolation=method), np.uint8)
    original = cv2.resize(picture.original, (side, side), interpolation=method)
    return replace(picture, bgr=bgr, original=original, encoded=b"")


def expect_picture_suffix(path: Path) -> None:
    """Raise OutputError if `path` names no format of a picture."""
    if path.suffix.lower() not in PICTURE_SUFFIXES:
        raise OutputError(
            "{path} has no suffix of a picture format.",
            "Use one of {names}.",
            names=", ".join(sorted(PICTURE_SUFFIXES)),
            path=path,
        )


def write_picture(path: Path, picture: Picture, restored_bgr: Image, *, overwrite: bool = False) -> tuple[Phrase, ...]:
    """Write `restored_bgr`, uint8 (H, W, 3) BGR, with the depth and channels of `picture` as far as `path` can.

    Only what differs from `picture.bgr` changes; a picture in which nothing does is copied byte for byte when the
    format stays. The file has the permissions of `picture`. Returns what was lost, in words. Atomic.
    Raises OutputError.
    """
    expect_picture_suffix(path)
    suffix = path.suffix.lower()
    losses: tuple[Phrase, ...] = ()
    if picture.encoded and _same_format(suffix, picture.suffix) and np.array_equal(restored_bgr, picture.bgr):
        encoded = picture.encoded
    else:
        encoded = encode(path, _for_format(_merged(picture, restored_bgr), suffix), picture.metadata, picture.facts)
        losses = (*picture.facts.losses, *_losses(picture, suffix))
    write_atomically(path, encoded, overwrite=overwrite, permissions=picture.permissions)
    return losses


def write_image(
    path: Path, image: Image, *, overwrite: bool = False, permissions: int | None = None, profile: bytes = b""
) -> None:
    """Write a plain uint8 (H, W, 3) BGR picture in the format that `path` names, with the ICC `profile` if it can.

    Atomic; raises OutputError.
    """
    metadata = {PROFILE: profile} if profile else {}
    write_atomically(path, encode(path, image, metadata, PictureFacts()), overwrite=overwrite, permissions=permissions)


def _losses(picture: Picture, suffix: str) -> Iterator[Phrase]:
    """Return what of `picture` a file of `suffix` cannot hold."""
    pixels, facts, metadata = picture.original, picture.facts, picture.metadata
    kept_bits = 16 if suffix in DEEP else 8
    if pixels.dtype.kind == "f" and suffix not in TIFF:
        yield phrase("its colours, stored as floating-point numbers, became {bits} bits", bits=kept_bits)
    elif pixels.dtype == np.uint16 and kept_bits == 8:
        bits = max(facts.white.bit_length(), 9) if facts.white else 16
        yield phrase("its {bits} bits a colour became {kept}", bits=bits, kept=8)
    profile, code_points = metadata.get(PROFILE, b""), metadata.get(CICP, b"")
    fits = is_profile(profile, grey=pixels.ndim == 2)
    if suffix in WITH_METADATA and CMYK_BECAME_RGB not in facts.losses and profile[36:40] == b"acsp" and not fits:
        yield phrase("left out: its colour profile, which is damaged or not one for its colours")
    if suffix != ".png" and is_hdr(code_points):
        yield phrase("its high dynamic range is not marked any more")
    left_out: list[Phrase] = []
    if pixels.ndim == 3 and pixels.shape[2] == 4 and suffix not in WITH_ALPHA and not _is_opaque(pixels):
        left_out.append(phrase("its transparency"))
    names = {PROFILE: phrase("its colour profile"), EXIF: phrase("its EXIF data"), XMP: phrase("its XMP data")}
    lost = set(metadata if suffix not in WITH_METADATA else too_long_for_jpeg(metadata) if suffix in JPEG else ())
    if suffix != ".png" and are_unusual(code_points) and not fits:  # they say what a profile would
        if suffix in WITH_METADATA:
            yield phrase("left out: {parts}", parts=names[PROFILE])
        else:
            lost.add(PROFILE)
    left_out += [name for kind, name in names.items() if kind in lost]
    if facts.dpi is not None and suffix not in WITH_RESOLUTION:
        left_out.append(phrase("its resolution"))
    if (facts.chunks or facts.blocks) and not _same_format(suffix, picture.suffix):
        left_out.append(phrase("what else its format notes beside the pixels, such as texts"))
    if left_out:
        yield phrase("left out, as a {suffix} does not hold it: {parts}", suffix=suffix, parts=joined(left_out))


def _is_opaque(pixels: NDArray[Any]) -> bool:
    top = 1.0 if pixels.dtype.kind == "f" else _depth(pixels)[1]  # numbers of colours may exceed 1
    return bool(np.all(pixels[:, :, 3] >= top))


def _same_format(first: str, second: str) -> bool:
    return first == second or any({first, second} <= kind for kind in (JPEG, TIFF))


def _decoded(encoded: bytes) -> tuple[NDArray[Any] | None, Sequence[int], Sequence[NDArray[Any]]]:
    """Return the pixels, None if there are none to decode, and OpenCV's numbers and the data of the metadata."""
    if is_tiff(encoded):
        return tiff_pixels(encoded), (), ()  # OpenCV finds no metadata in these
    return cv2.imdecodeWithMetadata(np.frombuffer(encoded, np.uint8), flags=cv2.IMREAD_UNCHANGED)


def _metadata(
    encoded: bytes, facts: PictureFacts, kinds: Sequence[int], blobs: Sequence[NDArray[Any]]
) -> dict[int, bytes]:
    """Return what OpenCV and `facts` have of each kind, without what precedes or follows it in some files.

    XMP comes without what it says of parts that are not carried over.
    """
    found = {int(kind): np.asarray(blob).tobytes() for kind, blob in zip(kinds, blobs, strict=False)}
    if encoded.startswith(b"\xff\xd8") and found.get(PROFILE, b"")[36:40] != b"acsp":
        found.pop(PROFILE, None)  # another segment, such as the index of the file's pictures
    metadata = found | facts.metadata
    if PROFILE in metadata:
        profile = metadata[PROFILE]
        metadata[PROFILE] = profile[: max(int.from_bytes(profile[:4], "big"), 132)]
    if XMP in metadata:
        metadata[XMP] = without_claims(metadata[XMP].removeprefix(XMP_OF_JPEG).rstrip(b"\0"))
    if EXIF in metadata:
        metadata[EXIF] = metadata[EXIF].removeprefix(EXIF_OF_JPEG)
        if metadata[EXIF][:4] not in (b"II*\0", b"MM\0*"):  # nothing can be read in it
            del metadata[EXIF]
    return metadata


def _usual(pixels: NDArray[Any], facts: PictureFacts, path: Path) -> NDArray[Any]:
    """`pixels` with white where their type has it; raises UnreadableMediaError for a type that pictures do not have."""
    if pixels.dtype == np.float64:
        pixels = pixels.astype(np.float32)
    if pixels.dtype not in (np.uint8, np.uint16, np.float32):
        raise UnreadableMediaError(
            "{path} holds numbers of the type {dtype}, which no picture here has.",
            "Save it with 8 or 16 bits.",
            path=path,
            dtype=pixels.dtype,
        )
    if pixels.ndim == 3 and pixels.shape[2] == 4 and CMYK_BECAME_RGB in facts.losses:
        pixels = np.ascontiguousarray(pixels[:, :, :3])  # what OpenCV makes of a CMYK TIFF has an empty fourth channel
    top = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535}.get(pixels.dtype, 0)
    if facts.white and top and facts.white < top:
        for rows in _bands(pixels):
            scaled = (rows.astype(np.uint32) * top + facts.white // 2) // facts.white
            rows[...] = np.minimum(scaled, top)
    return pixels


def _bands(*pictures: NDArray[Any]) -> Iterator[Any]:
    """Yield views of the same rows of each of `pictures`, few at a time: what is computed from them stays small."""
    count = max(1, _BAND_PIXELS // max(1, pictures[0].shape[1]))
    for start in range(0, len(pictures[0]), count):
        views = tuple(each[start : start + count] for each in pictures)
        yield views if len(views) > 1 else views[0]


def _merged(picture: Picture, restored: Image) -> NDArray[Any]:
    """Return the original's pixels plus the restoration's change, so that untouched pixels keep their full depth."""
    original = picture.original
    if original.dtype == np.uint8 and original.ndim == 3 and original.shape[2] >= 3:
        return np.concatenate((restored, original[:, :, 3:]), axis=2) if original.shape[2] > 3 else restored
    scale, top = _depth(original)
    merged = original.copy()
    for rows, before, after in _bands(merged, picture.bgr, restored):
        change = after.astype(np.int32) - before
        if rows.ndim == 2:
            grey = cv2.cvtColor(after, cv2.COLOR_BGR2GRAY).astype(np.int32)
            change = np.where(change.any(axis=2), grey - before[:, :, 0], 0)
        colour = rows[:, :, :3] if rows.ndim == 3 else rows
        exact = np.nan_to_num(colour) + change * scale if rows.dtype.kind == "f" else colour + change * round(scale)
        # Numbers that are no colours, such as those below black, stay where nothing was restored.
        np.copyto(colour, np.clip(exact, 0, top), where=change != 0, casting="unsafe")
    return merged


def _for_format(pixels: NDArray[Any], suffix: str) -> NDArray[Any]:
    if suffix not in DEEP or (pixels.dtype.kind == "f" and suffix not in TIFF):
        pixels = _to_8bit(pixels)
    if pixels.ndim == 3 and pixels.shape[2] == 4 and suffix not in WITH_ALPHA:
        pixels = np.ascontiguousarray(pixels[:, :, :3])
    if pixels.ndim == 2 and suffix == ".ppm":  # which holds colours only
        pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
    return pixels


def _depth(pixels: NDArray[Any]) -> tuple[float, float]:
    """Return the size of one 8-bit level in the depth of `pixels`, and its white level."""
    if pixels.dtype == np.uint8:
        return 1.0, 255.0
    if pixels.dtype == np.uint16:
        return 257.0, 65535.0
    return 1.0 / 255.0, float(np.max(pixels, initial=1.0, where=np.isfinite(pixels)))


def _to_8bit(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint8:
        return pixels
    eight = np.empty(pixels.shape, np.uint8)
    for rows, deep in _bands(eight, pixels):
        if pixels.dtype == np.uint16:
            rows[...] = (deep.astype(np.uint32) + 128) // 257
        else:
            rows[...] = np.clip(np.nan_to_num(deep) * 255.0, 0.0, 255.0).round()
    return eight


def _to_bgr8(pixels: NDArray[Any]) -> Image:
    eight = _to_8bit(pixels)
    if eight.ndim == 2:
        return np.asarray(cv2.cvtColor(eight, cv2.COLOR_GRAY2BGR), np.uint8)
    if eight.shape[2] == 2:
        return np.asarray(cv2.cvtColor(np.ascontiguousarray(eight[:, :, 0]), cv2.COLOR_GRAY2BGR), np.uint8)
    return np.ascontiguousarray(eight[:, :, :3])
