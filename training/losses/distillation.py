"""Loss terms of distillation: what a generator does in every cycle, compared with what its teacher does there."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class DistillationWeights:
    """The weight of every term. Saved beside the weights.

    `cycles` weighs |x_i - t_i|_1 of each of the k cycles, `perceptual` the feature distance of x_k and t_k, `coarse`
    that of both averaged over 3x3 pixels, `texture` the part that Gram matrices have in these. With `forced`,
    x_i = G(t_{i-1}) of another k-th of the faces for every i (teacher forcing), and the features of every x_i count;
    otherwise x_i = G(x_{i-1}) of all of them.
    """

    cycles: tuple[float, ...] = (1.0, 1.0, 1.0)
    perceptual: float = 0.3
    coarse: float = 0.0
    texture: float = 0.5
    forced: bool = False


def imitation_loss(outputs: list[Tensor], targets: list[Tensor], weights: tuple[float, ...]) -> Tensor:
    """sum_i w_i |x_i - t_i|_1 for [x_1, ..., x_k] and the teacher's [t_1, ..., t_k]."""
    cycles = zip(weights, outputs, targets, strict=True)
    return torch.stack([weight * (x - t).abs().mean() for weight, x, t in cycles]).sum()
