"""LPIPS v0.1 (Zhang et al., 2018) on AlexNet and VGG16, as a metric and as a training loss."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

Backbone = Literal["alexnet", "vgg16"]

_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class _Layout(NamedTuple):
    """Stride and padding of each convolution, the indices that a max-pool precedes, its window, the tapped layers."""

    strides: tuple[int, ...]
    paddings: tuple[int, ...]
    pools: tuple[int, ...]
    window: int
    taps: tuple[int, ...]


_ALEXNET = _Layout((4, 1, 1, 1, 1), (2, 2, 1, 1, 1), pools=(1, 2), window=3, taps=(0, 1, 2, 3, 4))
_VGG16 = _Layout((1,) * 13, (1,) * 13, pools=(2, 4, 7, 10), window=2, taps=(1, 3, 6, 9, 12))


class LPIPS(nn.Module):
    """Learned perceptual distance between two batches, float (N, 3, H, W), RGB, [-1, 1]; returns (N,), 0 for equals.

    `weights` is a folder with `lpips_alexnet.npz` and `lpips_vgg16.npz` (`conv_i.weight`, `.bias`, `linJ.weight`).
    `taps` limits the sum to the first feature layers, which makes a cheaper training loss of it.
    """

    shift: Tensor
    scale: Tensor

    def __init__(self, backbone: Backbone, weights: Path, taps: int = 5) -> None:
        super().__init__()
        layout = {"alexnet": _ALEXNET, "vgg16": _VGG16}[backbone]
        path = weights / f"lpips_{backbone}.npz"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; LPIPS needs the published weights of {backbone}")
        archive = np.load(path)
        self.strides, self.paddings = layout.strides, layout.paddings
        self.pools, self.window = layout.pools, layout.window
        self.taps = layout.taps[:taps]
        depth = self.taps[-1] + 1
        self.kernels = nn.ParameterList(_frozen(archive[f"conv_{i}.weight"]) for i in range(depth))
        self.biases = nn.ParameterList(_frozen(archive[f"conv_{i}.bias"]) for i in range(depth))
        self.heads = nn.ParameterList(_frozen(archive[f"lin{j}.weight"].reshape(1, -1, 1, 1)) for j in range(taps))
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1))

    def features(self, image: Tensor) -> list[Tensor]:
        """Unit-normalised features of every tap."""
        h = (image - self.shift) / self.scale
        found = []
        for i, (kernel, bias) in enumerate(zip(self.kernels, self.biases, strict=True)):
            if i in self.pools:
                h = F.max_pool2d(h, self.window, 2)
            h = F.conv2d(h, kernel, bias, self.strides[i], self.paddings[i]).relu_()
            if i in self.taps:
                found.append(h / (h.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    def compare(self, found: list[Tensor], wanted: list[Tensor]) -> Tensor:
        parts = [
            (F.conv2d((a - b).square(), head)).float().mean((1, 2, 3))
            for a, b, head in zip(found, wanted, self.heads, strict=True)
        ]
        return torch.stack(parts).sum(0)

    def forward(self, image: Tensor, truth: Tensor) -> Tensor:
        return self.compare(self.features(image), self.features(truth))


def _frozen(array: np.ndarray) -> nn.Parameter:
    tensor = torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))
    if tensor.ndim == 4:
        tensor = tensor.contiguous(memory_format=torch.channels_last)
    return nn.Parameter(tensor, requires_grad=False)
