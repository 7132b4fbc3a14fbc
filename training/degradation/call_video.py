"""Degrading a whole video as a call does, for measuring steadiness against a truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from app.media.videos.colour import BgrConverter
from training.degradation.call import CallDegradation, transmitted, x264_options
from training.degradation.operators import Image, blur, draw_blotches, sensor_noise, to_uint8


@dataclass(frozen=True, kw_only=True)
class VideoCall:
    """A call: its video is `scale` times as large, blurred by the optics, noisy and coded at a constant quality."""

    scale: float
    blur_sigma: float
    noise_sigma: float
    blotches: float
    quality: int


def draw_call(face_side: float, rng: np.random.Generator, *, ranges: CallDegradation | None = None) -> VideoCall:
    """Draw a call from call D's ranges for a face whose aligned crop is `face_side` pixels in the sharp video."""
    ranges = ranges or CallDegradation()
    return VideoCall(
        scale=float(rng.uniform(*ranges.side)) / face_side,
        blur_sigma=float(rng.uniform(*ranges.blur_sigma)),
        noise_sigma=float(rng.uniform(*ranges.noise_sigma)),
        blotches=draw_blotches(rng),
        quality=int(rng.integers(ranges.quality[0], ranges.quality[1] + 1)),
    )


def degrade_video(frames: Sequence[Image], call: VideoCall, rng: np.random.Generator) -> list[Image]:
    """Degrade `frames`, uint8 (H, W, 3) BGR: one H.264 stream, new noise in every frame."""
    height, width = (2 * round(side * call.scale / 2) for side in frames[0].shape[:2])
    sent = []
    for frame in frames:
        small = cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA)
        soft = blur(small, call.blur_sigma).astype(np.float32)  # type: ignore[arg-type]
        sent.append(to_uint8(sensor_noise(soft, call.noise_sigma, rng, blotches=call.blotches)))
    converter = BgrConverter()
    return [converter.convert(frame) for frame in transmitted("libx264", "h264", sent, x264_options(call.quality))]
