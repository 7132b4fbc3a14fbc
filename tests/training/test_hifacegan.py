"""HiFaceGAN: its size, what its modules do, its losses, and a step of training."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from training.losses import renovation
from training.networks.cfrnet import count_parameters
from training.networks.hifacegan import (
    FULL,
    LITE,
    SUPPRESSIONS,
    CorrelationConvolution,
    HiFaceGAN,
    ImportancePooling,
    Layout,
    MultiScaleDiscriminator,
)

SMALL = replace(LITE, width=8, widest=2, halvings=3)


def macs(layout: Layout) -> float:
    """Billions of multiplications of a pass over a face of 256x256."""
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"), FlopCounterMode(display=False) as counted:
        HiFaceGAN(layout)(torch.zeros(1, 3, 256, 256))
    return counted.get_total_flops() / 2e9


def test_the_full_network_and_the_light_one_have_the_size_that_is_stated() -> None:
    with torch.device("meta"):
        full, lite = HiFaceGAN(FULL), HiFaceGAN(LITE)
    assert FULL.channels == (64, 128, 256, 512, 1024, 1024)
    assert count_parameters(full) == pytest.approx(130.7e6, rel=0.001)
    assert macs(FULL) == pytest.approx(181.6, rel=0.001)
    assert count_parameters(lite) == pytest.approx(4.39e6, rel=0.001)
    assert macs(LITE) == pytest.approx(3.35, rel=0.001)


@pytest.mark.parametrize("suppression", sorted(SUPPRESSIONS))
@pytest.mark.parametrize("light", [False, True])
def test_every_layout_restores_a_face_of_the_same_size(suppression: str, light: bool) -> None:
    network = HiFaceGAN(replace(SMALL, suppression=suppression, light=light))  # type: ignore[arg-type]
    x = torch.rand(2, 3, 64, 64) * 2 - 1
    y = network(x)
    assert y.shape == x.shape
    assert float(y.detach().abs().max()) <= 1.0
    y.mean().backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


def test_every_scale_guides_the_restoration() -> None:
    network = HiFaceGAN(SMALL).eval()
    guides = network.guides(torch.rand(1, 3, 64, 64))
    assert [tuple(g.shape[1:]) for g in guides] == [(8, 32, 32), (16, 16, 16), (16, 8, 8), (16, 4, 4)]
    for scale, block in enumerate(reversed(network.replenish)):
        found = [block(torch.ones(1, block.conv1.in_channels, *guides[scale].shape[2:]), g)
                 for g in (guides[scale], guides[scale].flip(-1))]  # fmt: skip
        assert not torch.allclose(*found)


def test_importance_pooling_averages_until_it_has_learnt_and_then_prefers_what_is_important() -> None:
    x = torch.rand(1, 4, 16, 16)
    module = ImportancePooling(4)
    inner = (slice(None), slice(None), slice(1, None), slice(1, None))
    torch.testing.assert_close(module(x)[inner], torch.nn.functional.avg_pool2d(x, 3, 2, 1)[inner])
    with torch.no_grad():  # bright pixels become important
        module.norm.weight.fill_(1.0)
        module.conv.weight.zero_()
        module.conv.weight[range(4), range(4), 1, 1] = 1.0
    assert (module(x) > torch.nn.functional.avg_pool2d(x, 3, 2, 1))[inner].float().mean() > 0.95
    assert float(module(x).detach().max()) <= float(x.max()) + 1e-6


def test_the_papers_formula_is_what_it_says() -> None:
    module = CorrelationConvolution(3, dimensions=2)
    x = torch.randn(1, 3, 8, 8)
    g = module.project(x)[0]
    wanted = torch.zeros(3)
    row, column = 4, 2  # an output pixel in the middle is the input's (4, 2) and its eight neighbours
    for i in range(3):
        for j in range(3):
            f = x[0, :, row + i - 1, column + j - 1]
            phi = torch.sigmoid(g[:, row, column] @ g[:, row + i - 1, column + j - 1])
            wanted += phi * (module.conv.weight[:, :, i, j] @ f)
    torch.testing.assert_close(module(x)[0, :, row // 2, column // 2], wanted)


def test_the_discriminator_judges_two_sizes_and_minds_the_input() -> None:
    critics = MultiScaleDiscriminator(width=4)
    x, y = torch.rand(2, 1, 3, 128, 128)
    found = critics(x, y)
    assert [len(features) for features in found] == [5, 5]
    assert [features[-1].shape[1] for features in found] == [1, 1]
    assert found[0][-1].shape[2] > 1.5 * found[1][-1].shape[2]
    assert not torch.allclose(critics(y, y)[0][-1], found[0][-1])


def test_the_losses_by_hand() -> None:
    fake = [[torch.full((1, 2, 2, 2), 0.5), torch.full((1, 1, 2, 2), 0.25)]]
    real = [[torch.zeros(1, 2, 2, 2), torch.full((1, 1, 2, 2), 2.0)]]
    assert float(renovation.lsgan_generator_loss(fake)) == pytest.approx(0.75**2)
    assert float(renovation.lsgan_discriminator_loss(real, fake)) == pytest.approx(0.5 * 1.0 + 0.5 * 0.25**2)
    assert float(renovation.feature_matching_loss(fake, real)) == pytest.approx(0.5)
    twice = renovation.feature_matching_loss(fake * 2, real * 2)
    assert float(twice) == pytest.approx(0.5)  # averaged over the sizes
