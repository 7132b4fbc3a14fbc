"""Frozen cameras, and cameras that show a still scene."""

from __future__ import annotations

from app.pipeline.capture.freeze import FreezeDetector
from tests.media_files import numbered_picture


def test_a_camera_on_something_still_is_not_frozen() -> None:
    frozen = FreezeDetector(timeout_s=1.0)
    card = numbered_picture(1)
    assert not any(frozen.update(card, now) for now in (0.0, 1.0, 2.0, 60.0))


def test_a_camera_is_frozen_when_it_moved_and_then_repeats() -> None:
    frozen = FreezeDetector(timeout_s=1.0)
    frozen.update(numbered_picture(1), 0.0)
    assert [frozen.update(numbered_picture(2), now) for now in (0.1, 0.5, 1.05, 1.2)] == [False, False, False, True]
