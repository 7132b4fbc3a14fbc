"""Percentiles of every stage of the pipeline, for the window, the benchmarks and batch runs alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.core.types import Timings


@dataclass(frozen=True, kw_only=True)
class StageStatistics:
    """Median and 95th percentile of one stage in milliseconds a frame."""

    name: str
    p50_ms: float
    p95_ms: float


def stage_values(timings: Sequence[Timings]) -> dict[str, list[float]]:
    """Return every stage's milliseconds by its name, in the order of the pipeline; empty without frames.

    A cycle's list has only the frames that ran it: a skipped cycle does not count as 0 ms.
    """
    if not timings:
        return {}
    cycles = max(len(each.cycles_ms) for each in timings)
    return {
        "capture": [each.capture_ms for each in timings],
        **({"degrade": made} if (made := [each.degrade_ms for each in timings if each.degrade_ms]) else {}),
        "detect": [each.detect_ms for each in timings],
        "align": [each.align_ms for each in timings],
        **{
            f"cycle {number + 1}": [each.cycles_ms[number] for each in timings if len(each.cycles_ms) > number]
            for number in range(cycles)
        },
        "paste": [each.paste_ms for each in timings],
        **({"other": others} if (others := [each.other_ms for each in timings if each.other_ms]) else {}),
    }


def stage_statistics(timings: Sequence[Timings], paint_ms: Sequence[float] = ()) -> tuple[StageStatistics, ...]:
    """Return the percentiles of every stage over `timings`, painting last; none without frames."""
    if not timings:
        return ()
    columns: dict[str, Sequence[float]] = {**stage_values(timings), "paint": paint_ms}
    return tuple(
        StageStatistics(name=name, p50_ms=p50_ms, p95_ms=p95_ms)
        for name, values in columns.items()
        for p50_ms, p95_ms in (percentiles(values),)
    )


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """Return the median and the 95th percentile; 0 and 0 without values."""
    if not values:
        return 0.0, 0.0
    p50, p95 = np.percentile(values, (50, 95))
    return float(p50), float(p95)
