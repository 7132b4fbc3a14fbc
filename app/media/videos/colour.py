"""Conversion between the YCbCr frames of a codec and BGR pictures, without a shift of colour.

swscale's default path darkens with every round trip, so accurate rounding and full chroma interpolation are used
(docs/decisions/colour-conversion.md).
"""

from __future__ import annotations

import struct
from typing import Any

import av
import cv2
import numpy as np
from av.sidedata.sidedata import Type
from av.video.plane import VideoPlane
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter
from numpy.typing import DTypeLike, NDArray

from app.core.types import Image, Rectangle
from app.media.videos.encoder_choices import PIXELS
from app.media.videos.side_data import side_data_of

UNSPECIFIED = 2
"""The value of FFmpeg's colour tags (matrix, primaries, transfer) that means "unspecified"."""

DEEP_PIXELS = "yuv420p10le"
"""What is encoded instead of `PIXELS`, 8 bits a sample, for a video that has more than 8."""

_INTO_BGR = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
_INTO_YUV = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP
_MATRIX_OF_TAG = {
    1: Colorspace.ITU709,
    5: Colorspace.ITU601,
    6: Colorspace.ITU601,
    7: Colorspace.SMPTE240M,
    9: Colorspace.BT2020,
    10: Colorspace.BT2020,
}
_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def matrix_of(tag: int, height: int) -> Colorspace:
    """Return the YCbCr matrix of FFmpeg's colour space tag; untagged, BT.709 from 720 lines on, as players assume."""
    untagged = Colorspace.ITU709 if height >= 720 else Colorspace.ITU601
    return _MATRIX_OF_TAG.get(tag, untagged)


def quarter_turns(rotation: float) -> int:
    """Return the counter-clockwise quarter turns (0 to 3) nearest to `rotation` degrees."""
    return round(rotation / 90) % 4


def is_mirrored(frame: av.VideoFrame) -> bool:
    """Whether the frame's display matrix flips it: x' = a x + c y, y' = b x + d y have a negative determinant."""
    matrix = side_data_of(frame).get(Type.DISPLAYMATRIX)
    if matrix is None:
        return False
    a, b, _, c, d = struct.unpack_from("=5i", bytes(matrix))
    return bool(a * d < b * c)


def is_upright(frame: av.VideoFrame) -> bool:
    """Whether the frame is shown as it is coded, neither turned nor flipped."""
    return not quarter_turns(frame.rotation) and not is_mirrored(frame)


def turn(image: NDArray[Any], quarters: int) -> NDArray[Any]:
    """Return `image` turned counter-clockwise by `quarters` quarter turns."""
    return image if quarters == 0 else cv2.rotate(image, _TURNS[quarters])


class BgrConverter:
    """Converts decoded frames to uint8 (H, W, 3) BGR, upright by the frame's display matrix. Not thread-safe."""

    def __init__(self) -> None:
        self._reformatter = VideoReformatter()

    def convert(self, frame: av.VideoFrame) -> Image:
        if frame.format.is_planar and not frame.format.is_rgb:
            # swscale fills three planes much faster than one of interleaved pixels, with the same values.
            return np.asarray(self._upright(frame, _merged(self._converted(frame, "gbrp"), np.uint8)), np.uint8)
        return np.asarray(self._upright(frame, self._converted(frame, "bgr24").to_ndarray()), np.uint8)

    def convert_deep(self, frame: av.VideoFrame) -> NDArray[np.uint16]:
        """Return the frame as uint16 (H, W, 3) BGR, 0 to 65535; for frames of more than eight bits."""
        # swscale's interleaved pixels of this depth have wrong colours where those of the frame are 4:2:0.
        return np.asarray(self._upright(frame, _merged(self._converted(frame, "gbrp16le"), np.dtype("<u2"))), np.uint16)

    def _converted(self, frame: av.VideoFrame, pixels: str) -> av.VideoFrame:
        return self._reformatter.reformat(
            frame,
            format=pixels,
            src_colorspace=matrix_of(frame.colorspace, frame.height),
            dst_color_range=ColorRange.JPEG,
            interpolation=_INTO_BGR,
            threads=1,
        )

    @staticmethod
    def _upright(frame: av.VideoFrame, image: NDArray[Any]) -> NDArray[Any]:
        if is_mirrored(frame):
            image = cv2.flip(image, 0)  # which leaves the first row of the matrix, that of the angle, as it is
        return turn(image, quarter_turns(frame.rotation))


