"""MobileFaceNet (Chen et al., 2018), the face embedding behind the identity loss and the identity distance."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from training.networks.discriminators import sample

# Five points of the 112x96 crop that the network was trained on.
TEMPLATE = (
    (30.2946, 51.6963),
    (65.5318, 51.5014),
    (48.0252, 71.7366),
    (33.5493, 92.3655),
    (62.7299, 92.2041),
)
SIZE = (112, 96)
# (expansion, channels, repeats, stride of the first)
_BOTTLENECKS = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


class _Conv(nn.Module):
    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | tuple[int, int],
        stride: int,
        padding: int,
        groups: int = 1,
        *,
        active: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        if active:
            self.prelu = nn.PReLU(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.bn(self.conv(x))
        return self.prelu(x) if hasattr(self, "prelu") else x


class _Bottleneck(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        self.connect = stride == 1 and inputs == outputs
        inner = inputs * expansion
        self.conv = nn.Sequential(
            nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner), nn.PReLU(inner),
            nn.Conv2d(inner, inner, 3, stride, 1, groups=inner, bias=False), nn.BatchNorm2d(inner), nn.PReLU(inner),
            nn.Conv2d(inner, outputs, 1, bias=False), nn.BatchNorm2d(outputs),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(x)
        return x + out if self.connect else out


class MobileFaceNet(nn.Module):
    """Unit embeddings (N, 128) of aligned faces, float (N, 3, 112, 96), RGB, [-1, 1]. Frozen."""

    def __init__(self, weights: Path) -> None:
        super().__init__()
        self.conv1 = _Conv(3, 64, 3, 2, 1)
        self.dw_conv1 = _Conv(64, 64, 3, 1, 1, groups=64)
        blocks, channels = [], 64
        for expansion, outputs, repeats, stride in _BOTTLENECKS:
            for i in range(repeats):
                blocks.append(_Bottleneck(channels, outputs, stride if i == 0 else 1, expansion))
                channels = outputs
        self.blocks = nn.Sequential(*blocks)
        self.conv2 = _Conv(128, 512, 1, 1, 0)
        self.linear7 = _Conv(512, 512, (7, 6), 1, 0, groups=512, active=False)
        self.linear1 = _Conv(512, 128, 1, 1, 0, active=False)
        path = weights / "mobilefacenet_068.ckpt"
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing; the identity loss needs MobileFaceNet's published weights")
        self.load_state_dict(torch.load(path, map_location="cpu", weights_only=True)["net_state_dict"])
        self.eval().requires_grad_(False)

    def forward(self, faces: Tensor) -> Tensor:
        h = self.conv2(self.blocks(self.dw_conv1(self.conv1(faces))))
        return F.normalize(self.linear1(self.linear7(h)).flatten(1).float())

    def embed(self, images: Tensor, landmarks: Tensor) -> Tensor:
        """Return embeddings of unaligned images (N, 3, H, W) with landmarks (N, 5, 2) in pixels."""
        return self.forward(align(images, landmarks))


def align(images: Tensor, landmarks: Tensor) -> Tensor:
    """Cut the 112x96 crops that MobileFaceNet expects, by the least-squares similarity of the landmarks."""
    template = landmarks.new_tensor(TEMPLATE)
    # The inverse map, template to image, is fitted directly: x' = s x - r y + tx, y' = r x + s y + ty.
    from_mean, to_mean = template.mean(0), landmarks.mean(1, keepdim=True)
    a, b = template - from_mean, landmarks - to_mean
    scale = (a * b).sum((1, 2)) / a.square().sum()
    rotation = (a[:, 0] * b[..., 1] - a[:, 1] * b[..., 0]).sum(1) / a.square().sum()
    y, x = torch.meshgrid(torch.arange(SIZE[0]), torch.arange(SIZE[1]), indexing="ij")
    grid = torch.stack((x, y), -1).to(landmarks) - from_mean
    s, r = scale[:, None, None], rotation[:, None, None]
    points = torch.stack((s * grid[..., 0] - r * grid[..., 1], r * grid[..., 0] + s * grid[..., 1]), -1)
    return sample(images, points + to_mean[:, None])
