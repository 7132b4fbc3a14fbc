from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest
import torch
from torch import Tensor

from training.losses.perceptual import LPIPS


def waves() -> tuple[Tensor, Tensor]:
    y, x = torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")
    one = torch.stack((torch.sin(x / 5), torch.cos(y / 7), torch.sin((x + y) / 9)))
    other = 0.8 * torch.stack((torch.sin(x / 5 + 0.5), torch.cos(y / 6), torch.sin((x - y) / 9)))
    return one[None], other[None]


@pytest.mark.parametrize(("backbone", "expected"), [("alexnet", 0.178445), ("vgg16", 0.408768)])
def test_it_gives_the_figures_of_the_authors_own_code(
    backbone: Literal["alexnet", "vgg16"], expected: float, weights: Path
) -> None:
    # From the package lpips 0.1.4 on these two pictures, with its own linear heads.
    metric, (one, other) = LPIPS(backbone, weights), waves()
    with torch.no_grad():
        assert float(metric(one, other)) == pytest.approx(expected, abs=2e-5)
        assert float(metric(other, one)) == pytest.approx(expected, abs=2e-5)
        assert float(metric(one, one)) == 0.0


def test_a_batch_is_scored_face_by_face(weights: Path) -> None:
    metric, (one, other) = LPIPS("alexnet", weights), waves()
    with torch.no_grad():
        scores = metric(torch.cat((one, other)), torch.cat((one, one)))
    assert scores.shape == (2,)
    assert float(scores[0]) == 0.0
    assert float(scores[1]) == pytest.approx(0.178445, abs=2e-5)


def test_fewer_taps_make_a_cheaper_part_of_the_sum(weights: Path) -> None:
    one, other = waves()
    with torch.no_grad():
        parts = [float(LPIPS("vgg16", weights, taps=taps)(one, other)) for taps in (1, 3, 5)]
    assert parts == sorted(parts)
    assert parts[0] > 0.0


def test_it_is_frozen_but_lets_gradients_through(weights: Path) -> None:
    metric, (one, other) = LPIPS("alexnet", weights), waves()
    other.requires_grad_()
    metric(other, one).sum().backward()
    assert other.grad is not None
    assert float(other.grad.abs().sum()) > 0
    assert not any(parameter.requires_grad for parameter in metric.parameters())


def test_missing_weights_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"lpips_vgg16\.npz"):
        LPIPS("vgg16", tmp_path)
