"""Between a codec's frames and BGR pictures: the fast way by planes has the values of the plain one."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from app.media.videos.colour import BgrConverter, YuvConverter

_ACCURATE = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT


@pytest.mark.parametrize("pixels", ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "bgr0", "gray"])
def test_every_layout_has_the_values_of_a_direct_conversion(pixels: str) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    image = cv2.resize(colours, (328, 240), interpolation=cv2.INTER_CUBIC)  # no width that memory is padded to
    frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixels, dst_colorspace=Colorspace.ITU709)
    frame.colorspace = Colorspace.ITU709
    direct = VideoReformatter().reformat(
        frame,
        format="bgr24",
        src_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.JPEG,
        interpolation=_ACCURATE,
    )
    assert np.array_equal(BgrConverter().convert(frame), direct.to_ndarray())


@pytest.mark.parametrize("pixels", ["yuv420p10le", "yuv420p12le", "p010le", "yuv422p10le", "yuv444p10le", "gbrp10le"])
def test_the_colours_of_deep_pictures_are_those_of_eight_bits(pixels: str) -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 10, 3), np.uint8)
    image = cv2.resize(colours, (330, 242), interpolation=cv2.INTER_LINEAR)
    frame = av.VideoFrame.from_ndarray(image, format="bgr24").reformat(format=pixels, dst_colorspace=Colorspace.ITU709)
    frame.colorspace = Colorspace.ITU709
    converter = BgrConverter()
    deep = converter.convert_deep(frame)
    assert deep.dtype == np.uint16
    assert np.abs(deep / 257 - converter.convert(frame)).max() < 2


@pytest.mark.parametrize("part", [(40, 20, 200, 100), (41, 21, 199, 101), (0, 0, 328, 240), (327, 239, 328, 240)])
def test_a_part_is_converted_as_the_whole_and_the_rest_is_kept(part: tuple[int, int, int, int]) -> None:
    before, after = np.random.default_rng(0).integers(0, 256, (2, 240, 328, 3), np.uint8)
    converter = YuvConverter(matrix=Colorspace.ITU709, color_range=ColorRange.MPEG)
    old, new = (converter.convert(image).to_ndarray() for image in (before, after))
    mixed = converter.convert_part(after, part, converter.convert(before)).to_ndarray()
    x1, y1, x2, y2 = part
    x1, y1, x2, y2 = x1 // 2 * 2, y1 // 2 * 2, -(-x2 // 2) * 2, -(-y2 // 2) * 2
    inside = np.zeros((240, 328), bool)
    inside[y1:y2, x1:x2] = True
    of_colour = inside[::2, ::2].reshape(60, 328)
    everywhere = np.vstack((inside, of_colour, of_colour))
    assert np.array_equal(mixed, np.where(everywhere, new, old))


def test_without_a_part_a_frame_is_copied() -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    converter = YuvConverter(matrix=Colorspace.ITU709, color_range=ColorRange.MPEG)
    frame = converter.convert(image)
    copy = converter.convert_part(image, None, frame)
    assert copy is not frame
    assert np.array_equal(copy.to_ndarray(), frame.to_ndarray())
