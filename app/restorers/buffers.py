"""A network's images between cycles: in the processor's memory, or on the device until the last cycle."""

from __future__ import annotations

from typing import Protocol

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from app.core.errors import InferenceError
from app.core.onnx import session_options

Tensor = NDArray[np.float32]
Shape = tuple[int, int, int, int]


class Buffers(Protocol):
    """Two images that a session reads and writes, alternating where they have one shape."""

    def begin(self) -> Tensor:
        """Return the image to write a new input into."""
        ...

    def advance(self) -> None:
        """Run the session from one image to the other."""
        ...

    def result(self) -> Tensor:
        """Return the last run's output, valid until the next run. Raises InferenceError for NaN or infinity."""
        ...

    def step(self) -> float:
        """Return mean |output - input| of the last run, of one shape. Raises InferenceError for NaN or infinity."""
        ...


def make_buffers(session: onnxruntime.InferenceSession, *, takes: Shape, gives: Shape, memory: str) -> Buffers:
    """Create buffers for a session with one input and one output; `memory` is "cpu" or ONNX Runtime's device name."""
    if memory == "cpu":
        return HostBuffers(session, takes=takes, gives=gives)
    return DeviceBuffers(session, takes=takes, gives=gives, device=memory)


class HostBuffers:
    """Both images in the processor's memory, bound once: a run allocates nothing and copies nothing."""

    def __init__(self, session: onnxruntime.InferenceSession, *, takes: Shape, gives: Shape) -> None:
        self._session = session
        self._images = (np.zeros(takes, np.float32), np.zeros(gives, np.float32))
        self._bindings = tuple(self._bind(here, 1 - here) for here in _ways(takes, gives))
        self._here = 0

    def _bind(self, here: int, there: int) -> onnxruntime.IOBinding:
        binding = self._session.io_binding()
        source, target = self._images[here], self._images[there]
        (given,), (returned,) = self._session.get_inputs(), self._session.get_outputs()
        binding.bind_input(given.name, "cpu", 0, np.float32, source.shape, source.ctypes.data)
        binding.bind_output(returned.name, "cpu", 0, np.float32, target.shape, target.ctypes.data)
        return binding

    def begin(self) -> Tensor:
        self._here = 0
        return self._images[0]

    def advance(self) -> None:
        self._session.run_with_iobinding(self._bindings[self._here])
        self._here = 1 - self._here

    def result(self) -> Tensor:
        image = self._images[self._here]
        # The sum is finite only if every value is.
        expect_number(cv2.norm(image.reshape(-1), cv2.NORM_L1))
        return image

    def step(self) -> float:
        before, after = (image.reshape(-1) for image in self._images)
        return expect_number(cv2.norm(before, after, cv2.NORM_L1) / after.size)


class DeviceBuffers:
    """Both images on a device: one upload before the first cycle, one download after the last.

    The step is computed there too, by a small ONNX graph, and only one number is copied back.
    """

    def __init__(self, session: onnxruntime.InferenceSession, *, takes: Shape, gives: Shape, device: str) -> None:
        self._session = session
        self._given = np.zeros(takes, np.float32)
        self._images = tuple(
            onnxruntime.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32), device, 0) for shape in (takes, gives)
        )
        (given,), (returned,) = session.get_inputs(), session.get_outputs()
        self._bindings = tuple(
            self._bind(session, {given.name: here}, returned.name, 1 - here) for here in _ways(takes, gives)
        )
        self._distance = None
        if takes == gives:
            self._distance = onnxruntime.InferenceSession(
                _distance_network(takes), session_options(threads=1, spinning=False), providers=session.get_providers()
            )
            self._step = self._distance.io_binding()
            for name, image in zip(("before", "after"), self._images, strict=True):
                self._step.bind_ortvalue_input(name, image)
            self._step.bind_output("step", "cpu")
        self._here, self._uploaded = 0, False

    def _bind(
        self, session: onnxruntime.InferenceSession, given: dict[str, int], returned: str, there: int
    ) -> onnxruntime.IOBinding:
        binding = session.io_binding()
        for name, here in given.items():
            binding.bind_ortvalue_input(name, self._images[here])
        binding.bind_ortvalue_output(returned, self._images[there])
        return binding

    def begin(self) -> Tensor:
        self._here, self._uploaded = 0, False
        return self._given

    def advance(self) -> None:
        if not self._uploaded:
            self._images[0].update_inplace(self._given)
            self._uploaded = True
        self._session.run_with_iobinding(self._bindings[self._here])
        self._here = 1 - self._here

    def result(self) -> Tensor:
        image = np.asarray(self._images[self._here].numpy(), np.float32)
        expect_number(cv2.norm(image.reshape(-1), cv2.NORM_L1))
        return image

    def step(self) -> float:
        assert self._distance is not None
        self._distance.run_with_iobinding(self._step)
        return expect_number(float(self._step.copy_outputs_to_cpu()[0]))


def expect_number(value: float) -> float:
    """Return `value`. Raises InferenceError for NaN or infinity."""
    if not np.isfinite(value):
        raise InferenceError("The network gave values that are no numbers.")
    return value


def _ways(takes: Shape, gives: Shape) -> tuple[int, ...]:
    """Return the images that a run may begin with: both, where its output can be its next input."""
    return (0, 1) if takes == gives else (0,)


def _distance_network(shape: Shape) -> bytes:
    """Return an ONNX file that computes mean |before - after|."""
    import onnx
    from onnx import TensorProto, helper

    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["before", "after"], ["difference"]),
            helper.make_node("Abs", ["difference"], ["distance"]),
            helper.make_node("ReduceMean", ["distance"], ["step"], keepdims=0),
        ],
        "step",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("before", "after")],
        [helper.make_tensor_value_info("step", TensorProto.FLOAT, [])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
