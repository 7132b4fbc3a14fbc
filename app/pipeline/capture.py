"""The capture thread: it opens a source, keeps it alive, and leaves its frames in a mailbox.

Whatever a source does (a driver that never returns, a server that stalls, a cable that is pulled) only the thread that
reads it waits. A watchdog beside it notices, gives that thread up and starts the next attempt.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from app.core.errors import AppError, SourceOfflineError, SourceOpenError
from app.core.types import Frame, Image
from app.pipeline.mailbox import Mailbox
from app.pipeline.playback import FilePlayer, Signal
from app.sources.base import Source, SourceInfo
from app.sources.spec import SourceSpec, open_source

SourceState = Literal["connecting", "online", "offline", "ended", "failed"]

_JOIN_S = 2.0
_SLOT_POLL_S = 0.05
_MOST_LEFT_BEHIND = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """How the source is. `info` stands from the first time it was online, `error` says why it is offline or failed.

    "ended" is the regular end of a file, "failed" is final, "offline" is tried again in `retry_in_s` seconds.
    """

    state: SourceState
    info: SourceInfo | None = None
    error: AppError | None = None
    retry_in_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ReconnectPolicy:
    """Waits `first_s` before the first attempt to reconnect, `factor` times longer before each further one."""

    first_s: float = 0.5
    factor: float = 2.0
    longest_s: float = 8.0

    def delay_s(self, failures: int) -> float:
        """Seconds to wait after `failures` attempts in a row that never came online."""
        return min(self.first_s * self.factor ** min(failures, 32), self.longest_s)


class FrozenPicture:
    """Tells a camera that repeats one picture for ever from one that looks at something still.

    A sensor is never without noise, so a camera whose pictures differed and then stay identical for `timeout_s` has
    frozen. One that never changed since it was opened (a virtual camera showing a card) is left alone.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sample: Image | None = None
        self._changed_at = 0.0
        self._ever_changed = False

    def update(self, image: Image, now: float) -> bool:
        """True when the camera has frozen. Compares every eighth row."""
        sample = image[::8]
        if self._sample is not None and np.array_equal(self._sample, sample):
            return self._ever_changed and now - self._changed_at >= self._timeout_s
        self._ever_changed = self._sample is not None
        self._sample, self._changed_at = sample.copy(), now
        return False


