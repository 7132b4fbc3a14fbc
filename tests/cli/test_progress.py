"""What the bar of `restore` says."""

from __future__ import annotations

import pytest

from app.batch.jobs.events import JobProgress
from app.cli.restore import _postfix


@pytest.mark.parametrize(
    ("frames", "items", "words"),
    [(1, 1, "1 frame"), (2, 1, "2 frames"), (0, 3, "0/3 files, 0 frames")],
)
def test_frames_are_counted_in_the_right_number(frames: int, items: int, words: str) -> None:
    event = JobProgress(items_done=0, items=items, fraction=0.0, frames=frames, time_left_s=None)
    assert _postfix(event) == words
