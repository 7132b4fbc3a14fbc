"""Training of HiFaceGAN (arXiv 2005.05005): one pass, LSGAN, feature matching, perceptual terms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training.data import Batch
from training.losses import ccfp, renovation
from training.losses.perceptual import LPIPS
from training.methods.base import Method, ramp
from training.networks.hifacegan import MultiScaleDiscriminator
from training.presets import Preset, Stage


class Renovation(Method):
    """Restores in one pass; the critics judge the restored face conditioned on the degraded one.

    Whole faces are used, because instance normalisation has other statistics in a crop.
    """

    # Instance normalisation converts channels-last tensors, which on a CPU takes longer than the convolutions.
    memory_format = torch.contiguous_format

    def __init__(
        self, preset: Preset, weights: Path, device: torch.device, like: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__(preset, weights, device, like)
        self.phi = LPIPS("vgg16", weights).to(device)

    def build_critics(self) -> nn.Module:
        return MultiScaleDiscriminator()

    def terms(self, x: Tensor, restored: Tensor, y: Tensor, stage: Stage, progress: float) -> dict[str, Tensor]:
        """Return every weighted term of the generator, as a scalar with its gradient.

        `x`, `restored` and `y` are degraded, restored and clean faces, `progress` in [0, 1] that of the stage.
        """
        assert isinstance(stage.losses, renovation.RenovationWeights)
        w = stage.losses
        terms = {"pixel": w.pixel * (restored - y).abs().mean()}
        terms["perceptual"] = ccfp.perceptual_loss(
            [restored], y, (w.perceptual,), self.phi, stage.perceptual_window, stage.perceptual_faces, w.texture
        )
        terms["coarse"] = ccfp.coarse_perceptual_loss([restored], y, (w.coarse,), self.phi, w.texture)
        rise = ramp(progress, stage.adversarial_ramp)
        self.critics.requires_grad_(False)
        fake = self.critics(x, restored)
        with torch.no_grad():
            real = self.critics(x, y)
        terms["adversarial"] = rise * w.adversarial * renovation.lsgan_generator_loss(fake)
        terms["matching"] = rise * w.matching * renovation.feature_matching_loss(fake, real)
        self.critics.requires_grad_(True)
        return terms

    def step(self, batch: Batch, stage: Stage, progress: float, steps: int) -> dict[str, float]:
        """Take one step of the generator, then one of the critics."""
        x, y = (faces.contiguous(memory_format=self.layout) for faces in (batch.degraded, batch.clean))
        with self.autocast():
            restored = self.generator(x)
            terms = self.terms(x, restored, y, stage, progress)
        self.descend(terms)
        with self.autocast():
            loss = renovation.lsgan_discriminator_loss(self.critics(x, y), self.critics(x, restored.detach()))
        self.descend_critics(loss)
        terms["critics"] = loss
        return {name: float(term.detach()) for name, term in terms.items()}
