"""Playing a file at its own pace: when each frame is due, and what pausing, seeking and looping do to that."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol, runtime_checkable

from app.core.types import Frame
from app.sources.base import Source

STILL_INTERVAL_S = 0.1
"""How often a standing picture is shown again, so that a changed setting takes effect on it."""

_LATE_S = 0.2


class Signal(Enum):
    """What came of a wait: go on, go to another place of the file, or stop playing."""

    GO = auto()
    SEEK = auto()
    OVER = auto()


class Stage(Protocol):
    """Where frames are shown, and where the person's wishes come from."""

    @property
    def paused(self) -> bool: ...

    def wait(self, until: float) -> Signal:
        """Wait until the clock shows `until`, or there is another signal than GO."""

    def show(self, frame: Frame) -> Signal:
        """Hand `frame` on as soon as the one before was taken, unless there is another signal than GO."""

    def take_seek(self) -> float:
        """The place in seconds that was wished last; the wish is fulfilled with this."""


@runtime_checkable
class Seekable(Protocol):
    """A source that can go to another place."""

    def seek(self, seconds: float) -> None: ...


class FilePlayer:
    """Plays `source`, which is open, on `stage` until its end; with `loop` again and again.

    A frame is never left out: when the stage takes them too slowly the film slows down. Of a slide show each picture
    stands for its time, and a single picture in a loop for ever. What stands, also while paused, is shown again every
    `STILL_INTERVAL_S`. `t_media` goes on growing over loops, and is the place in the file again after a seek.
    """

    def __init__(self, source: Source, *, stage: Stage, loop: bool, clock: Callable[[], float]) -> None:
        self._source = source
        self._stage = stage
        self._loop = loop
        self._clock = clock
        self._round_s = 0.0
        self._zero: float | None = None
        info = source.info
        self._period_s = 1.0 / (info.fps or 25.0)
        self._stands_s = self._period_s if info.kind == "images" else 0.0
        self._is_still = info.kind == "images" and info.frame_count == 1 and loop

    def play(self) -> None:
        frame = self._source.read()
        while frame is not None:
            signal = self._perform(frame)
            if signal is Signal.OVER:
                return
            frame = self._go_to(self._stage.take_seek()) if signal is Signal.SEEK else self._next(frame)

    def _perform(self, frame: Frame) -> Signal:
        """Show `frame` when it is due, for as long as it stands."""
        place_s = self._round_s + frame.t_media
        now = self._clock()
        if self._zero is None or now - (self._zero + place_s) > _LATE_S:
            self._zero = now - place_s
        shown = Frame(image=frame.image, index=frame.index, t_capture=frame.t_capture, t_media=place_s)
        signal = self._stage.wait(self._zero + place_s)
        while signal is Signal.GO:
            signal = self._stage.show(shown)
            if signal is not Signal.GO:
                break
            now = self._clock()
            if self._stage.paused:
                self._zero = now - place_s
            elif not self._is_still and now + STILL_INTERVAL_S > self._zero + place_s + self._stands_s:
                break
            signal = self._stage.wait(now + STILL_INTERVAL_S)
        return signal

    def _next(self, shown: Frame) -> Frame | None:
        frame = self._source.read()
        if frame is None and self._loop and isinstance(self._source, Seekable):
            self._round_s += shown.t_media + self._period_s
            self._source.seek(0.0)
            frame = self._source.read()
        return frame

    def _go_to(self, seconds: float) -> Frame | None:
        if isinstance(self._source, Seekable):
            self._source.seek(seconds)
            self._round_s, self._zero = 0.0, None
        return self._source.read()
