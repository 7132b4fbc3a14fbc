"""Metrics of restored faces, each stated exactly. Batches are float (N, 3, H, W), RGB, [-1, 1]; results (N,)."""

from __future__ import annotations

import torch
from torch import Tensor


def psnr(x: Tensor, y: Tensor) -> Tensor:
    """Peak signal-to-noise ratio in dB over all three RGB channels, both images rounded to 8 bits first."""
    error = (_eight_bit(x) - _eight_bit(y)).square().mean((1, 2, 3))
    return 10.0 * torch.log10(255.0**2 / error.clamp_min(1e-10))


def step_size(after: Tensor, before: Tensor) -> Tensor:
    """Root mean square of G^(k+1) - G^k on the [-1, 1] scale: |.|_2 per face, divided by the root of its size."""
    return (after - before).square().mean((1, 2, 3)).sqrt()


def _eight_bit(x: Tensor) -> Tensor:
    return ((x + 1.0) * 127.5).round().clamp(0.0, 255.0)
