"""One frame's way to a restored picture: detect, align, k cycles, steady, paste. A function over objects handed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import numpy as np

from app.core.settings import Settings
from app.core.types import Face, Frame, Image, Restored, RestoredFace, Timings
from app.faces.alignment import crop_matrix, enlarged_matrix, warp_crop
from app.faces.pasting import paste
from app.media.enlarge import enlarge
from app.pipeline.budget import AutoK, KChoice
from app.pipeline.steady import SteadyFaces
from app.restorers.base import Restorer

ALREADY_SHARP = 0.015
"""A face that the first cycle of a fixed-point network moves by less, mean |G(x) - x|, needs no restoring."""


class Tracker(Protocol):
    def update(self, frame: Frame, *, detect_size: int, max_faces: int) -> tuple[Face, ...]: ...

    def reset(self) -> None: ...


class FramePipeline:
    """Restores frame after frame with one tracker and one restorer. No thread, no Qt; not thread-safe."""

    def __init__(
        self,
        tracker: Tracker,
        restorer: Restorer,
        *,
        auto_k: AutoK | None = None,
        scale: int = 1,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`auto_k` decides k whenever the settings ask for it; `now` in seconds takes the timings.

        Results are `scale` times as large as the frames, and so are the frames and faces in them.
        """
        self.tracker = tracker
        self.restorer = restorer
        self.auto_k = auto_k or AutoK()
        self.choice = KChoice(k=0)
        self._scale = scale
        self._steady = SteadyFaces()
        self._resting = 0
        self._now = now

    def process(self, frame: Frame, settings: Settings) -> Restored:
        """Restore the faces of one frame. Settings hold for this frame, so a new k or strength is seen at once.

        A frame without a face comes back as the very same image, or enlarged and nothing else. Raises InferenceError.
        """
        started = self._now()
        faces = self.tracker.update(frame, detect_size=settings.detect_size, max_faces=settings.max_faces)
        detected = self._now()
        self.choice = self._choose_k(settings, max(len(faces) - self._resting, 0), detected)
        self._steady.begin((face.track_id for face in faces), key=_pixels_key(settings))
        work = _Work(frame.image, self._scale, self._steady, self._now)
        # From the back to the front: a nearer, larger face is pasted over a farther one.
        done = [work.restore(face, self.restorer, self.choice.k, settings) for face in reversed(faces)]
        timings = Timings(
            capture_ms=(started - frame.t_capture) * 1000,
            detect_ms=(detected - started) * 1000,
            align_ms=work.align_ms,
            cycles_ms=tuple(work.cycles_ms),
            paste_ms=work.paste_ms,
            age_ms=(self._now() - frame.t_capture) * 1000,
        )
        spent = sum(face.cycles for face in done)
        cycle_ms = timings.restore_ms / spent if spent else None
        # What auto-k shares out are the cycles of faces that move; those that hold still take one each, whatever k is.
        self._resting = sum(face.cycles == 1 < self.choice.k for face in done)
        overhead_ms = timings.overhead_ms + self._resting * (cycle_ms or 0.0)
        self.auto_k.measured(cycle_ms=cycle_ms, overhead_ms=overhead_ms)
        if self._scale > 1:
            frame = replace(frame, image=work.enlarged)
        return Restored(frame=frame, image=work.result, k=self.choice.k, faces=tuple(reversed(done)), timings=timings)

    def _choose_k(self, settings: Settings, moving: int, now: float) -> KChoice:
        low, high = self.restorer.k_range
        wanted = min(max(settings.k, low), high)
        if not settings.auto_k:
            return KChoice(k=wanted)
        return self.auto_k.choose(wanted=wanted, lowest=low, target_fps=settings.target_fps, faces=moving, now=now)


def _pixels_key(settings: Settings) -> tuple[object, ...]:
    """The settings that a restored face's pixels depend on. Auto-k's choices are left to the recursion to smooth."""
    return settings.restorer, settings.precision, settings.k, settings.strength, settings.stop_threshold


class _Work:
    """The image that is being restored and the time it took so far.

    `image` has the frame's size: crops are cut from it, so that a face is restored alike at every scale. `enlarged` is
    the given image and `result` the restored one at the size that was asked for; at scale 1 both are the others.
    """

    def __init__(self, image: Image, scale: int, steady: SteadyFaces, now: Callable[[], float]) -> None:
        self.image = image
        self._original = image
        self._scale = scale
        self.enlarged = enlarge(image, scale)
        self._large = np.copy(self.enlarged) if scale > 1 else image
        self._steady = steady
        self._now = now
        self.align_ms = self.paste_ms = 0.0
        self.cycles_ms: list[float] = []

    @property
    def result(self) -> Image:
        return self._large if self._scale > 1 else self.image

    def restore(self, face: Face, restorer: Restorer, k: int, settings: Settings) -> RestoredFace:
        """Restore one face. The crop is cut from what is already restored: where two faces overlap, the second
        change then builds on the first instead of being added to it."""
        started = self._now()
        side = restorer.family.crop_side
        matrix = crop_matrix(face.landmarks, side=side)
        crop = warp_crop(self.image, matrix, side=side)
        restored = self._steady.restore(
            face.track_id, crop, restorer, k=k, steady=settings.steady, stop_threshold=settings.stop_threshold
        )
        aligned = self._now()
        if self.image is self._original:
            self.image = np.copy(self._original)
        strength, opacity = settings.strength / 100, face.opacity
        paste(self.image, restored.image, crop, matrix, strength=strength, opacity=opacity)
        if self._scale > 1:
            large = enlarged_matrix(matrix, self._scale)
            paste(self._large, restored.image, crop, large, strength=strength, opacity=opacity)
        # Turning the crop into the network's tensor and back, and steadying it, are part of aligning it.
        self.align_ms += (aligned - started) * 1000 - sum(restored.cycles_ms)
        self.paste_ms += (self._now() - aligned) * 1000
        for index, cycle_ms in enumerate(restored.cycles_ms):
            if index == len(self.cycles_ms):
                self.cycles_ms.append(0.0)
            self.cycles_ms[index] += cycle_ms
        step = self._steady.first_step(face.track_id, restored)
        return RestoredFace(
            face=_enlarged(face, self._scale),
            cycles=restored.cycles,
            steps=restored.steps,
            already_sharp=restorer.family.fixed_point and step < ALREADY_SHARP,
        )


def _enlarged(face: Face, scale: int) -> Face:
    """`face` in a frame that was made `scale` times as large; a pixel's centre lies half a pixel in."""
    if scale == 1:
        return face
    return replace(face, box=face.box * scale, landmarks=(face.landmarks + np.float32(0.5)) * scale - np.float32(0.5))
