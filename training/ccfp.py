"""One step of cycle-consistent fixed-point training (CCFP; arXiv 2606.06850, Algorithm 1).

Everything here takes float tensors (N, 3, S, S), RGB, [-1, 1].
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.perceptual import LPIPS

Degrade = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class LossWeights:
    """The weight of every term; zero switches a term off and saves its cost. Saved beside the weights.

    `progressive` weighs |x_i - y|_1 for each of the k cycles trained, `perceptual` their feature distance.
    """

    progressive: tuple[float, ...] = (0.3, 0.5, 1.0)
    perceptual: tuple[float, ...] = (0.0, 0.0, 1.0)
    fixed_point: float = 0.5
    cycle: float = 0.5
    anchor: float = 0.5
    adversarial: float = 0.1
    component: float = 1.0
    style: float = 1.0
    identity: float = 10.0

    @property
    def cycles(self) -> int:
        return len(self.progressive)


def unroll(generator: nn.Module, x: Tensor, cycles: int) -> list[Tensor]:
    """[x_1, ..., x_k]: the generator applied to its own output, the gradient running through all of it."""
    outputs = []
    for _ in range(cycles):
        x = generator(x)
        outputs.append(x)
    return outputs


def progressive_loss(outputs: list[Tensor], y: Tensor, weights: tuple[float, ...]) -> Tensor:
    """L_prog's pixel part: sum_i w_i |x_i - y|_1."""
    terms = [weight * (x - y).abs().mean() for weight, x in zip(weights, outputs, strict=True) if weight]
    return torch.stack(terms).sum()


def perceptual_loss(outputs: list[Tensor], y: Tensor, weights: tuple[float, ...], metric: LPIPS, window: int) -> Tensor:
    """L_prog's feature part on one random window of each face, shared by the cycles: sum_i w_i phi(x_i, y).

    phi is LPIPS with VGG16 where the paper takes raw VGG-19 features: the same network family with calibrated channels.
    A window costs a fraction of the face and every step draws another.
    """
    window = min(window, y.shape[-1])
    top, left = (int(torch.randint(0, y.shape[-1] - window + 1, ())) for _ in range(2))
    crop = (..., slice(top, top + window), slice(left, left + window))
    with torch.no_grad():
        wanted = metric.features(y[crop])
    terms = [
        weight * metric.compare(metric.features(x[crop]), wanted).mean()
        for weight, x in zip(weights, outputs, strict=True)
        if weight
    ]
    return torch.stack(terms).sum()


def fixed_point_loss(generator: nn.Module, x: Tensor) -> Tensor:
    """L_fp = |G(x_k) - x_k|_1 with the outer G frozen, as in Idempotent Generative Networks.

    The gradient moves x_k to where G already stands still. Left free, the outer pass has a cheaper answer:
    to turn G into the identity everywhere.
    """
    frozen = copy.copy(generator)
    parameters = {name: p.detach() for name, p in generator.named_parameters()}
    again: Tensor = torch.func.functional_call(frozen, parameters, (x,))
    return (again - x).abs().mean()


def cycle_loss(generator: nn.Module, x: Tensor, degrade: Degrade) -> Tensor:
    """L_cyc = |G(D(x_k)) - x_k|_1: what was restored, degraded anew, is restored to the same face.

    D has no gradient, and x_k is the target, so it is held still.
    """
    target = x.detach()
    return (generator(degrade(target)) - target).abs().mean()


def anchor_loss(generator: nn.Module, y: Tensor) -> Tensor:
    """|G(y) - y|_1: a clean face is a fixed point. The paper lacks it; without it clean faces drift."""
    return (generator(y) - y).abs().mean()
