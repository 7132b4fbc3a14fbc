"""Training of PFSRNet (arXiv 1908.08239): one doubling after the other, each one faded in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.data import Batch
from training.losses import progressive
from training.losses.perceptual import LPIPS
from training.methods.base import Method, ramp
from training.networks.pfsrnet import INPUT_SIDE, LandmarkHeatmaps, PFSRNet, ProgressiveCritic, shrink
from training.presets import Preset, Stage


class Progressive(Method):
    """Enlarges clean faces of 16 pixels to the size of the stage's step; degradations are not used."""

    critic_momentum = 0.0

    def __init__(
        self, preset: Preset, weights: Path, device: torch.device, like: Mapping[str, Tensor] | None = None
    ) -> None:
        super().__init__(preset, weights, device, like)
        self.phi, self.heatmaps = LPIPS("vgg16", weights).to(device), LandmarkHeatmaps(weights).to(device)

    def build_critics(self) -> nn.Module:
        return ProgressiveCritic()

    def build_optimizers(self) -> list[torch.optim.Optimizer]:
        """Build Adam, which equalised learning rates are designed for."""
        return [torch.optim.Adam(self.generator.parameters(), self.preset.lr, betas=(0.0, 0.99))]

    @property
    def core(self) -> PFSRNet:
        """The super-resolution network inside the restorer."""
        core = self.generator.core
        assert isinstance(core, PFSRNet)
        return core

    def terms(self, restored: Tensor, y: Tensor, attention: Tensor, stage: Stage, alpha: float) -> dict[str, Tensor]:
        """Return every weighted term of the generator, as a scalar with its gradient.

        `restored` and `y` are faces of the step's size, `attention` (N, 1, S, S) their landmark heatmaps.
        """
        assert isinstance(stage.losses, progressive.ProgressiveWeights)
        w, few = stage.losses, stage.perceptual_faces
        self.critics.requires_grad_(False)
        terms = {
            "pixel": w.pixel * F.mse_loss(restored.float(), y),
            "perceptual": w.perceptual * self.phi(restored[:few], y[:few]).mean(),
            "attention": w.attention * progressive.attention_loss(restored, y, attention),
            "adversarial": -w.adversarial * self.critics(restored, stage.step, alpha).float().mean(),
        }
        self.critics.requires_grad_(True)
        return terms

    def step(self, batch: Batch, stage: Stage, progress: float, steps: int) -> dict[str, float]:
        """Take one step of the generator, then one of the critic."""
        assert isinstance(stage.losses, progressive.ProgressiveWeights)
        w, faces = stage.losses, batch.clean
        # The first doubling has no smaller network to be blended with.
        alpha = ramp(progress, stage.fade_in) if stage.step > 1 else 1.0
        y = F.avg_pool2d(faces, faces.shape[-1] // (INPUT_SIDE * 2**stage.step))
        with self.autocast():
            attention = F.interpolate(
                self.heatmaps.attention(faces).float(), size=y.shape[-2:], mode="bilinear", align_corners=False
            )
            restored = self.core(shrink(faces), stage.step, alpha)
            terms = self.terms(restored, y, attention, stage, alpha)
        self.descend(terms)

        def critic(faces: Tensor) -> Tensor:
            scores: Tensor = self.critics(faces, stage.step, alpha)
            return scores

        fake = restored.detach().float()
        with self.autocast():
            loss = progressive.wasserstein_critic_loss(critic(y), critic(fake))
        if steps % self.preset.rare_every == 0:  # it costs twice as much as all the rest of the critic's step
            # In single precision: the penalty is a gradient of a gradient.
            loss = loss + self.preset.rare_every * w.penalty * progressive.gradient_penalty(critic, y, fake)
        self.descend_critics(loss)
        terms["critics"] = loss
        return {name: float(term.detach()) for name, term in terms.items()}
