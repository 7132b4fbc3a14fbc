"""Restorers over one network: the cycles, their times and steps."""

from __future__ import annotations

import statistics
import time
from abc import ABC, abstractmethod
from dataclasses import replace

import cv2
import numpy as np

from app.core.errors import InferenceError
from app.core.types import Image
from app.restorers.base import EngineInfo, EngineOptions, RestoredCrop, VerifiedModel
from app.restorers.buffers import Tensor
from app.restorers.engine import InferenceEngine
from app.restorers.family import Family, ImageTensor

_WARM_UP_CYCLES = 5


class NetworkRestorer(ABC):
    """A `Restorer` that counts and times cycles; a subclass defines the cycle."""

    def __init__(self, family: Family, model: VerifiedModel, options: EngineOptions) -> None:
        """Load the network. Raises InferenceError for a file that is no network of the family."""
        self.family = family
        self.name = model.name
        self.k_range = model.k_range
        self._engine = InferenceEngine(model, takes=family.takes, gives=family.gives, options=options)

    @property
    def engine(self) -> EngineInfo:
        return replace(self._engine.info, restorer=self.name)

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        """See `Restorer.restore`; `k` outside `k_range` is an InferenceError."""
        low, high = self.k_range
        side = self.family.crop_side
        if not low <= k <= high:
            raise InferenceError(
                "{name} takes {low} to {high} cycles, not {k}.", name=self.name, low=low, high=high, k=k
            )
        if crop.shape != (side, side, 3) or crop.dtype != np.uint8:
            raise InferenceError(
                "{name} takes uint8 crops of {side}x{side}x3, not {dtype} {shape}.",
                name=self.name,
                side=side,
                dtype=crop.dtype,
                shape=crop.shape,
            )
        self._begin(crop)
        steps: list[float] = []
        cycles_ms: list[float] = []
        for _ in range(k):
            started = time.perf_counter()
            steps.append(self._cycle())
            cycles_ms.append((time.perf_counter() - started) * 1000)
            if steps[-1] < stop_threshold:
                break
        return RestoredCrop(image=self._result(), cycles=len(steps), steps=tuple(steps), cycles_ms=tuple(cycles_ms))

    def warm_up(self) -> float:
        """See `Restorer.warm_up`."""
        low = self.k_range[0]
        grey = np.full((self.family.crop_side, self.family.crop_side, 3), 128, np.uint8)
        self.restore(grey, k=low)
        times_ms = (self.restore(grey, k=low).cycles_ms for _ in range(_WARM_UP_CYCLES))
        return statistics.median(ms for each in times_ms for ms in each)

    @abstractmethod
    def _begin(self, crop: Image) -> None:
        """Take a new crop, uint8 (side, side, 3) BGR."""

    @abstractmethod
    def _cycle(self) -> float:
        """Apply the network once; returns mean |G(x) - x| on the [-1, 1] scale."""

    @abstractmethod
    def _result(self) -> Image:
        """Return the crop after the cycles so far: a new uint8 (side, side, 3) BGR image."""


class CropToCropRestorer(NetworkRestorer):
    """A network from crop to crop: its float32 output is its next input, without copying or rounding."""

    def _begin(self, crop: Image) -> None:
        write_image(crop, self._engine.begin(), self.family.takes)

    def _cycle(self) -> float:
        self._engine.advance()
        low, high = self.family.takes.range
        return self._engine.last_step() * 2 / (high - low)

    def _result(self) -> Image:
        return read_image(self._engine.tensor, self.family.gives)


def write_image(image: Image | Tensor, tensor: Tensor, spec: ImageTensor) -> None:
    """Write uint8 or float32 (side, side, 3) BGR, 0 to 255, into the float32 (1, 3, side, side) of `spec`."""
    low, high = spec.range
    for plane, target in zip(_planes(image, spec), tensor[0], strict=True):
        cv2.addWeighted(plane, (high - low) / 255, plane, 0, low, dst=target, dtype=cv2.CV_32F)


def read_image(tensor: Tensor, spec: ImageTensor) -> Image:
    """Return the float32 (1, 3, side, side) of `spec` as a new uint8 (side, side, 3) BGR image, rounded."""
    low, high = spec.range
    scale = 255 / (high - low)
    # OpenCV rounds and saturates on the way to 8 bits.
    planes = [cv2.addWeighted(plane, scale, plane, 0, -low * scale, dtype=cv2.CV_8U) for plane in tensor[0]]
    return np.asarray(cv2.merge(planes[::-1] if spec.colour == "RGB" else planes), np.uint8)


def _planes(image: Image | Tensor, spec: ImageTensor) -> list[Image | Tensor]:
    planes = list(cv2.split(image))
    return planes[::-1] if spec.colour == "RGB" else planes  # type: ignore[return-value]
