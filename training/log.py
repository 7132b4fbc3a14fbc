"""The log of a run: CSV tables, curves as a picture, a contact sheet, and a line on the terminal."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

STEPS_A_LINE = 50
RUN_LOGS = ("log.csv", "validation.csv", "curves.png")


def runs_table(models: Path) -> Path:
    """Return the path of the list of all runs that led to the shipped networks."""
    return models / "training" / "runs.csv"


def training_time(models: Path, network: str) -> tuple[float, int]:
    """Return the minutes by the logs' own clock, and the steps, of all listed runs of a network; zeros without any."""
    rows = [row for row in read_table(runs_table(models)) if row["network"] == network]
    return sum(float(row["minutes"]) for row in rows), sum(int(row["steps"]) for row in rows)


def read_table(path: Path) -> list[dict[str, str]]:
    """Read the rows of a CSV file with a header; none without the file."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


class RunLog:
    """Appends to `log.csv` (loss terms, averaged) and `validation.csv`, and redraws `curves.png` and `sheet.png`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._sums: dict[str, float] = defaultdict(float)
        self._counts: dict[str, int] = defaultdict(int)

    def step(
        self, elapsed: float, step: int, stage: str, rate: float, terms: dict[str, float], remaining: float
    ) -> None:
        for name, value in terms.items():
            self._sums[name] += value
            self._counts[name] += 1
        if step % STEPS_A_LINE:
            return
        means = {name: self._sums[name] / self._counts[name] for name in sorted(self._sums)}
        self._sums.clear()
        self._counts.clear()
        for name, value in means.items():
            self._append("log.csv", ("elapsed_s", "step", "stage", "rate", "term", "mean"),
                         (f"{elapsed:.1f}", step, stage, f"{rate:.4f}", name, f"{value:.5f}"))  # fmt: skip
        words = "  ".join(f"{name} {value:.4f}" for name, value in means.items())
        print(
            f"{elapsed / 60:6.1f} min  {remaining / 60:6.1f} left in {stage}  step {step}  {words}",
            flush=True,
        )

    def evaluation(self, elapsed: float, step: int, figures: dict[str, float], sheet: NDArray[np.uint8]) -> None:
        for name, value in figures.items():
            self._append("validation.csv", ("elapsed_s", "step", "metric", "value"),
                         (f"{elapsed:.1f}", step, name, f"{value:.5f}"))  # fmt: skip
        cv2.imwrite(str(self.folder / "sheet.png"), sheet)
        self._draw_curves()
        print("validation  " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()), flush=True)

    def _append(self, name: str, header: tuple[str, ...], row: tuple[object, ...]) -> None:
        path = self.folder / name
        new = not path.exists()
        with path.open("a", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(header)
            writer.writerow(row)

    def _draw_curves(self) -> None:
        import matplotlib.pyplot as plt

        tables = (("log.csv", "term", "mean"), ("validation.csv", "metric", "value"))
        groups: dict[str, list[tuple[float, float]]] = {}
        for name, key, value in tables:
            path = self.folder / name
            if path.exists():
                with path.open(newline="") as file:
                    for row in csv.DictReader(file):
                        groups.setdefault(row[key], []).append((float(row["elapsed_s"]) / 60, float(row[value])))
        columns = 4
        rows = -(-len(groups) // columns)
        figure, axes = plt.subplots(rows, columns, figsize=(4 * columns, 2.5 * rows), squeeze=False)
        for axis in axes.flat[len(groups) :]:
            axis.set_visible(False)
        for axis, (name, points) in zip(axes.flat, groups.items(), strict=False):
            axis.plot(*zip(*points, strict=True))
            axis.set_title(name, fontsize=9)
            axis.tick_params(labelsize=7)
        figure.tight_layout()
        figure.savefig(self.folder / "curves.png", dpi=70)
        plt.close(figure)
