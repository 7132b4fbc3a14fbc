"""Loss terms of PFSRNet (arXiv 1908.08239): WGAN-GP and facial attention beside pixels and features."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class ProgressiveWeights:
    """The weight of every term; zero switches a term off. Saved beside the weights.

    `perceptual` is LPIPS on VGG16 where the paper has raw VGG16 features, `penalty` that of the critic's gradient.
    """

    pixel: float = 1.0
    perceptual: float = 0.2
    adversarial: float = 0.001
    attention: float = 2.0
    penalty: float = 10.0


def attention_loss(restored: Tensor, truth: Tensor, attention: Tensor) -> Tensor:
    """Facial attention: the absolute difference of pixels, each times the landmark heatmap there, averaged.

    Faces float (N, 3, S, S), attention float (N, 1, S, S) in [0, 1].
    """
    return ((restored - truth).abs() * attention).mean()


def wasserstein_critic_loss(real: Tensor, fake: Tensor) -> Tensor:
    """E[D(G(x))] - E[D(y)], of scores (N,)."""
    return fake.float().mean() - real.float().mean()


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> Tensor:
    """E[(|grad D(z)| - 1)^2] at faces z drawn between real and fake ones (Gulrajani et al., 2017)."""
    part = torch.rand(len(real), 1, 1, 1, device=real.device)
    between = torch.lerp(real, fake.detach(), part).requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    lengths: Tensor = gradient.flatten(1).norm(dim=1)
    return (lengths - 1.0).square().mean()
