"""The paper's ablations (arXiv 2606.06850, tables IV and VI), every row trained equally long from one common start.

`python -m training ablations --faces DIR --weights DIR --runs DIR [--minutes 20] [--jobs 2] [--out docs]`

Each row is a run in a folder of its own below `--runs`; SIGTERM or Ctrl-C stops cleanly, and the same command goes on.
With `--jobs`, runs are trained side by side, each on an equal share of the cores: two short runs on a core each take
more steps than one after the other on both.
`--out` gets ablations.json and ablations.md with the rows that are complete. Judged on the validation split, because
nothing is claimed but which term helps.
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import torch

from app.core.machine import usable_cores
from app.media.files import replace_json
from training.checkpoint import read_checkpoint
from training.data import load_faces
from training.device import DEVICES, choose_device
from training.errors import TrainingError
from training.evaluation.pages.ablations import COLUMNS, write_page
from training.log import read_table
from training.presets import PRESETS, Preset
from training.train import Trainer, follow_signals

_Runs = Sequence[tuple[Preset, Path]]  # recipe and folder

START = Path("models") / "training" / "cfrnet-d.pt"
"""The network trained for a single pass, with which the paper's table IV begins."""


class OtherRecipeError(TrainingError):
    """A run that was begun in another way than the rows beside it."""


class RunFailedError(TrainingError):
    """A run in a process of its own that ended with an error."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the paper's tables. More than one seed shows how far chance alone moves the figures."""

    title: str
    preset: str
    paper: str
    seeds: tuple[int, ...] = (1,)

    def folders(self, runs: Path) -> list[Path]:
        return [runs / f"{self.preset}-{seed}" for seed in self.seeds]


ROWS = (
    Row(title="single pass, fed again", preset="ablation-single-pass", paper="22.62 / .330", seeds=(1, 2)),
    Row(title="+ progressive terms", preset="ablation-progressive", paper="22.88 / .292"),
    Row(title="+ fixed point", preset="ablation-fixed-point", paper="23.02 / .271"),
    Row(title="+ cycle: everything", preset="ablation-everything", paper="23.10 / .250", seeds=(1, 2)),
    Row(title="everything but the critics of parts", preset="ablation-no-components", paper="22.90 / .285"),
    Row(title="everything but the nose's critic", preset="ablation-no-nose", paper="23.02 / .266"),
)


def train_rows(
    rows: Sequence[Row],
    *,
    faces: Path,
    weights: Path,
    runs: Path,
    start: Path,
    minutes: float,
    device: torch.device,
    jobs: int = 1,
) -> None:
    """Train every run that is not complete, `jobs` at a time, until all are or a signal stops them.

    Raises OtherRecipeError for runs that were begun with another recipe, start, number of minutes or of cores, and
    RunFailedError.
    """
    cores = _cores(jobs)
    wanted = [(replace(PRESETS[row.preset], seed=seed), folder)
              for row in rows for seed, folder in zip(row.seeds, row.folders(runs), strict=True)]  # fmt: skip
    for preset, folder in wanted:
        _keep_to_recipe(folder, preset, start, minutes, cores)
    left = [(preset, folder) for preset, folder in wanted if not _is_complete(folder, minutes)]
    train = partial(
        _train_in_turn, faces=faces, weights=weights, start=start, minutes=minutes, device=device, cores=cores
    )
    if jobs == 1:
        train(left)
    else:
        _side_by_side(train, [left[job::jobs] for job in range(jobs)])


