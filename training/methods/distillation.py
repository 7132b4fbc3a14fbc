"""Distillation: a generator learns from one that is trained already (knowledge distillation, arXiv 1503.02531).

A teacher answers every degraded face with one definite face, where the truth could be many. To imitate it takes pixels
and a few features instead of critics, identity and fixed-point terms, and a fraction of the steps. CCFP continues from
there (`--init`), with the teacher's critics.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training.checkpoint import load_generator
from training.data import Batch
from training.losses import ccfp
from training.losses.distillation import DistillationWeights, imitation_loss
from training.losses.perceptual import LPIPS
from training.methods.base import Method
from training.methods.ccfp import STATES
from training.presets import Preset, Stage


class Distillation(Method):
    """Compares what the generator makes of a face in every cycle with what the teacher makes of it."""

    def __init__(
        self, preset: Preset, weights: Path, device: torch.device, like: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__(preset, weights, device, like)
        self.teacher = self.place(load_generator(STATES / f"{self.preset.teacher}.pt").requires_grad_(False))
        self.phi = LPIPS("vgg16", weights).to(device)

    def build_critics(self) -> nn.Module:
        return nn.Module()  # none

    def terms(self, faces: Tensor, stage: Stage) -> dict[str, Tensor]:
        """Return every weighted term for degraded faces, as a scalar with its gradient."""
        assert isinstance(stage.losses, DistillationWeights)
        w = stage.losses
        outputs, targets = (self._forced if w.forced else self._unrolled)(faces, len(w.cycles))
        first, few = 0 if w.forced else -1, stage.perceptual_faces
        x, t = (torch.cat([each[:few] for each in states[first:]]) for states in (outputs, targets))
        window = stage.perceptual_window
        found = {
            "imitation": imitation_loss(outputs, targets, w.cycles),
            "perceptual": ccfp.perceptual_loss([x], t, (w.perceptual,), self.phi, window, len(x), w.texture),
        }
        if w.coarse:
            found["coarse"] = ccfp.coarse_perceptual_loss([x], t, (w.coarse,), self.phi, w.texture)
        return found

    def _unrolled(self, faces: Tensor, cycles: int) -> tuple[list[Tensor], list[Tensor]]:
        """Return [x_1, ..., x_k] and [t_1, ..., t_k] of every face."""
        with torch.no_grad():
            targets = ccfp.unroll(self.teacher, faces, cycles)
        return ccfp.unroll(self.generator, faces, cycles), targets

    def _forced(self, faces: Tensor, cycles: int) -> tuple[list[Tensor], list[Tensor]]:
        """Return [G(t_0), ..., G(t_{k-1})] and [t_1, ..., t_k], of another k-th of the faces each.

        Takes a number of faces that `cycles` divides.
        """
        before, targets = [], []
        with torch.no_grad():
            for cycle, part in enumerate(faces.chunk(cycles), start=1):
                states = [part, *ccfp.unroll(self.teacher, part, cycle)]
                before.append(states[-2])
                targets.append(states[-1])
        return list(self.generator(torch.cat(before)).chunk(cycles)), targets

    def step(self, batch: Batch, stage: Stage, progress: float, steps: int) -> dict[str, float]:
        """Take one step. Now and then the last of several faces stays clean: the teacher hardly changes it."""
        faces = batch.degraded
        if len(faces) > 1 and steps % self.preset.rare_every == 0:
            faces = torch.cat([faces[:-1], batch.clean[-1:]])
        with self.autocast():
            terms = self.terms(faces.contiguous(memory_format=self.layout), stage)
        self.descend(terms)
        return {name: float(term.detach()) for name, term in terms.items()}
