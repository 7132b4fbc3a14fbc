"""CCFP, cycle-consistent fixed-point training of the CFRNet generators (arXiv 2606.06850, Algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from training.checkpoint import full_precision, read_checkpoint
from training.data import FACE_SIZE, Batch, to_images, to_tensor
from training.degradation.mixture import TrainingDegradation
from training.losses import ccfp
from training.losses.perceptual import LPIPS
from training.methods.base import Method, ramp
from training.networks.identity import MobileFaceNet
from training.presets import Preset, Stage

STATES = Path(__file__).parents[2] / "models" / "training"
"""The training states of the shipped networks: `Preset.teacher` names one of them."""


class CCFP(Method):
    """Unrolls the generator k times, computes every term of the stage, then trains the critics."""

    def __init__(
        self, preset: Preset, weights: Path, device: torch.device, like: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__(preset, weights, device, like)
        self.phi, self.embedder = LPIPS("vgg16", weights).to(device), MobileFaceNet(weights).to(device)
        if self.bfloat16:  # autocast keeps its casts of weights that are trained alone, and casts these in every call
            self.phi.kernels.to(torch.bfloat16)
            self.phi.biases.to(torch.bfloat16)

    def build_critics(self) -> nn.Module:
        return critics_of(self.preset.teacher) if self.preset.teacher else ccfp.Critics()

    def terms(
        self, outputs: list[Tensor], batch: Batch, stage: Stage, *, progress: float, rare: bool
    ) -> dict[str, Tensor]:
        """Return every weighted term of CCFP (Algorithm 1) that the stage uses, as a scalar with its gradient.

        `outputs` are x_1 ... x_k of the batch's degraded faces, `progress` in [0, 1] that of the stage. The rare terms
        of the recipe are included when `rare` is set.
        """
        assert isinstance(stage.losses, ccfp.LossWeights)

        def due(name: str) -> bool:
            return rare or name not in self.preset.rare

        w, y, last, generator = stage.losses, batch.clean, outputs[-1], self.generator
        terms = {"progressive": ccfp.progressive_loss(outputs, y, w.progressive)}
        if any(w.fidelity):
            terms["fidelity"] = ccfp.fidelity_loss(outputs, y, w.fidelity)
        if any(w.perceptual):
            terms["perceptual"] = ccfp.perceptual_loss(
                outputs, y, w.perceptual, self.phi, stage.perceptual_window, stage.perceptual_faces, w.texture
            )
        if any(w.coarse):
            terms["coarse"] = ccfp.coarse_perceptual_loss(outputs, y, w.coarse, self.phi, w.texture)
        if w.fixed_point and due("fixed_point"):
            rise = ramp(progress, stage.fixed_point_ramp)
            terms["fixed_point"] = rise * w.fixed_point * ccfp.fixed_point_loss(generator, last)
        if w.cycle and due("cycle"):
            terms["cycle"] = w.cycle * ccfp.cycle_loss(generator, last, self._degrade)
        if w.anchor and due("anchor"):
            terms["anchor"] = w.anchor * ccfp.anchor_loss(generator, y)
        if w.adversaries:
            self.critics.requires_grad_(False)
            rise = ramp(progress, stage.adversarial_ramp)
            answers = self.critics.generator_terms(last, y, batch.landmarks, w)  # type: ignore[operator]
            terms |= {name: rise * term for name, term in answers.items()}
            self.critics.requires_grad_(True)
        if w.identity and due("identity") and y.shape[-1] == FACE_SIZE:
            terms["identity"] = w.identity * ccfp.identity_loss(self.embedder, last, y, batch.landmarks)
        return terms

    def step(self, batch: Batch, stage: Stage, progress: float, steps: int) -> dict[str, float]:
        """Take one step of CCFP (Algorithm 1): unroll, all terms, one backward pass; then the discriminators."""
        assert isinstance(stage.losses, ccfp.LossWeights)
        w = stage.losses
        rare = steps % self.preset.rare_every == 0
        with self.autocast():
            outputs = ccfp.unroll(self.generator, batch.degraded, w.cycles)
            terms = self.terms(outputs, batch, stage, progress=progress, rare=rare)
            # They stand for the steps without them, too.
            terms |= {name: self.preset.rare_every * terms[name] for name in self.preset.rare if name in terms}
        self.descend(terms)
        if w.adversaries:
            with self.autocast():
                loss = self.critics.discriminator_loss(  # type: ignore[operator]
                    outputs[-1], batch.clean, batch.landmarks, w
                )
            self.descend_critics(loss)
            terms["critics"] = loss
        return {name: float(term.detach()) for name, term in terms.items()}

    def _degrade(self, faces: Tensor) -> Tensor:
        degrade = TrainingDegradation(paper=0.6, webcam=0.4, call=0.0)
        return to_tensor(np.stack([degrade(image, self.rng) for image in to_images(faces)])).to(faces.device)


def critics_of(network: str) -> ccfp.Critics:
    """Return the critics of a shipped network, as its training state has them."""
    critics = ccfp.Critics()
    critics.load_state_dict(full_precision(read_checkpoint(STATES / f"{network}.pt")["critics"]))
    return critics
