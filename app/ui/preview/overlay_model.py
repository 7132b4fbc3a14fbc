"""The content of the latency overlay. No Qt: statistics in, texts and bar lengths out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.words import Phrase, Words, joined, phrase
from app.ui.style.formatting import milliseconds, rate

if TYPE_CHECKING:
    from app.pipeline.measuring.latency import LiveStatistics


@dataclass(frozen=True)
class Usage:
    """The process's usage: CPU in percent of one core, resident memory in bytes."""

    cpu_percent: float = 0.0
    memory_bytes: int = 0


@dataclass(frozen=True)
class Segment:
    """A stage in the stacked bar, by its `name`; start and length are parts of the bar's width."""

    name: str
    ms: float
    start: float
    length: float


@dataclass(frozen=True)
class Line:
    """A row under the bar."""

    label: Phrase
    value: Phrase


@dataclass(frozen=True)
class OverlayModel:
    """The overlay's content: the card paints the bar and the `summary`, the diagnostics have the `lines`.

    `budget_at` is the budget's place on the bar, a part of its width."""

    total: Phrase
    budget: Phrase
    over_budget: bool
    budget_at: float
    segments: tuple[Segment, ...]
    lines: tuple[Line, ...]
    summary: Words = ""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The overlay's input. `stages` are (name, median ms) in the order of the pipeline, each cycle its own stage.

    `lowered_to` is the k that auto-k made do with, None when it gave what was asked for.
    """

    stages: Sequence[tuple[str, float]]
    age_p50_ms: float
    age_p95_ms: float
    fps_in: float
    fps_out: float
    dropped: int
    budget_ms: float
    lowered_to: int | None = None


def overlay_model(reading: Reading, usage: Usage, *, cores: int) -> OverlayModel:
    """Lay out the overlay: the bar's full width is the budget, or the frame's time when that is longer.

    The frame is over budget when its stages together, without the wait for the source, exceed the budget.
    """
    total = sum(value for _, value in reading.stages)
    full = max(total, reading.budget_ms * 1.12, 1e-6)
    segments = []
    start = 0.0
    for name, value in reading.stages:
        segments.append(Segment(name, value, start / full, value / full))
        start += value
    over = total > reading.budget_ms
    auto = (
        () if reading.lowered_to is None else (Line(phrase("Auto k"), phrase("lowered to {k}", k=reading.lowered_to)),)
    )
    lines = (
        *auto,
        Line(
            phrase("Frame age"),
            joined((milliseconds(reading.age_p50_ms), joined(("p95", milliseconds(reading.age_p95_ms)), " ")), " · "),
        ),
        Line(
            phrase("In / out"), phrase("{given:.1f} / {reached}", given=reading.fps_in, reached=rate(reading.fps_out))
        ),
        Line(phrase("Dropped"), joined((str(reading.dropped),))),
        Line(phrase("CPU"), phrase("{used:.0f} of {most} %", used=usage.cpu_percent, most=cores * 100)),
        Line(phrase("Memory"), phrase("{size:.0f} MB", size=usage.memory_bytes / 1e6)),
    )
    return OverlayModel(
        total=milliseconds(total),
        budget=milliseconds(reading.budget_ms),
        over_budget=over,
        budget_at=reading.budget_ms / full,
        segments=tuple(segments),
        lines=lines,
        summary=phrase(
            "{rate} · age {age} · {dropped} dropped",
            rate=rate(reading.fps_out),
            age=milliseconds(reading.age_p50_ms),
            dropped=reading.dropped,
        ),
    )


_STAGES = {
    "degrade": phrase("make bad"),
    "detect": phrase("detect"),
    "align": phrase("align"),
    "paste": phrase("paste"),
    "other": phrase("other"),
    "paint": phrase("paint"),
}


def stage_words(name: str) -> Words:
    """How a stage is called."""
    kind, _, number = name.partition(" ")
    return phrase("cycle {number}", number=number) if kind == "cycle" else _STAGES.get(name, name)


def reading_of(statistics: LiveStatistics) -> Reading:
    """The overlay's input from the session's statistics.

    Waiting for the source is not part of the bar, nor are cycles that only frames before the last change of k had.
    """
    left_out = {"capture", *(f"cycle {number}" for number in range(statistics.k + 1, 10))}
    return Reading(
        stages=tuple((stage.name, stage.p50_ms) for stage in statistics.stages if stage.name not in left_out),
        age_p50_ms=statistics.age_p50_ms,
        age_p95_ms=statistics.age_p95_ms,
        fps_in=statistics.fps_in,
        fps_out=statistics.fps_out,
        dropped=statistics.dropped,
        budget_ms=statistics.budget_ms,
        lowered_to=statistics.k if statistics.auto_reason else None,
    )
