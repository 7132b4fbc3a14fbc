"""HiFaceGAN (arXiv 2005.05005): suppression and replenishment nested over scales, and its discriminator.

The generator maps a degraded face, float (N, 3, S, S), RGB, [-1, 1], to a restored one of the same shape in one pass.
A cascade of suppression modules encodes the face at every scale; a cascade of replenishment modules, SPADE residual
blocks (Park et al., 2019), draws it from the coarsest scale to the finest, each guided by its own features.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.cfrnet import HEAD_INITIAL_GAIN

Suppression = Literal["pooling", "correlation"]

IMPORTANCE_RANGE = 12.0
"""Logarithm of the largest ratio between two importances (Gao et al., LIP, 2019)."""
GUIDE_CHANNELS = 128
"""Hidden channels of a full-size SPADE normalisation."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Size of a generator; the defaults are the authors' network.

    `width`: channels at full resolution, doubled at every halving up to `widest` times as many.
    `block`: side of the pixel blocks that become channels at the entrance and pixels again at the exit; 1 for none.
    `light`: the two normalisations of a replenishment block share one hidden layer of at most 64 channels, their
    modulation is a 1x1 convolution, and the skip connection is not normalised.
    `residual`: the head predicts a correction, which is added to the input, instead of the whole picture.
    `suppression`: local importance pooling, as in the authors' network, or the correlation-gated convolution of the
    paper's formula.
    """

    width: int = 64
    widest: int = 16
    halvings: int = 5
    block: int = 1
    light: bool = False
    residual: bool = False
    suppression: Suppression = "pooling"

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every scale, the finest first."""
        return tuple(self.width * min(2**scale, self.widest) for scale in range(self.halvings + 1))


FULL = Layout()
LITE = Layout(width=32, widest=6, halvings=4, block=2, light=True, residual=True)
"""The layout that is shipped. The addition of the input is not in the paper (docs/decisions/training-choices.md)."""


def _conv(inputs: int, outputs: int, kernel: int = 3, *, bias: bool = True) -> nn.Conv2d:
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=bias)
    nn.init.xavier_normal_(conv.weight)
    if bias:
        nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    return conv


class ImportancePooling(nn.Module):
    """Halve the resolution; every pixel counts by a learned positive importance (LIP): (N, C, H, W) to H / 2, W / 2.

    `pool(x exp(a)) / pool(exp(a))` with `a` = 12 sigmoid(norm(conv(x))). An untrained module is average pooling.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = _conv(channels, channels, bias=False)
        self.norm = nn.InstanceNorm2d(channels, affine=True)
        nn.init.zeros_(self.norm.weight)

    def forward(self, x: Tensor) -> Tensor:
        importance = (IMPORTANCE_RANGE * torch.sigmoid(self.norm(self.conv(x)))).exp()
        pooled = F.avg_pool2d(x * importance, 3, 2, 1)
        return pooled / F.avg_pool2d(importance, 3, 2, 1)


class CorrelationConvolution(nn.Module):
    """The paper's content-adaptive convolution at every second pixel: (N, C, H, W) to (N, C, H / 2, W / 2).

    `S(F; W)_i = sum_j phi(f_j, f_i) w_{j-i} f_j` over a 3x3 window, `phi` = sigmoid(g(f_i)^T g(f_j)), g a 1x1
    perceptron to a correlation space of `dimensions`.
    """

    def __init__(self, channels: int, dimensions: int = 8) -> None:
        super().__init__()
        self.project = nn.Sequential(_conv(channels, dimensions, 1), nn.ReLU(), _conv(dimensions, dimensions, 1))
        self.conv = _conv(channels, channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        projected = self.project(x)
        centre = projected[:, :, ::2, ::2].flatten(2).unsqueeze(2)
        neighbours = F.unfold(projected, 3, padding=1, stride=2).view(n, projected.shape[1], 9, -1)
        gate = torch.sigmoid((centre * neighbours).sum(1, keepdim=True))
        gated = F.unfold(x, 3, padding=1, stride=2).view(n, channels, 9, -1) * gate
        kernel = self.conv.weight.flatten(1)
        return (kernel @ gated.flatten(1, 2)).view(n, channels, height // 2, width // 2)


SUPPRESSIONS: dict[Suppression, Callable[[int], nn.Module]] = {
    "pooling": ImportancePooling,
    "correlation": CorrelationConvolution,
}


class SuppressionModule(nn.Module):
    """One step down the encoder: content-adaptive down-sampling, convolution, normalisation."""

    def __init__(self, inputs: int, outputs: int, suppression: Suppression) -> None:
        super().__init__()
        self.down = SUPPRESSIONS[suppression](inputs)
        self.conv = _conv(inputs, outputs)
        self.norm = nn.InstanceNorm2d(outputs, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.norm(self.conv(self.down(x)))
        return out


class _Modulation(nn.Module):
    """Normalise x, then scale and shift it pixel by pixel as `hidden`, made of the guide, asks: SPADE's second half."""

    def __init__(self, channels: int, hidden: int, kernel: int) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(channels)
        self.scale, self.shift = _conv(hidden, channels, kernel), _conv(hidden, channels, kernel)

    def forward(self, x: Tensor, hidden: Tensor) -> Tensor:
        out: Tensor = self.norm(x) * (1.0 + self.scale(hidden)) + self.shift(hidden)
        return out


