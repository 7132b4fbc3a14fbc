"""Steadiness: a motion-gated recursion over the crops of a tracked face, so that restored faces do not flicker.

The tracker compensates the head's motion, so a pixel of the crop shows the same point of the face from frame to frame.
Where the given crop is still, the restored value is averaged with the previous ones; where it moves, it is taken as it
is. Only the given crop decides, never the restored one. No clock is used.

With a fixed-point network a still face does not need k cycles in every frame: its averaged crop takes them one a frame,
and what comes out of the last is shown. Where something moves beside the face, which has to be shown as it is now, the
one cycle is on a mix of the given crop and the one shown before, which comes near. A face that moves anywhere, even an
eyelid, takes all k.
Where much of its surroundings moves, a place moves too, even if smooth skin hardly shows it: there the past counts less
as far as there is detail to lose, or moles and pores would fade.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from app.core.types import Image
from app.restorers.base import RestoredCrop
from app.restorers.family import Restorer

Plane = NDArray[np.float32]

HIGHEST_WEIGHT = 0.9
"""Weight of the previous frame at 100 % steadiness where nothing moves: noise then changes a tenth as fast."""

# Motion in levels of 255: how much the given crop differs from its own average, the mean over the channels, smoothed
# first so that noise cancels. Up to `_STILL` it is taken for noise; beyond, the weight falls as a Gaussian. Chosen on
# videos of talking people, where a wider Gaussian calms no more, and on a walking face, which it would smear.
_STILL = 1.0
_WIDTH = 3.0
_CHANNEL_MEAN = np.full((1, 3), 1 / 3, np.float32)
_NOISE_WINDOW, _MOTION_WINDOW = 5, 7

_STEPS = 8  # of a level of motion, so that eight bits hold motion finely enough
_FALL = np.exp(-((np.maximum(np.arange(256, dtype=np.float32) / _STEPS - _STILL, 0) / _WIDTH) ** 2))

# A block of the crop moves when its mean stillness falls under this; some of the blocks show the face.
_BLOCKS = 16
_FACE_BLOCKS = np.s_[3:15, 2:14]
_MOVES_UNDER = 0.3

# Shares of moving blocks among the 5x5 around a place between which the past's weight falls to nothing: a mouth that
# speaks is mostly within the first, a head that turns reaches the second. It falls only as far as the block has detail,
# the mean difference in levels of 255 from a 7x7 average: under the first value it is noise, which nobody misses.
_MOUTH, _HEAD = 0.1, 0.3
_AROUND = 5
_FLAT, _DETAILED = 1.0, 1.5
_DETAIL_WINDOW = 7


@dataclass(frozen=True, eq=False)
class UnderWay:
    """A crop that takes one cycle a frame: what the `cycles` so far made of it, and the past's weight through them."""

    image: Image
    cycles: int
    past: Plane


@dataclass(frozen=True, eq=False)
class SteadyState:
    """The state of a face: its averaged given crop and its last shown one, float32 (S, S, 3) BGR, 0 to 255.

    `step` is mean |G(x) - x| of the first cycle on the last crop that was restored as it was given. It `rests` when the
    last crop was so still that one cycle a frame is enough for it, whatever k is.
    """

    given: Plane
    shown: Plane
    step: float
    rests: bool = False
    under_way: UnderWay | None = None


def stillness(state: SteadyState, crop: Image) -> Plane:
    """Return the stillness of each pixel of `crop`, uint8 (S, S, 3) BGR, against `state`: float32 (S, S), 0 to 1."""
    change = cv2.subtract(crop, state.given, dtype=cv2.CV_32F)
    change = cv2.blur(change, (_NOISE_WINDOW, _NOISE_WINDOW))
    motion = cv2.transform(cv2.convertScaleAbs(change, alpha=_STEPS), _CHANNEL_MEAN)
    return np.asarray(cv2.LUT(cv2.blur(motion, (_MOTION_WINDOW, _MOTION_WINDOW)), _FALL), np.float32)


