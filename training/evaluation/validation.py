"""A quick measurement of a generator on the validation split, during training."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from training.data import FaceSet, seeded_pairs, to_images
from training.degradation.operators import Degradation
from training.losses.perceptual import LPIPS
from training.metrics.pictures import psnr, step_size

SHOWN = 8
FACES = 40
CHUNK = 16


class Validation:
    """PSNR, LPIPS on both backbones and the step size at every k, and how well a clean face stays clean.

    Faces are degraded by the paper's D and, in figures and rows of their own, by those of `also`: a name for each.
    `bfloat16` computes LPIPS in half precision: faster where the processor has units for it, slower elsewhere.
    """

    def __init__(
        self,
        faces: FaceSet,
        weights: Path,
        *,
        cycles: int,
        device: torch.device,
        bfloat16: bool,
        also: Mapping[str, Degradation] | None = None,
    ) -> None:
        self.cycles, self.bfloat16 = cycles, bfloat16
        images = faces.images[:: max(1, len(faces) // FACES)][:FACES]
        degraded, clean = seeded_pairs(images)
        self.clean = clean.to(device)
        self.degraded = {"": degraded.to(device)}
        for name, degrade in (also or {}).items():
            self.degraded[f"{name}_"] = seeded_pairs(images, degrade)[0].to(device)
        self.metrics = {"alex": LPIPS("alexnet", weights).to(device), "vgg": LPIPS("vgg16", weights).to(device)}
        self.input_figures: dict[str, float] = {}
        with torch.no_grad():
            for prefix, inputs in self.degraded.items():
                self.input_figures |= self._figures(inputs, f"{prefix}input")

    @torch.no_grad()
    def __call__(self, generator: nn.Module) -> tuple[dict[str, float], NDArray[np.uint8]]:
        """Return the figures by name, and a sheet, uint8 BGR: a row a face with input, k = 1 ..., truth."""
        figures, sheets = dict(self.input_figures), []
        for prefix, degraded in self.degraded.items():
            columns, x = [to_images(degraded[:SHOWN])], degraded
            for k in range(1, self.cycles + 1):
                before, x = x, self._run(generator, x)
                figures |= self._figures(x, f"{prefix}k{k}")
                figures[f"{prefix}k{k}_step"] = float(step_size(x, before).mean())
                columns.append(to_images(x[:SHOWN]))
            columns.append(to_images(self.clean[:SHOWN]))
            sheets += [np.hstack(row) for row in zip(*columns, strict=True)]
        clean = self.clean
        for k in range(1, min(3, self.cycles) + 1):
            clean = self._run(generator, clean)
            figures[f"clean_k{k}_psnr"] = float(psnr(clean, self.clean).mean())
        return figures, np.vstack(sheets)

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
