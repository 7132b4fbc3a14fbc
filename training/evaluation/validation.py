"""A quick measurement of a generator on the validation split, during training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data import FaceSet, seeded_pairs, to_images
from training.losses.perceptual import LPIPS
from training.metrics.pictures import psnr, step_size

SHOWN = 8
FACES = 40
CHUNK = 16


class Validation:
    """PSNR, LPIPS on both backbones and the step size at every k, and how well a clean face stays clean.

    `bfloat16` computes LPIPS in half precision: faster where the processor has units for it, slower elsewhere.
    """

    def __init__(self, faces: FaceSet, weights: Path, *, cycles: int, device: torch.device, bfloat16: bool) -> None:
        self.cycles, self.bfloat16 = cycles, bfloat16
        pairs = seeded_pairs(faces.images[:: max(1, len(faces) // FACES)][:FACES])
        self.degraded, self.clean = (faces.to(device) for faces in pairs)
        self.metrics = {"alex": LPIPS("alexnet", weights).to(device), "vgg": LPIPS("vgg16", weights).to(device)}
        with torch.no_grad():
            self.input_figures = self._figures(self.degraded, "input")

    @torch.no_grad()
    def __call__(self, generator: nn.Module) -> tuple[dict[str, float], NDArray[np.uint8]]:
        figures, columns = dict(self.input_figures), [to_images(self.degraded[:SHOWN])]
        x = self.degraded
        for k in range(1, self.cycles + 1):
            before, x = x, self._run(generator, x)
            figures |= self._figures(x, f"k{k}")
            figures[f"k{k}_step"] = float(step_size(x, before).mean())
            columns.append(to_images(x[:SHOWN]))
        clean = self.clean
        for k in range(1, min(3, self.cycles) + 1):
            clean = self._run(generator, clean)
            figures[f"clean_k{k}_psnr"] = float(psnr(clean, self.clean).mean())
        columns.append(to_images(self.clean[:SHOWN]))
        return figures, np.vstack([np.hstack(row) for row in zip(*columns, strict=True)])

    @staticmethod
    def _run(generator: nn.Module, x: Tensor) -> Tensor:
        # In single precision, the way it is shipped; bfloat16 is for the gradient only.
        return torch.cat([generator(part) for part in x.split(CHUNK)])

    def _figures(self, x: Tensor, prefix: str) -> dict[str, float]:
        figures = {f"{prefix}_psnr": float(psnr(x, self.clean).mean())}
        for name, metric in self.metrics.items():
            parts = zip(x.split(CHUNK), self.clean.split(CHUNK), strict=True)
            with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=self.bfloat16):
                figures[f"{prefix}_{name}"] = float(torch.cat([metric(a, b) for a, b in parts]).mean())
        return figures