def moving_blocks(still: Plane) -> Plane:
    """Return which blocks of a crop move: float32 (16, 16), 0 or 1; `still` as `stillness` returns it."""
    blocks = cv2.resize(still, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    return (blocks < _MOVES_UNDER).astype(np.float32)


def past_share(moving: Plane, given: Plane) -> Plane:
    """Return how much the past counts at each pixel, float32 (S, S), 0 to 1: less where a detailed place moves along.

    `moving` as `moving_blocks` returns it, `given` is the averaged crop.
    """
    around = cv2.blur(moving, (_AROUND, _AROUND), borderType=cv2.BORDER_REPLICATE)
    moves_along = np.clip((around - _MOUTH) / (_HEAD - _MOUTH), 0, 1)
    grey = cv2.transform(given, _CHANNEL_MEAN)
    differences = cv2.absdiff(grey, cv2.blur(grey, (_DETAIL_WINDOW, _DETAIL_WINDOW)))
    detail = cv2.resize(differences, (_BLOCKS, _BLOCKS), interpolation=cv2.INTER_AREA)
    share = 1 - moves_along * np.clip((detail - _FLAT) / (_DETAILED - _FLAT), 0, 1)
    return np.asarray(cv2.resize(share, grey.shape[::-1]), np.float32)


def restore_steadily(
    state: SteadyState | None,
    crop: Image,
    restorer: Restorer,
    *,
    k: int,
    rest_k: int,
    weight: float,
    stop_threshold: float = 0.0,
) -> tuple[SteadyState, RestoredCrop]:
    """Return the state after a frame, and the steady face with the cycles spent on it.

    crop: uint8 (S, S, 3) BGR, aligned. Without a `state`, and with one of another size, it is restored by itself.
    A face that rests takes `rest_k` cycles, one a frame. `weight` in [0, 1) is the past's weight where
    nothing moves. Raises InferenceError.
    """
    if state is None or state.given.shape != crop.shape:
        restored = restorer.restore(crop, k=k, stop_threshold=stop_threshold)
        planes = crop.astype(np.float32), restored.image.astype(np.float32)
        return SteadyState(given=planes[0], shown=planes[1], step=restored.steps[0]), restored
    still = stillness(state, crop)
    moving = moving_blocks(still)
    past = still * np.float32(weight)
    if moving.any():
        past *= past_share(moving, state.given)
    given = _mixed(state.given, crop.astype(np.float32), past)
    rests = restorer.family.fixed_point and not moving[_FACE_BLOCKS].any()
    if rests and rest_k > 1 and not moving.any():
        return _one_cycle_further(
            replace(state, given=given, rests=True), past, restorer, k=rest_k, stop_threshold=stop_threshold
        )
    image = crop
    if rests and rest_k > 1:
        # Of what the network is given now, a part 1 - 1/k went through it before: through k cycles on average.
        image, k = _rounded(_mixed(state.shown, given, still * np.float32(1 - 1 / rest_k))), 1
    restored = restorer.restore(image, k=k, stop_threshold=stop_threshold)
    shown = _mixed(state.shown, restored.image.astype(np.float32), past)
    step = restored.steps[0] if image is crop else state.step
    return SteadyState(given=given, shown=shown, step=step, rests=rests), replace(restored, image=_rounded(shown))


def _one_cycle_further(
    state: SteadyState, past: Plane, restorer: Restorer, *, k: int, stop_threshold: float
) -> tuple[SteadyState, RestoredCrop]:
    """Take one of the `k` cycles of a face that rests; the last, or one below the threshold, changes what is shown."""
    before = state.under_way or UnderWay(image=_rounded(state.given), cycles=0, past=np.ones_like(past))
    restored = restorer.restore(before.image, k=1)
    now = UnderWay(image=restored.image, cycles=before.cycles + 1, past=before.past * past)
    if now.cycles < k and restored.steps[0] >= stop_threshold:
        return replace(state, under_way=now), replace(restored, image=_rounded(state.shown))
    shown = _mixed(state.shown, restored.image.astype(np.float32), now.past)
    return replace(state, shown=shown, under_way=None), replace(restored, image=_rounded(shown))


def _mixed(before: Plane, now: Plane, past: Plane) -> Plane:
    return np.asarray(cv2.blendLinear(before, now, past, 1 - past), np.float32)


def _rounded(plane: Plane) -> Image:
    return np.asarray(cv2.convertScaleAbs(plane), np.uint8)


class SteadyFaces:
    """The states of all tracked faces. Different tracks may be restored at one time."""

    def __init__(self) -> None:
        self._states: dict[int, SteadyState] = {}
        self._key: Hashable = None

    @property
    def resting(self) -> int:
        """How many faces of the last frame were so still that they need one cycle each, whatever k is."""
        return sum(state.rests for state in self._states.values())

    def begin(self, tracks: Iterable[int], *, key: Hashable) -> None:
        """Begin a frame with these tracks and forget the others; forget all when `key` changed.

        `key` is everything that a restored face's pixels depend on."""
        if key != self._key:
            self._states.clear()
            self._key = key
        self._states = {track: self._states[track] for track in tracks if track in self._states}

    def restore(
        self,
        track: int,
        crop: Image,
        restorer: Restorer,
        *,
        k: int,
        rest_k: int | None = None,
        steady: int,
        stop_threshold: float = 0.0,
    ) -> RestoredCrop:
        """Return the steady face of a track, see `restore_steadily`; `rest_k` None is k.

        `steady` is in percent, 0 for none.
        """
        if not steady:
            self._states.pop(track, None)
            return restorer.restore(crop, k=k, stop_threshold=stop_threshold)
        self._states[track], restored = restore_steadily(
            self._states.get(track),
            crop,
            restorer,
            k=k,
            rest_k=k if rest_k is None else rest_k,
            weight=HIGHEST_WEIGHT * steady / 100,
            stop_threshold=stop_threshold,
        )
        return restored

    def first_step(self, track: int, restored: RestoredCrop) -> float:
        """Return the first cycle's step on the given crop of a track; `restored` is its result in this frame."""
        state = self._states.get(track)
        return state.step if state is not None else restored.steps[0]
