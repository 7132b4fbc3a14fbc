"""The pixels of TIFFs: OpenCV's where it reads them well, and right where it mistakes planes, white or alpha."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from app.media.pictures.orientation import upright

if TYPE_CHECKING:
    from tifffile import TiffPage

_ORIENTATION = 0x0112
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_IN_PLANES = 2
_ASSOCIATED, _UNASSOCIATED = 1, 2
"""TIFF 6.0: a tag, and values of PhotometricInterpretation, PlanarConfiguration and ExtraSamples."""


def tiff_pixels(encoded: bytes) -> NDArray[Any] | None:
    """Return the pixels of a TIFF upright, as grey, BGR or BGRA; None if there are none to decode.

    Colours are never multiplied by their alpha. Raises what OpenCV, Pillow and tifffile do for damaged files.
    """
    page = _first_page(encoded)
    if page is None:
        return _by_opencv(encoded)
    colours = page.samplesperpixel if page.photometric == _RGB else 0
    # OpenCV would leave the alpha of a grey picture out, and make 8 bits of 16.
    grey_with_alpha = page.photometric == _BLACK_IS_ZERO and page.extrasamples in ((_ASSOCIATED,), (_UNASSOCIATED,))
    alpha = page.extrasamples if colours == 4 or grey_with_alpha else ()
    in_planes = page.planarconfig == _IN_PLANES
    deep_planes = page.bitspersample > 8 and in_planes and colours in (3, 4)  # OpenCV takes the first for whole pixels
    pixels: NDArray[Any] | None
    if deep_planes or (grey_with_alpha and (page.bitspersample > 8 or in_planes)):
        samples = page.asarray() if in_planes else np.moveaxis(page.asarray(), 2, 0)
        pixels = upright(_merged(samples), page.tags.valueof(_ORIENTATION, 1))
    elif page.bitspersample == 8 and (grey_with_alpha or alpha == (_UNASSOCIATED,)):
        pixels = _by_pillow(encoded)  # OpenCV would multiply the colours
    else:
        pixels = _by_opencv(encoded)
    if pixels is None:
        return None
    if page.photometric == _WHITE_IS_ZERO and pixels.dtype == np.uint16:
        pixels = ~pixels
    elif page.photometric == _WHITE_IS_ZERO and pixels.dtype.kind == "f":
        pixels = 1 - pixels
    if alpha == (_ASSOCIATED,):
        _divide_by_alpha(pixels)
    return pixels


def _first_page(encoded: bytes) -> TiffPage | None:
    """The description of the picture, None if it cannot be read."""
    import tifffile  # takes 20 ms, which other pictures need not wait for

    try:
        return tifffile.TiffFile(io.BytesIO(encoded)).pages.first
    except Exception:  # whatever a damaged header makes of it
        return None


def _by_opencv(encoded: bytes) -> NDArray[Any] | None:
    return cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_UNCHANGED)


def _by_pillow(encoded: bytes) -> NDArray[Any]:
    with Pillow.open(io.BytesIO(encoded)) as picture:
        return _merged(cv2.split(np.asarray(picture)))


def _merged(samples: Sequence[NDArray[Any]] | NDArray[Any]) -> NDArray[Any]:
    """BGR or BGRA of the samples of RGB, RGBA, or grey and alpha."""
    red, green, blue, *alpha = samples if len(samples) > 2 else (samples[0], samples[0], *samples)
    return cv2.merge((blue, green, red, *alpha))


def _divide_by_alpha(pixels: NDArray[Any]) -> None:
    """Undo, in place and row by row, that the colours of BGRA were multiplied by their alpha."""
    top = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    for row in pixels:
        colours, alpha = row[:, :3].astype(np.float32), row[:, 3:]
        np.divide(colours * top, alpha, out=colours, where=alpha > 0)
        row[:, :3] = np.minimum(colours, top).round() if pixels.dtype.kind == "u" else colours