def _plane(plane: VideoPlane, kind: DTypeLike = np.uint8) -> NDArray[Any]:
    """The samples of a plane, (H, W) of this `kind`, without a copy."""
    samples = np.frombuffer(memoryview(plane), kind)
    return samples.reshape(plane.height, plane.line_size // samples.itemsize)[:, : plane.width]


def _merged(planar: av.VideoFrame, kind: DTypeLike) -> NDArray[Any]:
    """The BGR picture of a frame that has a plane for green, blue and red each."""
    green, blue, red = (_plane(plane, kind) for plane in planar.planes)
    return cv2.merge((blue, green, red))


_FILTER_REACH = 8
"""Pixels beside a part that are converted with it, so that its border gets the colours of its surroundings."""


class YuvConverter:
    """Converts contiguous uint8 or uint16 (H, W, 3) BGR to the YUV 4:2:0 format `pixels`, a given matrix and range.

    Not thread-safe.
    """

    def __init__(self, *, matrix: Colorspace, color_range: ColorRange, pixels: str = PIXELS) -> None:
        self._matrix = matrix
        self._range = color_range
        self._pixels = pixels
        self._reformatter = VideoReformatter()

    def convert(self, image: NDArray[np.uint8] | NDArray[np.uint16]) -> av.VideoFrame:
        deep = image.dtype == np.uint16
        return self._reformatter.reformat(
            av.VideoFrame.from_numpy_buffer(image, format="bgr48le" if deep else "bgr24"),
            format=self._pixels,
            dst_colorspace=self._matrix,
            dst_color_range=self._range,
            interpolation=_INTO_YUV,
            threads=1,
        )

    def convert_part(
        self, image: NDArray[np.uint8] | NDArray[np.uint16], part: Rectangle | None, onto: av.VideoFrame
    ) -> av.VideoFrame:
        """Return a copy of `onto` with the pixels of `image` in `part`; outside of it the samples are not touched.

        `onto` has the size of `image`, both of them even, and 8-bit planar 4:2:0 samples of this converter's matrix and
        range; so the converter's own format has to be such.
        """
        result = av.VideoFrame(onto.width, onto.height, self._pixels)
        for copy, plane in zip(result.planes, onto.planes, strict=True):
            _plane(copy)[:] = _plane(plane)
        if part is None:
            return result
        x1, y1, x2, y2 = _even(part)
        left, top = max(x1 - _FILTER_REACH, 0), max(y1 - _FILTER_REACH, 0)
        surroundings: Any = image[top : y2 + _FILTER_REACH, left : x2 + _FILTER_REACH]
        converted = self.convert(np.ascontiguousarray(surroundings))
        for number, (plane, inner) in enumerate(zip(result.planes, converted.planes, strict=True)):
            step = 2 if number else 1  # pixels of a sample
            x, y = (x1 - left) // step, (y1 - top) // step
            wide, high = (x2 - x1) // step, (y2 - y1) // step
            place = slice(y1 // step, y2 // step), slice(x1 // step, x2 // step)
            _plane(plane)[place] = _plane(inner)[y : y + high, x : x + wide]
        return result


def _even(part: Rectangle) -> Rectangle:
    """`part` grown to whole samples of colour, which are two pixels wide and high."""
    x1, y1, x2, y2 = part
    return x1 - x1 % 2, y1 - y1 % 2, x2 + x2 % 2, y2 + y2 % 2
