"""The cycle budget: how many cycles fit into a frame, decided before frames are dropped."""

from __future__ import annotations

import statistics
from collections import deque
from dataclasses import dataclass

from app.core.words import Words, joined, phrase, phrase_n

DEFAULT_CYCLE_MS = 23.0
"""Milliseconds assumed for a cycle before it is measured: the paper's figure for its NPU (arXiv 2606.06850)."""

_HEADROOM = 0.92
"""Share of a frame's time that is planned for; the rest is for the scheduler, the window and the camera."""

_RAISE_AFTER_S = 1.0
"""Seconds for which more cycles must have fitted before k is raised, so that k does not oscillate."""

_REMEMBERED = 15
"""Number of frames with a face whose median is planned for: half a second, robust against single slow frames."""


@dataclass(frozen=True, kw_only=True)
class KChoice:
    """The k to use now, and the reason why it is not the `wanted` one ("" when it is)."""

    k: int
    wanted: int
    reason: Words = ""


class AutoK:
    """Holds a frame budget by lowering k. Pure: time comes in with every call."""

    def __init__(self, *, cycle_ms: float = DEFAULT_CYCLE_MS) -> None:
        """`cycle_ms`: a cycle's time as measured at start."""
        self._cycles_ms = deque([cycle_ms], maxlen=_REMEMBERED)
        self._besides_ms = deque([0.0], maxlen=_REMEMBERED)
        self._overheads_ms = deque([0.0], maxlen=_REMEMBERED)
        self._k: int | None = None
        self._roomy_since: float | None = None

    @property
    def cycle_ms(self) -> float:
        """The median time of one cycle of one face in milliseconds."""
        return statistics.median(self._cycles_ms)

    def measured(self, *, cycle_ms: float | None, overhead_ms: float, beside_ms: float = 0.0) -> None:
        """Record a finished frame: mean time of a cycle of one face, and the time of everything else.

        `beside_ms` is what each of these cycles costs on top, for a second network that takes as many.
        One without faces, whose `cycle_ms` is None, teaches nothing: the whole picture is searched for one, but only a
        window of it for a face that is tracked, and that is what k is chosen for.
        """
        if cycle_ms is not None:
            self._cycles_ms.append(cycle_ms)
            self._besides_ms.append(beside_ms)
            self._overheads_ms.append(overhead_ms)

    def choose(self, *, wanted: int, lowest: int = 1, target_fps: float, moving: int, now: float) -> KChoice:
        """Return the largest k in `lowest` to `wanted` whose cycles for all `moving` faces fit a frame at `target_fps`.

        Where none moves it is planned for one, which may begin to at any frame. k is lowered at once and raised only
        after a second of spare time. `now` in seconds.
        """
        budget_ms = 1000 / target_fps * _HEADROOM
        moving = max(moving, 1)
        one_k_ms = moving * (self.cycle_ms + statistics.median(self._besides_ms))
        overhead_ms = statistics.median(self._overheads_ms)
        fitting = int((budget_ms - overhead_ms) / one_k_ms) if one_k_ms > 0 else wanted
        possible = max(lowest, min(wanted, fitting))
        if self._k is None or possible <= self._k or self._k < lowest:
            self._k, self._roomy_since = possible, None
        elif self._roomy_since is None:
            self._roomy_since = now
        elif now - self._roomy_since >= _RAISE_AFTER_S:
            self._k, self._roomy_since = possible, None
        k = min(self._k, wanted)
        reason: Words = ""
        if fitting < wanted:
            reason = phrase_n(
                "1 face x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them",
                "{n} faces x {cycles} cycles need {need:.0f} ms, {fps:g} fps leave {budget:.0f} ms for them",
                moving,
                cycles=wanted,
                need=overhead_ms + wanted * one_k_ms,
                fps=target_fps,
                budget=budget_ms,
            )
            if fitting < lowest:
                reason = joined((reason, phrase("even k = {k} is too slow, frames are dropped", k=lowest)), "; ")
        elif k < wanted:
            reason = phrase("there is room for more cycles, which are used if it lasts")
        return KChoice(k=k, wanted=wanted, reason=reason)


_COMES_BACK_UNDER = 0.8


class Room:
    """Whether there is time in a frame for something that a person can do without. It does not flutter. Pure."""

    def __init__(self) -> None:
        self._without_ms: deque[float] = deque(maxlen=_REMEMBERED)
        self._took_ms: deque[float] = deque([0.0], maxlen=_REMEMBERED)
        self._is_there = True

    def took(self, ms: float) -> None:
        """Learn how long it took."""
        self._took_ms.append(ms)

    def has_room(self, without_ms: float, *, target_fps: float) -> bool:
        """Whether it fits into a frame at `target_fps` that has taken `without_ms` until now."""
        self._without_ms.append(without_ms)
        need_ms, budget_ms = statistics.median(self._without_ms) + statistics.median(self._took_ms), 1000 / target_fps
        if need_ms > budget_ms:
            self._is_there = False
        elif need_ms < _COMES_BACK_UNDER * budget_ms:
            self._is_there = True
        return self._is_there
