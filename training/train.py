"""Train a generator.

`python -m training train --preset cfrnet-rt --faces DIR --weights DIR --out DIR [--minutes M] [--resume PATH]`
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.checkpoint import read_checkpoint, save_checkpoint
from training.data import FACE_SIZE, Batch, FaceSet, batches, load_faces, to_images, to_tensor
from training.degradation.mixture import TrainingDegradation
from training.evaluation.validation import Validation
from training.log import RunLog
from training.losses import ccfp
from training.losses.perceptual import LPIPS
from training.networks import build_generator
from training.networks.identity import MobileFaceNet
from training.optim import generator_optimizers, set_learning_rate
from training.presets import PRESETS, Preset, Stage

DISCRIMINATOR_RATE = 6e-4


class Trainer:
    """A run: the generator, its moving average, the critics, their optimizers and the clock of the log."""

    def __init__(
        self,
        preset: Preset,
        faces: FaceSet,
        validation: FaceSet,
        weights: Path,
        out: Path,
        like: dict[str, Tensor] | None = None,
    ) -> None:
        """`like`: weights of the generator that will be loaded, when it may have been pruned."""
        self.preset, self.faces = preset, faces
        torch.manual_seed(preset.seed)
        self.generator = build_generator(preset.network, like).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average = build_generator(preset.network, like).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.average.load_state_dict(self.generator.state_dict())
        self.critics = ccfp.Critics().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizers = generator_optimizers(self.generator, preset.lr)
        self.critic_optimizer = torch.optim.Adam(self.critics.parameters(), DISCRIMINATOR_RATE, betas=(0.5, 0.99))
        self.phi, self.embedder = LPIPS("vgg16", weights), MobileFaceNet(weights)
        self.bfloat16 = bfloat16_pays(self.generator)
        self.validation = Validation(validation, weights, bfloat16=self.bfloat16)
        self.log = RunLog(out)
        self.checkpoint = out / "checkpoint.pt"
        self.began = datetime.now(UTC).isoformat(timespec="seconds")
        self.elapsed, self.steps = 0.0, 0
        self.stopping = False
        self.clock = 0.0  # when `elapsed` was last brought up to date
        self.rng = np.random.default_rng(preset.seed)

    def terms(
        self, outputs: list[Tensor], batch: Batch, stage: Stage, *, progress: float, rare: bool
    ) -> dict[str, Tensor]:
        """Every weighted term of CCFP (Algorithm 1) that the stage asks for, as a scalar that carries its gradient.

        `outputs` are x_1 ... x_k of the batch's degraded faces, `progress` in [0, 1] that of the stage. The terms that
        are only taken now and then, with so much more weight, are there when `rare` is set.
        """
        w, y, last, generator = stage.losses, batch.clean, outputs[-1], self.generator
        seldom = self.preset.rare_every
        terms = {"progressive": ccfp.progressive_loss(outputs, y, w.progressive)}
        if any(w.fidelity):
            terms["fidelity"] = ccfp.fidelity_loss(outputs, y, w.fidelity)
        if any(w.perceptual):
            terms["perceptual"] = ccfp.perceptual_loss(
                outputs, y, w.perceptual, self.phi, stage.perceptual_window, stage.perceptual_faces, w.texture
            )
        if any(w.coarse):
            terms["coarse"] = ccfp.coarse_perceptual_loss(outputs, y, w.coarse, self.phi, w.texture)
        if w.fixed_point:
            rise = _ramp(progress, stage.fixed_point_ramp)
            terms["fixed_point"] = rise * w.fixed_point * ccfp.fixed_point_loss(generator, last)
        if rare and w.cycle:
            terms["cycle"] = seldom * w.cycle * ccfp.cycle_loss(generator, last, self._degrade)
        if rare and w.anchor:
            terms["anchor"] = seldom * w.anchor * ccfp.anchor_loss(generator, y)
        if w.adversaries:
            self.critics.requires_grad_(False)
            rise = _ramp(progress, stage.adversarial_ramp)
            answers = self.critics.generator_terms(last, y, batch.landmarks, w)
            terms |= {name: rise * term for name, term in answers.items()}
            self.critics.requires_grad_(True)
        if rare and w.identity and y.shape[-1] == FACE_SIZE:
            terms["identity"] = seldom * w.identity * ccfp.identity_loss(self.embedder, last, y, batch.landmarks)
        return terms

    def step(self, batch: Batch, stage: Stage, progress: float) -> dict[str, float]:
        """One step of CCFP (Algorithm 1): unroll, all terms, one backward pass; then the discriminators."""
        w, generator = stage.losses, self.generator
        rare = self.steps % self.preset.rare_every == 0
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            outputs = ccfp.unroll(generator, batch.degraded, w.cycles)
            terms = self.terms(outputs, batch, stage, progress=progress, rare=rare)
        torch.stack([term.float() for term in terms.values()]).sum().backward()
        torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):  # Muon's matrix products
            for optimizer in self.optimizers:
                optimizer.step()
                optimizer.zero_grad(set_to_none=True)

        if w.adversaries:
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
                terms["critics"] = self.critics.discriminator_loss(outputs[-1], batch.clean, batch.landmarks, w)
            terms["critics"].backward()
            self.critic_optimizer.step()
            self.critic_optimizer.zero_grad(set_to_none=True)

        self.steps += 1
        decay = min(self.preset.ema, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for average, parameter in zip(self.average.parameters(), generator.parameters(), strict=True):
                average.lerp_(parameter, 1.0 - decay)
        return {name: float(term.detach()) for name, term in terms.items()}

    def run(self, minutes: float) -> None:
        """Train until `minutes` of the log's clock are reached or `stopping` is set; evaluation is not counted."""
        end = 0.0
        for stage in self.preset.stages:
            start, end = end, end + stage.share * minutes * 60.0
            if self.elapsed < end and not self.stopping:
                self._run_stage(stage, start, end)
        if self.stopping:  # whoever asked for it does not want to wait
            save_checkpoint(self.checkpoint, self.state())
        else:
            self._evaluate()

    def _run_stage(self, stage: Stage, start: float, end: float) -> None:
        source = batches(self.faces, batch=stage.batch, crop=stage.crop, seed=self.preset.seed + self.steps)
        # A stage that is resumed in the middle has its momenta already and needs no warm-up.
        first = self.steps if self.elapsed <= start else self.steps - self.preset.warmup_steps
        evaluated = self.elapsed
        self.clock = time.monotonic()
        while self.elapsed < end and not self.stopping:
            progress = (self.elapsed - start) / (end - start)
            warm_up = min(1.0, (self.steps - first + 1) / self.preset.warmup_steps)
            rate = stage.rate + (stage.rate_end - stage.rate) * progress
            set_learning_rate(self.optimizers, warm_up * rate)
            terms = self.step(next(source), stage, progress)
            now = time.monotonic()
            self.elapsed, self.clock = self.elapsed + now - self.clock, now
            self.log.step(self.elapsed, self.steps, stage.name, rate, terms, remaining=end - self.elapsed)
            if self.elapsed - evaluated >= self.preset.evaluate_seconds:
                self._evaluate()
                evaluated, self.clock = self.elapsed, time.monotonic()

    def _degrade(self, faces: Tensor) -> Tensor:
        degrade = TrainingDegradation(paper=0.6, webcam=0.4, call=0.0)
        return to_tensor(np.stack([degrade(image, self.rng) for image in to_images(faces)]))

    def _evaluate(self) -> None:
        figures, sheet = self.validation(self.average)
        self.log.evaluation(self.elapsed, self.steps, figures, sheet)
        save_checkpoint(self.checkpoint, self.state())

    def state(self) -> dict[str, Any]:
        return {
            "network": self.preset.network,
            "preset": json.dumps(dataclasses.asdict(self.preset)),
            "began": self.began,
            "elapsed": self.elapsed,
            "steps": self.steps,
            "ema": self.average.state_dict(),
            "generator": self.generator.state_dict(),
            "critics": self.critics.state_dict(),
            "random": {"torch": torch.get_rng_state(), "degrade": self.rng.bit_generator.state},
            "optimizers": [optimizer.state_dict() for optimizer in (*self.optimizers, self.critic_optimizer)],
        }

    def load_state(self, state: dict[str, Any], *, keep_clock: bool = True) -> None:
        """Continue from `state`. Without `keep_clock` only the weights are taken: a new run that starts from them."""
        self.average.load_state_dict({name: tensor.float() for name, tensor in state["ema"].items()})
        self.generator.load_state_dict({name: t.float() for name, t in state.get("generator", state["ema"]).items()})
        if "critics" in state:
            self.critics.load_state_dict({name: tensor.float() for name, tensor in state["critics"].items()})
        if keep_clock:
            self.began, self.elapsed, self.steps = state["began"], state["elapsed"], state["steps"]
            if "random" in state:
                torch.set_rng_state(state["random"]["torch"])
                self.rng.bit_generator.state = state["random"]["degrade"]
            for optimizer, saved in zip(
                (*self.optimizers, self.critic_optimizer), state.get("optimizers", ()), strict=False
            ):
                # Momenta are taken over, rates are the recipe's: it may have changed since.
                groups = optimizer.state_dict()["param_groups"]
                optimizer.load_state_dict({"state": saved["state"], "param_groups": groups})


