"""Damaged pictures and videos, the first cases of `python -m benchmarks.faults`."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from benchmarks.faults import results


def test_no_damaged_file_is_a_surprise(tmp_path: Path) -> None:
    found = list(islice(results(tmp_path, seed=0), 130))
    assert [each for each in found if each.outcome == "surprise"] == []
    assert {"refused", "incomplete", "done"} <= {each.outcome for each in found}
