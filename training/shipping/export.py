"""Export a trained generator to FP32 ONNX: `python -m training export CHECKPOINT --out models/cfrnet-rt.fp32.onnx`."""

from __future__ import annotations

import argparse
import copy
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from training.checkpoint import load_generator
from training.data import FACE_SIZE
from training.networks import CFRNetRT
from training.networks.cfrnet import bias_of
from training.networks.pfsrnet import INPUT_SIDE, FaceSuperResolution

OPSET = 17
INPUT_NAME, OUTPUT_NAME = "x", "y"


def export_onnx(generator: nn.Module, path: Path) -> None:
    """Write one pass as ONNX: float32 (1, 3, side, side), RGB, [-1, 1], with the input and output of its family.

    The batch is fixed at one and the side at 256, PFSRNet's at 16, because its restorer shrinks and enlarges: with
    fixed shapes, ONNX Runtime plans its memory once.
    """
    side = FACE_SIZE
    if isinstance(generator, CFRNetRT):
        generator = deployed(generator)
    elif isinstance(generator, FaceSuperResolution):
        generator, side = _Clipped(generator.core), INPUT_SIDE
    example = torch.zeros(1, 3, side, side)
    torch.onnx.export(
        generator.eval(),
        (example,),
        str(path),
        input_names=[INPUT_NAME],
        output_names=[OUTPUT_NAME],
        opset_version=OPSET,
        dynamo=False,
    )


class _Clipped(nn.Module):
    """A network whose output is clamped to [-1, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.network(x)
        return out.clamp(-1.0, 1.0)


class _Strips(nn.Module):
    """(N, C, H, W) to (N, C b, H, W / b): the b pixels beside each other become channels, rows stay rows."""

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        strips = x.reshape(n, channels, height, width // self.block, self.block).permute(0, 2, 3, 1, 4)
        return strips.reshape(n, height, width // self.block, channels * self.block).permute(0, 3, 1, 2)


class _Repeat(nn.Module):
    """Nearest up-sampling of (N, C, S, S) to (N, C, 2 S, 2 S) as two gathers of whole pixels, channels last."""

    twice: Tensor

    def __init__(self, side: int) -> None:
        super().__init__()
        self.register_buffer("twice", torch.arange(side).repeat_interleave(2))

    def forward(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).index_select(2, self.twice).index_select(1, self.twice).permute(0, 3, 1, 2)


class _Shuffle(nn.PixelShuffle):
    """Pixel-shuffle of (N, C b b, H, W) to (N, C, H b, W b) in two transpositions that each move one axis."""

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        b, channels = self.upscale_factor, channels // self.upscale_factor**2
        rows = x.reshape(n, channels * b, b, height * width).permute(0, 1, 3, 2)
        rows = rows.reshape(n, channels, b, height, width * b).permute(0, 1, 3, 2, 4)
        return rows.reshape(n, channels, height * b, width * b)


def deployed(generator: CFRNetRT) -> CFRNetRT:
    """Return a copy for faces of FACE_SIZE that ONNX Runtime's CPU kernels run faster, with the same results.

    Its layers for unshuffling, up-sampling and shuffling move value by value, on one core. Here the unshuffle's rows
    are the stem's, a convolution of 12x3 and stride (4, 1), and the rest moves whole pixels or one axis at a time.
    Measurements: docs/decisions/deployed-layout.md.
    """
    copied = copy.deepcopy(generator)
    stem, block = copied.stem, cast(nn.PixelShuffle, copied.shuffle).upscale_factor
    margin = cast(tuple[int, int], stem.padding)[0]
    outputs, inputs = stem.out_channels, stem.in_channels // block**2
    rows, columns = stem.kernel_size
    convolution = nn.Conv2d(
        inputs * block, outputs, (rows * block, columns), stride=(block, 1), padding=(margin * block, 1)
    )
    with torch.no_grad():
        # Channel c block^2 + i block + j of the unshuffled image holds row i and column j of each block of channel c.
        weight = stem.weight.view(outputs, inputs, block, block, rows, columns).permute(0, 1, 3, 4, 2, 5)
        convolution.weight.copy_(weight.reshape(convolution.weight.shape))
        bias_of(convolution).copy_(bias_of(stem))
    copied.unshuffle, copied.stem = _Strips(block), convolution
    copied.enlarge, copied.shuffle = _Repeat(FACE_SIZE // block // copied.down.stride[0]), _Shuffle(block)
    return copied


def main() -> None:
    parser = argparse.ArgumentParser(description="Export the EMA weights of a checkpoint to FP32 ONNX.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="ONNX file to write")
    options = parser.parse_args()
    if options.out.is_dir():
        parser.error(f"--out names a file, and {options.out} is a folder")
    export_onnx(load_generator(options.checkpoint), options.out)
    print(f"wrote {options.out} ({options.out.stat().st_size / 1e6:.1f} MB)")
