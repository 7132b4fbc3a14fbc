"""Steadiness: restored faces that do not flicker, by a motion-gated recursion over the crops of a tracked face.

The tracker already takes the head's motion out, so a pixel of the crop shows the same spot of the face from frame to
frame. Where it holds still, its restored value is averaged with those before; where it moves, it is taken as it is.
What decides is the given crop alone, never the restored one. Nothing here knows a clock.

With a fixed-point network a face that holds still needs no k cycles in every frame: one cycle a frame, on a mix of what
is given and what was shown before, takes it as far over a few frames. A face that moves anywhere, were it an eyelid,
takes all k. Where much of it moves, the rest moves too, even if smooth skin hardly shows it: then the past counts less
everywhere, or moles and pores would fade.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import Image
from app.restorers.base import RestoredCrop, Restorer

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

# One of these blocks of the crop, those that show the face, moves when its mean stillness falls under this.
_BLOCKS = 16
_FACE_BLOCKS = np.s_[3:15, 2:14]
_MOVES_UNDER = 0.3

# Shares of moving blocks between which the past's weight falls to nothing. A mouth that speaks is mostly within the
# first, a head that turns reaches the second.
_MOUTH, _HEAD = 0.1, 0.3


@dataclass(frozen=True, eq=False)
class SteadyState:
    """What is remembered of a face: its averaged given crop and its last shown one, float32 (S, S, 3) BGR, 0 to 255.

    `step` is mean |G(x) - x| of the first cycle on the last crop that the network was given as it is.
    """

    given: Plane
    shown: Plane
    step: float


def stillness(state: SteadyState, crop: Image) -> Plane:
    """How still each pixel of `crop`, uint8 (S, S, 3) BGR, is against `state`: float32 (S, S) from 0 to 1."""
    change = cv2.subtract(crop, state.given, dtype=cv2.CV_32F)
    change = cv2.blur(change, (_NOISE_WINDOW, _NOISE_WINDOW))
    motion = cv2.transform(cv2.convertScaleAbs(change, alpha=_STEPS), _CHANNEL_MEAN)
    return np.asarray(cv2.LUT(cv2.blur(motion, (_MOTION_WINDOW, _MOTION_WINDOW)), _FALL), np.float32)


def moving_share(still: Plane) -> float:
    """How much of the face moves, from 0 to 1; `still` as `stillness` returns it."""
    blocks = cv2.resize(still, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    return float((blocks[_FACE_BLOCKS] < _MOVES_UNDER).mean())


def restore_steadily(
    state: SteadyState | None, crop: Image, restorer: Restorer, *, k: int, weight: float, stop_threshold: float = 0.0
) -> tuple[SteadyState, RestoredCrop]:
    """The state after a frame, and the steady face with the cycles that were spent on it.

    crop: uint8 (S, S, 3) BGR, aligned. Without a `state`, and with one of another size, it is restored by itself.
    `weight` in [0, 1) is that of the past where nothing moves. Raises InferenceError.
    """
    if state is None or state.given.shape != crop.shape:
        restored = restorer.restore(crop, k=k, stop_threshold=stop_threshold)
        planes = crop.astype(np.float32), restored.image.astype(np.float32)
        return SteadyState(given=planes[0], shown=planes[1], step=restored.steps[0]), restored
    still = stillness(state, crop)
    moving = moving_share(still)
    past = still * np.float32(weight * min(max((_HEAD - moving) / (_HEAD - _MOUTH), 0.0), 1.0))
    given = _mixed(state.given, crop.astype(np.float32), past)
    image = crop
    if k > 1 and restorer.family.fixed_point and not moving:
        # Of what the network is given now, a part 1 - 1/k went through it before: through k cycles on average.
        image, k = _rounded(_mixed(state.shown, given, still * np.float32(1 - 1 / k))), 1
    restored = restorer.restore(image, k=k, stop_threshold=stop_threshold)
    shown = _mixed(state.shown, restored.image.astype(np.float32), past)
    step = restored.steps[0] if image is crop else state.step
    return SteadyState(given=given, shown=shown, step=step), replace(restored, image=_rounded(shown))


def _mixed(before: Plane, now: Plane, past: Plane) -> Plane:
    return np.asarray(cv2.blendLinear(before, now, past, 1 - past), np.float32)


def _rounded(plane: Plane) -> Image:
    return np.asarray(cv2.convertScaleAbs(plane), np.uint8)


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

    def restore(
        self, track: int, crop: Image, restorer: Restorer, *, k: int, steady: int, stop_threshold: float = 0.0
    ) -> RestoredCrop:
        """The steady face of a track, see `restore_steadily`. `steady` in percent; 0 restores `crop` by itself."""
        if not steady:
            self._states.pop(track, None)
            return restorer.restore(crop, k=k, stop_threshold=stop_threshold)
        self._states[track], restored = restore_steadily(
            self._states.get(track),
            crop,
            restorer,
            k=k,
            weight=HIGHEST_WEIGHT * steady / 100,
            stop_threshold=stop_threshold,
        )
        return restored

    def first_step(self, track: int, restored: RestoredCrop) -> float:
        """How far the first cycle moved the crop of a track as it was given; `restored` is what came of it just now."""
        state = self._states.get(track)
        return state.step if state is not None else restored.steps[0]
