"""The progress of a job and its remaining time."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.batch.jobs.task import Task

_ENOUGH_S = 2.0
"""Seconds before which the speed mostly reflects the workers' start."""


class ProgressMeter:
    """Counts the weight of tasks, done and under way. The time left is estimated from the average speed of this run.

    Work that an earlier run has done counts as done but says nothing about the speed.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` in seconds."""
        self._clock = clock
        self._total = self._before = self._done = 0.0
        self._under_way: dict[str, float] = {}
        self._frames = 0
        self._frames_under_way: dict[str, int] = {}
        self._started: float | None = None

    def expect(self, task: Task, *, done_before: bool = False) -> None:
        self._total += task.weight
        if done_before:
            self._before += task.weight

    def begin(self) -> None:
        """Start the clock: the first task is about to be given out."""
        if self._started is None:
            self._started = self._clock()

    def advance(self, task: Task, frames: int) -> None:
        self._under_way[task.key] = min(float(frames), task.weight)
        self._frames_under_way[task.key] = frames

    def finish(self, task: Task, frames: int) -> None:
        """Record that `task` ended with `frames` restored, or was given up."""
        self._under_way.pop(task.key, None)
        self._frames_under_way.pop(task.key, None)
        self._done += task.weight
        self._frames += frames

    def again(self, task: Task) -> None:
        """Record that `task` is started again."""
        self._under_way.pop(task.key, None)
        self._frames_under_way.pop(task.key, None)

    @property
    def frames(self) -> int:
        return self._frames + sum(self._frames_under_way.values())

    @property
    def fraction(self) -> float:
        return min((self._before + self._now()) / self._total, 1.0) if self._total else 0.0

    def time_left_s(self) -> float | None:
        """Return the seconds left, None while too little is done for an estimate."""
        done = self._now()
        elapsed = self._clock() - self._started if self._started is not None else 0.0
        if done <= 0 or elapsed < _ENOUGH_S:
            return None
        return max(self._total - self._before - done, 0.0) * elapsed / done

    def _now(self) -> float:
        return self._done + sum(self._under_way.values())
