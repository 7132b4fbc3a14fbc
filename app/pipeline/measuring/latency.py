"""Latency statistics: percentiles of every stage, the frame's age, and a history of one minute."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from threading import Lock

from app.core.types import Restored, Timings
from app.core.words import Words
from app.pipeline.measuring.stages import StageStatistics, percentiles, stage_statistics

WINDOW_S = 5.0
"""Seconds over which percentiles and rates are taken."""

HISTORY_S = 60
"""Points of the history at most, one a second."""

_MOST, _PAUSE = 0.9, 8.0
"""A pause takes so many times longer than this share of the frames."""


@dataclass(frozen=True, kw_only=True)
class HistoryPoint:
    """One second: `t` seconds ago, median age and processing time, frames finished a second, and the k in use."""

    t: float
    age_ms: float
    process_ms: float
    fps_out: float
    k: int


@dataclass(frozen=True, kw_only=True)
class LiveStatistics:
    """What the overlay shows.

    `stages` are capture (from the camera to the worker), detect, align, "cycle 1" and so on, paste, "other" (the
    network that is compared with), paint. Ages are those of frames when they came to the screen, or of finished ones
    while nothing is painted. Pauses do not count for the rates. `budget_ms` is a frame's time at the target rate,
    `cycle_ms` the smoothed time of one cycle of one face, `auto_reason` is auto-k's reason for its choice ("" when it
    is off or not needed). Everything is 0 before the first frame.
    """

    stages: tuple[StageStatistics, ...] = ()
    age_p50_ms: float = 0.0
    age_p95_ms: float = 0.0
    overhead_p50_ms: float = 0.0
    fps_in: float = 0.0
    fps_out: float = 0.0
    dropped: int = 0
    k: int = 0
    auto_reason: Words = ""
    budget_ms: float = 0.0
    cycle_ms: float = 0.0
    history: tuple[HistoryPoint, ...] = ()


@dataclass(frozen=True, kw_only=True)
class _Finished:
    at: float
    index: int
    t_capture: float
    k: int
    timings: Timings


@dataclass(frozen=True, kw_only=True)
class _Painted:
    at: float
    paint_ms: float
    age_ms: float


class LatencyStatistics:
    """Collects the timings of finished and painted frames. Thread-safe; time comes from the clock."""

    def __init__(self, *, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._lock = Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything, as after a change of source."""
        with self._lock:
            self._finished: deque[_Finished] = deque()
            self._painted: deque[_Painted] = deque()
            self._history: deque[tuple[float, HistoryPoint]] = deque(maxlen=HISTORY_S)
            self._second_began = self._clock()

    def add(self, restored: Restored) -> None:
        """Record a frame that was finished just now."""
        with self._lock:
            now = self._clock()
            self._close_second(now)
            self._trim(now)
            frame = restored.frame
            self._finished.append(
                _Finished(at=now, index=frame.index, t_capture=frame.t_capture, k=restored.k, timings=restored.timings)
            )

    def painted(self, restored: Restored, paint_ms: float) -> None:
        """Record a frame that was painted just now, in `paint_ms`."""
        with self._lock:
            now = self._clock()
            age_ms = (now - restored.frame.t_capture) * 1000
            self._painted.append(_Painted(at=now, paint_ms=paint_ms, age_ms=age_ms))

    def snapshot(
        self, *, dropped: int = 0, target_fps: float = 0.0, auto_reason: Words = "", cycle_ms: float = 0.0
    ) -> LiveStatistics:
        """Return statistics of the last five seconds and the history of the last minute."""
        with self._lock:
            now = self._clock()
            self._close_second(now)
            self._trim(now)
            finished, painted = list(self._finished), list(self._painted)
            history = tuple(
                HistoryPoint(
                    t=now - at, age_ms=point.age_ms, process_ms=point.process_ms, fps_out=point.fps_out, k=point.k
                )
                for at, point in self._history
                if now - at <= HISTORY_S
            )
        # While a network is being loaded, frames pass unchanged and have no restoring time.
        processed = [sample.timings for sample in finished if sample.k]
        ages = [sample.age_ms for sample in painted] or [sample.timings.age_ms for sample in finished]
        age_p50_ms, age_p95_ms = percentiles(ages)
        fps_in, fps_out = _rates(finished)
        return LiveStatistics(
            stages=stage_statistics(processed, [sample.paint_ms for sample in painted]),
            age_p50_ms=age_p50_ms,
            age_p95_ms=age_p95_ms,
            overhead_p50_ms=percentiles([timings.overhead_ms for timings in processed])[0],
            fps_in=fps_in,
            fps_out=fps_out,
            dropped=dropped,
            k=finished[-1].k if finished else 0,
            auto_reason=auto_reason,
            budget_ms=1000 / target_fps if target_fps else 0.0,
            cycle_ms=cycle_ms,
            history=history,
        )

    def _trim(self, now: float) -> None:
        while self._finished and now - self._finished[0].at > WINDOW_S:
            self._finished.popleft()
        while self._painted and now - self._painted[0].at > WINDOW_S:
            self._painted.popleft()

    def _close_second(self, now: float) -> None:
        """Add a point to the history for every second that is over."""
        length = now - self._second_began
        if length < 1:
            return
        frames = [sample for sample in self._finished if sample.at >= self._second_began]
        ages = [sample.age_ms for sample in self._painted if sample.at >= self._second_began]
        point = HistoryPoint(
            t=0.0,
            age_ms=percentiles(ages or [sample.timings.age_ms for sample in frames])[0],
            process_ms=percentiles([_process_ms(sample.timings) for sample in frames])[0],
            fps_out=len(frames) / length,
            k=frames[-1].k if frames else 0,
        )
        self._history.append((now, point))
        self._second_began = now


def _process_ms(timings: Timings) -> float:
    return timings.overhead_ms + timings.restore_ms + timings.other_ms


def _rates(finished: Sequence[_Finished]) -> tuple[float, float]:
    """Return the frames a second that the source gave, and those that were finished; 0 and 0 without any.

    Frames are not numbered in a pause, or while a source is lost, so the one after it seems to have taken far longer
    than most. Where they arrive in bursts, many do. Neither rate counts a pause, so that they can be compared.
    """
    pairs = [pair for pair in pairwise(finished) if pair[1].index > pair[0].index]  # no frame that was restored again
    if not pairs:
        return 0.0, 0.0
    longest_s = _PAUSE * sorted(_frame_s(*pair) for pair in pairs)[int(_MOST * (len(pairs) - 1))]
    kept = [pair for pair in pairs if _frame_s(*pair) <= longest_s]
    given = sum(after.index - before.index for before, after in kept)
    given_s = sum(after.t_capture - before.t_capture for before, after in kept)
    finished_s = sum(after.at - before.at for before, after in kept)
    return (given / given_s if given_s > 0 else 0.0), (len(kept) / finished_s if finished_s > 0 else 0.0)


def _frame_s(before: _Finished, after: _Finished) -> float:
    """Return the seconds that the source took for each frame from `before` to `after`."""
    return (after.t_capture - before.t_capture) / (after.index - before.index)
