"""One frame's way to a restored picture: detect, align, k cycles, steady, paste. A function over objects handed in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from app.core.settings import Settings
from app.core.types import Face, Frame, Image, Restored, RestoredFace, Timings
from app.faces.alignment import crop_matrix, enlarged_matrix, region_of, warp_crop
from app.faces.pasting import paste
from app.media.enlarge import enlarge
from app.pipeline.budget import AutoK, KChoice
from app.pipeline.lanes import Lanes, Rectangle, rounds
from app.pipeline.steady import SteadyFaces
from app.restorers.base import Restorer

ALREADY_SHARP = 0.015
"""A face that the first cycle of a fixed-point network moves by less, mean |G(x) - x|, needs no restoring."""

# Cutting a crop reads beyond its square, where it averages before it reduces: pixels of the crop and of the frame.
_READ_BEYOND, _READ_MARGIN = 16, 8


class Tracker(Protocol):
    def update(self, frame: Frame, *, detect_size: int, max_faces: int) -> tuple[Face, ...]: ...

    def reset(self) -> None: ...


class FramePipeline:
    """Restores frame after frame with one tracker and one restorer. No Qt; not thread-safe.

    It starts no thread of its own. Once `lanes` are given, faces that do not touch are restored at one time on them.
    """

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
        self.lanes: Lanes | None = None
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
        work = _Work(frame.image, len(faces), self._scale, self._steady, self._now)
        done = self._restore_faces(faces, work, settings)
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
        return Restored(frame=frame, image=work.result, k=self.choice.k, faces=done, timings=timings)

    def _restore_faces(self, faces: Sequence[Face], work: _Work, settings: Settings) -> tuple[RestoredFace, ...]:
        """Restore every face into `work`; the result is in the order of `faces`.

        It goes from the back to the front: a nearer, larger face is pasted over a farther one.
        """

        def restore(index: int, restorer: Restorer) -> tuple[RestoredFace, _Spent]:
            return work.restore(faces[index], restorer, self.choice.k, settings)

        done: dict[int, RestoredFace] = {}
        backwards = range(len(faces) - 1, -1, -1)
        touched = [work.touched(faces[index], self.restorer.family.crop_side) for index in backwards]
        for numbers in rounds(touched):
            group = [backwards[number] for number in numbers]
            shared = self.lanes.share_of(len(group)) if self.lanes is not None else 0
            if self.lanes is not None and shared:
                started = self._now()
                results = self.lanes.map(restore, group[:shared])
                done.update(zip(group, (face for face, _ in results), strict=False))
                work.add([spent for _, spent in results], elapsed_ms=(self._now() - started) * 1000)
            for index in group[shared:]:
                done[index], spent = restore(index, self.restorer)
                work.add([spent])
        return tuple(done[index] for index in range(len(faces)))

    def _choose_k(self, settings: Settings, moving: int, now: float) -> KChoice:
        low, high = self.restorer.k_range
        wanted = min(max(settings.k, low), high)
        if not settings.auto_k:
            return KChoice(k=wanted)
        return self.auto_k.choose(wanted=wanted, lowest=low, target_fps=settings.target_fps, faces=moving, now=now)


def _pixels_key(settings: Settings) -> tuple[object, ...]:
    """The settings that a restored face's pixels depend on. Auto-k's choices are left to the recursion to smooth."""
    return settings.restorer, settings.precision, settings.k, settings.strength, settings.stop_threshold


@dataclass(frozen=True, kw_only=True)
class _Spent:
    """Milliseconds that went into one face."""

    align_ms: float
    cycles_ms: tuple[float, ...]
    paste_ms: float

    @property
    def total_ms(self) -> float:
        return self.align_ms + sum(self.cycles_ms) + self.paste_ms


class _Work:
    """The image that is being restored and the time it took so far.

    `image` has the frame's size: crops are cut from it, so that a face is restored alike at every scale. `enlarged` is
    the given image and `result` the restored one at the size that was asked for; at scale 1 both are the others.
    """

    def __init__(self, image: Image, faces: int, scale: int, steady: SteadyFaces, now: Callable[[], float]) -> None:
        self.image = np.copy(image) if faces else image
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

    def touched(self, face: Face, side: int) -> Rectangle | None:
        """The rectangle of `image` that restoring `face` reads and writes, None outside of it."""
        box = (-_READ_BEYOND, -_READ_BEYOND, side + _READ_BEYOND, side + _READ_BEYOND)
        height, width = self.image.shape[:2]
        return region_of(crop_matrix(face.landmarks, side=side), width, height, box=box, margin=_READ_MARGIN)

    def restore(self, face: Face, restorer: Restorer, k: int, settings: Settings) -> tuple[RestoredFace, _Spent]:
        """Restore one face. The crop is cut from what is already restored: where two faces overlap, the second
        change then builds on the first instead of being added to it. Faces that do not may be restored at one time."""
        started = self._now()
        side = restorer.family.crop_side
        matrix = crop_matrix(face.landmarks, side=side)
        crop = warp_crop(self.image, matrix, side=side)
        restored = self._steady.restore(
            face.track_id, crop, restorer, k=k, steady=settings.steady, stop_threshold=settings.stop_threshold
        )
        aligned = self._now()
        strength, opacity = settings.strength / 100, face.opacity
        paste(self.image, restored.image, crop, matrix, strength=strength, opacity=opacity)
        if self._scale > 1:
            large = enlarged_matrix(matrix, self._scale)
            paste(self._large, restored.image, crop, large, strength=strength, opacity=opacity)
        step = self._steady.first_step(face.track_id, restored)
        result = RestoredFace(
            face=_enlarged(face, self._scale),
            cycles=restored.cycles,
            steps=restored.steps,
            already_sharp=restorer.family.fixed_point and step < ALREADY_SHARP,
        )
        return result, _Spent(
            # Turning the crop into the network's tensor and back, and steadying it, are part of aligning it.
            align_ms=(aligned - started) * 1000 - sum(restored.cycles_ms),
            cycles_ms=restored.cycles_ms,
            paste_ms=(self._now() - aligned) * 1000,
        )

    def add(self, spent: Sequence[_Spent], *, elapsed_ms: float | None = None) -> None:
        """Count the time of faces. Those that were restored at one time share the `elapsed_ms` of all of them."""
        total_ms = sum(each.total_ms for each in spent)
        share = elapsed_ms / total_ms if elapsed_ms is not None and total_ms else 1.0
        for each in spent:
            self.align_ms += each.align_ms * share
            self.paste_ms += each.paste_ms * share
            for index, cycle_ms in enumerate(each.cycles_ms):
                if index == len(self.cycles_ms):
                    self.cycles_ms.append(0.0)
                self.cycles_ms[index] += cycle_ms * share


def _enlarged(face: Face, scale: int) -> Face:
    """`face` in a frame that was made `scale` times as large; a pixel's centre lies half a pixel in."""
    if scale == 1:
        return face
    return replace(face, box=face.box * scale, landmarks=(face.landmarks + np.float32(0.5)) * scale - np.float32(0.5))
