"""Writing docs/ablations.md from the figures of `training.ablations`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

from scipy.stats import t as student

from app.media.files import replace_text
from training.evaluation.pages.results import table

_Row = Mapping[str, Any]

# Title, metric, digits. The step out of x_3 is measured when x_4 is made.
COLUMNS = (
    ("PSNR k = 1", "k1_psnr", 2), ("k = 2", "k2_psnr", 2), ("k = 3", "k3_psnr", 2),
    ("LPIPS-A k = 1", "k1_alex", 3), ("k = 2", "k2_alex", 3), ("k = 3", "k3_alex", 3),
    ("LPIPS-V k = 3", "k3_vgg", 3), ("step k = 3", "k4_step", 4), ("clean, k = 3", "clean_k3_psnr", 1),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Term:
    """A part of the training, and the presets with it and without it."""

    title: str
    on: str
    off: str


_TERMS = (
    _Term(title="progressive terms", on="ablation-progressive", off="ablation-single-pass"),
    _Term(title="fixed point", on="ablation-fixed-point", off="ablation-progressive"),
    _Term(title="cycle", on="ablation-everything", off="ablation-fixed-point"),
    _Term(title="critics of parts", on="ablation-everything", off="ablation-no-components"),
    _Term(title="the nose's critic among them", on="ablation-everything", off="ablation-no-nose"),
)

# Title, metric, digits, whether more of it is better: what the paper judges by, at k = 3 like it.
_JUDGED = (("PSNR", "k3_psnr", 2, True), ("LPIPS-A", "k3_alex", 3, False))


def write_page(path: Path, found: Mapping[str, Any]) -> None:
    """Write the page of what `training.ablations.read_figures` returned to `path`, whole or not at all."""
    replace_text(path, "\n".join(_page(found)) + "\n")


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    rows: Sequence[_Row] = found["rows"]
    yield "# Does each term help?\n"
    yield "Written by `python -m training ablations`; do not edit by hand.\n"
    yield (
        "The paper's tables IV and VI (arXiv 2606.06850): terms of the training are added one after the other, then "
        "the critics of parts of the face are taken away. Every row begins with the same network, trained for a single "
        f"pass, and is trained for {found['minutes']:g} minutes on {found['cores']} "
        f"core{'s' * (found['cores'] > 1)}. The first row has the terms "
        "and weights of the next, all on the first cycle: only what is unrolled differs. Judged before quantization on "
        "40 faces of the validation split, degraded by the paper's D. Rows with two seeds: mean, and half of "
        "what lies between them. *Step* and *clean* are defined in [results.md](results.md). The last column is the "
        "paper's PSNR / LPIPS at k = 3 on its own images.\n"
    )
    lines = []
    for row in rows:
        steps = ", ".join(f"{run['steps']:.0f}" for run in row["runs"])
        cells = [_cell([run[metric] for run in row["runs"]], digits) for _, metric, digits in COLUMNS]
        lines.append((row["title"], steps, *cells, row["paper"]))
    yield from table(("", "steps", *(title for title, _, _ in COLUMNS), "paper"), lines)
    yield from _answers({row["preset"]: row for row in rows})


def _answers(rows: Mapping[str, _Row]) -> Iterator[str]:
    """Yield what each term brings, judged by what two seeds of a row differ in; nothing without rows to compare."""
    repeated = [row for row in rows.values() if len(row["runs"]) > 1]
    terms = [term for term in _TERMS if term.on in rows and term.off in rows]
    if not repeated or not terms:
        return
    yield "\n## What a term brings, at k = 3\n"
    yield (
        "The figure with the term minus the figure without it, and the 95 % confidence interval of that difference "
        "(Student's t; the deviation is that of runs which differ in nothing but the seed, pooled over "
        f"{len(repeated)} row{'s' * (len(repeated) > 1)}). What lies within is called chance. Minutes are equal and "
        "steps are not, so a term has to be worth its time. Few faces and few minutes: after days of training the "
        "answer may be another one.\n"
    )
    lines = []
    for term in terms:
        cells: list[str] = []
        for _, metric, digits, more_is_better in _JUDGED:
            change = _mean(rows[term.on], metric) - _mean(rows[term.off], metric)
            chance = _chance(rows[term.on], rows[term.off], repeated, metric)
            cells += (
                f"{change:+.{digits}f} ± {chance:.{digits}f}",
                _verdict(change * (1 if more_is_better else -1), chance),
            )
        lines.append((term.title, *cells))
    yield from table(("term", *(cell for title, *_ in _JUDGED for cell in (title, ""))), lines)


def _verdict(gain: float, chance: float) -> str:
    if abs(gain) <= chance:
        return "chance"
    return "**helps**" if gain > 0 else "**hurts**"


def _mean(row: _Row, metric: str) -> float:
    return float(mean(run[metric] for run in row["runs"]))


def _chance(one: _Row, other: _Row, repeated: Sequence[_Row], metric: str) -> float:
    """Half of the 95 % confidence interval of the difference of two rows' means."""
    freedom = sum(len(row["runs"]) - 1 for row in repeated)
    squares = sum((run[metric] - _mean(row, metric)) ** 2 for row in repeated for run in row["runs"])
    deviation = math.sqrt(squares / freedom * (1 / len(one["runs"]) + 1 / len(other["runs"])))
    return float(student.ppf(0.975, freedom)) * deviation


def _cell(values: Sequence[float], digits: int) -> str:
    spread = f" ± {(max(values) - min(values)) / 2:.{digits}f}" if len(values) > 1 else ""
    return f"{mean(values):.{digits}f}{spread}"
