"""Playing a file at its own pace: when each frame is due, and what pausing, seeking and looping do to that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
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
    stands for its time, and a single picture in a loop for ever; it is shown again every `STILL_INTERVAL_S` until then.
    `t_media` goes on growing over loops and while a picture stands, and is the place in the file again after a seek.
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
        signal = self._stage.wait(self._zero + place_s)
        if signal is Signal.GO:
            signal = self._stage.show(replace(frame, t_media=place_s))
        while signal is Signal.GO and (self._stage.paused or self._stands_on(place_s)):
            since = self._clock()
            signal = self._stage.wait(since + STILL_INTERVAL_S)
            if signal is not Signal.GO:
                break
            if self._stage.paused:
                self._zero += self._clock() - since
            elif self._stands_on(place_s):
                signal = self._stage.show(replace(frame, t_media=max(self._clock() - self._zero, place_s)))
        return signal

    def _stands_on(self, place_s: float) -> bool:
        """Whether a picture that is due at `place_s` stands for one more interval."""
        end_s = (self._zero or 0.0) + place_s + self._stands_s
        return self._is_still or end_s - self._clock() >= STILL_INTERVAL_S

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
