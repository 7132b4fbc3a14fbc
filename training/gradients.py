"""The gradients of the loss terms, compared with those of the reported figures.

`python -m training gradients CHECKPOINT --faces DIR --weights DIR [--preset cfrnet-rt-continue]`

This takes two minutes instead of hours of training: a term whose cosine with a figure is negative makes that figure
worse, one without a consistent gradient has converged, and one ten times as long as all the others dominates them.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from app.core.machine import usable_cores
from training.checkpoint import read_checkpoint
from training.data import Batch, batches, load_faces
from training.degradation.kinds import KINDS
from training.losses import ccfp
from training.losses.perceptual import LPIPS
from training.methods import CCFP
from training.presets import PRESETS, Stage
from training.train import Trainer

BATCHES = 8


@dataclass(frozen=True, kw_only=True)
class Pull:
    """The gradient of one term, as weighted in the recipe, averaged over the batches."""

    term: str
    length: float
    """Euclidean norm of the average."""
    steadiness: float
    """Cosine between the averages of every other batch: near 0 it is noise, and the term has converged."""
    cosines: dict[str, float]
    """With the gradient of every figure. Above 0, following the term makes the figure better."""


def measure(method: CCFP, stage: Stage, source: Iterable[Batch], alexnet: LPIPS) -> list[Pull]:
    """Measure the gradients of every term and every figure: PSNR of x_2, LPIPS of the last cycle on both backbones.

    In a single pass PSNR is that of x_1. `source` yields at least two batches; the critics are used as they
    are. No weights change.
    """
    assert isinstance(stage.losses, ccfp.LossWeights)
    parameters = list(method.generator.parameters())
    gradients: dict[str, list[Tensor]] = {}
    figures: dict[str, Tensor] = {}
    for batch in source:
        with method.autocast():
            outputs = ccfp.unroll(method.generator, batch.degraded, stage.losses.cycles)
            last, y = outputs[-1], batch.clean
            faithful = outputs[:2][-1:]
            figures = {
                "PSNR": ccfp.fidelity_loss(faithful, y, (1.0,)),
                "LPIPS-A": alexnet(last, y).mean(),
                "LPIPS-V": method.phi(last, y).mean(),
            }
            terms = method.terms(outputs, batch, stage, progress=1.0, rare=True)
        for name, loss in (figures | terms).items():
            found = torch.autograd.grad(loss.float(), parameters, retain_graph=True)
            gradients.setdefault(name, []).append(torch.cat([part.float().flatten() for part in found]))
    means = {name: torch.stack(found).mean(0) for name, found in gradients.items()}
    return [
        Pull(
            term=name,
            length=float(mean.norm()),
            steadiness=_cosine(*(torch.stack(gradients[name][half::2]).mean(0) for half in (0, 1))),
            cosines={figure: _cosine(mean, means[figure]) for figure in figures},
        )
        for name, mean in means.items()
    ]


def _cosine(a: Tensor, b: Tensor) -> float:
    return float(F.cosine_similarity(a, b, 0))


def table(pulls: list[Pull]) -> str:
    figures = list(pulls[0].cosines)
    lines = [f"{'':<14}{'length':>10}{'steadiness':>12}" + "".join(f"{figure:>10}" for figure in figures)]
    for pull in pulls:
        cosines = "".join(f"{pull.cosines[figure]:>+10.2f}" for figure in figures)
        lines.append(f"{pull.term:<14}{pull.length:>10.4f}{pull.steadiness:>+12.2f}{cosines}")
    return "\n".join(lines)


def main() -> None:
    presets = sorted(name for name, preset in PRESETS.items() if preset.method == "ccfp")
    parser = argparse.ArgumentParser(description="Print the length and direction of every loss term's gradient.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--preset", choices=presets, default="cfrnet-rt-continue", help="its last stage")
    parser.add_argument("--faces", type=Path, required=True, help="training faces, measured on")
    parser.add_argument("--weights", type=Path, required=True, help="folder of the LPIPS and MobileFaceNet weights")
    parser.add_argument("--batches", type=int, default=BATCHES)
    parser.add_argument("--threads", type=int, default=usable_cores())
    options = parser.parse_args()
    if options.batches < 2:
        parser.error("--batches must be at least 2: the steadiness compares two halves")

    torch.set_num_threads(options.threads)
    preset = PRESETS[options.preset]
    stage = preset.stages[-1]
    training, validation = load_faces(options.faces)
    with tempfile.TemporaryDirectory() as folder:
        state = read_checkpoint(options.checkpoint)
        trainer = Trainer(preset, training, validation, options.weights, Path(folder), like=state["ema"])
        trainer.load_state(state, keep_clock=False)
        assert isinstance(trainer.method, CCFP)
        source = batches(
            training, batch=stage.batch, crop=stage.crop, seed=preset.seed, degrade=KINDS[preset.degradation],
            device=trainer.device,
        )  # fmt: skip
        alexnet = LPIPS("alexnet", options.weights).to(trainer.device)
        pulls = measure(trainer.method, stage, itertools.islice(source, options.batches), alexnet)
    print(table(pulls))
