"""Small media files that tests make and read back."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

TIME_BASE = Fraction(1, 1000)


def numbered_picture(number: int, *, width: int = 160, height: int = 120) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) BGR whose `number` (0 to 4095) survives compression: twelve black or white squares on a ramp."""
    image = np.empty((height, width, 3), np.uint8)
    image[:] = np.linspace(60, 190, width, dtype=np.uint8)[None, :, None]
    image[:, :, 0] = np.linspace(90, 160, height, dtype=np.uint8)[:, None]
    for bit in range(12):
        image[4:16, 4 + 12 * bit : 14 + 12 * bit] = 235 if number >> bit & 1 else 20
    return image


def number_of(image: NDArray[np.uint8]) -> int:
    """The number in a picture of `numbered_picture`, from its upper left corner."""
    return sum(int(image[7:13, 7 + 12 * bit : 11 + 12 * bit].mean() > 128) << bit for bit in range(12))


def write_video(
    path: Path,
    images: Sequence[NDArray[np.uint8]],
    *,
    times_ms: Sequence[int] | None = None,
    fps: int = 25,
    sound: bool = False,
    sound_s: float | None = None,
    sound_codec: str = "aac",
    rotation: float | None = None,
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
    matrix: int | None = None,
    color_range: int | None = None,
    tagged: bool = True,
    rate: int = 48000,
    pixel_shape: Fraction | None = None,
) -> None:
    """Encode `images` at `times_ms` or `fps`; `matrix` is FFmpeg's (1 BT.709, 5 BT.601).

    `sound` adds a tone of `sound_s` seconds, as long as the pictures if that is None.
    """
    times = list(times_ms) if times_ms is not None else [round(i * 1000 / fps) for i in range(len(images))]
    height, width = images[0].shape[:2]
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=fps, options=options or {"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = TIME_BASE
        if pixel_shape is not None:
            stream.codec_context.sample_aspect_ratio = pixel_shape
        if rotation is not None:
            stream.set_display_rotation(rotation)
        if tagged and matrix is not None:
            stream.codec_context.colorspace = matrix if matrix != 5 else 6
        if tagged and color_range is not None:
            stream.codec_context.color_range = color_range
        audio = container.add_stream(sound_codec, rate=rate, layout="mono") if sound else None
        if audio is not None:
            _write_tone(container, audio, seconds=sound_s or (times[-1] + 1000 / fps) / 1000, rate=rate)
        for image, time_ms in zip(images, times, strict=True):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24").reformat(
                format="yuv420p", dst_colorspace=matrix or 5, dst_color_range=color_range or 1, interpolation=0x44004
            )
            frame.pts, frame.time_base = time_ms, TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def set_display_matrix(path: Path, matrix: tuple[int, int, int, int]) -> None:
    """Have the MP4 of one track at `path` shown with x' = a x + c y, y' = b x + d y; `matrix` is (a, b, c, d)."""
    data = bytearray(path.read_bytes())
    a, b, c, d = (each << 16 for each in matrix)
    struct.pack_into(">9i", data, data.index(b"tkhd") + 44, a, b, 0, c, d, 0, 0, 0, 1 << 30)  # ISO/IEC 14496-12, 8.3.2
    path.write_bytes(data)


def _write_tone(container: av.container.OutputContainer, stream: av.AudioStream, *, seconds: float, rate: int) -> None:
    samples = 0.3 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    for start in range(0, len(samples), 1024):
        block = samples[start : start + 1024].astype(np.float32)[None]
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def encode_jpeg(image: NDArray[np.uint8], *, quality: int = 95) -> bytes:
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
