"""A video with a white flash and a beep at every full second, and measuring their offset in a recording of it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48000
FLASH_S = 0.2
"""Seconds that flash and beep last."""


def write_beeps(path: Path, *, seconds: int, fps: int = 25, size: tuple[int, int] = (160, 120)) -> None:
    """Write an MP4 of `seconds` in which every second begins with a flash and a beep of 1 kHz."""
    width, height = size
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        sound = container.add_stream("aac", rate=RATE, layout="stereo")
        t = np.arange(RATE) / RATE
        tone = np.where(t < FLASH_S, 0.5 * np.sin(2 * np.pi * 1000 * t), 0.0).astype(np.float32)
        for second in range(seconds):
            for index in range(fps):
                level = 235 if index / fps < FLASH_S else 20
                picture = np.full((height, width, 3), level, np.uint8)
                frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
                frame.pts, frame.time_base = second * fps + index, Fraction(1, fps)
                container.mux(video.encode(frame))
            block = av.AudioFrame.from_ndarray(np.stack((tone, tone)), format="fltp", layout="stereo")
            block.sample_rate, block.pts, block.time_base = RATE, second * RATE, Fraction(1, RATE)
            container.mux(sound.encode(block))
        container.mux(video.encode(None))
        container.mux(sound.encode(None))


def flashes_and_beeps(path: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the seconds at which flashes and beeps begin in the video at `path`."""
    with av.open(str(path)) as container:
        levels = [(frame.time, frame.to_ndarray(format="gray").mean()) for frame in container.decode(video=0)]
    with av.open(str(path)) as container:
        pieces = [(frame.time or 0.0, np.abs(frame.to_ndarray()[0])) for frame in container.decode(audio=0)]
    flashes, bright = [], False
    for time, level in levels:
        if level > 128 and not bright:
            flashes.append(time)
        bright = level > 128
    beeps, loud_until = [], -1.0
    for start, samples in pieces:
        for place in np.flatnonzero(samples > 0.1):
            time = start + place / RATE
            if time - loud_until > 0.1:
                beeps.append(time)
            loud_until = time
    return np.array(flashes), np.array(beeps)


def steps_ms(path: Path) -> NDArray[np.float64]:
    """Return the delay of the beep in milliseconds for every flash with a beep within half a second."""
    flashes, beeps = flashes_and_beeps(path)
    nearest = [beeps[np.abs(beeps - flash).argmin()] - flash for flash in flashes] if len(beeps) else []
    return np.array([step * 1000 for step in nearest if abs(step) < 0.5])
