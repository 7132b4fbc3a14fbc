"""Residual blocks behind the decoder of a trained `cfrnet-rt`, which change nothing until they are trained.

`python -m training deepen CHECKPOINT --blocks 2 --out CHECKPOINT`

Net2Net (Chen et al., arXiv 1511.05641) for residual blocks: the second convolution of a new one is zero, so the network
computes what it did, and `python -m training train --init` goes on from there. The tensors before the head have other
names then, which `training.shipping.quantize.CALIBRATIONS` does not know yet.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from training.checkpoint import full_precision, read_checkpoint, save_checkpoint, slim
from training.errors import TrainingError
from training.networks.cfrnet import CFRNetRT, ResidualBlock, count_parameters
from training.networks.registry import GENERATORS, build_generator, refining_blocks


def deepened(weights: Mapping[str, Tensor], blocks: int, *, seed: int = 1) -> dict[str, Tensor]:
    """Return the weights of a `CFRNetRT` with `blocks` more residual blocks of its full width, in single precision."""
    there = refining_blocks(weights)
    result = full_precision(weights)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        for number in range(there, there + blocks):
            block = ResidualBlock(64)
            nn.init.zeros_(block.conv2.weight)
            result |= {f"refine.{number}.{name}": tensor for name, tensor in block.state_dict().items()}
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description="Add residual blocks to the EMA weights of a checkpoint, to train on.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--blocks", type=int, default=2)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    state = read_checkpoint(options.checkpoint)
    if GENERATORS[state["network"]] is not CFRNetRT:
        raise TrainingError(
            f"{options.checkpoint} is a {state['network']}, and only a cfrnet-rt has a place for blocks"
        )
    before, weights = build_generator(state["network"], state["ema"]), deepened(state["ema"], options.blocks)
    after = build_generator(state["network"], weights)
    save_checkpoint(options.out, slim(state | {"ema": weights}))
    print(f"{count_parameters(before):,} -> {count_parameters(after):,} parameters")
