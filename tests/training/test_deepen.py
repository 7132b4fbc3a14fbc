"""Blocks that are added to a trained network change nothing until they are trained."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from training.checkpoint import CheckpointError, load_generator, read_checkpoint, save_checkpoint
from training.errors import TrainingError
from training.networks import CFRNetRT, build_generator, residual_blocks
from training.networks import deepen as command
from training.networks.deepen import deepened
from training.shipping.export import export_onnx


@pytest.fixture
def shallow() -> CFRNetRT:
    network = CFRNetRT()
    with torch.no_grad():
        network.head.weight.mul_(100)
    residual_blocks(network)["body.0"].resize(48)  # as if it had been pruned
    return network.eval()


def test_a_deepened_network_computes_the_same_and_can_learn(shallow: CFRNetRT, tmp_path: Path) -> None:
    weights = deepened(shallow.state_dict(), 2)
    deep = build_generator("cfrnet-rt", weights)
    deep.load_state_dict(weights)
    x = torch.rand(1, 3, 64, 64) * 2 - 1
    assert torch.equal(deep(x), shallow(x))
    assert len(residual_blocks(deep)) == len(residual_blocks(shallow)) + 2
    deep(x).mean().backward()
    last = residual_blocks(deep)["refine.1"].conv2.weight.grad
    assert last is not None
    assert last.abs().max() > 0
    again = deepened(deep.state_dict(), 1)
    assert torch.equal(again["refine.0.conv1.weight"], weights["refine.0.conv1.weight"])
    assert "refine.2.conv1.weight" in again
    export_onnx(deep, tmp_path / "deep.onnx")


def test_the_command_writes_a_checkpoint_to_train_on(
    shallow: CFRNetRT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save_checkpoint(tmp_path / "shallow.pt", {"network": "cfrnet-rt", "ema": shallow.state_dict()})
    monkeypatch.setattr(sys, "argv", ["deepen", str(tmp_path / "shallow.pt"), "--out", str(tmp_path / "deep.pt")])
    command.main()
    assert "->" in capsys.readouterr().out
    assert read_checkpoint(tmp_path / "deep.pt")["network"] == "cfrnet-rt"
    assert len(residual_blocks(load_generator(tmp_path / "deep.pt"))) == 10


def test_other_networks_have_no_place_for_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "a.pt", {"network": "cfrnet", "ema": build_generator("cfrnet").state_dict()})
    monkeypatch.setattr(sys, "argv", ["deepen", str(tmp_path / "a.pt"), "--out", str(tmp_path / "b.pt")])
    with pytest.raises(TrainingError, match="is a cfrnet, and only a cfrnet-rt has"):
        command.main()
    assert not (tmp_path / "b.pt").exists()
    monkeypatch.setattr(sys, "argv", ["deepen", __file__, "--out", str(tmp_path / "b.pt")])
    with pytest.raises(CheckpointError):
        command.main()
