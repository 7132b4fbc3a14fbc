"""A shipped ONNX generator on ONNX Runtime's CPU provider, with the session options of the application."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import psutil
from numpy.typing import NDArray

from app.core.onnx import session_options
from app.pipeline.measuring.stages import percentiles
from training.errors import TrainingError
from training.shipping.export import INPUT_NAME

PACKAGES = ("onnxruntime", "torch", "numpy", "opencv-python", "scikit-image")
"""Packages whose versions the figures may depend on."""

# Share of all cores in use by others above which a time says nothing about the network.
BUSY_PERCENT = 15.0
TIMED_CYCLES = 40


class BusyMachineError(TrainingError):
    """Timing was requested while other programs keep the cores busy."""


def refuse_busy_machine() -> float:
    """Return the share of the cores that others use, in percent. Raises BusyMachineError above BUSY_PERCENT."""
    busy = float(psutil.cpu_percent(interval=1.0))
    if busy > BUSY_PERCENT:
        raise BusyMachineError(
            f"The cores are {busy:.0f} % busy with something else; a time taken now would be wrong. "
            "Stop it first, or evaluate without --timing."
        )
    return busy


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Milliseconds a cycle on an idle machine: the median and the 95th percentile of `cycles` runs."""

    median_ms: float
    p95_ms: float
    cycles: int
    threads: int
    busy_percent: float


class ShippedGenerator:
    """One ONNX file. Values stay float32 between the cycles; only results are rounded to 8 bits."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        # Many faces go through fastest with one thread each, see `training.evaluation.parallel`.
        self._session = self._open(threads=1)

    def _open(self, *, threads: int) -> onnxruntime.InferenceSession:
        options = session_options(threads=threads, spinning=False)
        return onnxruntime.InferenceSession(str(self.path), options, providers=["CPUExecutionProvider"])

    def cycles(self, faces: NDArray[np.float32], k: int) -> list[NDArray[np.float32]]:
        """Return [x_0, ..., x_k] of `faces`, float32 (N, 3, 256, 256), RGB, [-1, 1]. Thread-safe."""
        columns = [faces]
        for _ in range(k):
            columns.append(np.concatenate([self._advance(face) for face in columns[-1]]))
        return columns

    def _advance(self, face: NDArray[np.float32]) -> NDArray[np.float32]:
        (restored,) = self._session.run(None, {INPUT_NAME: np.ascontiguousarray(face[None])})
        return restored  # type: ignore[no-any-return]

    def time_a_cycle(self, face: NDArray[np.float32], *, threads: int, cycles: int = TIMED_CYCLES) -> Timing:
        """Time `cycles` cycles on one face, float32 (3, 256, 256). Raises BusyMachineError on a busy machine."""
        busy = refuse_busy_machine()
        session, x = self._open(threads=threads), np.ascontiguousarray(face[None])
        taken = []
        for i in range(cycles + 5):
            started = time.perf_counter()
            (x,) = session.run(None, {INPUT_NAME: x})
            if i >= 5:
                taken.append(1000.0 * (time.perf_counter() - started))
        median_ms, p95_ms = percentiles(taken)
        return Timing(
            median_ms=median_ms,
            p95_ms=p95_ms,
            cycles=cycles,
            threads=threads,
            busy_percent=busy,
        )
