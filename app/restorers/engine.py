"""ONNX Runtime around a fixed-point network: one session, two buffers, the output of a cycle is the next's input."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.core.errors import InferenceError
from app.core.onnx import session_options
from app.restorers.base import EngineInfo

CPU_PROVIDER = "CPUExecutionProvider"
PROVIDERS = {
    "cpu": CPU_PROVIDER,
    "cuda": "CUDAExecutionProvider",
    "directml": "DmlExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
"""The names that a person may choose, and ONNX Runtime's."""

Tensor = NDArray[np.float32]


def usable_providers() -> tuple[str, ...]:
    """The names in `PROVIDERS` that the installed ONNX Runtime brings on this machine."""
    available = set(onnxruntime.get_available_providers())
    return tuple(name for name, provider in PROVIDERS.items() if provider in available)


class InferenceEngine:
    """A network G with one input and one output of the same shape, applied in place to the tensor it holds.

    Write the input into `tensor`, then call `advance()` once for every cycle. Two buffers are bound once and swapped,
    so a cycle allocates nothing and the values never leave float32.
    """

    def __init__(
        self,
        model: Path,
        *,
        size: int,
        precision: str,
        provider: str = "cpu",
        threads: int = 0,
        spinning: bool = False,
    ) -> None:
        """Load `model` for inputs of float32 (1, 3, size, size). Raises InferenceError."""
        asked = PROVIDERS.get(provider, provider)
        available = set(onnxruntime.get_available_providers())
        wanted = [name for name in dict.fromkeys((asked, CPU_PROVIDER)) if name in available]
        options = session_options(threads=threads, spinning=spinning)
        shape = (1, 3, size, size)
        try:
            self._session = onnxruntime.InferenceSession(str(model), sess_options=options, providers=wanted)
            (source,) = self._session.get_inputs()
            (target,) = self._session.get_outputs()
            if source.type != "tensor(float)" or target.type != "tensor(float)":
                raise ValueError(f"it takes {source.type} and gives {target.type}, not float32")
            if any(isinstance(have, int) and have != need for have, need in zip(source.shape, shape, strict=True)):
                raise ValueError(f"its input is {source.shape}, not {list(shape)}")
            self._buffers = (np.zeros(shape, np.float32), np.zeros(shape, np.float32))
            self._bindings = tuple(
                self._bind(source.name, self._buffers[here], target.name, self._buffers[1 - here]) for here in (0, 1)
            )
        except Exception as error:  # ONNX Runtime raises a different class for every kind of refusal
            raise InferenceError(f"The inference engine refused {model.name}: {error}.") from error
        self._here = 0
        self.info = EngineInfo(
            provider_asked=asked,
            provider_got=self._session.get_providers()[0],
            precision=precision,
            threads=options.intra_op_num_threads,
            spinning=spinning,
        )

    def _bind(self, input_name: str, source: Tensor, output_name: str, target: Tensor) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        binding.bind_input(input_name, "cpu", 0, np.float32, source.shape, source.ctypes.data)
        binding.bind_output(output_name, "cpu", 0, np.float32, target.shape, target.ctypes.data)
        return binding

    @property
    def tensor(self) -> Tensor:
        """float32 (1, 3, size, size): the input before a cycle, the output after it. Valid until the next cycle."""
        return self._buffers[self._here]

    def advance(self) -> None:
        """One cycle: `tensor` becomes G(tensor). Raises InferenceError."""
        try:
            self._session.run_with_iobinding(self._bindings[self._here])
        except Exception as error:
            raise InferenceError(f"The inference engine failed: {error}.") from error
        self._here = 1 - self._here

    def last_step(self) -> float:
        """mean |x_{i+1} - x_i| of the last cycle. Raises InferenceError for values that are no numbers."""
        before, after = (buffer.reshape(-1) for buffer in self._buffers)
        step = cv2.norm(before, after, cv2.NORM_L1) / after.size
        if not np.isfinite(step):
            raise InferenceError("The network gave values that are no numbers.")
        return step