def bfloat16_pays(generator: torch.nn.Module) -> bool:
    """Whether autocast is the faster way to train here: several times with matrix units (AMX), a loss without them."""
    x = torch.zeros(4, 3, 128, 128).contiguous(memory_format=torch.channels_last)

    def seconds(enabled: bool) -> float:
        best = float("inf")
        for _ in range(3):
            start = time.perf_counter()
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
                loss = generator(x).float().mean()
            loss.backward()
            best = min(best, time.perf_counter() - start)
        generator.zero_grad(set_to_none=True)
        return best

    return seconds(True) < seconds(False)


def _ramp(progress: float, part: float) -> float:
    """0 to 1 over the first `part` of a stage."""
    return min(1.0, progress / part) if part else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a generator; SIGTERM and Ctrl-C stop cleanly.")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="cfrnet-rt")
    parser.add_argument("--faces", type=Path, required=True, help="folder of faces with landmarks.csv")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the LPIPS and MobileFaceNet weights")
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoint.pt, log.csv and pictures")
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument(
        "--resume", type=Path, help="continue the run of this checkpoint, clock and optimizers included"
    )
    parser.add_argument("--init", type=Path, help="start a new run from this checkpoint's weights")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    training, validation = load_faces(options.faces)
    state = read_checkpoint(options.resume or options.init) if options.resume or options.init else None
    like = state["ema"] if state else None
    trainer = Trainer(PRESETS[options.preset], training, validation, options.weights, options.out, like)
    if state:
        trainer.load_state(state, keep_clock=options.resume is not None)

    def stop(*_: object) -> None:
        trainer.stopping = True

    def wake(*_: object) -> None:
        trainer.clock = time.monotonic()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if hasattr(signal, "SIGCONT"):  # the time a run lies stopped is not training time
        signal.signal(signal.SIGCONT, wake)
    trainer.run(options.minutes)
