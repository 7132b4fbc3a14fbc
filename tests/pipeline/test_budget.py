"""Auto-k: pure decisions about how many cycles fit."""

from __future__ import annotations

import pytest

from app.pipeline.budget import DEFAULT_CYCLE_MS, AutoK


def learned(*, cycle_ms: float, overhead_ms: float = 5.0) -> AutoK:
    auto = AutoK(cycle_ms=cycle_ms)
    for _ in range(20):
        auto.measured(cycle_ms=cycle_ms, overhead_ms=overhead_ms)
    return auto


@pytest.mark.parametrize(
    ("cycle_ms", "faces", "fps", "expected"),
    [
        (5, 1, 25, 4),  # 25 of 36.8 ms
        (10, 1, 25, 3),  # 35
        (15, 1, 25, 2),
        (23, 1, 25, 1),
        (60, 1, 25, 1),  # never under one
        (5, 3, 25, 2),
        (5, 1, 60, 2),
    ],
)
def test_k_is_the_most_that_fits(cycle_ms: float, faces: int, fps: float, expected: int) -> None:
    choice = learned(cycle_ms=cycle_ms).choose(wanted=4, target_fps=fps, moving=faces, now=0)
    assert choice.k == expected
    assert bool(choice.reason) == (expected < 4)


def test_never_more_than_was_asked_for() -> None:
    choice = learned(cycle_ms=1).choose(wanted=2, target_fps=25, moving=1, now=0)
    assert (choice.k, choice.reason) == (2, "")


def test_the_reason_is_in_words_and_numbers() -> None:
    reason = str(learned(cycle_ms=20).choose(wanted=3, target_fps=25, moving=2, now=0).reason)
    assert (
        reason
        == "2 faces x 3 cycles need 125 ms, 25 fps leave 37 ms for them; even k = 1 is too slow, frames are dropped"
    )
    assert "dropped" not in str(learned(cycle_ms=15).choose(wanted=3, target_fps=25, moving=1, now=0).reason)


def test_until_something_is_measured_the_time_measured_at_start_counts() -> None:
    assert AutoK().cycle_ms == DEFAULT_CYCLE_MS
    assert AutoK().choose(wanted=3, target_fps=25, moving=1, now=0).k == 1
    assert AutoK(cycle_ms=9).choose(wanted=3, target_fps=25, moving=1, now=0).k == 3


def test_k_falls_at_once_and_rises_only_when_room_lasts() -> None:
    auto = learned(cycle_ms=10)
    assert auto.choose(wanted=3, target_fps=25, moving=1, now=0.0).k == 3
    assert auto.choose(wanted=3, target_fps=25, moving=2, now=0.1).k == 1
    for now in (0.2, 0.6, 1.1):
        assert auto.choose(wanted=3, target_fps=25, moving=1, now=now).k == 1
    assert auto.choose(wanted=3, target_fps=25, moving=1, now=1.25).k == 3


def test_k_does_not_flutter_at_the_edge() -> None:
    auto = learned(cycle_ms=15.5, overhead_ms=5)  # two cycles fit by a hair
    chosen = []
    for step in range(60):
        for _ in range(20):
            auto.measured(cycle_ms=15.5 + (0.8 if step % 3 == 0 else 0), overhead_ms=5)
        chosen.append(auto.choose(wanted=2, target_fps=25, moving=1, now=step * 0.04).k)
    assert chosen[1:] == [1] * 59


def test_one_slow_frame_changes_nothing() -> None:
    auto = learned(cycle_ms=10)
    auto.measured(cycle_ms=400, overhead_ms=300)
    assert auto.choose(wanted=3, target_fps=25, moving=1, now=0).k == 3


def test_a_slower_machine_is_noticed_within_half_a_second() -> None:
    auto = learned(cycle_ms=10)
    for _ in range(12):
        auto.measured(cycle_ms=20, overhead_ms=5)
    assert auto.choose(wanted=3, target_fps=25, moving=1, now=0).k == 1


def test_frames_without_faces_teach_nothing() -> None:
    auto = learned(cycle_ms=10)
    for _ in range(20):
        auto.measured(cycle_ms=None, overhead_ms=30)  # the whole picture was searched
    assert auto.cycle_ms == 10
    assert auto.choose(wanted=3, target_fps=25, moving=1, now=0).k == 3


def test_a_face_that_begins_to_move_finds_room() -> None:
    auto = learned(cycle_ms=30)
    assert [auto.choose(wanted=3, target_fps=25, moving=moving, now=2.0 * moving).k for moving in (0, 0, 1)] == [1] * 3


def test_a_smaller_wish_counts_at_once() -> None:
    auto = learned(cycle_ms=5)
    assert auto.choose(wanted=4, target_fps=25, moving=1, now=0).k == 4
    assert auto.choose(wanted=2, target_fps=25, moving=1, now=0.01).k == 2


def test_k_stays_within_the_network_s_range() -> None:
    assert learned(cycle_ms=500).choose(wanted=3, lowest=2, target_fps=25, moving=1, now=0).k == 2
