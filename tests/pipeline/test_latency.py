"""Percentiles, rates and the last minute, on a clock of the test's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from app.core.types import Frame, Restored, Timings
from app.pipeline.measuring.latency import HISTORY_S, WINDOW_S, LatencyStatistics
from app.pipeline.measuring.stages import stage_statistics

PICTURE = np.zeros((2, 2, 3), np.uint8)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def restored(index: int, t_capture: float, **timings: object) -> Restored:
    frame = Frame(image=PICTURE, index=index, t_capture=t_capture, t_media=t_capture)
    return Restored(frame=frame, image=PICTURE, k=2, timings=Timings(**timings))  # type: ignore[arg-type]


def play(
    clock: Clock, statistics: LatencyStatistics, *, seconds: float, fps: float = 20.0, step: int = 1, first: int = 0
) -> Restored:
    """Frames at `fps` from index `first` on, each 30 ms old when finished, of a source that delivers `step` times as
    many."""
    for number in range(round(seconds * fps)):
        clock.now += 1 / fps
        index = first + number * step
        latest = restored(index, clock.now - 0.03, detect_ms=4, align_ms=1, cycles_ms=(10, 12), paste_ms=2, age_ms=30)
        statistics.add(latest)
    return latest


def test_before_the_first_frame_everything_is_nothing() -> None:
    snapshot = LatencyStatistics(clock=Clock()).snapshot(target_fps=25)
    assert snapshot.stages == ()
    assert snapshot.history == ()
    assert (snapshot.fps_in, snapshot.fps_out, snapshot.age_p50_ms, snapshot.k) == (0, 0, 0, 0)
    assert snapshot.budget_ms == 40


def test_stages_come_in_the_order_of_the_frame_s_way() -> None:
    stages = stage_statistics([Timings(detect_ms=1, cycles_ms=(5, 6)), Timings(detect_ms=3, cycles_ms=(7,))], [9.0])
    assert [stage.name for stage in stages] == ["capture", "detect", "align", "cycle 1", "cycle 2", "paste", "paint"]
    by_name = {stage.name: stage for stage in stages}
    assert by_name["detect"].p50_ms == 2
    assert by_name["cycle 1"].p50_ms == 6
    assert by_name["cycle 2"].p50_ms == 6  # the frame that stopped after one cycle does not count here
    assert by_name["paint"].p95_ms == 9


def test_percentiles_are_those_of_the_frames() -> None:
    stages = stage_statistics([Timings(detect_ms=ms) for ms in range(101)])
    detect = next(stage for stage in stages if stage.name == "detect")
    assert (detect.p50_ms, detect.p95_ms) == (50, 95)


def test_rates_in_and_out() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    play(clock, statistics, seconds=3, fps=20, step=2)
    snapshot = statistics.snapshot(dropped=7)
    assert snapshot.fps_out == pytest.approx(20)
    assert snapshot.fps_in == pytest.approx(40)
    assert snapshot.dropped == 7
    assert snapshot.k == 2
    assert snapshot.overhead_p50_ms == 7


@pytest.mark.parametrize("after_s", [0.1, 0.4, 2.0])
def test_a_pause_is_no_time_without_frames(after_s: float) -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    last = play(clock, statistics, seconds=3)
    clock.now += 1.5
    statistics.add(restored(last.frame.index, clock.now))  # a paused picture is restored again when a setting changes
    clock.now += 2.0
    play(clock, statistics, seconds=after_s, first=last.frame.index + 1)
    snapshot = statistics.snapshot()
    assert snapshot.fps_in == pytest.approx(20, rel=0.01)
    assert snapshot.fps_out == pytest.approx(20, rel=0.01), "restoring is not called slow after a pause"


def test_a_moment_in_which_restoring_was_slow_counts() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    last = play(clock, statistics, seconds=2)
    clock.now += 1.0  # the source went on meanwhile
    play(clock, statistics, seconds=1, first=last.frame.index + 21)
    snapshot = statistics.snapshot()
    assert snapshot.fps_in == pytest.approx(20)
    assert snapshot.fps_out == pytest.approx(15, rel=0.02)


@pytest.mark.parametrize("burst", [2, 3, 6])
def test_frames_that_arrive_in_bursts_have_the_rate_of_the_source(burst: int) -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    for index in range(120):
        clock.now += 0.001 if index % burst else 0.05 * burst - 0.001 * (burst - 1)
        statistics.add(restored(index, clock.now))
    assert statistics.snapshot().fps_in == pytest.approx(20, rel=0.06)


def test_frames_that_passed_untouched_do_not_count_as_fast_ones() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    for index in range(20):
        clock.now += 0.05
        statistics.add(replace(restored(index, clock.now), k=0))
    assert statistics.snapshot().stages == ()
    play(clock, statistics, seconds=0.5)
    assert next(stage.p50_ms for stage in statistics.snapshot().stages if stage.name == "detect") == 4


def test_age_is_that_of_the_screen_once_something_is_painted() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    latest = play(clock, statistics, seconds=1)
    assert statistics.snapshot().age_p50_ms == 30
    clock.now += 0.015
    statistics.painted(latest, 4.0)
    snapshot = statistics.snapshot()
    assert snapshot.age_p50_ms == pytest.approx(45)
    assert snapshot.stages[-1].p50_ms == 4


def test_old_frames_do_not_count() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    play(clock, statistics, seconds=2)
    clock.now += WINDOW_S + 0.1
    snapshot = statistics.snapshot()
    assert snapshot.stages == ()
    assert snapshot.fps_out == 0
    assert snapshot.history  # what was, was


def test_the_history_has_a_point_a_second_and_a_minute_at_most() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    play(clock, statistics, seconds=10)
    history = statistics.snapshot().history
    assert 9 <= len(history) <= 10
    assert [point.t for point in history] == sorted((point.t for point in history), reverse=True)
    assert history[0].fps_out == pytest.approx(20, abs=1)
    assert (history[0].age_ms, history[0].process_ms, history[0].k) == (30, 29, 2)
    play(clock, statistics, seconds=2 * HISTORY_S)
    history = statistics.snapshot().history
    assert HISTORY_S - 2 <= len(history) <= HISTORY_S
    assert history[0].t <= HISTORY_S + 1


def test_pictures_are_not_kept() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    play(clock, statistics, seconds=4)
    assert not any(isinstance(value, np.ndarray) for sample in statistics._finished for value in vars(sample).values())


def test_nobody_needs_to_look_for_it_to_stay_small() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    play(clock, statistics, seconds=100)
    assert len(statistics._finished) <= WINDOW_S * 20 + 1


def test_reset_forgets() -> None:
    clock = Clock()
    statistics = LatencyStatistics(clock=clock)
    play(clock, statistics, seconds=3)
    statistics.reset()
    assert statistics.snapshot().history == ()
    assert statistics.snapshot().fps_out == 0