class CaptureWorker:
    """Owns one source at a time. Every method returns at once; `close` waits two seconds at most.

    Live frames replace each other in the mailbox. A file is played at its own pace and waits until the frame before
    was taken, so it loses nothing and slows down where the restoring is slower than the film. `Frame.index` goes on
    over reconnects, loops and further sources, `t_capture` is when the frame was posted for a file. `on_status` is
    called from one worker thread, in order, and must not call back into `close`.

    A live source that was online once is connected again for ever; one that cannot be opened at first has failed.
    """

    def __init__(
        self,
        mailbox: Mailbox[Frame],
        *,
        on_status: Callable[[SourceStatus], None],
        make_source: Callable[[SourceSpec], Source] = open_source,
        clock: Callable[[], float] = time.perf_counter,
        freeze_timeout_s: float = 3.0,
        open_timeout_s: float = 15.0,
        frozen_picture_s: float = 10.0,
        policy: ReconnectPolicy | None = None,
    ) -> None:
        self._mailbox = mailbox
        self._on_status = on_status
        self._make_source = make_source
        self._clock = clock
        self._freeze_timeout_s = freeze_timeout_s
        self._open_timeout_s = open_timeout_s
        self._frozen_picture_s = frozen_picture_s
        self._policy = policy or ReconnectPolicy()
        self._changed = threading.Condition()
        self._status = SourceStatus(state="ended")
        self._next_index = 0
        self._spec: SourceSpec | None = None
        self._loop = False
        self._paused = False
        self._start_s: float | None = None
        self._attempt: _Attempt | None = None
        self._left_behind: list[threading.Thread] = []
        self._closing = False
        self._generation = 0
        self._watchdog = threading.Thread(target=self._watch, name="capture-watchdog", daemon=True)
        self._watchdog.start()

    @property
    def status(self) -> SourceStatus:
        with self._changed:
            return self._status

    @property
    def paused(self) -> bool:
        with self._changed:
            return self._paused

    def open(self, spec: SourceSpec, *, loop: bool = False) -> None:
        """Let go of the source before and open the one that `spec` names. `loop` starts a file again at its end."""
        with self._changed:
            self._spec, self._loop, self._paused, self._start_s = spec, loop, False, None
            self._generation += 1
            self._changed.notify_all()

    def stop(self) -> None:
        """Let go of the source; the status becomes "ended"."""
        with self._changed:
            self._spec = None
            self._generation += 1
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Show the picture at `seconds` of a file, also while paused or after its end. Nothing for a live source."""
        with self._changed:
            if self._attempt is not None:
                self._attempt.seek_to = seconds
            elif self._spec is not None and self._status.state == "ended":
                self._start_s = seconds
                self._generation += 1
            self._changed.notify_all()

    def set_paused(self, paused: bool) -> None:
        """A paused file stands still; a paused live source is read on and its frames are thrown away."""
        with self._changed:
            self._paused = paused
            self._changed.notify_all()

    def close(self) -> None:
        """Let go of everything and end the threads. One that a driver holds for ever is left behind, as a daemon."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._watchdog.join(_JOIN_S)

    def _watch(self) -> None:
        """The watchdog: one round is one source, from its first connecting to its end or replacement."""
        generation = 0
        while True:
            with self._changed:
                while not self._replaced(generation):
                    self._changed.wait()
                if self._closing:
                    return
                generation, spec = self._generation, self._spec
            self._mailbox.clear()
            if spec is None:
                self._report(SourceStatus(state="ended"))
            else:
                self._keep_alive(spec, generation)

    def _keep_alive(self, spec: SourceSpec, generation: int) -> None:
        info: SourceInfo | None = None
        failures = 0
        self._report(SourceStatus(state="connecting"))
        while self._has_room_for_an_attempt(generation):
            attempt = self._start(spec)
            outcome = self._supervise(attempt, generation)
            info = attempt.info or info
            if outcome is None:
                return
            if outcome.error is None or info is None or not info.live:
                self._report(replace(outcome, info=info))
                return
            failures = 0 if attempt.info is not None else failures + 1
            delay_s = self._policy.delay_s(failures)
            self._report(SourceStatus(state="offline", info=info, error=outcome.error, retry_in_s=delay_s))
            with self._changed:
                if self._changed.wait_for(lambda: self._replaced(generation), delay_s):
                    return

    def _start(self, spec: SourceSpec) -> _Attempt:
        with self._changed:
            attempt = _Attempt(worker=self, spec=spec, loop=self._loop)
            attempt.seek_to, self._start_s = self._start_s, None
            self._attempt = attempt
        attempt.thread.start()
        return attempt

    def _supervise(self, attempt: _Attempt, generation: int) -> SourceStatus | None:
        """Wait for the end of `attempt`: how it ended, or None when another source or the close is wanted."""
        outcome: SourceStatus | None = None
        announced = False
        while outcome is None:
            with self._changed:
                if not attempt.has_news(announced) and not self._replaced(generation):
                    self._changed.wait(self._patience_s(attempt))
                if self._replaced(generation):
                    break
                info, outcome = attempt.info, attempt.outcome
                if outcome is None and self._patience_s(attempt) == 0.0:
                    outcome = SourceStatus(state="failed", error=self._silence(attempt))
            if info is not None and not announced:
                announced = True
                self._report(SourceStatus(state="online", info=info))
        self._give_up(attempt)
        return outcome

    def _give_up(self, attempt: _Attempt) -> None:
        with self._changed:
            self._attempt = None
        attempt.abandon()
        attempt.thread.join(_JOIN_S / 4)
        if attempt.thread.is_alive():
            _log.warning("A capture thread is still inside its source and is left behind.")
            self._left_behind.append(attempt.thread)

    def _has_room_for_an_attempt(self, generation: int) -> bool:
        """Wait while a hanging driver holds too many threads already. False when the attempt is not wanted any more."""
        while True:
            self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
            with self._changed:
                if self._replaced(generation):
                    return False
                if len(self._left_behind) < _MOST_LEFT_BEHIND:
                    return True
                self._changed.wait(self._policy.longest_s)

    def _patience_s(self, attempt: _Attempt) -> float | None:
        """Seconds until the attempt counts as frozen, 0 when it does; None when it may take for ever."""
        if attempt.info is not None and not attempt.info.live:
            return None
        limit_s = self._open_timeout_s if attempt.info is None else self._freeze_timeout_s
        return max(attempt.alive_at + limit_s - self._clock(), 0.0)

    def _silence(self, attempt: _Attempt) -> AppError:
        if attempt.info is None:
            return SourceOpenError(
                f"The source did not open within {self._open_timeout_s:g} s.", "Close other programs that use it."
            )
        return SourceOfflineError(
            f"{attempt.info.name} gave no picture for {self._freeze_timeout_s:g} s.", "It is connected again by name."
        )

    def _replaced(self, generation: int) -> bool:
        return self._closing or self._generation != generation

    def _report(self, status: SourceStatus) -> None:
        with self._changed:
            self._status = status
        self._on_status(status)