class ReplenishmentModule(nn.Module):
    """A SPADE residual block: x (N, A, H, W) and the guide (N, G, H, W) of the same scale to (N, B, H, W)."""

    def __init__(self, inputs: int, outputs: int, guide: int, *, light: bool) -> None:
        super().__init__()
        middle, self.resized = min(inputs, outputs), inputs != outputs
        hidden, kernel = (min(guide, 64), 1) if light else (GUIDE_CHANNELS, 3)
        normalised = [inputs, middle] + ([inputs] if self.resized and not light else [])
        self.guides = nn.ModuleList(_conv(guide, hidden) for _ in range(1 if light else len(normalised)))
        self.modulations = nn.ModuleList(_Modulation(channels, hidden, kernel) for channels in normalised)
        self.conv1, self.conv2 = _conv(inputs, middle), _conv(middle, outputs)
        self.skip = _conv(inputs, outputs, 1, bias=False) if self.resized else nn.Identity()

    def forward(self, x: Tensor, guide: Tensor) -> Tensor:
        hidden = [F.relu(conv(guide)) for conv in self.guides]
        hidden *= len(self.modulations) // len(hidden)
        modulated = self.modulations[0](x, hidden[0])
        h = self.conv1(F.leaky_relu(modulated, 0.2))
        h = self.conv2(F.leaky_relu(self.modulations[1](h, hidden[1]), 0.2))
        skipped = self.modulations[2](x, hidden[2]) if len(self.modulations) > 2 else x
        out: Tensor = h + self.skip(skipped)
        return out


class HiFaceGAN(nn.Module):
    """Collaborative suppression and replenishment of a layout."""

    def __init__(self, layout: Layout = FULL) -> None:
        super().__init__()
        self.layout = layout
        channels, pixels = layout.channels, 3 * layout.block**2
        self.fold: nn.Module = nn.PixelUnshuffle(layout.block)
        self.stem = _conv(pixels, channels[0], bias=False)
        self.stem_norm = nn.InstanceNorm2d(channels[0], affine=True)
        self.suppress = nn.ModuleList(
            SuppressionModule(a, b, layout.suppression) for a, b in itertools.pairwise(channels)
        )
        self.start = _conv(3, channels[-1])
        # Coarsest first. The scale above the coarsest has two blocks, every other one has one.
        path = [channels[-1], *channels[-1:], *channels[-2::-1]]
        scales = [layout.halvings, *range(layout.halvings - 1, -1, -1)]
        self.replenish = nn.ModuleList(
            ReplenishmentModule(a, b, channels[scale], light=layout.light)
            for (a, b), scale in zip(itertools.pairwise(path), scales, strict=True)
        )
        middle = channels[-2]
        self.replenish_twice = ReplenishmentModule(middle, middle, middle, light=layout.light)
        self.head = _conv(channels[0], pixels)
        with torch.no_grad():  # the untrained network makes almost no correction and saturates nothing
            self.head.weight.mul_(HEAD_INITIAL_GAIN)
        self.unfold: nn.Module = nn.PixelShuffle(layout.block)

    def guides(self, x: Tensor) -> list[Tensor]:
        """The suppressed features of every scale, the finest first."""
        found = [F.relu(self.stem_norm(self.stem(self.fold(x))))]
        for index, module in enumerate(self.suppress):
            h = module(found[-1])
            found.append(h if index == len(self.suppress) - 1 else F.relu(h))
        return found

    def forward(self, x: Tensor) -> Tensor:
        guides = self.guides(x)
        ratio = self.layout.block * 2**self.layout.halvings
        h = self.start(F.avg_pool2d(x, ratio))
        for index, module in enumerate(self.replenish):
            if index:
                h = F.interpolate(h, scale_factor=2.0, mode="nearest")
            h = module(h, guides[-1 - index])
            if index == 1:
                h = self.replenish_twice(h, guides[-1 - index])
        drawn: Tensor = self.unfold(self.head(F.leaky_relu(h, 0.2)))
        # The sum is taken in the input's precision: under bfloat16 autocast only the correction is rounded.
        return (x + drawn.to(x.dtype)).clamp(-1.0, 1.0) if self.layout.residual else torch.tanh(drawn)


class MultiScaleDiscriminator(nn.Module):
    """Patch discriminators on the face and on its half-size twin (Wang et al., pix2pixHD, 2018), given the input.

    Takes the degraded face and the face to judge, both float (N, 3, S, S); returns for each size the features of every
    layer, the last of them being the scores, (N, 1, h, w), unbounded.
    """

    def __init__(self, width: int = 32, sizes: int = 2) -> None:
        super().__init__()
        self.critics = nn.ModuleList(_patch_critic(width) for _ in range(sizes))

    def forward(self, degraded: Tensor, face: Tensor) -> list[list[Tensor]]:
        h, found = torch.cat([degraded, face], 1), []
        for index, critic in enumerate(self.critics):
            if index:
                h = F.avg_pool2d(h, 3, 2, 1, count_include_pad=False)
            features = [h]
            for layer in critic:  # type: ignore[attr-defined]
                features.append(layer(features[-1]))
            found.append(features[1:])
        return found


def _patch_critic(width: int) -> nn.ModuleList:
    widths = (6, width, 2 * width, 4 * width, 6 * width)
    layers: list[nn.Module] = []
    for index, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        parts: list[nn.Module] = [nn.Conv2d(inputs, outputs, 4, 2 if index < 3 else 1, 1, bias=index == 0)]
        if index:
            parts.append(nn.InstanceNorm2d(outputs))
        layers.append(nn.Sequential(*parts, nn.LeakyReLU(0.2)))
    layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
    return nn.ModuleList(layers)
