"""What a picture file holds beside its pixels and OpenCV does not tell: turn, profile, resolution, further pictures."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from app.core.errors import UnreadableMediaError

_MANY = frozenset({"PNG", "WEBP", "AVIF", "TIFF", "GIF"})
_ORIENTATION = 0x0112
_AVIF_QUALITY = 95


@dataclass(frozen=True, kw_only=True)
class PictureFacts:
    """`turn` is the container's own orientation, 1 to 8 as in EXIF; `profile` an ICC profile; `dpi` across and down.

    `losses` name what a restored picture will not have.
    """

    turn: int = 1
    profile: bytes = b""
    dpi: tuple[float, float] | None = None
    losses: tuple[str, ...] = ()


def facts_of(encoded: bytes, name: str) -> PictureFacts:
    """Raises UnreadableMediaError for a file of several pictures and for a TIFF whose compressed pixels are damaged."""
    try:
        with Pillow.open(io.BytesIO(encoded)) as picture:
            count = getattr(picture, "n_frames", 1)
            if picture.format in _MANY and count > 1:
                raise UnreadableMediaError(
                    f"{name} holds {count} pictures, an animation or pages; only the first would be restored.",
                    "Save the one that is meant as a file of its own.",
                )
            if picture.format == "TIFF":
                _expect_whole(picture, name)
            dpi = picture.info.get("dpi")
            return PictureFacts(
                turn=picture.getexif().get(_ORIENTATION, 1) if picture.format == "AVIF" else 1,
                profile=picture.info.get("icc_profile") or b"",
                dpi=(float(dpi[0]), float(dpi[1])) if dpi and dpi[0] > 0 and dpi[1] > 0 else None,
                losses=("its CMYK colours became RGB",) if picture.mode == "CMYK" else (),
            )
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, EOFError):
        return PictureFacts()


def _expect_whole(picture: Pillow.Image, name: str) -> None:
    """Have every pixel decoded: OpenCV passes over what is damaged."""
    if not picture.info.get("compression", "raw").startswith(
        ("tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "lzma")
    ):
        return
    try:
        picture.load()
    except Exception as error:  # as many as there are ways to be damaged
        raise UnreadableMediaError(f"{name} is damaged ({error}).", "Get a whole copy of it.") from error


def encode_tiff(pixels: NDArray[Any], facts: PictureFacts) -> bytes:
    """`pixels` (H, W), (H, W, 3) BGR or (H, W, 4) BGRA of any depth as a TIFF with profile and resolution."""
    colour = pixels.ndim == 3
    shown = (
        cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB) if colour else pixels
    )
    buffer = io.BytesIO()
    tifffile.imwrite(
        buffer,
        shown,
        photometric="rgb" if colour else "minisblack",
        compression="zlib",
        extrasamples=["unassalpha"] if colour and shown.shape[2] == 4 else None,
        resolution=facts.dpi,
        resolutionunit="inch" if facts.dpi else None,
        iccprofile=facts.profile or None,
        metadata=None,
    )
    return buffer.getvalue()


def encode_avif(pixels: NDArray[np.uint8], facts: PictureFacts, exif: bytes) -> bytes:
    """uint8 `pixels`, grey, BGR or BGRA, as an AVIF with profile and EXIF; upright."""
    if pixels.ndim == 2:
        pixels = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR), np.uint8)
    rgb = cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB)
    kept: dict[str, Any] = {"icc_profile": facts.profile} if facts.profile else {}
    if exif:
        kept["exif"] = exif if exif.startswith(b"Exif") else b"Exif\x00\x00" + exif
    buffer = io.BytesIO()
    Pillow.fromarray(rgb).save(buffer, "AVIF", quality=_AVIF_QUALITY, subsampling="4:4:4", **kept)
    return buffer.getvalue()
