"""The time of every stage in a batch, as the JSON that `restore --json` prints."""

from __future__ import annotations

from app.core.types import Timings
from app.pipeline.measuring.stages import percentiles, stage_values


class StageTimings:
    """Collects the timings of every frame. A batch drops none, so the percentiles are exact."""

    def __init__(self) -> None:
        self._timings: list[Timings] = []

    def add(self, timings: Timings) -> None:
        """Add a frame."""
        self._timings.append(timings)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return for each stage the median, 95th percentile and sum in milliseconds, and how many frames had it.

        "restore" is the sum of a frame's cycles. A cycle that a frame did not need (no face, or stopped early) does not
        count as one of zero milliseconds.
        """
        stages = stage_values(self._timings)
        if stages:
            paste = stages.pop("paste")
            stages |= {"restore": [each.restore_ms for each in self._timings], "paste": paste}
        return {name.replace(" ", "_"): _summary(values) for name, values in stages.items()}


def _summary(values: list[float]) -> dict[str, float]:
    p50, p95 = percentiles(values)
    return {
        "p50_ms": round(p50, 3),
        "p95_ms": round(p95, 3),
        "total_ms": round(sum(values), 3),
        "frames": len(values),
    }
