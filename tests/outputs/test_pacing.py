"""The even rate of recordings: which slot a frame goes to."""

from __future__ import annotations

import pytest

from app.outputs.recordings.pacing import EvenRate, nearest_rate


def slots(fps: float, times: list[float]) -> list[tuple[int, list[int]] | None]:
    pacing = EvenRate(fps)
    placed = [pacing.place(t) for t in times]
    return [None if one is None else (one.slot, list(one.repeats)) for one in placed]


def test_frames_on_the_grid_take_one_slot_each() -> None:
    assert slots(25, [7.0 + i / 25 for i in range(5)]) == [(i, []) for i in range(5)]


def test_a_missing_frame_is_repeated_and_a_hurried_one_left_out() -> None:
    assert slots(10, [0.0, 0.1, 0.4, 0.42, 0.5]) == [(0, []), (1, []), (4, [2, 3]), None, (5, [])]


def test_jitter_does_not_move_a_frame_out_of_its_turn() -> None:
    late_then_early = [0.0, 1 / 30 + 0.02, 2 / 30 - 0.01, 3 / 30 + 0.022, 4 / 30]
    assert slots(30, late_then_early) == [(i, []) for i in range(5)]


def test_a_camera_that_was_away_is_not_filled_up() -> None:
    assert slots(10, [0.0, 0.1, 5.0]) == [(0, []), (1, []), (50, [])]


def test_a_source_a_little_off_its_rate_stays_in_step() -> None:
    pacing = EvenRate(30.0)
    for i in range(30 * 60):
        t = i / 29.9
        placed = pacing.place(t)
        if placed is not None:
            assert abs(placed.slot / 30.0 - t) < 0.04


@pytest.mark.parametrize(("measured", "rate"), [(29.4, 30.0), (24.6, 25.0), (14.8, 15.0), (17.2, 17.2)])
def test_the_usual_rate_near_a_measured_one(measured: float, rate: float) -> None:
    assert nearest_rate(measured) == rate
