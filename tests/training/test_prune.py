"""Pruning takes out what carries nothing, says what it cost, and leaves a network that trains and ships as before."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from training.checkpoint import load_generator, save_checkpoint
from training.data import seeded_pairs
from training.networks import CFRNetRT, ResidualBlock, build_generator, residual_blocks
from training.networks.cfrnet import count_parameters
from training.shipping import prune as command
from training.shipping.prune import inner_grams, prune, prune_block
from training.shipping.quantize import KERNEL_CHANNELS

from .conftest import made_up_faces

TOLERANCE = 0.02


@pytest.fixture
def network() -> nn.Sequential:
    """Two residual blocks on the picture itself: all that pruning looks at, and quick."""
    torch.manual_seed(1)
    network = nn.Sequential(ResidualBlock(3), ResidualBlock(3))
    for block, inner in zip(network, (64, 48), strict=True):
        block.resize(inner)  # type: ignore[operator]
    return network


@pytest.fixture(scope="module")
def degraded() -> Tensor:
    return seeded_pairs(made_up_faces(2, 64))[0]


def idle(block: nn.Module, channels: slice) -> None:
    """Let inner channels of a block never answer: their ReLU sees nothing but negative values."""
    with torch.no_grad():
        block.conv1.weight[channels] = 0  # type: ignore[index, union-attr]
        block.conv1.bias[channels] = -1  # type: ignore[index, union-attr]


def test_idle_channels_go_and_nothing_changes(network: nn.Sequential, degraded: Tensor) -> None:
    idle(network[0], slice(10, 50))  # two groups of sixteen and a half
    idle(network[1], slice(8))  # half a group
    pruned, done = prune(network, degraded, tolerance=1e-5)
    assert set(range(10)) | set(range(50, 64)) <= set(done["0"].kept)
    assert (len(done["0"].kept), len(done["1"].kept)) == (32, 48)
    with torch.no_grad():
        torch.testing.assert_close(pruned(degraded), network(degraded), atol=1e-4, rtol=0)
    assert network[0].conv1.out_channels == 64  # the one that was handed in is left alone


def test_a_channel_that_says_what_another_says_goes_and_the_other_takes_its_part() -> None:
    torch.manual_seed(2)
    seen = torch.rand(32, 9, 4000, dtype=torch.float64)
    seen[:16] = seen[16:]
    patches = seen.flatten(0, 1)
    weight = torch.randn(8, 32, 3, 3, dtype=torch.float64)
    left = prune_block(patches @ patches.T / 4000, weight, tolerance=1e-3)
    assert len(left.kept) == KERNEL_CHANNELS
    assert sorted(channel % 16 for channel in left.kept) == list(range(16))  # one of each pair
    wanted = weight.flatten(1) @ patches
    found = left.weight.flatten(1) @ seen[left.kept].flatten(0, 1)
    assert float((found - wanted).square().mean() / wanted.square().mean()) < 1e-4


def test_the_loss_it_reports_is_the_loss_there_is() -> None:
    torch.manual_seed(3)
    patches = torch.randn(48 * 9, 48 * 9, dtype=torch.float64) @ torch.rand(48 * 9, 6000, dtype=torch.float64)
    weight = torch.randn(8, 48, 3, 3, dtype=torch.float64)
    left = prune_block(patches @ patches.T / 6000, weight, tolerance=0.9)
    assert len(left.kept) in (16, 32)
    wanted = weight.flatten(1) @ patches
    found = left.weight.flatten(1) @ patches.view(48, 9, -1)[left.kept].flatten(0, 1)
    assert left.loss == pytest.approx(float((found - wanted).square().sum() / wanted.square().sum()), rel=0.02)
    assert 0 < left.loss <= 0.9


def test_what_may_be_lost_decides_what_goes(network: nn.Sequential, degraded: Tensor) -> None:
    sizes = [count_parameters(prune(network, degraded, tolerance)[0]) for tolerance in (0.0, TOLERANCE, 0.5)]
    assert sizes[0] == count_parameters(network)
    assert sizes[0] >= sizes[1] >= sizes[2]
    assert sizes[0] > sizes[2]


def test_grams_are_those_of_the_second_convolution(network: nn.Sequential, degraded: Tensor) -> None:
    grams = inner_grams(network, degraded)
    assert {name: gram.shape[0] for name, gram in grams.items()} == {"0": 9 * 64, "1": 9 * 48}
    assert all(torch.allclose(gram, gram.T) and bool((gram.diagonal() >= 0).all()) for gram in grams.values())


def test_the_command_writes_a_checkpoint_that_is_read_back_narrow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    network = CFRNetRT()
    idle(network.body[0], slice(16))
    save_checkpoint(tmp_path / "wide.pt", {"network": "cfrnet-rt", "ema": network.state_dict()})
    monkeypatch.setattr(command, "FACES", 2)
    options = ["--faces", str(face_folder), "--out", str(tmp_path / "narrow.pt"), "--tolerance", "1e-5"]
    monkeypatch.setattr(sys, "argv", ["prune", str(tmp_path / "wide.pt"), *options])
    command.main()
    assert "body.0: 128 -> 112 channels" in capsys.readouterr().out
    narrow = load_generator(tmp_path / "narrow.pt")
    assert residual_blocks(narrow)["body.0"].conv1.out_channels == 112
    again = build_generator("cfrnet-rt", like=narrow.state_dict())
    again.load_state_dict(narrow.state_dict())
