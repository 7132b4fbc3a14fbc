"""Shift-tolerant LPIPS: the published figures, and tolerance of a shift."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch

from training.data import to_tensor
from training.metrics.stlpips import ShiftTolerantLPIPS


@pytest.fixture(scope="module")
def metric() -> ShiftTolerantLPIPS:
    return ShiftTolerantLPIPS()


@pytest.fixture(scope="module")
def astronaut() -> torch.Tensor:
    return to_tensor(np.ascontiguousarray(skimage.data.astronaut()[None, :256, 100:356, ::-1]))


def test_it_gives_what_the_authors_package_gives(metric: ShiftTolerantLPIPS, astronaut: torch.Tensor) -> None:
    noise = torch.randn(astronaut.shape, generator=torch.Generator().manual_seed(0))
    noisy = (astronaut + 0.2 * noise).clamp(-1, 1)
    # Taken once from the package stlpips-pytorch 0.0.2, which needs torchvision.
    assert float(metric(astronaut, noisy)) == pytest.approx(0.53883, abs=2e-4)
    assert float(metric(astronaut, astronaut)) == 0.0


def test_a_shift_of_one_pixel_hardly_counts(metric: ShiftTolerantLPIPS, astronaut: torch.Tensor) -> None:
    shifted = torch.roll(astronaut, 1, dims=3)
    blurred = torch.nn.functional.avg_pool2d(astronaut, 3, stride=1, padding=1)
    assert float(metric(astronaut, shifted)) < 0.02
    assert float(metric(astronaut, shifted)) < 0.2 * float(metric(astronaut, blurred))
