"""Shift-tolerant LPIPS (Ghildyal and Liu, ECCV 2022, arXiv 2207.13686) on AlexNet.

LPIPS moves when a picture is shifted by a pixel or two, which no eye sees. Here the first convolution keeps every
pixel, every reduction is a blurred one with reflected borders, and the first blur stands before its ReLU. The weights
are those of the package `stlpips-pytorch`, read from it without importing it.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_PACKAGE = "stlpips_pytorch"
_FILE = "stlpips_pytorch/weights/vST0.0/alex_shift_tolerant.pth"
_CONVOLUTIONS = ("slice1.0", "slice2.5", "slice3.9", "slice4.11", "slice5.13")
_PADDING = (2, 2, 1, 1, 1)


def weights_path() -> Path:
    """The weights in the installed package. Raises FileNotFoundError when it is not installed."""
    try:
        path = Path(str(metadata.distribution(_PACKAGE).locate_file(_FILE)))
    except metadata.PackageNotFoundError:
        raise FileNotFoundError("ST-LPIPS needs the package stlpips-pytorch (training/requirements.txt)") from None
    if not path.is_file():
        raise FileNotFoundError(f"the package stlpips-pytorch lacks {path}")
    return path


class ShiftTolerantLPIPS(nn.Module):
    """Distance of two batches, float (N, 3, H, W), RGB, [-1, 1]: float (N,), lower is nearer."""

    def __init__(self, path: Path | None = None) -> None:
        super().__init__()
        state = torch.load(path or weights_path(), map_location="cpu", weights_only=True)
        self._kernels = [(state[f"net.{name}.weight"], state[f"net.{name}.bias"]) for name in _CONVOLUTIONS]
        self._heads = [state[f"lin{i}.model.1.weight"] for i in range(len(_CONVOLUTIONS))]
        self._shift, self._scale = state["scaling_layer.shift"], state["scaling_layer.scale"]
        line = torch.tensor((0.25, 0.5, 0.25))
        self._blur = torch.outer(line, line)

    @torch.no_grad()
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.compare(self.features(x), self.features(y))

    @torch.no_grad()
    def features(self, x: Tensor) -> list[Tensor]:
        """Five feature maps, each of unit length at every pixel."""
        x = (x - self._shift) / self._scale
        maps = []
        for stage, ((weight, bias), padding) in enumerate(zip(self._kernels, _PADDING, strict=True)):
            if stage in (1, 2):
                x = self._halve(F.max_pool2d(x, 3, stride=1))
            x = F.conv2d(x, weight, bias, padding=padding)
            if stage == 0:
                x = self._halve(x)
            x = F.relu(x)
            maps.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return maps

    def compare(self, a: list[Tensor], b: list[Tensor]) -> Tensor:
        """Distance float (N,) of two results of `features`."""
        parts = zip(a, b, self._heads, strict=True)
        return torch.stack([F.conv2d((p - q).square(), head).mean((1, 2, 3)) for p, q, head in parts]).sum(0)

    def _halve(self, x: Tensor) -> Tensor:
        channels = x.shape[1]
        kernel = self._blur.expand(channels, 1, 3, 3)
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=channels)
