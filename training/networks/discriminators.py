"""Discriminators: a PatchGAN for the whole face, and one small network for each facial component.

Inputs are float (N, 3, H, W), RGB, [-1, 1]; every convolution is spectrally normalised.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

# Height and width in pixels of a 256x256 face (arXiv 2606.06850; left and right are the viewer's).
COMPONENT_SIZES: Mapping[str, tuple[int, int]] = {
    "left_eye": (40, 40),
    "right_eye": (40, 40),
    "nose": (40, 40),
    "mouth": (50, 80),
}


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Module:
    return spectral_norm(nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2 if kernel % 2 else 1))


class PatchDiscriminator(nn.Module):
    """Scores overlapping 70x70 patches (Isola et al., 2017): (N, 1, h, w), unbounded."""

    def __init__(self, width: int = 40) -> None:
        super().__init__()
        widths = (3, width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(_conv(a, b, 4, 2) for a, b in itertools.pairwise(widths))
        self.layers.append(_conv(widths[-1], 6 * width, 4, 1))
        self.score = _conv(6 * width, 1, 4, 1)

    def forward(self, image: Tensor) -> Tensor:
        h = image
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
        out: Tensor = self.score(h)
        return out


class ComponentDiscriminator(nn.Module):
    """Four convolutions over one component's crop; returns its score map and the features that carry its style."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            (_conv(3, width, 3, 1), _conv(width, 2 * width, 3, 2), _conv(2 * width, 4 * width, 3, 2))
        )
        self.score = _conv(4 * width, 1, 3, 1)

    def forward(self, crop: Tensor) -> tuple[Tensor, list[Tensor]]:
        features, h = [], crop
        for layer in self.layers:
            h = F.leaky_relu(layer(h), 0.2)
            features.append(h)
        return self.score(h), features


def component_crops(images: Tensor, landmarks: Tensor) -> dict[str, Tensor]:
    """Cut every component out with ROI-Align at scale one: differentiable, bilinear, at sub-pixel centres.

    `landmarks` float (N, 5, 2) in pixels: left eye, right eye, nose, left and right mouth corner.
    """
    centres = {
        "left_eye": landmarks[:, 0],
        "right_eye": landmarks[:, 1],
        "nose": landmarks[:, 2],
        "mouth": landmarks[:, 3:].mean(1),
    }
    return {name: roi_align(images, centre, COMPONENT_SIZES[name]) for name, centre in centres.items()}


def roi_align(images: Tensor, centres: Tensor, size: tuple[int, int]) -> Tensor:
    """Crops of `size` (height, width) around `centres` (N, 2) as x, y in pixels; the border repeats outside."""
    rows = torch.arange(size[0], device=images.device) - (size[0] - 1) / 2
    columns = torch.arange(size[1], device=images.device) - (size[1] - 1) / 2
    y = centres[:, 1, None, None] + rows[None, :, None]
    x = centres[:, 0, None, None] + columns[None, None, :]
    return sample(images, torch.stack(torch.broadcast_tensors(x, y), dim=-1))


def sample(images: Tensor, points: Tensor) -> Tensor:
    """Bilinear samples of (N, C, H, W) at `points` (N, h, w, 2) as x, y in pixels, pixel centres at whole numbers."""
    height, width = images.shape[-2:]
    grid = points / points.new_tensor([width - 1, height - 1]) * 2 - 1
    return F.grid_sample(images.float(), grid.float(), padding_mode="border", align_corners=True)
