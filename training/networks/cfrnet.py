"""The CFRNet generators (arXiv 2606.06850, Table I) and their real-time sibling.

Every generator maps a face crop to a face crop of the same shape, float (N, 3, H, W), RGB, [-1, 1], H and W
multiples of 8, and is meant to be applied to its own output k times. The operators are limited to what a small
NPU compiles: convolution, ReLU, addition, nearest up-sampling and pixel (un)shuffle; there is no normalisation.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# A head this small makes the untrained network almost the identity. Direct regression from a normal
# initialisation collapses to a constant face (arXiv 2606.06850, section III).
HEAD_INITIAL_GAIN = 0.01


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel_size=3, stride=stride, padding=1)
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    nn.init.zeros_(bias_of(conv))
    return conv


def bias_of(conv: nn.Conv2d) -> Tensor:
    """Return the bias of a convolution that has one."""
    assert conv.bias is not None
    return conv.bias


def _head(inputs: int, outputs: int) -> nn.Conv2d:
    conv = _conv(inputs, outputs)
    with torch.no_grad():
        conv.weight.mul_(HEAD_INITIAL_GAIN)
    return conv


class ResidualBlock(nn.Module):
    """x + conv(relu(conv(x))), without normalisation, with the channels of x in between until resized."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        self.resize(channels)

    def resize(self, inner: int) -> None:
        """Reinitialise with `inner` channels between the convolutions; pruned weights have fewer than x."""
        self.conv1 = _conv(self.channels, inner)
        self.conv2 = _conv(inner, self.channels)
        with torch.no_grad():  # six blocks in a row without normalisation: start each one quietly
            self.conv2.weight.mul_(0.1)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.conv2(F.relu(self.conv1(x)))
        return out


class _FixedPointGenerator(nn.Module):
    """A generator that adds a predicted correction to its input and stays in [-1, 1].

    `bound="clamp"` is the identity inside the range, so a clean face can be a fixed point. The paper's
    `bound="tanh"` is not (1.0 -> 0.762 -> 0.642 over three cycles even with a zero head); it is kept for comparison.
    """

    def __init__(self, bound: str = "clamp") -> None:
        super().__init__()
        if bound not in ("clamp", "tanh"):
            raise ValueError(f"bound must be 'clamp' or 'tanh', not {bound!r}")
        self.bound = bound

    def correction(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        # The sum is taken in the input's precision: under bfloat16 autocast only the correction is rounded.
        y = x + self.correction(x).to(x.dtype)
        return torch.tanh(y) if self.bound == "tanh" else y.clamp(-1.0, 1.0)


class CFRNet(_FixedPointGenerator):
    """Table I of the paper: 2.0 M parameters, 8.7 GMAC a cycle at 256x256.

    The table leaves two things open. The convolution of an up stage comes before its up-sampling here, and a skip
    connection is a 1x1 convolution that is added: the plainest reading that yields the printed 8.7 GMAC (bare additions
    yield 8.57, concatenations over 10).
    """

    def __init__(self, bound: str = "clamp") -> None:
        super().__init__(bound)
        self.stem = _conv(3, 32)
        self.down1 = _conv(32, 64, stride=2)
        self.down2 = _conv(64, 128, stride=2)
        self.body = nn.Sequential(*(ResidualBlock(128) for _ in range(6)))
        self.up1 = _conv(128, 64)
        self.skip1 = nn.Conv2d(64, 64, kernel_size=1)
        self.up2 = _conv(64, 32)
        self.skip2 = nn.Conv2d(32, 32, kernel_size=1)
        self.head = _head(32, 3)

    def correction(self, x: Tensor) -> Tensor:
        full = F.relu(self.stem(x))
        half = F.relu(self.down1(full))
        quarter = F.relu(self.down2(half))
        h = self.body(quarter)
        h = F.relu(F.interpolate(self.up1(h), scale_factor=2.0, mode="nearest") + self.skip1(half))
        h = F.relu(F.interpolate(self.up2(h), scale_factor=2.0, mode="nearest") + self.skip2(full))
        out: Tensor = self.head(h)
        return out


class CFRNetRT(_FixedPointGenerator):
    """The same parameter budget with the body at 1/8 resolution: 2.12 M parameters, 2.79 GMAC a cycle at 256x256.

    This size is trained; the shipped weights are pruned to 1.37 M and 1.96 GMAC (`training.shipping.prune`). `refine`
    is the number of residual blocks behind the one that decodes, which `training.networks.deepen` adds to trained ones.

    Pixel-unshuffle keeps every input value while moving the work to 1/4 resolution, where memory traffic, the
    real cost on a CPU, is a sixteenth. No ReLU follows the stem: to remove noise the network has to predict it with
    the opposite sign, and a rectified stem hardly carries all 48 values of a 4x4 block to the head
    (docs/decisions/training-choices.md).
    """

    def __init__(self, bound: str = "clamp", *, refine: int = 0) -> None:
        super().__init__(bound)
        self.unshuffle: nn.Module = nn.PixelUnshuffle(4)
        self.stem = _conv(48, 64)
        self.encode = ResidualBlock(64)
        self.down = _conv(64, 128, stride=2)
        self.body = nn.Sequential(*(ResidualBlock(128) for _ in range(6)))
        self.up = _conv(128, 64)
        self.enlarge: nn.Module = nn.Upsample(scale_factor=2.0, mode="nearest")
        self.decode = ResidualBlock(64)
        self.refine = nn.Sequential(*(ResidualBlock(64) for _ in range(refine)))
        self.head = _head(64, 48)
        self.shuffle: nn.Module = nn.PixelShuffle(4)

    def correction(self, x: Tensor) -> Tensor:
        quarter = self.encode(self.stem(self.unshuffle(x)))
        h = self.body(F.relu(self.down(quarter)))
        h = self.enlarge(self.up(h)) + quarter
        out: Tensor = self.shuffle(self.head(self.refine(self.decode(h))))
        return out


def residual_blocks(generator: nn.Module) -> dict[str, ResidualBlock]:
    """Return {name in the state dict: block} in execution order."""
    return {path: module for path, module in generator.named_modules() if isinstance(module, ResidualBlock)}


def count_parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())
