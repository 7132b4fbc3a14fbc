"""The inference thread: the newest frame in, the restored frame out."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable
from dataclasses import replace

from app.core.errors import AppError, InferenceError
from app.core.log import log_path
from app.core.mailbox import Mailbox
from app.core.setting import Effect
from app.core.settings import Settings
from app.core.types import Face, Frame, Restored, Timings
from app.pipeline.budget import KChoice
from app.pipeline.choice import FaceChoice
from app.pipeline.live.events import CyclesChanged
from app.pipeline.process import FramePipeline

_IDLE_S = 0.1
_JOIN_S = 5.0
_QUIET_S = 30.0
"""Seconds without a failure after which it is news again."""

_REDONE: tuple[Effect, ...] = ("picture", "pacing")

_log = logging.getLogger(__name__)


class InferenceWorker:
    """Restores the frames of a mailbox until it is closed.

    The picture never waits for a model: until a pipeline is in use, and whenever inference fails, frames pass
    unchanged. A picture that stands, as in a pause, is restored again when it begins to, and when the settings or the
    pipeline change.
    """

    def __init__(
        self,
        frames: Mailbox[Frame],
        settings: Settings,
        *,
        clock: Callable[[], float],
        is_paused: Callable[[], bool],
        on_restored: Callable[[Restored, Settings, bool], None],
        on_error: Callable[[AppError], None],
        on_cycles: Callable[[CyclesChanged], None],
    ) -> None:
        """All callbacks but `is_paused`, whether the picture stands, report from the inference thread.

        `on_restored` receives the frame, the settings it was made with, and whether it is a new frame of the source
        (False for one that was restored again).
        """
        self._frames = frames
        self._clock = clock
        self._is_paused = is_paused
        self._on_restored = on_restored
        self._on_error = on_error
        self._on_cycles = on_cycles
        self._lock = threading.Lock()
        self._settings = settings
        self._pipeline: FramePipeline | None = None
        self._version = 0
        self._latest: Restored | None = None
        self._forgotten_at = -math.inf  # on the clock
        self._chosen: FaceChoice | None = None
        self._shown: tuple[int, int] | None = None
        self._failed_at: dict[str, float] = {}
        self._planned = KChoice(k=0, wanted=0)
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    @property
    def settings(self) -> Settings:
        """The settings for the next frame."""
        with self._lock:
            return self._settings

    @property
    def pipeline(self) -> FramePipeline | None:
        """The pipeline in use, None while the first one is being loaded."""
        with self._lock:
            return self._pipeline

    @property
    def latest(self) -> Restored | None:
        """The newest finished frame of the source, None while there is none yet."""
        with self._lock:
            return self._latest

    def forget(self) -> None:
        """Forget the newest frame and those being restored: every frame captured until now is of another source."""
        with self._lock:
            self._latest, self._forgotten_at = None, self._clock()

    def update(self, settings: Settings) -> None:
        """Use `settings` from the next frame on."""
        with self._lock:
            before, self._settings = self._settings, settings
            if before.affecting(*_REDONE) != settings.affecting(*_REDONE):
                self._version += 1

    def choose(self, face: Face | None) -> None:
        """Restore this face of the newest frame alone, from the next frame on; None restores all of them."""
        with self._lock:
            self._chosen = FaceChoice(face) if face is not None else None
            self._version += 1

    def show_at(self, size: tuple[int, int] | None) -> None:
        """Make patches for a picture that is shown in `size` (width, height) pixels; None makes none."""
        with self._lock:
            if size != self._shown:
                self._shown = size
                self._version += 1

    def use(self, pipeline: FramePipeline) -> None:
        """Use the warmed-up `pipeline` from the next frame on."""
        with self._lock:
            self._pipeline = pipeline
            self._failed_at = {}  # those of another network are news
            self._version += 1

    def join(self) -> None:
        """Wait until the thread has ended, a few seconds at most. The mailbox must be closed first."""
        self._thread.join(_JOIN_S)

    def _run(self) -> None:
        seen: tuple[int, bool] | None = None
        while not self._frames.closed:
            stood = self._is_paused()
            frame = self._frames.take(timeout=_IDLE_S)
            stands = self._is_paused()
            with self._lock:
                settings, version, latest = self._settings, self._version, self._latest
                chosen, shown, now = self._chosen, self._shown, self._clock()
            is_new = frame is not None
            if frame is None:
                # What has only just begun to stand may be the first picture of another source, which is about to come.
                if latest is None or not (stood and stands) or seen == (version, True):
                    continue
                frame = replace(latest.frame, t_capture=now)
            begun = self._clock()
            frame = made_bad(frame, settings)
            degrade_ms = (self._clock() - begun) * 1000 if settings.degrade else 0.0
            restored = self._restore(frame, settings, chosen, shown, stands=stands, degrade_ms=degrade_ms)
            with self._lock:
                if frame.t_capture > self._forgotten_at:
                    self._latest = restored
            self._on_restored(restored, settings, is_new)
            seen = version, stands

    def _restore(
        self,
        frame: Frame,
        settings: Settings,
        chosen: FaceChoice | None,
        shown: tuple[int, int] | None,
        *,
        stands: bool,
        degrade_ms: float,
    ) -> Restored:
        pipeline = self.pipeline
        if pipeline is not None:
            try:
                restored = pipeline.process(
                    frame, settings, chosen=chosen, shown=shown, stands=stands, degrade_ms=degrade_ms
                )
            except Exception as error:
                self._report_once(error)
                pipeline.tracker.reset()
            else:
                if not stands:  # which is no matter of time
                    self._report_cycles(pipeline.choice, settings)
                return restored
        age_ms = (self._clock() - frame.t_capture) * 1000
        return Restored(frame=frame, image=frame.image, k=0, timings=Timings(age_ms=age_ms))

    def _report_cycles(self, choice: KChoice, settings: Settings) -> None:
        """Report that auto-k lowered k, or raised it again; what a person or another network changed is no news."""
        before, self._planned = self._planned, choice
        raised = before.reason and choice.wanted == before.wanted
        if settings.auto_k and choice.k != before.k and (choice.reason or raised):
            self._on_cycles(CyclesChanged(k=choice.k, wanted=choice.wanted, reason=choice.reason))

    def _report_once(self, error: Exception) -> None:
        """Report a failure once, which may repeat with every frame or with some, until it stayed away for a while."""
        now, words = self._clock(), str(error)
        before, self._failed_at[words] = self._failed_at.get(words), now
        if before is not None and now - before <= _QUIET_S:
            return
        if not isinstance(error, AppError):
            _log.error("Restoring failed in an unexpected way", exc_info=error)
            error = InferenceError(
                "Restoring failed: {error}.", "Details are in {log}.", error=repr(error), log=log_path()
            )
        self._on_error(error)


def made_bad(frame: Frame, settings: Settings) -> Frame:
    """Return `frame`, degraded where the settings ask for it, with the true picture kept beside it."""
    true = frame.true_image if frame.true_image is not None else frame.image
    if not settings.degrade:
        return frame if frame.true_image is None else replace(frame, image=true, true_image=None)
    from app.media.pictures.degrade import degrade

    bad = degrade(true, settings.degrade_strength / 100, index=frame.index)
    return replace(frame, image=bad, true_image=true)
