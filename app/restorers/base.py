"""The values of a restorer: engine options and facts, a verified model, a restored crop."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.types import Image
from app.core.words import Phrase, Words, phrase


def provider_name(provider: str) -> Words:
    """Return a short name, such as `CPU` for ONNX Runtime's `CPUExecutionProvider`."""
    return provider.removesuffix("ExecutionProvider") or phrase("unknown")


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """How a network is to be run. `threads` 0 uses every physical core.

    `asked` is the requested execution provider where another may be used in its place: it is not available, or the
    comparison `compared` decided for another.
    """

    provider: str = "cpu"
    threads: int = 0
    spinning: bool = False
    asked: str = ""
    compared: tuple[tuple[str, float | None], ...] = ()


@dataclass(frozen=True, kw_only=True)
class EngineInfo:
    """The engine in use: restorer, the provider requested, the one ONNX Runtime uses, and its options.

    `nodes` says how many of the network's nodes each execution provider took. `compared` has the titles of the
    providers that were measured and their milliseconds a cycle, None for one that could not be used.
    """

    provider_asked: str
    provider_got: str
    precision: str
    threads: int
    spinning: bool = False
    restorer: str = ""
    nodes: tuple[tuple[str, int], ...] = ()
    compared: tuple[tuple[str, float | None], ...] = ()

    @property
    def as_asked(self) -> bool:
        return self.provider_asked == self.provider_got

    @property
    def replaced(self) -> Phrase:
        """Says which provider is in use in the place of the requested one."""
        asked, got = (provider_name(name) for name in (self.provider_asked, self.provider_got))
        return phrase("{asked} is not available; using {got}.", asked=asked, got=got)


@dataclass(frozen=True, eq=False, kw_only=True)
class VerifiedModel:
    """A shipped restorer whose `content`, the bytes of an ONNX file, is what the manifest promises."""

    name: str
    precision: str
    k_range: tuple[int, int]
    file: str
    content: bytes


@dataclass(frozen=True, eq=False, kw_only=True)
class RestoredCrop:
    """A crop after its cycles.

    `image` is uint8 BGR of the crop's shape. `steps[i]` is mean |x_{i+1} - x_i| of cycle i on the [-1, 1] scale and
    `cycles_ms[i]` its time in milliseconds; both have `cycles` entries.
    """

    image: Image
    cycles: int
    steps: tuple[float, ...]
    cycles_ms: tuple[float, ...]
