"""Playing a file at its own speed: when each frame is due, and what pausing, seeking and looping do to that."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Protocol, runtime_checkable

from app.core.types import Frame
from app.sources.base import Source

STILL_INTERVAL_S = 0.1
"""Seconds between repetitions of a still picture, so that a changed setting takes effect on it."""

_LATE_S = 0.5
"""Seconds of delay beyond which a frame moves the clock: the machine decodes too slowly, or was asleep."""

_REMEMBERED_ANCHORS = 64


@dataclass(frozen=True, kw_only=True)
class Anchor:
    """From the clock's time `wall_s` on, the file plays from `place_s`, or is paused there unless `running`."""

    wall_s: float
    place_s: float
    running: bool


class Timeline:
    """Maps the clock to positions in the file. Thread-safe; sound follows it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._anchors: deque[Anchor] = deque(maxlen=_REMEMBERED_ANCHORS)
        self._count = 0

    def set(self, anchor: Anchor) -> None:
        """Use `anchor` from its time on, which is later than every one before."""
        with self._lock:
            self._anchors.append(anchor)
            self._count += 1

    def since(self, seen: int) -> tuple[int, tuple[Anchor, ...]]:
        """Return the number of anchors so far, and those after the first `seen`, at most the last 64."""
        with self._lock:
            new = min(self._count - seen, len(self._anchors))
            return self._count, tuple(self._anchors)[len(self._anchors) - new :]


class Signal(Enum):
    """The result of a wait: go on, seek, or stop playing."""

    GO = auto()
    SEEK = auto()
    OVER = auto()


class Stage(Protocol):
    """Where frames are shown, and where pausing and seeking are requested."""

    @property
    def paused(self) -> bool: ...

    def wait(self, until: float) -> Signal:
        """Wait until the clock shows `until`, or there is another signal than GO."""

    def show(self, frame: Frame) -> Signal:
        """Pass `frame` on, replacing one that was not taken, unless there is another signal than GO."""

    def mark(self, anchor: Anchor) -> None:
        """Say where the file is played from a time on, which is later than every one before."""

    def take_seek(self) -> float:
        """Return the position in seconds that was requested last, and clear the request."""


@runtime_checkable
class Seekable(Protocol):
    """A source that can go to another position."""

    def seek(self, seconds: float) -> None: ...


class FilePlayer:
    """Plays `source`, which is open, on `stage` until its end; with `loop` again and again.

    The file keeps its own speed: a frame that is not taken before the next one is due is replaced by it. A picture of a
    slide show is shown for its time, a single picture in a loop for ever; it is repeated every `STILL_INTERVAL_S` until
    then. `t_capture` is the time when a frame was due, so recordings are as even as the file. Without a `slide_show`
    each picture is shown once and stays until a seek. `t_media` keeps growing over loops and while a picture is
    repeated, and is the position in the file again after a seek; `place_s` always is.
    """

    def __init__(
        self,
        source: Source,
        *,
        stage: Stage,
        loop: bool,
        slide_show: bool = True,
        clock: Callable[[], float],
    ) -> None:
        self._source = source
        self._stage = stage
        self._loop = loop
        self._clock = clock
        self._round_s = 0.0
        self._zero: float | None = None
        info = source.info
        self._period_s = 1.0 / (info.fps or 25.0)
        self._stands_s = info.picture_s
        self._is_still = info.picture_s > 0 and info.frame_count == 1 and loop
        self._waits = info.picture_s > 0 and not slide_show

    def play(self) -> None:
        try:
            frame = self._source.read()
            while frame is not None:
                signal = self._perform(frame)
                if signal is Signal.OVER:
                    break
                frame = self._go_to(self._stage.take_seek()) if signal is Signal.SEEK else self._next(frame)
        finally:  # sound ends with the pictures, also where they are damaged
            self._anchor(self._clock(), running=False)

    def _perform(self, frame: Frame) -> Signal:
        """Show `frame` when it is due, for as long as it lasts."""
        place_s = self._round_s + frame.t_media
        now = self._clock()
        if self._zero is None or now - (self._zero + place_s) > _LATE_S:
            self._zero = now - place_s
            self._anchor(now)
        signal = self._stage.wait(self._zero + place_s)
        if signal is Signal.GO:
            signal = self._show(frame, place_s, self._zero + place_s)
        while signal is Signal.GO and self._waits:
            signal = self._stage.wait(self._clock() + STILL_INTERVAL_S)
        if signal is Signal.GO and self._stage.paused:
            signal = self._stand_still()
        while signal is Signal.GO and self._stands_on(place_s):
            signal = self._stage.wait(self._clock() + STILL_INTERVAL_S)
            if signal is Signal.GO and self._stage.paused:
                signal = self._stand_still()
            if signal is Signal.GO and self._stands_on(place_s):
                now = self._clock()
                signal = self._show(frame, max(now - self._zero, place_s), now)
        return signal

    def _show(self, frame: Frame, t_media: float, t_capture: float) -> Signal:
        place_s = t_media - self._round_s
        return self._stage.show(replace(frame, t_media=t_media, place_s=place_s, t_capture=t_capture))

    def _stand_still(self) -> Signal:
        """Wait for the end of the pause, which delays everything after it by its length."""
        since = self._clock()
        self._anchor(since, running=False)
        signal = Signal.GO
        while signal is Signal.GO and self._stage.paused:
            signal = self._stage.wait(self._clock() + STILL_INTERVAL_S)
        if self._zero is not None:
            self._zero += self._clock() - since
        if signal is Signal.GO:
            self._anchor(self._clock())
        return signal

    def _anchor(self, now: float, *, running: bool = True) -> None:
        place_s = max(now - (self._zero if self._zero is not None else now) - self._round_s, 0.0)
        self._stage.mark(Anchor(wall_s=now, place_s=place_s, running=running))

    def _stands_on(self, place_s: float) -> bool:
        """Whether the picture at `place_s` is shown for one more interval."""
        end_s = (self._zero or 0.0) + place_s + self._stands_s
        return self._is_still or end_s - self._clock() >= STILL_INTERVAL_S

    def _next(self, shown: Frame) -> Frame | None:
        frame = self._source.read()
        if frame is None and self._loop and isinstance(self._source, Seekable):
            self._round_s += shown.t_media + self._period_s
            self._source.seek(0.0)
            frame = self._source.read()
            if self._zero is not None:
                self._stage.mark(Anchor(wall_s=self._zero + self._round_s, place_s=0.0, running=True))
        return frame

    def _go_to(self, seconds: float) -> Frame | None:
        if isinstance(self._source, Seekable):
            self._source.seek(seconds)
            self._round_s, self._zero = 0.0, None
        return self._source.read()
