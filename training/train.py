"""Training a generator.

`python -m training train --preset cfrnet-rt --faces DIR --weights DIR --out DIR [--minutes M] [--resume PATH]`
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from app.core.machine import usable_cores
from training.checkpoint import read_checkpoint, save_checkpoint
from training.data import Batch, FaceSet, batches, load_faces
from training.degradation.kinds import KINDS
from training.device import DEVICES, choose_device
from training.errors import TrainingError
from training.evaluation.validation import Validation
from training.log import RunLog
from training.methods import METHODS
from training.optim import set_learning_rate
from training.presets import PRESETS, Preset, Stage

SAVE_SECONDS = 300.0
"""Seconds of training that an interruption costs at most."""


class Trainer:
    """A run: a method, its clock, log, checkpoint and validation."""

    def __init__(
        self,
        preset: Preset,
        faces: FaceSet,
        validation: FaceSet,
        weights: Path,
        out: Path,
        like: Mapping[str, Tensor] | None = None,
        *,
        device: torch.device | None = None,
    ) -> None:
        """`like`: weights of the generator that will be loaded, when it may have been pruned."""
        self.preset, self.faces = preset, faces
        self.device = device or choose_device()
        torch.manual_seed(preset.seed)
        self.method = METHODS[preset.method](preset, weights, self.device, like)
        self.validation = Validation(
            validation, weights, cycles=preset.validation_cycles, device=self.device, bfloat16=self.method.bfloat16,
            also={name: KINDS[name] for name in preset.validate_also},
        )  # fmt: skip
        self.log = RunLog(out)
        self.checkpoint = out / "checkpoint.pt"
        self.began = datetime.now(UTC).isoformat(timespec="seconds")
        self.elapsed, self.steps = 0.0, 0
        self.seed = preset.seed  # of what is drawn from the first step on
        self.has_momenta = False
        self.stopping = False
        self.clock = 0.0  # when `elapsed` was last brought up to date

    def step(self, batch: Batch, stage: Stage, progress: float) -> dict[str, float]:
        """Take one step of the method and move the averaged weights. Raises TrainingError when it diverges."""
        terms = self.method.step(batch, stage, progress, self.steps)
        if lost := [name for name, value in terms.items() if not math.isfinite(value)]:
            raise TrainingError(
                f"the run diverged at step {self.steps}: {', '.join(lost)} is not finite; "
                f"go on with --resume {self.checkpoint}, which was saved before"
            )
        self.steps += 1
        self.method.update_average(self.steps)
        return terms

    def stop(self) -> None:
        """End the run after the step that is under way."""
        self.stopping = True

    def wake(self) -> None:
        """Leave out of the clock the time in which the process was stopped."""
        self.clock = time.monotonic()

    def run(self, minutes: float) -> None:
        """Train until `minutes` of the log's clock are reached or `stopping` is set; evaluation is not counted."""
        begun, end = self.elapsed, 0.0
        for stage in self.preset.stages:
            start, end = end, end + stage.share * minutes * 60.0
            if self.elapsed < end and not self.stopping:
                self._run_stage(stage, start, end, warm_up=begun <= start or not self.has_momenta)
        if self.stopping:  # stopping was requested, so do not evaluate first
            save_checkpoint(self.checkpoint, self.state())
        else:
            self._evaluate()

    def _run_stage(self, stage: Stage, start: float, end: float, *, warm_up: bool) -> None:
        # What is drawn is new after every start, and the same whenever a run is taken up at this step.
        seed = self.seed + self.steps
        torch.manual_seed(seed)
        self.method.rng = np.random.default_rng(seed)
        source = batches(
            self.faces, batch=stage.batch, crop=stage.crop, seed=seed,
            degrade=KINDS[self.preset.degradation], device=self.device,
        )  # fmt: skip
        first = self.steps if warm_up else self.steps - self.preset.warmup_steps
        evaluated = saved = self.elapsed
        self.clock = time.monotonic()
        with contextlib.closing(source):  # or its process would keep this one from ending after an error
            while self.elapsed < end and not self.stopping:
                progress = (self.elapsed - start) / (end - start)
                rise = min(1.0, (self.steps - first + 1) / self.preset.warmup_steps)
                rate = stage.rate + (stage.rate_end - stage.rate) * progress
                set_learning_rate(self.method.optimizers, rise * rate)
                terms = self.step(next(source), stage, progress)
                now = time.monotonic()
                self.elapsed, self.clock = self.elapsed + now - self.clock, now
                self.log.step(self.elapsed, self.steps, stage.name, rate, terms, remaining=end - self.elapsed)
                if self.elapsed - evaluated >= self.preset.evaluate_seconds:
                    self._evaluate()
                    evaluated = saved = self.elapsed
                    self.clock = time.monotonic()
                elif self.elapsed - saved >= SAVE_SECONDS:
                    save_checkpoint(self.checkpoint, self.state())
                    saved = self.elapsed

    def _evaluate(self) -> None:
        save_checkpoint(self.checkpoint, self.state())  # before its figures, which take a while
        self.log.evaluation(self.elapsed, self.steps, *self.validation(self.method.average))

    def state(self) -> dict[str, Any]:
        """Return the state for a resumed run, as `read_checkpoint` returns it."""
        return {
            "network": self.preset.network,
            "preset": json.dumps(dataclasses.asdict(self.preset)),
            "began": self.began,
            "elapsed": self.elapsed,
            "steps": self.steps,
            **self.method.state(),
        }

    def load_state(self, state: dict[str, Any], *, keep_clock: bool = True) -> None:
        """Continue from `state`. Without `keep_clock` only load the networks, for a new run that draws anew."""
        self.method.load_weights(state)
        if keep_clock:
            self.began, self.elapsed, self.steps = state["began"], state["elapsed"], state["steps"]
            self.method.load_optimizers(state)
            self.has_momenta = bool(state.get("optimizers"))
        else:
            self.seed = self.preset.seed + state.get("steps", 0)


