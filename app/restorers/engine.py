"""ONNX Runtime around one network: a session, two buffers, and the output of a run as the input of the next."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.core.errors import InferenceError
from app.core.onnx import session_options
from app.restorers.base import EngineInfo, EngineOptions, VerifiedModel
from app.restorers.family import ImageTensor

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
    """A network with one input and one output, two images, over buffers that are bound once: a run allocates nothing.

    Write an input into `begin()`, then call `advance()`; `tensor` is the output. Where input and output have one shape
    `advance()` may be called again: the two buffers are swapped, and values never leave float32.
    """

    def __init__(self, model: VerifiedModel, *, takes: ImageTensor, gives: ImageTensor, options: EngineOptions) -> None:
        """Load `model`, from `takes` to `gives`. Raises InferenceError."""
        asked = PROVIDERS.get(options.provider, options.provider)
        available = set(onnxruntime.get_available_providers())
        wanted = [name for name in dict.fromkeys((asked, CPU_PROVIDER)) if name in available]
        set_up = session_options(threads=options.threads, spinning=options.spinning)
        try:
            self._session = onnxruntime.InferenceSession(model.content, sess_options=set_up, providers=wanted)
            (source,), (target,) = self._session.get_inputs(), self._session.get_outputs()
            _check("takes", source, takes)
            _check("gives", target, gives)
            self._buffers = (np.zeros(takes.shape, np.float32), np.zeros(gives.shape, np.float32))
            ways = ((0, 1), (1, 0)) if takes.shape == gives.shape else ((0, 1),)
            self._bindings = tuple(
                self._bind(source.name, self._buffers[here], target.name, self._buffers[there]) for here, there in ways
            )
        except Exception as error:  # ONNX Runtime raises a different class for every kind of refusal
            raise InferenceError(f"The inference engine refused {model.file}: {error}.") from error
        self._here = 0
        self.info = EngineInfo(
            provider_asked=asked,
            provider_got=self._session.get_providers()[0],
            precision=model.precision,
            threads=set_up.intra_op_num_threads,
            spinning=options.spinning,
        )

    def _bind(self, input_name: str, source: Tensor, output_name: str, target: Tensor) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        binding.bind_input(input_name, "cpu", 0, np.float32, source.shape, source.ctypes.data)
        binding.bind_output(output_name, "cpu", 0, np.float32, target.shape, target.ctypes.data)
        return binding

    def begin(self) -> Tensor:
        """The buffer for a new input, float32 of the input's shape, to be written to before `advance`."""
        self._here = 0
        return self._buffers[0]

    @property
    def tensor(self) -> Tensor:
        """What the last `advance` gave, float32 of the output's shape. Valid until the next one."""
        return self._buffers[self._here]

    def advance(self) -> None:
        """Run the network once on what `begin` took, or on its own last output. Raises InferenceError."""
        try:
            self._session.run_with_iobinding(self._bindings[self._here])
        except Exception as error:
            raise InferenceError(f"The inference engine failed: {error}.") from error
        self._here = 1 - self._here
        # A sum over the values is a number only if each of them is one.
        if not np.isfinite(cv2.norm(self.tensor.reshape(-1), cv2.NORM_L1)):
            raise InferenceError("The network gave values that are no numbers.")

    def last_step(self) -> float:
        """mean |x_{i+1} - x_i| between the last input and output, which must be of one shape."""
        before, after = (buffer.reshape(-1) for buffer in self._buffers)
        return cv2.norm(before, after, cv2.NORM_L1) / after.size


def _check(verb: str, have: Any, need: ImageTensor) -> None:
    """Compare an input or output of a session with what the family says. Raises ValueError."""
    fixed = [side if isinstance(side, int) else wanted for side, wanted in zip(have.shape, need.shape, strict=False)]
    if have.type != "tensor(float)" or fixed != list(need.shape):
        raise ValueError(f"it {verb} {have.type} {have.shape}, not float32 {list(need.shape)}")
