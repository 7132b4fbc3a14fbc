"""Pruning: removing channels that contribute little from a trained generator.

`python -m training prune CHECKPOINT --faces DIR --out CHECKPOINT [--tolerance 0.0125]`

Only the channels inside a residual block can be removed independently. They are removed one by one, always the one
whose loss changes the block's output least, and the second convolution of the block is refitted by least squares to
those that remain: the optimal brain surgeon (Hassibi and Stork, 1993) with the nine weights per output of
a channel taken together. The statistics are those of the block's input on degraded faces, in all trained cycles.
"""

from __future__ import annotations

import argparse
import copy
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.checkpoint import load_generator, read_checkpoint, save_checkpoint, slim
from training.data import FaceSet, batches, load_faces
from training.degradation.mixture import TrainingDegradation
from training.networks import residual_blocks
from training.networks.cfrnet import bias_of, count_parameters
from training.shipping.quantize import KERNEL_CHANNELS

TOLERANCE = 0.0125
CYCLES = 3
FACES, FACES_AT_ONCE = 96, 16
PLACES = 512  # drawn from every face and cycle
TAPS = 9
_RIDGE = 1e-6


@dataclass(frozen=True)
class Pruned:
    """The result for a block: the inner channels kept, conv2's new weight, the share of its output's energy lost."""

    kept: list[int]
    weight: Tensor
    loss: float


def prune(generator: nn.Module, degraded: Tensor, tolerance: float = TOLERANCE) -> tuple[nn.Module, dict[str, Pruned]]:
    """Return a pruned copy of `generator`, and the result for every block by its name.

    `degraded`: float32 (N, 3, S, S), RGB, [-1, 1]. Every block loses groups of 16 channels as long as the squared error
    of its second convolution's output stays within `tolerance` of that output's energy.
    """
    pruned, done = copy.deepcopy(generator), {}
    grams = inner_grams(generator, degraded)
    for name, block in residual_blocks(pruned).items():
        done[name] = left = prune_block(grams[name], block.conv2.weight.detach(), tolerance)
        before, after = block.conv1, block.conv2
        block.resize(len(left.kept))
        with torch.no_grad():
            block.conv1.weight.copy_(before.weight[left.kept])
            bias_of(block.conv1).copy_(bias_of(before)[left.kept])
            block.conv2.weight.copy_(left.weight)
            bias_of(block.conv2).copy_(bias_of(after))
    return pruned, done


@torch.no_grad()
def inner_grams(generator: nn.Module, degraded: Tensor) -> dict[str, Tensor]:
    """Return {block: float64 (9 M, 9 M)}: mean products of the patches of a block's second convolution, M channels."""
    sums: dict[str, Tensor] = {}
    places = torch.Generator().manual_seed(0)

    def watch(name: str, block: nn.Module) -> torch.utils.hooks.RemovableHandle:
        def add(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            seen = F.unfold(inputs[0].contiguous(), kernel_size=3, padding=1)
            drawn = torch.randperm(seen.shape[-1], generator=places)[:PLACES]
            columns = seen[:, :, drawn].permute(1, 0, 2).flatten(1)
            sums[name] = sums.get(name, 0.0) + (columns @ columns.T).double() / columns.shape[1]

        return block.register_forward_pre_hook(add)

    handles = [watch(name, block.conv2) for name, block in residual_blocks(generator).items()]
    parts = degraded.split(FACES_AT_ONCE)
    for x in parts:
        for _ in range(CYCLES):
            x = generator(x)
    for handle in handles:
        handle.remove()
    return {name: total / (CYCLES * len(parts)) for name, total in sums.items()}


def prune_block(gram: Tensor, weight: Tensor, tolerance: float) -> Pruned:
    """Prune the inputs of a convolution `weight` (C, M, 3, 3) whose input patches have the mean products `gram`.

    With H the inverse of the Gram matrix and w_c the weights on channel c, removing c costs w_c' (H_cc)^-1 w_c, and the
    best compensation by the others is w - H_.c (H_cc)^-1 w_c.
    """
    outputs, channels = weight.shape[:2]
    gram = gram + _RIDGE * gram.diagonal().mean() * torch.eye(len(gram), dtype=gram.dtype)
    w = weight.double().flatten(1).T.contiguous()
    inverse, energy = torch.linalg.inv(gram), float((w * (gram @ w)).sum())
    kept, lost = list(range(channels)), 0.0
    best = Pruned(list(kept), weight, 0.0)
    while len(kept) > KERNEL_CHANNELS:
        count = len(kept)
        columns = inverse.view(count * TAPS, count, TAPS)
        own = inverse.view(count, TAPS, count, TAPS).diagonal(dim1=0, dim2=2).permute(2, 0, 1)
        answers = torch.linalg.solve(own, w.view(count, TAPS, outputs))
        costs = (w.view(count, TAPS, outputs) * answers).sum((1, 2))
        least = int(costs.argmin())
        lost += float(costs[least])
        if lost > tolerance * energy:
            break
        column = columns[:, least]
        stay = (torch.arange(count) != least).repeat_interleave(TAPS)
        w = (w - column @ answers[least])[stay]
        inverse = (inverse - column @ torch.linalg.solve(own[least], column.T))[stay][:, stay]
        kept.pop(least)
        if len(kept) % KERNEL_CHANNELS == 0:  # only whole groups save time
            fitted = w.T.reshape(outputs, len(kept), *weight.shape[2:]).to(weight.dtype)
            best = Pruned(list(kept), fitted, lost / energy)
    return best


def degraded_faces(faces: FaceSet) -> Tensor:
    """Return FACES training faces as training degrades them, float32 (FACES, 3, 256, 256), RGB, [-1, 1]."""
    source = batches(
        faces, batch=FACES, crop=faces.images.shape[1], seed=0, degrade=TrainingDegradation(),
        device=torch.device("cpu"),
    )  # fmt: skip
    return next(source).degraded


def main() -> None:
    parser = argparse.ArgumentParser(description="Prune the EMA weights of a checkpoint; training can go on from them.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--faces", type=Path, required=True, help="training faces that decide what carries nothing")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--tolerance", type=float, default=TOLERANCE, help="part of a block's energy that may be lost")
    options = parser.parse_args()
    training, _ = load_faces(options.faces)
    generator = load_generator(options.checkpoint)
    pruned, done = prune(generator, degraded_faces(training), options.tolerance)
    for name, block in residual_blocks(generator).items():
        print(f"{name}: {block.conv1.out_channels} -> {len(done[name].kept)} channels, {done[name].loss:.2%} lost")
    print(f"{count_parameters(generator):,} -> {count_parameters(pruned):,} parameters")
    save_checkpoint(options.out, slim(read_checkpoint(options.checkpoint) | {"ema": pruned.state_dict()}))
