"""CFRNet: a small generator applied to its own output k times (arXiv 2606.06850, y_hat = G^k(x))."""

from __future__ import annotations

import statistics
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from app.core.errors import InferenceError
from app.core.types import CROP_SIZE, Image
from app.restorers.base import EngineInfo, RestoredCrop
from app.restorers.engine import InferenceEngine

_WARM_UP_CYCLES = 5


class CFRNetRestorer:
    """A `Restorer` over any CFRNet: Table I of the paper or its real-time sibling, in either precision."""

    def __init__(
        self,
        model: Path,
        *,
        name: str,
        precision: str,
        k_range: tuple[int, int],
        provider: str = "cpu",
        threads: int = 0,
        spinning: bool = False,
    ) -> None:
        """Load the verified file `model`. Raises InferenceError."""
        self.name = name
        self.k_range = k_range
        self._engine = InferenceEngine(
            model, size=CROP_SIZE, precision=precision, provider=provider, threads=threads, spinning=spinning
        )
        self._info = replace(self._engine.info, restorer=name)

    @property
    def engine(self) -> EngineInfo:
        return self._info

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        """See `Restorer.restore`; `k` outside `k_range` is an InferenceError."""
        low, high = self.k_range
        if not low <= k <= high:
            raise InferenceError(f"{self.name} takes {low} to {high} cycles, not {k}.")
        if crop.shape != (CROP_SIZE, CROP_SIZE, 3) or crop.dtype != np.uint8:
            raise InferenceError(
                f"{self.name} takes uint8 crops of {CROP_SIZE}x{CROP_SIZE}x3, not {crop.dtype} {crop.shape}."
            )
        self._write(crop)
        steps: list[float] = []
        cycles_ms: list[float] = []
        for _ in range(k):
            started = time.perf_counter()
            self._engine.advance()
            steps.append(self._engine.last_step())
            cycles_ms.append((time.perf_counter() - started) * 1000)
            if steps[-1] < stop_threshold:
                break
        return RestoredCrop(image=self._read(), cycles=len(steps), steps=tuple(steps), cycles_ms=tuple(cycles_ms))

    def warm_up(self) -> float:
        """See `Restorer.warm_up`."""
        grey = np.full((CROP_SIZE, CROP_SIZE, 3), 128, np.uint8)
        self.restore(grey, k=self.k_range[0])
        return statistics.median(self.restore(grey, k=1).cycles_ms[0] for _ in range(_WARM_UP_CYCLES))

    def _write(self, crop: Image) -> None:
        """uint8 BGR 0..255 into the engine's float32 RGB -1..1."""
        for plane, target in zip(reversed(cv2.split(crop)), self._engine.tensor[0], strict=True):
            cv2.addWeighted(plane, 1 / 127.5, plane, 0, -1, dst=target, dtype=cv2.CV_32F)

    def _read(self) -> Image:
        """The engine's float32 RGB -1..1 as a new uint8 BGR image, rounded."""
        planes = self._engine.tensor[0, ::-1]
        # OpenCV rounds and saturates on the way to 8 bits.
        return np.asarray(
            cv2.merge([cv2.addWeighted(plane, 127.5, plane, 0, 127.5, dtype=cv2.CV_8U) for plane in planes]), np.uint8
        )