class _Attempt:
    """One opening of a source and the reading until its end, on a thread of its own. The stage of a file player.

    `info` is None until it is online, `outcome` until it is over; both are guarded by the worker's lock.
    """

    def __init__(self, *, worker: CaptureWorker, spec: SourceSpec, loop: bool) -> None:
        self._worker = worker
        self._changed = worker._changed
        self._clock = worker._clock
        self._spec = spec
        self._loop = loop
        self._source: Source | None = None
        self._abandoned = False
        self.info: SourceInfo | None = None
        self.outcome: SourceStatus | None = None
        self.alive_at = self._clock()
        self.seek_to: float | None = None
        self.thread = threading.Thread(target=self._run, name="capture", daemon=True)

    def has_news(self, announced: bool) -> bool:
        return self.outcome is not None or (self.info is not None and not announced)

    def abandon(self) -> None:
        """Nothing of this attempt counts any more. Its thread ends as soon as the source lets it."""
        with self._changed:
            self._abandoned = True
            source = self._source
            self._changed.notify_all()
        if source is not None:
            source.close()

    @property
    def paused(self) -> bool:
        return self._worker.paused

    def wait(self, until: float) -> Signal:
        with self._changed:
            while (signal := self._signal()) is Signal.GO and (left_s := until - self._clock()) > 0:
                self._changed.wait(left_s)
            return signal

    def show(self, frame: Frame) -> Signal:
        mailbox = self._worker._mailbox
        while not mailbox.wait_empty(_SLOT_POLL_S):
            with self._changed:
                if (signal := self._signal()) is not Signal.GO:
                    return signal
        with self._changed:
            signal = self._signal()
            if signal is Signal.GO:
                self._post(replace(frame, t_capture=self._clock()))
            return signal

    def take_seek(self) -> float:
        with self._changed:
            seconds, self.seek_to = self.seek_to, None
            return seconds or 0.0

    def _signal(self) -> Signal:
        if self._abandoned or self._worker._mailbox.closed:
            return Signal.OVER
        return Signal.GO if self.seek_to is None else Signal.SEEK

    def _run(self) -> None:
        try:
            outcome = self._play()
        except AppError as error:
            # Its traceback would hold this thread's frames, and with them the last picture and this attempt, which
            # holds the error: a ring that only the garbage collector opens, megabytes and minutes later.
            outcome = SourceStatus(state="failed", error=error.with_traceback(None))
        except Exception as error:
            # A driver's surprise must reach the person and not end the thread in silence.
            _log.exception("The source failed in an unexpected way")
            outcome = SourceStatus(state="failed", error=SourceOpenError(f"The source failed: {error!r}."))
        if self._source is not None:
            self._source.close()
        with self._changed:
            self.outcome = outcome
            self._changed.notify_all()

    def _play(self) -> SourceStatus:
        source = self._worker._make_source(self._spec)
        with self._changed:
            self._source = source
            if self._abandoned:
                return SourceStatus(state="ended")
        source.open()
        with self._changed:
            self.info = source.info
            self.alive_at = self._clock()
            self._changed.notify_all()
        if source.info.live:
            self._read_live(source)
        else:
            FilePlayer(source, stage=self, loop=self._loop, clock=self._clock).play()
        return SourceStatus(state="ended")

    def _read_live(self, source: Source) -> None:
        frozen = FrozenPicture(timeout_s=self._worker._frozen_picture_s)
        while (frame := source.read()) is not None:
            with self._changed:
                if self._abandoned:
                    return
                self.alive_at = self._clock()
                if not self._worker._paused:
                    self._post(frame)
            if source.info.kind == "camera" and frozen.update(frame.image, frame.t_capture):
                raise SourceOfflineError(
                    f"{source.info.name} repeats one and the same picture.", "It is connected again by name."
                )
        raise SourceOfflineError(f"{source.info.name} ended.", "It is tried again.")

    def _post(self, frame: Frame) -> None:
        index = self._worker._next_index
        self._worker._next_index = index + 1
        self._worker._mailbox.put(replace(frame, index=index))
