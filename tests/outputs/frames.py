"""Frames that tests hand to outputs, and how long they wait for one."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from app.core.types import Frame, Image, Restored
from app.outputs.base import Output, OutputState
from app.outputs.views import FrameViews

ORANGE_BGR = (40, 120, 230)
"""Of a restored picture: three different channels, so that a swap of colours shows."""


def flat(colour_bgr: tuple[int, int, int], size: tuple[int, int]) -> Image:
    """A picture of one colour, `size` (width, height)."""
    return np.full((size[1], size[0], 3), colour_bgr, np.uint8)


def restored(index: int = 0, *, size: tuple[int, int] = (320, 180), mirrored: bool = False) -> Restored:
    """Dark before, orange after, with a white left edge in both that tells a mirrored picture."""
    before, after = flat((20, 20, 20), size), flat(ORANGE_BGR, size)
    for image in (before, after):
        image[:, : size[0] // 8] = 255
    frame = Frame(image=before, index=index, t_capture=index / 30, t_media=index / 30, mirrored=mirrored)
    return Restored(frame=frame, image=after, k=2)


def views(index: int = 0, *, view: str = "restored", **options: object) -> FrameViews:
    return FrameViews(restored(index, **options), view=view)  # type: ignore[arg-type]


def wait_for_state(output: Output, condition: Callable[[OutputState], bool], timeout_s: float = 10.0) -> OutputState:
    """The first state that meets the condition."""
    deadline = time.monotonic() + timeout_s
    while not condition(state := output.state()):
        assert time.monotonic() < deadline, state
        time.sleep(0.005)
    return state
