"""Steadiness: restored faces that do not flicker, by a motion-gated recursion over the crops of a tracked face.

The tracker already takes the head's motion out, so a pixel of the crop shows the same spot of the face from frame to
frame. Where it holds still, its restored value is averaged with those before; where it moves, it is taken as it is.
What decides is the given crop alone, never the restored one. Nothing here knows a clock.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import Image

Plane = NDArray[np.float32]

HIGHEST_WEIGHT = 0.9
"""Weight of the frame before at 100 % steadiness, where nothing moves: noise then changes a tenth as fast."""

# Motion in levels of 255: how much the given crop differs from its own average, the mean over the channels, smoothed
# first so that noise cancels. Up to `_STILL` it is taken for noise; beyond, the weight falls as a Gaussian. Chosen on
# videos of talking people, where a wider Gaussian calms no more, and on a walking face, which it would smear.
_STILL = 1.0
_WIDTH = 3.0
_CHANNEL_MEAN = np.full((1, 3), 1 / 3, np.float32)
_NOISE_WINDOW, _MOTION_WINDOW = 5, 7

_STEPS = 8  # of a level of motion, so that eight bits hold motion finely enough
_FALL = np.exp(-((np.maximum(np.arange(256, dtype=np.float32) / _STEPS - _STILL, 0) / _WIDTH) ** 2))


@dataclass(frozen=True, eq=False)
class SteadyState:
    """What is remembered of a face: its averaged given crop and its last shown one, float32 (S, S, 3) BGR, 0 to 255."""

    given: Plane
    shown: Plane


def stillness(state: SteadyState, crop: Image) -> Plane:
    """How still each pixel of `crop`, uint8 (S, S, 3) BGR, is against `state`: float32 (S, S) from 0 to 1."""
    change = cv2.subtract(crop, state.given, dtype=cv2.CV_32F)
    change = cv2.blur(change, (_NOISE_WINDOW, _NOISE_WINDOW))
    motion = cv2.transform(cv2.convertScaleAbs(change, alpha=_STEPS), _CHANNEL_MEAN)
    return np.asarray(cv2.LUT(cv2.blur(motion, (_MOTION_WINDOW, _MOTION_WINDOW)), _FALL), np.float32)


def steadied(state: SteadyState | None, crop: Image, restored: Image, *, weight: float) -> SteadyState:
    """The state after a frame. Its `shown` is the steady face.

    crop: uint8 (S, S, 3) BGR, what was given; restored: the same, what became of it. Without a `state`, and with one of
    another size, both are taken over as they are. `weight` in [0, 1) is that of the past where nothing moves.
    """
    if state is None or state.given.shape != crop.shape:
        return SteadyState(given=crop.astype(np.float32), shown=restored.astype(np.float32))
    past = stillness(state, crop) * np.float32(weight)
    return SteadyState(given=_mixed(state.given, crop, past), shown=_mixed(state.shown, restored, past))


def _mixed(before: Plane, now: Image, past: Plane) -> Plane:
    return np.asarray(cv2.blendLinear(before, now.astype(np.float32), past, 1 - past), np.float32)


class SteadyFaces:
    """The states of all tracked faces. Not thread-safe."""

    def __init__(self) -> None:
        self._states: dict[int, SteadyState] = {}
        self._key: Hashable = None

    def begin(self, tracks: Iterable[int], *, key: Hashable) -> None:
        """Begin a frame that shows these tracks. The others are forgotten, and all of them when `key`, everything that
        decides on a restored face's pixels, is another one than before."""
        if key != self._key:
            self._states.clear()
            self._key = key
        self._states = {track: self._states[track] for track in tracks if track in self._states}

    def update(self, track: int, crop: Image, restored: Image, *, steady: int) -> Image:
        """The steady face of a track, uint8 (S, S, 3) BGR. `steady` in percent; 0 returns `restored` itself."""
        if not steady:
            return restored
        weight = HIGHEST_WEIGHT * steady / 100
        state = self._states[track] = steadied(self._states.get(track), crop, restored, weight=weight)
        return np.asarray(cv2.convertScaleAbs(state.shown), np.uint8)
