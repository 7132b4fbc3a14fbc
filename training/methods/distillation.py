"""Distillation: a generator learns from one that is trained already (knowledge distillation, arXiv 1503.02531).

A teacher answers every degraded face with one definite face, where the truth could be many. To imitate it takes pixels
and a few features instead of critics, identity and fixed-point terms, and a fraction of the steps. CCFP continues from
there (`--init`), with the teacher's critics, which are carried along.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training.checkpoint import full_precision, load_generator, read_checkpoint
from training.data import Batch
from training.losses import ccfp
from training.losses.distillation import DistillationWeights, imitation_loss
from training.losses.perceptual import LPIPS
from training.methods.base import Method
from training.presets import Preset, Stage

STATES = Path(__file__).parents[2] / "models" / "training"
"""The training states of the shipped networks: `Preset.teacher` names one of them."""


class Distillation(Method):
    """Unrolls the generator k times and compares every output with the teacher's."""

    def __init__(
        self, preset: Preset, weights: Path, device: torch.device, like: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__(preset, weights, device, like)
        self.teacher = self.place(load_generator(self._teacher_state()).requires_grad_(False))
        self.phi = LPIPS("vgg16", weights).to(device)

    def build_critics(self) -> nn.Module:
        critics = ccfp.Critics()
        critics.load_state_dict(full_precision(read_checkpoint(self._teacher_state())["critics"]))
        return critics

    def _teacher_state(self) -> Path:
        return STATES / f"{self.preset.teacher}.pt"

    def terms(self, faces: Tensor, stage: Stage) -> dict[str, Tensor]:
        """Return every weighted term for degraded faces, as a scalar with its gradient."""
        assert isinstance(stage.losses, DistillationWeights)
        w = stage.losses
        with torch.no_grad():
            targets = ccfp.unroll(self.teacher, faces, len(w.cycles))
        outputs = ccfp.unroll(self.generator, faces, len(w.cycles))
        perceptual = ccfp.perceptual_loss(
            outputs[-1:], targets[-1], (w.perceptual,), self.phi, stage.perceptual_window, stage.perceptual_faces,
            w.texture,
        )  # fmt: skip
        return {"imitation": imitation_loss(outputs, targets, w.cycles), "perceptual": perceptual}

    def step(self, batch: Batch, stage: Stage, progress: float, steps: int) -> dict[str, float]:
        """Take one step. The last face of the batch stays clean: the teacher hardly changes it."""
        faces = torch.cat([batch.degraded[:-1], batch.clean[-1:]])
        with self.autocast():
            terms = self.terms(faces.contiguous(memory_format=self.layout), stage)
        self.descend(terms)
        return {name: float(term.detach()) for name, term in terms.items()}
