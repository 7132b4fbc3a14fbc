"""Call D: a face in a video call, as the application receives it.

The face is small in a frame behind cheap optics and a noisy sensor, moves a little, goes through a real video codec
at a low rate for several frames, and the last frame is cut to the template by the application's own `warp_crop`.
Only the part of the frame round the face is computed: at constant quality a codec treats blocks independently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import ColorRange, Colorspace
from numpy.typing import NDArray

from app.faces.alignment import warp_crop
from app.media.videos.colour import BgrConverter, YuvConverter
from training.degradation.operators import Image, blur, jpeg, sensor_noise, to_uint8

_MARGIN = 16
_FRAMES_PER_SECOND = 30
# Quality 22 to 40 of x264 in the units of each codec, chosen to look about equally bad.
_VPX_QUALITY = 1.35
_JPEG_QUALITY = (95.0, 2.0)


@dataclass(frozen=True, kw_only=True)
class CallDegradation:
    """A video call; ranges are drawn uniformly.

    `side` is that of the aligned crop in the frame, in pixels; the face itself fills about 0.6 of it. `blur_sigma` is
    the optics in pixels of the frame. With probability `uneven` it is drawn anew for one side of the face, which is
    then blurred by `softer` times that and the frame's own pixels together. `noise_sigma` is on the 0..255 scale, the
    noise new in every frame. `frames` go through the codec, the face moving by up to `motion` pixels in either
    direction from one to the next. `quality` is x264's CRF; the other codecs get about the same. `codecs` are the
    probabilities of H.264, VP8, VP9 and MJPEG.

    Evaluation uses the defaults; training uses `WIDE_CALL`.
    """

    side: tuple[float, float] = (70.0, 190.0)
    blur_sigma: tuple[float, float] = (0.5, 1.6)
    uneven: float = 0.3
    softer: float = 1.6
    noise_sigma: tuple[float, float] = (1.0, 7.0)
    frames: tuple[int, int] = (5, 6)
    motion: float = 1.4
    quality: tuple[int, int] = (26, 36)
    codecs: tuple[float, float, float, float] = (0.7, 0.1, 0.1, 0.1)

    def __call__(self, image: Image, rng: np.random.Generator) -> Image:
        """Degrade an aligned face, uint8 (S, S, 3) BGR; returns the same size."""
        size = image.shape[0]
        scale = float(rng.uniform(*self.side)) / size
        canvas = -(-round(size * scale + 2 * _MARGIN) // 16) * 16  # whole macroblocks
        place = (canvas - size * scale) / 2 + rng.uniform(-4, 4, 2)
        velocity = rng.uniform(-self.motion, self.motion, 2)
        soft = self._optics(image, scale, rng)
        sigma = rng.uniform(*self.noise_sigma)
        frames = []
        for index in range(int(rng.integers(self.frames[0], self.frames[1] + 1))):
            matrix = _placement(scale, *(place + index * velocity))
            frame = cv2.warpAffine(
                soft, matrix, (canvas, canvas), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101
            )
            frames.append(to_uint8(sensor_noise(frame.astype(np.float32), sigma, rng)))
        codec = rng.choice(4, p=np.array(self.codecs) / sum(self.codecs))
        quality = int(rng.integers(self.quality[0], self.quality[1] + 1))
        received = _CODECS[codec](frames, quality)
        back = cv2.invertAffineTransform(matrix).astype(np.float32)
        return warp_crop(received, back) if size == 256 else _resampled(received, back, size)

    def _optics(self, image: Image, scale: float, rng: np.random.Generator) -> Image:
        """Blur at the crop's size, for the frame's pixel size and the lens; sometimes uneven."""
        pixel = 0.5 * max(1.0 / scale**2 - 1.0, 0.0) ** 0.5
        first, second = (float(np.hypot(pixel, s / scale)) for s in rng.uniform(*self.blur_sigma, 2))
        result = blur(image, max(first, 0.1))
        if rng.random() < self.uneven:
            angle, size = rng.uniform(0.0, 2 * np.pi), image.shape[0]
            y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size - 0.5
            ramp = np.clip(0.5 + 2.0 * (x * np.cos(angle) + y * np.sin(angle)), 0.0, 1.0)[..., None].astype(np.float32)
            result = to_uint8(result * (1 - ramp) + blur(image, max(self.softer * second, 0.1)) * ramp)
        return result


WIDE_CALL = CallDegradation(
    side=(55.0, 240.0), blur_sigma=(0.2, 2.0), noise_sigma=(0.0, 9.0), frames=(2, 4), quality=(20, 40), motion=2.0
)
"""Ranges for training: wider than evaluation's on both sides, and fewer frames, which cost the most."""