def _cores(jobs: int) -> int:
    """Return how many cores each of `jobs` runs side by side has to itself."""
    return max(1, usable_cores() // jobs)


def _side_by_side(train: Callable[[_Runs], None], shares: Sequence[_Runs]) -> None:
    """Call `train` with each share in a process of its own; a signal stops them all. Raises RunFailedError."""
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's locks without their threads
    processes: list[SpawnProcess] = []
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        for process in processes:
            process.terminate()

    with follow_signals(stop=stop):  # SIGCONT reaches the processes themselves
        for share in shares:
            if stopped:
                break
            process = context.Process(target=train, args=(share,))
            process.start()
            processes.append(process)
        if stopped:  # perhaps while one was being started
            stop()
        for process in processes:
            process.join()
    if not stopped and any(process.exitcode for process in processes):
        raise RunFailedError("a run failed, its error is printed above; the same command goes on with what is left")


def _train_in_turn(
    wanted: _Runs,
    *,
    faces: Path,
    weights: Path,
    start: Path,
    minutes: float,
    device: torch.device,
    cores: int,
) -> None:
    torch.set_num_threads(cores)
    training, validation = load_faces(faces)
    beginning = read_checkpoint(start)
    current: list[Trainer] = []
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True
        for trainer in current:
            trainer.stop()

    def wake() -> None:
        for trainer in current:
            trainer.wake()

    with follow_signals(stop=stop, wake=wake):
        for preset, folder in wanted:
            trainer = Trainer(preset, training, validation, weights, folder, beginning["ema"], device=device)
            found = read_checkpoint(trainer.checkpoint) if trainer.checkpoint.is_file() else None
            trainer.load_state(found or beginning, keep_clock=found is not None)
            current[:] = [trainer]
            if stopped:  # while the run was made ready, which takes a while
                return
            trainer.run(minutes)
            if trainer.stopping:
                return


def _keep_to_recipe(folder: Path, preset: Preset, start: Path, minutes: float, cores: int) -> None:
    """Write down how the run in `folder` is trained, or raise OtherRecipeError when it was begun in another way."""
    start_sha256 = hashlib.sha256(start.read_bytes()).hexdigest()
    recipe = {"preset": dataclasses.asdict(preset), "start": start_sha256, "minutes": minutes, "cores": cores}
    recipe = json.loads(json.dumps(recipe))  # as it reads back: tuples become lists
    path = folder / "recipe.json"
    if not (path.is_file() and (folder / "checkpoint.pt").is_file()):
        folder.mkdir(parents=True, exist_ok=True)
        replace_json(path, recipe)
    elif (begun := json.loads(path.read_text())) != recipe:
        other = ", ".join(key for key in recipe if begun.get(key) != recipe[key])
        raise OtherRecipeError(f"the run in {folder} was begun with another {other}; name a new folder with --runs")


def read_figures(rows: Sequence[Row], runs: Path, minutes: float, jobs: int = 1) -> dict[str, Any]:
    """Return what `pages.ablations` shows of the rows whose runs are all complete, for JSON.

    The figures are the last ones on the validation split, one dict for each seed.
    """
    complete = [row for row in rows if all(_is_complete(folder, minutes) for folder in row.folders(runs))]
    return {
        "minutes": minutes,
        "cores": _cores(jobs),
        "rows": [
            {
                "title": row.title, "preset": row.preset, "paper": row.paper,
                "runs": [_last_figures(folder) for folder in row.folders(runs)],
            }
            for row in complete
        ],
    }  # fmt: skip


def _last_figures(folder: Path) -> dict[str, float]:
    lines = read_table(folder / "validation.csv")
    return {line["metric"]: float(line["value"]) for line in lines} | {"steps": float(lines[-1]["step"])}


def _is_complete(folder: Path, minutes: float) -> bool:
    """Whether the run came to its end and every figure of the page was written there."""
    lines = read_table(folder / "validation.csv")
    if not lines or float(lines[-1]["elapsed_s"]) < 60 * minutes:
        return False
    last = {line["metric"] for line in lines if line["step"] == lines[-1]["step"]}
    return last >= {metric for _, metric, _ in COLUMNS}


def main() -> None:
    parser = argparse.ArgumentParser(description="Train and compare the paper's ablations.")
    parser.add_argument("--faces", type=Path, required=True, help="folder of faces with landmarks.csv")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the LPIPS and MobileFaceNet weights")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--start", type=Path, default=START, help="state that every row begins with")
    parser.add_argument("--minutes", type=float, default=20.0, help="of training for every row")
    parser.add_argument("--jobs", type=int, default=1, help="runs trained side by side, each on its share of the cores")
    parser.add_argument("--out", type=Path, default=Path("docs"))
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto takes a GPU where there is one")
    options = parser.parse_args()
    train_rows(
        ROWS, faces=options.faces, weights=options.weights, runs=options.runs, start=options.start,
        minutes=options.minutes, device=choose_device(options.device), jobs=options.jobs,
    )  # fmt: skip
    found = read_figures(ROWS, options.runs, options.minutes, options.jobs)
    replace_json(options.out / "ablations.json", found)
    write_page(options.out / "ablations.md", found)
