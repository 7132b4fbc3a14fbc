"""One attempt: opening a source once and reading it to its end, on a thread of its own."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import replace

from app.core.errors import AppError, SourceOfflineError, SourceOpenError
from app.core.mailbox import Mailbox
from app.core.types import Frame
from app.pipeline.capture.freeze import FreezeDetector
from app.pipeline.capture.playback import Anchor, FilePlayer, Signal, Timeline
from app.pipeline.capture.status import SourceStatus
from app.sources.base import Source, SourceInfo

_log = logging.getLogger(__name__)


class CaptureState:
    """What the watchdog shares with its attempts: one lock, the mailbox, the pause, the timeline of the file.

    `changed` guards everything here and every field of an attempt; it is re-entrant.
    """

    def __init__(self, mailbox: Mailbox[Frame], *, clock: Callable[[], float]) -> None:
        self.mailbox = mailbox
        self.clock = clock
        self.timeline = Timeline()
        self.changed = threading.Condition()
        self.paused = False
        self._next_index = 0

    def post(self, frame: Frame) -> None:
        """Number the frame, over all attempts and sources, and put it in the mailbox. Needs the lock."""
        self.mailbox.put(replace(frame, index=self._next_index))
        self._next_index += 1


class Attempt:
    """One opening of a source and the reading until its end. It is the stage of a file player.

    `info` is None until the source is online, `outcome` until the attempt is over. `alive_at` is when the source last
    showed a sign of life.
    """

    def __init__(
        self,
        make_source: Callable[[], Source],
        *,
        state: CaptureState,
        loop: bool,
        slide_show: bool,
        start_s: float | None,
        frozen_picture_s: float,
    ) -> None:
        """`make_source` is called on the attempt's thread. A file begins at `start_s` and with `loop` never ends."""
        self._make_source = make_source
        self._state = state
        self._loop, self._slide_show = loop, slide_show
        self._seek_to = start_s
        self._frozen_picture_s = frozen_picture_s
        self._source: Source | None = None
        self._abandoned = False
        self.info: SourceInfo | None = None
        self.outcome: SourceStatus | None = None
        self.alive_at = state.clock()
        self.thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self.thread.start()

    def has_news(self, announced: bool) -> bool:
        """Return whether the attempt is over, or online without having been `announced`."""
        return self.outcome is not None or (self.info is not None and not announced)

    def seek(self, seconds: float) -> None:
        """Show the picture at `seconds` next. Has no effect on a live source."""
        with self._state.changed:
            self._seek_to = seconds
            self._state.changed.notify_all()

    def abandon(self) -> None:
        """Ignore everything that this attempt still does. Its thread ends when the source returns."""
        with self._state.changed:
            self.mark(Anchor(wall_s=self._state.clock(), place_s=0.0, running=False))  # its sound ends here
            self._abandoned = True
            source = self._source
            self._state.changed.notify_all()
        if source is not None:
            source.close()

    @property
    def paused(self) -> bool:
        """Whether the person paused."""
        with self._state.changed:
            return self._state.paused

    def wait(self, until: float) -> Signal:
        """Wait until the clock shows `until`, or there is another signal than GO."""
        with self._state.changed:
            while (signal := self._signal()) is Signal.GO and (left_s := until - self._state.clock()) > 0:
                self._state.changed.wait(left_s)
            return signal

    def show(self, frame: Frame) -> Signal:
        """Post `frame`, replacing one that was not taken, unless there is another signal than GO."""
        with self._state.changed:
            signal = self._signal()
            if signal is Signal.GO:
                self._state.post(frame)
            return signal

    def mark(self, anchor: Anchor) -> None:
        """Let the timeline follow `anchor`, unless it follows another file by now."""
        with self._state.changed:
            if not self._abandoned:
                self._state.timeline.set(anchor)

    def take_seek(self) -> float:
        """Return the requested position in seconds and clear the request."""
        with self._state.changed:
            seconds, self._seek_to = self._seek_to, None
            return seconds or 0.0

    def _signal(self) -> Signal:
        if self._abandoned or self._state.mailbox.closed:
            return Signal.OVER
        return Signal.GO if self._seek_to is None else Signal.SEEK

    def _run(self) -> None:
        try:
            outcome = self._play()
        except AppError as error:
            # Its traceback would hold this thread's frames, and with them the last picture and this attempt, which
            # holds the error: a cycle that only the garbage collector breaks, megabytes and minutes later.
            outcome = SourceStatus(state="failed", error=error.with_traceback(None))
        except Exception as error:
            # An unforeseen error in a driver must be reported and not end the thread silently.
            _log.exception("The source failed in an unexpected way")
            outcome = SourceStatus(
                state="failed", error=SourceOpenError("The source failed: {error}.", error=repr(error))
            )
        if self._source is not None:
            self._source.close()
        with self._state.changed:
            self.outcome = outcome
            self._state.changed.notify_all()

    def _play(self) -> SourceStatus:
        source = self._make_source()
        with self._state.changed:
            self._source = source
            if self._abandoned:
                return SourceStatus(state="ended")
        source.open()
        with self._state.changed:
            if self._abandoned:
                return SourceStatus(state="ended")
            self.info = source.info
            self.alive_at = self._state.clock()
            self._state.changed.notify_all()
        if source.info.kind.live:
            self._read_live(source)
        else:
            FilePlayer(
                source,
                stage=self,
                loop=self._loop,
                slide_show=self._slide_show,
                clock=self._state.clock,
            ).play()
        return SourceStatus(state="ended")

    def _read_live(self, source: Source) -> None:
        freeze = FreezeDetector(timeout_s=self._frozen_picture_s) if source.info.kind.may_freeze else None
        while (frame := source.read()) is not None:
            with self._state.changed:
                if self._abandoned:
                    return
                self.alive_at = self._state.clock()
                if not self._state.paused:
                    self._state.post(frame)
            if freeze is not None and freeze.update(frame.image, frame.t_capture):
                raise SourceOfflineError(
                    "{name} repeats one and the same picture.", "It is connected again by name.", name=source.info.name
                )
        raise SourceOfflineError("{name} ended.", "It is tried again.", name=source.info.name)
