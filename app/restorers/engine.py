"""ONNX Runtime around one network: a session on a provider, and what was really used."""

from __future__ import annotations

from typing import Any

from app.core.errors import InferenceError
from app.core.machine import usable_threads
from app.restorers.base import EngineInfo, EngineOptions, VerifiedModel
from app.restorers.buffers import Tensor, make_buffers
from app.restorers.family import ImageTensor
from app.restorers.providers import (
    CPU,
    available_providers,
    node_counts,
    open_session,
    provider_called,
    provider_got,
)


class InferenceEngine:
    """A network with one input and one output, two images.

    Write an input into `begin()`, then call `advance()`; `tensor` is the output. Where input and output have one shape
    `advance()` may be called again: the two images take turns, and values never leave float32.
    """

    def __init__(self, model: VerifiedModel, *, takes: ImageTensor, gives: ImageTensor, options: EngineOptions) -> None:
        """Load `model`, from `takes` to `gives`; an unavailable provider is replaced by the CPU.

        Raises InferenceError.
        """
        asked = provider_called(options.provider)
        provider = asked if asked in available_providers() else CPU
        try:
            session = open_session(model.content, provider, options)
            (source,), (target,) = session.get_inputs(), session.get_outputs()
            _check("takes", source, takes)
            _check("gives", target, gives)
            got = provider_got(session)
            memory = provider.memory if got == provider.execution else "cpu"
            self._buffers = make_buffers(session, takes=takes.shape, gives=gives.shape, memory=memory)
        except Exception as error:  # ONNX Runtime raises a different class for every kind of failure
            raise InferenceError(
                "The inference engine refused {file}: {error}.", file=model.file, error=error
            ) from error
        self.info = EngineInfo(
            provider_asked=options.asked or asked.execution,
            provider_got=got,
            precision=model.precision,
            threads=usable_threads(options.threads),
            spinning=options.spinning,
            nodes=node_counts(session),
            compared=options.compared,
        )

    def begin(self) -> Tensor:
        """Return the image for a new input, float32 of the input's shape, to be written to before `advance`."""
        return self._buffers.begin()

    @property
    def tensor(self) -> Tensor:
        """The output of the last `advance`, float32 of its shape, valid until the next. Raises InferenceError."""
        return self._buffers.result()

    def advance(self) -> None:
        """Run the network once on the image of `begin`, or on its own last output. Raises InferenceError."""
        try:
            self._buffers.advance()
        except Exception as error:
            raise InferenceError("The inference engine failed: {error}.", error=error) from error

    def last_step(self) -> float:
        """Return mean |x_{i+1} - x_i| of the last input and output, of one shape. Raises InferenceError."""
        return self._buffers.step()


def _check(verb: str, have: Any, need: ImageTensor) -> None:
    """Compare an input or output of a session with the family's. Raises ValueError."""
    fixed = [side if isinstance(side, int) else wanted for side, wanted in zip(have.shape, need.shape, strict=False)]
    if have.type != "tensor(float)" or fixed != list(need.shape):
        raise ValueError(f"it {verb} {have.type} {have.shape}, not float32 {list(need.shape)}")
