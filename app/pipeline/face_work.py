"""What one network makes of the faces of one frame, and the time it takes."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from app.core.settings import Settings
from app.core.types import Face, FaceChange, Frame, Patch, Rectangle, RestoredFace
from app.faces.alignment import Matrix, crop_matrix, region_of, warp_crop
from app.faces.enlarging import patches
from app.faces.pasting import paste
from app.pipeline.budget import KChoice
from app.pipeline.lanes import Lanes, rounds
from app.pipeline.steady import SteadyFaces
from app.restorers.family import Restorer

ALREADY_SHARP = 0.015
"""A face that the first cycle of a fixed-point network moves by less, mean |G(x) - x|, needs no restoring."""

# Cutting a crop reads beyond its square, where it averages before it reduces: pixels of the crop and of the frame.
_READ_BEYOND, _READ_MARGIN = 16, 8


@dataclass(frozen=True, kw_only=True)
class _Done:
    """A restored face, what was added to the picture, and the milliseconds that went into it."""

    face: RestoredFace
    change: FaceChange | None
    align_ms: float
    cycles_ms: tuple[float, ...]
    paste_ms: float

    @property
    def total_ms(self) -> float:
        return self.align_ms + sum(self.cycles_ms) + self.paste_ms


class FaceWork:
    """The image that is being restored, `changes` to it in their order, and the time it took so far.

    `image` is the frame's own, uint8 (H, W, 3) BGR, where it has no face.
    """

    def __init__(self, frame: Frame, steady: SteadyFaces, now: Callable[[], float]) -> None:
        self.image = frame.image
        self._original = frame.image
        self._pixel_shape = frame.pixel_shape
        self._steady = steady
        self._now = now
        self.faces: tuple[RestoredFace, ...] = ()
        self.changes: tuple[FaceChange, ...] = ()
        self.patches: tuple[Patch, ...] = ()
        self.align_ms = self.paste_ms = 0.0
        self.cycles_ms: list[float] = []

    @property
    def total_ms(self) -> float:
        return self.align_ms + sum(self.cycles_ms) + self.paste_ms

    @property
    def cycle_ms(self) -> float | None:
        """The mean time of a cycle of one face, None without any."""
        spent = sum(face.cycles for face in self.faces)
        return sum(self.cycles_ms) / spent if spent else None

    def restore(
        self,
        faces: Sequence[Face],
        restorer: Restorer,
        choice: KChoice,
        *,
        settings: Settings,
        key: Hashable,
        lanes: Lanes | None = None,
    ) -> None:
        """Restore the faces with the k of `choice`, those that hold still to the look of the wanted one.

        `key` as `SteadyFaces.begin` takes it. On `lanes` those that do not touch go at one time.

        It goes from the back to the front: a nearer, larger face, given first, is pasted over a farther one.
        """
        self._steady.begin((face.track_id for face in faces), key=key)
        if not faces:
            return
        self.image = np.copy(self._original)

        def restore(index: int, by: Restorer) -> _Done:
            return self._restore(faces[index], by, choice, settings)

        done: dict[int, _Done] = {}
        backwards = range(len(faces) - 1, -1, -1)
        touched = [self._touched(faces[index], restorer.family.crop_side) for index in backwards]
        for numbers in rounds(touched):
            group = [backwards[number] for number in numbers]
            shared = lanes.share_of(len(group)) if lanes is not None else 0
            if lanes is not None and shared:
                started = self._now()
                results = lanes.map(restore, group[:shared])
                done.update(zip(group, results, strict=False))
                self._count(results, elapsed_ms=(self._now() - started) * 1000)
            for index in group[shared:]:
                done[index] = restore(index, restorer)
                self._count([done[index]])
        self.faces = tuple(done[index].face for index in range(len(faces)))
        self.changes = tuple(each.change for each in done.values() if each.change is not None)

    def patch(self, shown: tuple[int, int]) -> None:
        """Make the faces' patches for a picture of `shown` (width, height)."""
        started = self._now()
        self.patches = patches(self._original, self.changes, shown)
        self.paste_ms += (self._now() - started) * 1000

    def _touched(self, face: Face, side: int) -> Rectangle | None:
        """The rectangle of `image` that restoring `face` reads and writes, None outside of it."""
        box = (-_READ_BEYOND, -_READ_BEYOND, side + _READ_BEYOND, side + _READ_BEYOND)
        height, width = self.image.shape[:2]
        return region_of(self._matrix(face, side), width, height, box=box, margin=_READ_MARGIN)

    def _matrix(self, face: Face, side: int) -> Matrix:
        return crop_matrix(face.landmarks, side=side, pixel_shape=self._pixel_shape)

    def _restore(self, face: Face, restorer: Restorer, choice: KChoice, settings: Settings) -> _Done:
        """Restore one face. The crop is cut from what is already restored: where two faces overlap, the second
        change then builds on the first instead of being added to it. Faces that do not may be restored at one time."""
        started = self._now()
        side = restorer.family.crop_side
        matrix = self._matrix(face, side)
        crop = warp_crop(self.image, matrix, side=side)
        restored = self._steady.restore(
            face.track_id,
            crop,
            restorer,
            k=choice.k,
            rest_k=choice.wanted,
            steady=settings.steady,
            stop_threshold=settings.stop_threshold,
        )
        aligned = self._now()
        strength, opacity = settings.strength / 100, face.opacity
        change = paste(self.image, restored.image, crop, matrix, strength=strength, opacity=opacity)
        step = self._steady.first_step(face.track_id, restored)
        sharp = restorer.family.fixed_point and step < ALREADY_SHARP
        return _Done(
            face=RestoredFace(face=face, cycles=restored.cycles, steps=restored.steps, already_sharp=sharp),
            change=change,
            # Turning the crop into the network's tensor and back, and steadying it, are part of aligning it.
            align_ms=(aligned - started) * 1000 - sum(restored.cycles_ms),
            cycles_ms=restored.cycles_ms,
            paste_ms=(self._now() - aligned) * 1000,
        )

    def _count(self, done: Sequence[_Done], *, elapsed_ms: float | None = None) -> None:
        """Count the time of faces. Those that were restored at one time share the `elapsed_ms` of all of them."""
        total_ms = sum(each.total_ms for each in done)
        share = elapsed_ms / total_ms if elapsed_ms is not None and total_ms else 1.0
        for each in done:
            self.align_ms += each.align_ms * share
            self.paste_ms += each.paste_ms * share
            for index, cycle_ms in enumerate(each.cycles_ms):
                if index == len(self.cycles_ms):
                    self.cycles_ms.append(0.0)
                self.cycles_ms[index] += cycle_ms * share
