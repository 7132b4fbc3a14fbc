"""The capture worker: it opens a source, keeps it alive, and leaves its frames in a mailbox.

Whatever a source does (a driver that never returns, a server that stalls, a cable that is unplugged), only the thread
that reads it waits. A watchdog notices it, abandons that thread and starts the next attempt.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from app.core.errors import AppError, SourceOfflineError, SourceOpenError
from app.core.mailbox import Mailbox
from app.core.memory import return_free_memory
from app.core.types import Frame
from app.pipeline.capture.attempt import Attempt, CaptureState
from app.pipeline.capture.playback import Timeline
from app.pipeline.capture.status import ReconnectPolicy, SourceStatus
from app.sources.base import Source, SourceInfo, SourceSpec
from app.sources.registry import open_source

_JOIN_S = 2.0
_MOST_LEFT_BEHIND = 3

_log = logging.getLogger(__name__)


class CaptureWorker:
    """Owns one source at a time. Every method returns at once; `close` waits two seconds at most.

    Frames replace each other in the mailbox, also those of a file, which keeps its own speed for slow takers.
    `Frame.index` keeps growing over reconnects, loops and sources; `t_capture` of a file's frame is when it was due.
    `on_status` is called from one worker thread, in order, and must not call back into `close`.

    A live source that was online once is reconnected for ever; one that cannot be opened at first has failed.
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
        self._on_status = on_status
        self._make_source = make_source
        self._freeze_timeout_s = freeze_timeout_s
        self._open_timeout_s = open_timeout_s
        self._frozen_picture_s = frozen_picture_s
        self._policy = policy or ReconnectPolicy()
        self._state = CaptureState(mailbox, clock=clock)
        self._changed = self._state.changed
        self._status = SourceStatus(state="ended")
        self._spec: SourceSpec | None = None
        self._loop, self._slide_show = False, True
        self._start_s: float | None = None
        self._attempt: Attempt | None = None
        self._left_behind: list[threading.Thread] = []
        self._closing = False
        self._generation = 0
        self._watchdog = threading.Thread(target=self._watch, name="capture-watchdog", daemon=True)
        self._watchdog.start()

    @property
    def timeline(self) -> Timeline:
        """The timeline of the file that is playing."""
        return self._state.timeline

    @property
    def status(self) -> SourceStatus:
        with self._changed:
            return self._status

    @property
    def info(self) -> SourceInfo | None:
        """What is known of the source that is read, from before its first frame on; its status may come later."""
        with self._changed:
            return self._attempt.info if self._attempt is not None else self._status.info

    @property
    def paused(self) -> bool:
        with self._changed:
            return self._state.paused

    def open(self, spec: SourceSpec, *, loop: bool = False, slide_show: bool = True) -> None:
        """Release the current source and open the one that `spec` names. `loop` restarts a file at its end.

        Without a `slide_show` a picture stays until `seek`.
        """
        with self._changed:
            self._spec, self._loop, self._slide_show, self._start_s = spec, loop, slide_show, None
            self._state.paused = False
            self._generation += 1
            self._changed.notify_all()

    def seek(self, seconds: float) -> None:
        """Show the picture at `seconds` of a file, also while paused or after its end. No effect on a live source."""
        with self._changed:
            if self._attempt is not None:
                self._attempt.seek(seconds)
            elif self._spec is not None and self._status.state in ("ended", "connecting"):
                self._start_s = seconds
                if self._status.state == "ended":  # otherwise an attempt is about to begin, there
                    self._generation += 1
            self._changed.notify_all()

    def set_paused(self, paused: bool) -> None:
        """Pause or go on. A paused live source is still read, and its frames are dropped."""
        with self._changed:
            self._state.paused = paused
            self._changed.notify_all()

    def close(self) -> None:
        """Release everything and end the threads. A thread that hangs in a driver is left behind as a daemon."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._watchdog.join(_JOIN_S)

    def _watch(self) -> None:
        """The watchdog: one iteration is one source, from its first connection to its end or replacement."""
        generation = 0
        while True:
            with self._changed:
                while not self._replaced(generation):
                    self._changed.wait()
                if self._closing:
                    return
                generation, spec = self._generation, self._spec
            self._state.mailbox.clear()
            if spec is not None:
                self._keep_alive(spec, generation)

    def _keep_alive(self, spec: SourceSpec, generation: int) -> None:
        info: SourceInfo | None = None
        failures, is_first = 0, True
        self._report(SourceStatus(state="connecting"), generation)
        # What a person asks for is tried, however many drivers hang; only its repetitions wait for them.
        while is_first or self._has_room_for_an_attempt(generation):
            is_first = False
            return_free_memory()  # of the source before, and while no picture waits for this process
            attempt = self._start(spec)
            outcome = self._supervise(attempt, generation)
            if attempt.info is not None:
                info = attempt.info
                if info.kind.device:  # another device may come first, or have its number, by the next attempt
                    spec = replace(spec, address=info.name)
            if outcome is None:
                return
            if outcome.error is None or info is None or not info.kind.live:
                self._report(replace(outcome, info=info), generation)
                return
            failures = 0 if attempt.info is not None else failures + 1
            delay_s = self._policy.delay_s(failures)
            offline = SourceStatus(state="offline", info=info, error=outcome.error, retry_in_s=delay_s)
            self._report(offline, generation)
            with self._changed:
                if self._changed.wait_for(lambda: self._replaced(generation), delay_s):
                    return

    def _start(self, spec: SourceSpec) -> Attempt:
        with self._changed:
            start_s, self._start_s = self._start_s, None
            self._attempt = Attempt(
                partial(self._make_source, spec),
                state=self._state,
                loop=self._loop,
                slide_show=self._slide_show,
                start_s=start_s,
                frozen_picture_s=self._frozen_picture_s,
            )
            return self._attempt

    def _supervise(self, attempt: Attempt, generation: int) -> SourceStatus | None:
        """Wait for `attempt` to end; return its outcome, None when another source or closing was requested."""
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
                self._report(SourceStatus(state="online", info=info), generation)
        self._give_up(attempt)
        return outcome

    def _give_up(self, attempt: Attempt) -> None:
        with self._changed:
            self._attempt = None
        attempt.abandon()
        attempt.thread.join(_JOIN_S / 4)
        if attempt.thread.is_alive():
            _log.warning("A capture thread is still inside its source and is left behind.")
            self._left_behind.append(attempt.thread)

    def _has_room_for_an_attempt(self, generation: int) -> bool:
        """Wait while hanging drivers hold too many threads. False when the attempt is no longer wanted."""
        while True:
            self._left_behind = [thread for thread in self._left_behind if thread.is_alive()]
            with self._changed:
                if self._replaced(generation):
                    return False
                if len(self._left_behind) < _MOST_LEFT_BEHIND:
                    return True
                self._changed.wait(self._policy.longest_s)

    def _patience_s(self, attempt: Attempt) -> float | None:
        """Return the seconds until the attempt counts as hung, 0 when it does, None without a limit."""
        if attempt.info is not None and not attempt.info.kind.live:
            return None
        limit_s = self._open_timeout_s if attempt.info is None else self._freeze_timeout_s
        return max(attempt.alive_at + limit_s - self._state.clock(), 0.0)

    def _silence(self, attempt: Attempt) -> AppError:
        if attempt.info is None:
            return SourceOpenError(
                "The source did not open within {seconds:g} s.",
                "Close other programs that use it.",
                seconds=self._open_timeout_s,
            )
        return SourceOfflineError(
            "{name} gave no picture for {seconds:g} s.",
            "It is connected again by name.",
            name=attempt.info.name,
            seconds=self._freeze_timeout_s,
        )

    def _replaced(self, generation: int) -> bool:
        return self._closing or self._generation != generation

    def _report(self, status: SourceStatus, generation: int) -> None:
        """Report the status of a source, unless another one has been asked for since."""
        with self._changed:
            if self._replaced(generation):
                return
            self._status = status
        self._on_status(status)
