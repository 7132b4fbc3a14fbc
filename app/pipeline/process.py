"""The frame pipeline: detect, align, k cycles, steady, paste. A function over objects passed in."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from app.core.settings import Settings
from app.core.types import Compared, Face, Frame, Restored, Timings
from app.pipeline.budget import AutoK, KChoice, Room
from app.pipeline.choice import FaceChoice
from app.pipeline.face_work import FaceWork
from app.pipeline.lanes import Lanes
from app.pipeline.steady import SteadyFaces
from app.restorers.family import Restorer


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
        other: Restorer | None = None,
        auto_k: AutoK | None = None,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        """`other` restores every face a second time, to be compared. `auto_k` decides k when the settings ask for it;
        `now` returns seconds for the timings.
        """
        self.tracker = tracker
        self.restorer = restorer
        self.other = other
        self.auto_k = auto_k or AutoK()
        self.choice = KChoice(k=0, wanted=0)
        self.lanes: Lanes | None = None
        self._steady, self._other_steady = SteadyFaces(), SteadyFaces()
        self._room = Room()
        self._now = now

    def process(
        self,
        frame: Frame,
        settings: Settings,
        *,
        chosen: FaceChoice | None = None,
        shown: tuple[int, int] | None = None,
        stands: bool = False,
        degrade_ms: float = 0.0,
    ) -> Restored:
        """Restore the faces of one frame. Settings apply to this frame, so a new k or strength takes effect at once.

        Only the `chosen` face where there is one. Faces get patches for a screen on which the picture has `shown`
        (width, height) pixels, as long as there is time for it. A picture that `stands` always has the time, and gets
        every cycle. `degrade_ms` is what the frame took before, when it was made bad. A frame without a face is
        returned as the very same image. Raises InferenceError.
        """
        started = self._now()
        # The chosen face may be smaller than those that a limit would leave.
        max_faces = settings.max_faces if chosen is None else 0
        found = self.tracker.update(frame, detect_size=settings.detect_size, max_faces=max_faces)
        faces, left_alone = _divided(found, chosen)
        detected = self._now()
        self.choice = self._choose_k(settings, len(faces) - self._steady.resting, detected, stands=stands)
        key = _pixels_key(settings)
        work = FaceWork(frame, self._steady, self._now)
        work.restore(faces, self.restorer, self.choice, settings=settings, key=key, lanes=self.lanes)
        other = None
        if self.other is not None:
            other = FaceWork(frame, self._other_steady, self._now)
            other.restore(faces, self.other, _for_other(self.choice, self.other), settings=settings, key=key)
        if shown is not None and faces:
            self._patch(work, other, shown, started=started, target_fps=None if stands else settings.target_fps)
        timings = Timings(
            capture_ms=(started - frame.t_capture) * 1000 - degrade_ms,
            degrade_ms=degrade_ms,
            detect_ms=(detected - started) * 1000,
            align_ms=work.align_ms,
            cycles_ms=tuple(work.cycles_ms),
            paste_ms=work.paste_ms,
            other_ms=other.total_ms if other is not None else 0.0,
            age_ms=(self._now() - frame.t_capture) * 1000,
        )
        if not stands:  # it is searched whole and made for the screen, whatever time that takes
            self._learn(work, other, timings)
        return Restored(
            frame=frame,
            image=work.image,
            k=self.choice.k,
            faces=work.faces,
            changes=work.changes,
            alone=chosen is not None,
            left_alone=left_alone,
            patches=work.patches,
            compared=self._compared(other),
            timings=timings,
        )

    def _choose_k(self, settings: Settings, moving: int, now: float, *, stands: bool) -> KChoice:
        low, _ = self.restorer.k_range
        wanted = _within(settings.k, self.restorer.k_range)
        if stands or not settings.auto_k:
            return KChoice(k=wanted, wanted=wanted)
        return self.auto_k.choose(wanted=wanted, lowest=low, target_fps=settings.target_fps, moving=moving, now=now)

    def _patch(
        self, work: FaceWork, other: FaceWork | None, shown: tuple[int, int], *, started: float, target_fps: int | None
    ) -> None:
        """Make the patches of a frame begun at `started`, where a frame at `target_fps` has time for it."""
        begun = self._now()
        if target_fps is not None and not self._room.has_room((begun - started) * 1000, target_fps=target_fps):
            return
        work.patch(shown)
        if other is not None:
            other.patch(shown)
        self._room.took((self._now() - begun) * 1000)

    def _learn(self, work: FaceWork, other: FaceWork | None, timings: Timings) -> None:
        cycle_ms, beside_ms, overhead_ms = work.cycle_ms, 0.0, timings.overhead_ms + timings.other_ms
        if other is not None and self.other is not None and self.other.family.fixed_point:
            beside_ms = other.cycle_ms or 0.0  # it follows k, so its cycles are no overhead
            overhead_ms -= sum(other.cycles_ms)
        # Auto-k plans the cycles of the moving faces, or of one where all rest; every other one takes one cycle.
        resting = min(self._steady.resting, max(len(work.faces) - 1, 0))
        overhead_ms += resting * ((cycle_ms or 0.0) + beside_ms)
        self.auto_k.measured(cycle_ms=cycle_ms, overhead_ms=overhead_ms, beside_ms=beside_ms)

    def _compared(self, work: FaceWork | None) -> Compared | None:
        if work is None or self.other is None:
            return None
        return Compared(restorer=self.restorer.name, other=self.other.name, image=work.image, patches=work.patches)


def _divided(faces: tuple[Face, ...], chosen: FaceChoice | None) -> tuple[tuple[Face, ...], tuple[Face, ...]]:
    """The faces to restore, and those that are left alone because another one was chosen."""
    if chosen is None:
        return faces, ()
    found = chosen.among(faces)
    return tuple(face for face in faces if face is found), tuple(face for face in faces if face is not found)


def _for_other(choice: KChoice, other: Restorer) -> KChoice:
    """The cycles of a network to compare with: as many as the first takes, or its own number if it has a single pass.

    Fed its own output, such a network drifts.
    """
    if not other.family.fixed_point:
        choice = KChoice(k=other.family.default_k, wanted=other.family.default_k)
    return KChoice(k=_within(choice.k, other.k_range), wanted=_within(choice.wanted, other.k_range))


def _within(k: int, k_range: tuple[int, int]) -> int:
    low, high = k_range
    return min(max(k, low), high)


def _pixels_key(settings: Settings) -> tuple[object, ...]:
    """Return the settings that a restored face's pixels depend on; auto-k's choices are smoothed by the recursion."""
    made_bad = settings.degrade, settings.degrade_strength
    return settings.restorer, settings.precision, settings.k, settings.strength, settings.stop_threshold, made_bad
