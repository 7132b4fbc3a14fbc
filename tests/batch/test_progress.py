"""The time left, on a clock of the test's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.batch.jobs.progress import ProgressMeter
from app.batch.jobs.task import Task


def task(key: str, weight: float) -> Task:
    path = Path(key)
    return Task(key=key, kind="video", name=key, source=path, target=path, identity=None, digest="", weight=weight)


def test_the_time_left_follows_the_speed_of_this_run() -> None:
    now = [100.0]
    meter = ProgressMeter(clock=lambda: now[0])
    first, second, before = task("a", 100), task("b", 300), task("c", 600)
    meter.expect(first)
    meter.expect(second)
    meter.expect(before, done_before=True)
    assert meter.fraction == pytest.approx(0.6)
    meter.begin()
    assert meter.time_left_s() is None
    now[0] += 10
    meter.advance(first, 50)
    assert meter.fraction == pytest.approx(0.65)
    assert meter.time_left_s() == pytest.approx(70)
    meter.finish(first, 100)
    now[0] += 10
    assert meter.time_left_s() == pytest.approx(60)
    meter.finish(second, 290)
    assert meter.time_left_s() == 0
    assert meter.fraction == 1
    assert meter.frames == 390


def test_a_task_that_is_begun_again_counts_once() -> None:
    meter = ProgressMeter(clock=lambda: 0.0)
    meter.expect(task("a", 10))
    meter.advance(task("a", 10), 8)
    meter.again(task("a", 10))
    assert (meter.fraction, meter.frames) == (0, 0)
