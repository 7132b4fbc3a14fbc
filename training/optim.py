"""Muon for convolution kernels, Adam for everything else."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrices: Tensor, steps: int = 5) -> Tensor:
    """Push the singular values of (B, R, C) matrices towards one, R <= C, by a quintic Newton-Schulz iteration.

    The coefficients are Keller Jordan's: they trade exactness (values converge to about [0.7, 1.2]) for speed.
    """
    a, b, c = _NEWTON_SCHULZ
    x: Tensor = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x


class Muon(torch.optim.Optimizer):
    """Momentum whose step is orthogonalised, for kernels (out, in, kh, kw) seen as out x (in kh kw) matrices.

    Kernels of one shape are orthogonalised in one batched product. Why not Adam: docs/decisions/training-choices.md.
    """

    def __init__(self, params: Iterable[Tensor], lr: float, momentum: float = 0.95) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(parameter)
                buffer = state["momentum"].lerp_(parameter.grad, 1.0 - group["momentum"])
                nesterov = parameter.grad.lerp(buffer, group["momentum"])
                by_shape[parameter.shape].append((parameter, nesterov.flatten(1)))
            for shape, entries in by_shape.items():
                matrices = torch.stack([matrix for _, matrix in entries])
                tall = matrices.shape[1] > matrices.shape[2]
                update = orthogonalize(matrices.mT if tall else matrices)
                update = (update.mT if tall else update).reshape(-1, *shape)
                scale = max(1.0, matrices.shape[1] / matrices.shape[2]) ** 0.5
                for (parameter, _), step in zip(entries, update, strict=True):
                    parameter.add_(step, alpha=-group["lr"] * scale)


def generator_optimizers(generator: nn.Module, lr: float) -> list[torch.optim.Optimizer]:
    """Muon at `lr` for the inner kernels; Adam at a twentieth for the rest and the first and last convolution."""
    kernels: list[Tensor] = []
    rest: list[Tensor] = []
    for name, parameter in generator.named_parameters():
        inner = parameter.ndim == 4 and not name.startswith(("stem", "head"))
        (kernels if inner else rest).append(parameter)
    return [Muon(kernels, lr), torch.optim.Adam(rest, lr / 20.0, betas=(0.9, 0.99))]


def set_learning_rate(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Scale every group to `factor` times the rate it was made with."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group.setdefault("base_lr", group["lr"])
            group["lr"] = group["base_lr"] * factor
