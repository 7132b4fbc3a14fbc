"""PFSRNet (arXiv 1908.08239): progressive 8x super-resolution of faces, its discriminator and its landmark network.

A step is one doubling: from 16 pixels, step 1 yields 32, step 2 64 and step 3 128. Every network takes faces as
float (N, 3, S, S), RGB, [-1, 1]. While a new step fades in, its `alpha` rises from 0 to 1.
"""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

INPUT_SIDE, STEPS = 16, 3
OUTPUT_SIDE = INPUT_SIDE * 2**STEPS
CELEBA_SIDE = 178
WIDTHS = (512, 256, 128, 64)
"""Channels of the generator before the first step and after each."""
LANDMARKS, LANDMARK_SIDE = 68, 64


class _Equalized(nn.Module):
    """Hold a kernel of unit variance and scale it by sqrt(2 / fan-in) when it is used (Karras et al., 2018)."""

    def __init__(self, shape: tuple[int, ...], outputs: int, fan_in: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain = math.sqrt(2.0 / fan_in)


class EqualizedConv(_Equalized):
    """A convolution that keeps the size, with an equalised learning rate."""

    def __init__(self, inputs: int, outputs: int, kernel: int) -> None:
        super().__init__((outputs, inputs, kernel, kernel), outputs, inputs * kernel**2)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight * self.gain, self.bias, padding=self.weight.shape[-1] // 2)


class EqualizedUpConv(_Equalized):
    """A transposed convolution, 4x4 of stride 2, with an equalised learning rate: (N, A, H, W) to (N, B, 2H, 2W)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((inputs, outputs, 4, 4), outputs, inputs * 4)  # four taps meet in an output pixel

    def forward(self, x: Tensor) -> Tensor:
        return F.conv_transpose2d(x, self.weight * self.gain, self.bias, stride=2, padding=1)


class EqualizedLinear(_Equalized):
    """A linear layer with an equalised learning rate."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__((outputs, inputs), outputs, inputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight * self.gain, self.bias)


def _norm(channels: int) -> nn.BatchNorm2d:
    """A batch normalisation whose statistics are kept over some fifty batches: those of training are small."""
    return nn.BatchNorm2d(channels, momentum=0.02)


class _Residual(nn.Module):
    """(3x3 convolution, batch normalisation, ReLU) twice, plus the input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            EqualizedConv(channels, channels, 3), _norm(channels), nn.ReLU(),
            EqualizedConv(channels, channels, 3), _norm(channels), nn.ReLU(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.layers(x)
        return out


class PFSRNet(nn.Module):
    """The progressive generator: (N, 3, 16, 16) to (N, 3, 16 2^step, 16 2^step), not clipped.

    What is deployed, all three steps and the last to-RGB layer, has 8.968 M parameters.
    """

    def __init__(self) -> None:
        super().__init__()
        self.entrance = nn.Sequential(EqualizedConv(3, WIDTHS[0], 3), _norm(WIDTHS[0]), nn.ReLU())
        self.steps = nn.ModuleList(
            nn.Sequential(_Residual(a), EqualizedUpConv(a, b), _norm(b), nn.ReLU())
            for a, b in itertools.pairwise(WIDTHS)
        )
        self.to_rgb = nn.ModuleList(EqualizedConv(width, 3, 1) for width in WIDTHS[1:])

    def forward(self, x: Tensor, step: int = STEPS, alpha: float = 1.0) -> Tensor:
        """Enlarge `step` times; below 1, `alpha` blends the last step with the enlarged picture of the one before."""
        before, h = x, self.entrance(x)
        for layers in self.steps[:step]:
            before, h = h, layers(h)
        out: Tensor = self.to_rgb[step - 1](h)
        if alpha < 1.0:
            picture = self.to_rgb[step - 2](before) if step > 1 else x
            out = torch.lerp(F.interpolate(picture, scale_factor=2.0, mode="nearest"), out, alpha)
        return out


def shrink(faces: Tensor) -> Tensor:
    """Apply the method's pre-processing to a square face: 128, 64, 32 and 16 pixels by bilinear interpolation.

    At a ratio of two that is the mean of 2x2 pixels; a side of 16 times a power of two needs no other step. float
    (N, 3, S, S), RGB, [-1, 1] (mean and deviation of 0.5) to (N, 3, 16, 16).
    """
    return F.avg_pool2d(faces, faces.shape[-1] // INPUT_SIDE)


def celeba_square(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Cut the central 178x178 of an aligned CelebA picture, uint8 (218, 178, 3), and resize it to 128x128.

    This is the input of `shrink` for such a picture; the square faces used here are used whole.
    """
    height, width = picture.shape[:2]
    top, left = (height - CELEBA_SIDE) // 2, (width - CELEBA_SIDE) // 2
    square = picture[top : top + CELEBA_SIDE, left : left + CELEBA_SIDE]
    return np.asarray(cv2.resize(square, (OUTPUT_SIDE, OUTPUT_SIDE), interpolation=cv2.INTER_LINEAR), np.uint8)


class FaceSuperResolution(nn.Module):
    """PFSRNet as a restorer: any square face, float (N, 3, S, S), RGB, [-1, 1], S a multiple of 128, to one of S.

    It is reduced to 16 pixels, enlarged to 128 by the network and to S by bilinear interpolation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.core = PFSRNet()

    def forward(self, x: Tensor) -> Tensor:
        face = self.core(shrink(x)).clamp(-1.0, 1.0)
        scale = x.shape[-1] // OUTPUT_SIDE
        return F.interpolate(face, scale_factor=float(scale), mode="bilinear", align_corners=False)


class ProgressiveCritic(nn.Module):
    """The mirrored discriminator: a picture of step s to unbounded scores (N,)."""

    def __init__(self) -> None:
        super().__init__()
        self.from_rgb = nn.ModuleList(EqualizedConv(3, width, 1) for width in WIDTHS[1:])
        self.steps = nn.ModuleList(
            nn.Sequential(EqualizedConv(b, a, 3), nn.LeakyReLU(0.2)) for a, b in itertools.pairwise(WIDTHS)
        )
        self.last = nn.Sequential(EqualizedConv(WIDTHS[0] + 1, WIDTHS[0], 3), nn.LeakyReLU(0.2))
        self.score = nn.Sequential(
            EqualizedLinear(WIDTHS[0] * 16, WIDTHS[0]), nn.LeakyReLU(0.2), EqualizedLinear(WIDTHS[0], 1)
        )

    def forward(self, picture: Tensor, step: int = STEPS, alpha: float = 1.0) -> Tensor:
        """Judge pictures of 16 2^step pixels; below 1, `alpha` blends the last step in as in the generator."""
        h = self._halve(picture, step)
        if alpha < 1.0 and step > 1:
            h = torch.lerp(self.from_rgb[step - 2](F.avg_pool2d(picture, 2)), h, alpha)
        for index in range(step - 2, -1, -1):
            h = F.avg_pool2d(self.steps[index](h), 2)
        h = F.avg_pool2d(self.last(torch.cat([h, deviation(h)], 1)), 4)
        scores: Tensor = self.score(h.flatten(1)).squeeze(1)
        return scores

    def _halve(self, picture: Tensor, step: int) -> Tensor:
        return F.avg_pool2d(self.steps[step - 1](self.from_rgb[step - 1](picture)), 2)


def deviation(features: Tensor) -> Tensor:
    """Return the minibatch's standard deviation, averaged to one number, as a channel: (N, C, H, W) to (N, 1, H, W)."""
    spread = features.float().var(0, unbiased=False).add(1e-8).sqrt().mean()
    return spread.to(features.dtype).expand(features.shape[0], 1, *features.shape[2:])


class LandmarkHeatmaps(nn.Module):
    """The distilled face alignment network: 68 landmark heatmaps of a face.

    `weights` is a folder with `pfsrnet_distilled_fan.pt`. Neither strides nor sizes are stored there; it works
    best with stride 1, leaky ReLU of 0.01 and faces of 64 pixels in the framing used here (docs/training.md).
    """

    def __init__(self, weights: Path) -> None:
        super().__init__()
        path = weights / "pfsrnet_distilled_fan.pt"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; the facial attention loss needs the distilled FAN's weights")
        self.layers = nn.Sequential(
            nn.Conv2d(3, 32, 5, padding=2),
            nn.Conv2d(32, 64, 3, padding=1), nn.BatchNorm2d(64), nn.LeakyReLU(),
            nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.LeakyReLU(),
            nn.Conv2d(128, 128, 3, padding=1), nn.BatchNorm2d(128), nn.LeakyReLU(),
            nn.Conv2d(128, LANDMARKS, 3, padding=1),
        )  # fmt: skip
        self.layers.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> LandmarkHeatmaps:
        """Stay in evaluation mode: the statistics of its batch normalisation are part of the weights."""
        return super().train(False)

    def forward(self, faces: Tensor) -> Tensor:
        """Map float (N, 3, S, S), RGB, [-1, 1], to heatmaps (N, 68, 64, 64), about 1 at a landmark, else 0."""
        small = F.interpolate(faces, size=(LANDMARK_SIDE,) * 2, mode="bilinear", antialias=True, align_corners=False)
        heatmaps: Tensor = self.layers((small + 1.0) / 2.0)
        return heatmaps

    @torch.no_grad()
    def attention(self, faces: Tensor) -> Tensor:
        """Return the largest heatmap at every pixel, in [0, 1], (N, 1, S, S)."""
        largest = self(faces).amax(1, keepdim=True).clamp(0.0, 1.0)
        return F.interpolate(largest, size=faces.shape[-2:], mode="bilinear", align_corners=False)