@contextlib.contextmanager
def follow_signals(*, stop: Callable[[], None], wake: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Within the block, call `stop` on SIGTERM and Ctrl-C, and `wake` when a stopped process goes on (SIGCONT)."""
    wanted = {signal.SIGTERM: stop, signal.SIGINT: stop}
    if hasattr(signal, "SIGCONT"):
        wanted[signal.SIGCONT] = wake
    before = {number: signal.signal(number, lambda *_, act=act: act()) for number, act in wanted.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def choose_preset(
    name: str | None, resumed: Mapping[str, Any] | None, begun_with: Mapping[str, Any] | None = None
) -> Preset:
    """Return the preset called `name`, or without a name the one that the run `resumed` was begun with.

    `begun_with` is the checkpoint whose weights a new run begins with. Raises TrainingError when either is of another
    network, or the resumed run's recipe is no preset any more.
    """
    if resumed is None:
        preset = PRESETS[name or "cfrnet-rt"]
        if begun_with is not None and begun_with["network"] != preset.network:
            raise TrainingError(
                f"the weights are of {begun_with['network']}, and {name or 'cfrnet-rt'} trains {preset.network}; "
                "name another recipe: --preset"
            )
        return preset
    if name is None:
        recipes = {key: json.loads(json.dumps(dataclasses.asdict(preset))) for key, preset in PRESETS.items()}
        name = next((key for key, recipe in recipes.items() if recipe == json.loads(resumed["preset"])), None)
    if name is None:
        raise TrainingError("the run's recipe is no preset any more; name the one to go on with: --preset")
    if PRESETS[name].network != resumed["network"]:
        raise TrainingError(f"the run trains {resumed['network']}, and {name} is for {PRESETS[name].network}")
    return PRESETS[name]


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a generator; SIGTERM and Ctrl-C stop cleanly.")
    parser.add_argument("--preset", choices=sorted(PRESETS), help="cfrnet-rt, or with --resume that of the run")
    parser.add_argument("--faces", type=Path, required=True, help="folder of faces with landmarks.csv")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the LPIPS and MobileFaceNet weights")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt, log.csv and pictures")
    parser.add_argument("--minutes", type=float, default=120.0)
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument(
        "--resume", type=Path, help="continue the run of this checkpoint, clock and optimizers included"
    )
    origin.add_argument("--init", type=Path, help="start a new run from this checkpoint's networks")
    parser.add_argument("--device", choices=DEVICES, default="auto", help="auto takes a GPU where there is one")
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    training, validation = load_faces(options.faces)
    state = read_checkpoint(options.resume or options.init) if options.resume or options.init else None
    preset = choose_preset(options.preset, *((state, None) if options.resume else (None, state)))
    like = state["ema"] if state else None
    trainer = Trainer(
        preset, training, validation, options.weights, options.out, like,
        device=choose_device(options.device),
    )  # fmt: skip
    if state:
        trainer.load_state(state, keep_clock=options.resume is not None)

    with follow_signals(stop=trainer.stop, wake=trainer.wake):
        trainer.run(options.minutes)
