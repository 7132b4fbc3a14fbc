"""Scoring pictures against their truth with every metric, computing the truth's part once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from app.core.machine import processor_has
from training.data import to_tensor
from training.losses.perceptual import LPIPS
from training.metrics import pictures as metrics
from training.metrics.landmarks import LandmarkNetwork
from training.metrics.niqe import NIQE
from training.metrics.stlpips import ShiftTolerantLPIPS
from training.networks.identity import MobileFaceNet

# bfloat16 is used for LPIPS-VGG16 only while it moves a face's figure by less than this on average; tables show three
# decimals.
BFLOAT16_TOLERANCE = 5e-4

Images = NDArray[np.uint8]
Scores = dict[str, Tensor]


@dataclass(frozen=True, eq=False, kw_only=True)
class Sketch:
    """True faces, float32 (N, 3, 256, 256), RGB, [-1, 1], and the precomputed values of `Scorer.glance`."""

    tensor: Tensor
    alexnet: list[Tensor]


@dataclass(frozen=True, eq=False, kw_only=True)
class Truth(Sketch):
    """The same with the precomputed values of every metric; images uint8 BGR, landmarks float (N, 5, 2), pixels."""

    images: Images
    landmarks: Tensor
    shift_tolerant: list[Tensor]
    vgg16: list[Tensor]
    points: Tensor


class Scorer:
    """Every metric's network, loaded once. Thread-safe.

    `bfloat16` accelerates LPIPS-VGG16; `check_bfloat16` decides on it.
    """

    def __init__(self, weights: Path, *, shift_tolerant: bool = False) -> None:
        """`weights`: folder of the published weights. `shift_tolerant` adds ST-LPIPS to every full score."""
        self._alexnet, self._vgg16 = LPIPS("alexnet", weights), LPIPS("vgg16", weights)
        self._embedder, self._niqe = MobileFaceNet(weights), NIQE(weights)
        self._points = LandmarkNetwork(weights)
        self._shift_tolerant = ShiftTolerantLPIPS() if shift_tolerant else None
        self.bfloat16 = False
        self.bfloat16_difference: float | None = None

    @torch.no_grad()
    def check_bfloat16(self, degraded: Tensor, clean: Tensor) -> None:
        """Use bfloat16 from here on if the processor has units for it and LPIPS-VGG16 hardly differs on these."""
        if not processor_has("amx_bf16", "avx512_bf16"):
            return
        exact = self._vgg16(degraded, clean)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = self._vgg16(degraded, clean)
        self.bfloat16_difference = float((rounded - exact).abs().mean())
        self.bfloat16 = self.bfloat16_difference <= BFLOAT16_TOLERANCE

    @torch.no_grad()
    def truth(self, images: Images, landmarks: NDArray[np.float32]) -> Truth:
        tensor = to_tensor(images)
        return Truth(
            **vars(self.sketch(images)),
            images=images,
            landmarks=torch.from_numpy(landmarks),
            shift_tolerant=self._shift_tolerant.features(tensor) if self._shift_tolerant else [],
            vgg16=self._vgg_features(tensor),
            points=self._points(images),
        )

    @torch.no_grad()
    def score(self, images: Images, truth: Truth, *, full: bool) -> Scores:
        """PSNR, SSIM, both LPIPS and the colour error of `images`, uint8 like the truth's; each (N,).

        `full` adds what judges the face and the texture: identity, landmarks, NIQE and the checkerboard.
        """
        x = to_tensor(images)
        colour = metrics.colour_error(x, truth.tensor)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            vgg = self._vgg16.compare(self._vgg_features(x), truth.vgg16)
        scores = {
            **self.glance(images, truth),
            "ssim": metrics.ssim(x, truth.tensor),
            "lpips_vgg": vgg,
            "red": colour[:, 0],
            "green": colour[:, 1],
            "blue": colour[:, 2],
        }
        if full:
            scores |= self.texture(images)
            scores["identity"] = metrics.identity_distance(self._embedder, x, truth.tensor, truth.landmarks)
            if self._shift_tolerant:
                found = self._shift_tolerant.features(x)
                scores["stlpips"] = self._shift_tolerant.compare(found, truth.shift_tolerant)
            scores["landmarks"] = metrics.landmark_error(self._points(images), truth.points)
        return scores

    @torch.no_grad()
    def sketch(self, images: Images) -> Sketch:
        """Return what `glance` compares with."""
        tensor = to_tensor(images)
        return Sketch(tensor=tensor, alexnet=self._alexnet.features(tensor))

    @torch.no_grad()
    def glance(self, images: Images, truth: Sketch) -> Scores:
        """PSNR and LPIPS-AlexNet of `images` alone, uint8 like the truth's; each (N,)."""
        x = to_tensor(images)
        return {
            "psnr": metrics.psnr(x, truth.tensor),
            "lpips_alex": self._alexnet.compare(self._alexnet.features(x), truth.alexnet),
        }

    def texture(self, images: Images) -> Scores:
        """NIQE and the checkerboard, which need no truth; each (N,)."""
        return {
            "niqe": torch.tensor([self._niqe(image) for image in images]),
            "checkerboard": metrics.checkerboard(to_tensor(images)),
        }

    def _vgg_features(self, x: Tensor) -> list[Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self.bfloat16):
            return self._vgg16.features(x)


class Collected:
    """Scores of a set gathered part by part under names like "int8 k3"."""

    def __init__(self) -> None:
        self._parts: dict[str, dict[str, list[Tensor]]] = defaultdict(lambda: defaultdict(list))

    def add(self, name: str, scores: Scores) -> None:
        for metric, values in scores.items():
            self._parts[name][metric].append(values.double())

    def values(self, name: str) -> Scores:
        return {metric: torch.cat(parts) for metric, parts in self._parts[name].items()}

    def means(self, chosen: NDArray[np.int64] | None = None) -> dict[str, dict[str, float]]:
        """{name: {metric: mean}}, over all faces or those at the indices `chosen`."""
        return {
            name: {m: float((v if chosen is None else v[chosen]).mean()) for m, v in self.values(name).items()}
            for name in self._parts
        }