def _placement(scale: float, x: float, y: float) -> NDArray[np.float32]:
    """Return the matrix crop -> frame that puts the crop's outer corner at (x, y)."""
    shift = 0.5 * scale - 0.5  # a pixel's centre lies half a pixel in on both grids
    return np.array(((scale, 0.0, x + shift), (0.0, scale, y + shift)), np.float32)


def _resampled(image: Image, matrix: NDArray[np.float32], size: int) -> Image:
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)  # type: ignore[return-value]


def _h264(frames: Sequence[Image], quality: int) -> Image:
    return _through("libx264", "h264", frames, x264_options(quality))


def _vp8(frames: Sequence[Image], quality: int) -> Image:
    return _through("libvpx", "vp8", frames, _vpx_options(quality))


def _vp9(frames: Sequence[Image], quality: int) -> Image:
    return _through("libvpx-vp9", "vp9", frames, _vpx_options(quality))


def _mjpeg(frames: Sequence[Image], quality: int) -> Image:
    start, slope = _JPEG_QUALITY
    return jpeg(frames[-1], round(start - slope * quality))  # every frame is a JPEG of its own


def x264_options(quality: int) -> dict[str, str]:
    return {"preset": "veryfast", "tune": "zerolatency", "crf": str(quality)}


def _vpx_options(quality: int) -> dict[str, str]:
    quantizer = str(min(round(_VPX_QUALITY * quality), 63))
    return {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0", "qmin": quantizer, "qmax": quantizer}


_CODECS = (_h264, _vp8, _vp9, _mjpeg)


def _through(encoder: str, decoder: str, frames: Sequence[Image], options: dict[str, str]) -> Image:
    """Return the last of `frames` after encoding and decoding all of them in YUV 4:2:0."""
    return BgrConverter().convert(transmitted(encoder, decoder, frames, options)[-1])


def transmitted(encoder: str, decoder: str, frames: Sequence[Image], options: dict[str, str]) -> list[av.VideoFrame]:
    """Encode and decode `frames`, uint8 (H, W, 3) BGR of even sides, in YUV 4:2:0."""
    height, width = frames[0].shape[:2]
    coder = cast(VideoCodecContext, av.CodecContext.create(encoder, "w"))
    coder.width, coder.height, coder.pix_fmt = width, height, "yuv420p"
    coder.time_base, coder.framerate = Fraction(1, _FRAMES_PER_SECOND), Fraction(_FRAMES_PER_SECOND)
    if encoder != "libx264":
        coder.bit_rate = 50_000_000  # libvpx needs a limit; this one leaves it to the quality
    coder.thread_count, coder.options = 1, options
    player = cast(VideoCodecContext, av.CodecContext.create(decoder, "r"))
    player.thread_count = 1
    converter = YuvConverter(matrix=Colorspace.ITU601, color_range=ColorRange.MPEG)
    received: list[av.VideoFrame] = []
    for index, frame in enumerate(frames):
        picture = converter.convert(np.ascontiguousarray(frame))
        picture.pts = index
        for packet in coder.encode(picture):
            received += player.decode(packet)
    for packet in coder.encode(None):
        received += player.decode(packet)
    received += player.decode(None)
    return received
