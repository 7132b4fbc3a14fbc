"""Between a codec's frames and BGR pictures: the fast way by planes has the values of the plain one."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.reformatter import ColorRange, Colorspace, Interpolation, VideoReformatter

from app.media.videos.colour import BgrConverter

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
