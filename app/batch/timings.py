"""Where the milliseconds of a batch went, as the JSON that `restore --json` prints."""

from __future__ import annotations

from typing import Any

import numpy as np

from app.core.types import Timings


class StageTimings:
    """Collects the stages of every frame: in a batch nothing is dropped, so the percentiles are exact."""

    def __init__(self) -> None:
        self._stages: dict[str, list[float]] = {}

    def add(self, timings: Timings) -> None:
        stages = {
            "capture": timings.capture_ms,
            "detect": timings.detect_ms,
            "align": timings.align_ms,
            **{f"cycle_{number}": ms for number, ms in enumerate(timings.cycles_ms, start=1)},
            "restore": timings.restore_ms,
            "paste": timings.paste_ms,
        }
        for name, milliseconds in stages.items():
            self._stages.setdefault(name, []).append(milliseconds)

    def summary(self) -> dict[str, dict[str, float]]:
        """For each stage: median, 95th percentile and sum in milliseconds, and how many frames had it.

        A cycle that a frame did not need (no face, or stopped early) does not count as one of zero milliseconds.
        """
        return {name: _summary(values) for name, values in sorted(self._stages.items(), key=_order)}


def _summary(values: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(values, (50, 95))
    return {
        "p50_ms": round(float(p50), 3),
        "p95_ms": round(float(p95), 3),
        "total_ms": round(float(sum(values)), 3),
        "frames": len(values),
    }


def _order(stage: tuple[str, Any]) -> tuple[int, str]:
    place = {"capture": 0, "detect": 1, "align": 2, "restore": 4, "paste": 5}
    return place.get(stage[0], 3), stage[0]
