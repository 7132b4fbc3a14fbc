"""Train a generator: `python -m training.train --preset cfrnet-rt --faces DIR --weights DIR [--minutes M] [--resume PATH]`."""

from __future__ import annotations

import argparse
import csv
import json
import signal
import sys
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from training import ccfp
from training.ccfp import LossWeights
from training.data import FaceSet, batches, load_faces, seeded_pairs, to_images, to_tensor
from training.degradation import TrainingDegradation
from training.networks import build_generator
from training.optim import generator_optimizers, set_learning_rate
from training.perceptual import LPIPS


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of a training run; `share` is its part of the minutes. The rate falls linearly from `lr` to `lr_end`."""

    name: str
    share: float
    losses: LossWeights
    crop: int = 128
    batch: int = 16
    lr: float = 0.01
    lr_end: float = 0.001
    perceptual_window: int = 80


@dataclass(frozen=True, kw_only=True)
class Preset:
    network: str
    stages: tuple[Stage, ...]
    seed: int = 1
    ema: float = 0.998
    warmup_steps: int = 50
    evaluate_seconds: float = 300.0
    # L_cyc and the anchor cost a pass each; taken every n-th step with n times the weight they cost a quarter.
    rare_every: int = 4


_SINGLE = LossWeights(
    progressive=(1.0,), perceptual=(0.3,), fixed_point=0.0, cycle=0.0, anchor=0.0,
    adversarial=0.0, component=0.0, style=0.0, identity=0.0,
)

PRESETS = {
    "cfrnet-d": Preset(network="cfrnet-d", stages=(Stage(name="single-pass", share=1.0, losses=_SINGLE),)),
}


class Trainer:
    def __init__(self, preset: Preset, faces: FaceSet, validation: FaceSet, weights: Path, out: Path) -> None:
        self.preset, self.faces, self.out = preset, faces, out
        torch.manual_seed(preset.seed)
        self.generator = build_generator(preset.network).to(memory_format=torch.channels_last)
        self.ema = build_generator(preset.network).to(memory_format=torch.channels_last)
        self.ema.load_state_dict(self.generator.state_dict())
        self.vgg, self.alex = LPIPS("vgg16", weights), LPIPS("alexnet", weights)
        self.validation = seeded_pairs(validation.images)
        self.elapsed, self.step_count = 0.0, 0
        self.stopping = False
        self.rng = np.random.default_rng(preset.seed)

    def step(self, batch: Any, stage: Stage) -> dict[str, Tensor]:
        w = stage.losses
        rare = self.step_count % self.preset.rare_every == 0
        outputs = ccfp.unroll(self.generator, batch.degraded, w.cycles)
        terms = {"progressive": ccfp.progressive_loss(outputs, batch.clean, w.progressive)}
        if any(w.perceptual):
            terms["perceptual"] = ccfp.perceptual_loss(outputs, batch.clean, w.perceptual, self.vgg, stage.perceptual_window)
        return terms

    def run(self, minutes: float) -> None:
        budget = minutes * 60
        start = 0.0
        for stage in self.preset.stages:
            end = start + stage.share * budget
            opts = generator_optimizers(self.generator, stage.lr)
            source = batches(self.faces, batch=stage.batch, crop=stage.crop, seed=self.preset.seed + self.step_count)
            t = time.monotonic(); n0 = self.step_count; sums = defaultdict(float); last = self.elapsed
            while self.elapsed < end and not self.stopping:
                batch = next(source)
                p = (self.elapsed - start) / (end - start)
                set_learning_rate(opts, min(1, (self.step_count - n0 + 1) / 50) * (1 - p + p * stage.lr_end / stage.lr))
                with torch.autocast("cpu", dtype=torch.bfloat16):
                    terms = self.step(batch, stage)
                loss = torch.stack([v.float() for v in terms.values()]).sum()
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 1.0)
                for o in opts:
                    o.step(); o.zero_grad(set_to_none=True)
                self.step_count += 1
                d = min(self.preset.ema, (1 + self.step_count) / (10 + self.step_count))
                with torch.no_grad():
                    for a, b in zip(self.ema.parameters(), self.generator.parameters()):
                        a.lerp_(b, 1 - d)
                now = time.monotonic(); self.elapsed += now - t; t = now
                for k, v in terms.items(): sums[k] += float(v)
                if self.step_count % 50 == 0:
                    print(f"{self.elapsed:.0f}s step {self.step_count}", {k: round(v / 50, 4) for k, v in sums.items()}, flush=True); sums.clear()
                if self.elapsed - last > self.preset.evaluate_seconds:
                    self.evaluate(); self.save(); last = self.elapsed; t = time.monotonic()
            start = end
        self.evaluate(); self.save()

    @torch.no_grad()
    def evaluate(self) -> None:
        x, y = self.validation
        n = 48
        rows = []
        sheets = [to_images(x[:8])]
        xs = x[:n]; yt = y[:n]
        for k in range(4):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                xn = torch.cat([self.ema(c) for c in xs.split(16)]).float()
                la = torch.cat([self.alex(a, b) for a, b in zip(xn.split(16), yt.split(16))]).mean()
                lv = torch.cat([self.vgg(a, b) for a, b in zip(xn.split(16), yt.split(16))]).mean()
            psnr = (-10 * torch.log10(((xn - yt) / 2).square().mean((1, 2, 3)))).mean()
            rows.append(f"k{k+1} {psnr:.2f} A{la:.3f} V{lv:.3f} step {(xn - xs).square().mean((1,2,3)).sqrt().mean():.4f}")
            xs = xn; sheets.append(to_images(xn[:8]))
        sheets.append(to_images(y[:8]))
        print("EVAL", " | ".join(rows), flush=True)
        cv2.imwrite(str(self.out / "sheet.png"), np.vstack([np.hstack(r) for r in zip(*sheets)]))

    def save(self) -> None:
        torch.save({"generator": self.generator.state_dict(), "ema": self.ema.state_dict(), "elapsed": self.elapsed, "step": self.step_count}, self.out / "ck.pt")


if __name__ == "__main__":
    import os
    os.nice(10)
    torch.set_num_threads(2)
    faces, val = load_faces(Path("/work/shared/data/train"))
    out = Path("/work/scratch/run_a"); out.mkdir(exist_ok=True)
    t = Trainer(PRESETS["cfrnet-d"], faces, val, Path("/work/shared/weights"), out)
    t.run(float(sys.argv[1]))
