"""The contract of a restorer, and the descriptor of a family of restorers, which the whole application reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from app.core.types import Image
from app.core.words import Phrase, Words
from app.restorers.base import EngineInfo, EngineOptions, RestoredCrop, VerifiedModel

RESEARCH_LICENCE = "research use: trained on faces gathered for research, see models/README.md"


@dataclass(frozen=True, kw_only=True)
class ImageTensor:
    """An input or output of a network: float32 (1, 3, side, side) in this order of channels and this range."""

    side: int
    layout: str = "NCHW"
    colour: str = "RGB"
    range: tuple[float, float] = (-1, 1)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return 1, 3, self.side, self.side

    def described(self) -> dict[str, Any]:
        """Return it in the manifest's form."""
        return {"layout": self.layout, "colour": self.colour, "range": list(self.range), "size": self.side}


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named number of cycles."""

    k: int
    name: str
    meaning: Phrase


@dataclass(frozen=True, kw_only=True)
class Family:
    """Networks with the same input and output that are applied in the same way.

    `crop_side` is the side in pixels of the aligned crops they restore, on the template `template` (only
    "ffhq" exists); results have that side whatever the side of `gives`. With `fixed_point`, a network is meant to be
    applied to its own output and converges; without, k counts passes of a single-pass network that is fed its own
    output again, and what changes then is drift. `weakness` is shown wherever the network is offered.
    """

    name: str
    title: str
    paper: str
    takes: ImageTensor
    gives: ImageTensor
    k_range: tuple[int, int]
    fixed_point: bool
    create: Callable[[Family, VerifiedModel, EngineOptions], Restorer]
    default_k: int = 1
    crop_side: int = 256
    template: str = "ffhq"
    presets: tuple[Preset, ...] = ()
    licence: str = RESEARCH_LICENCE
    weakness: Words = ""

    def __post_init__(self) -> None:
        low, high = self.k_range
        if not 1 <= low <= high:
            raise ValueError(f"The family {self.name} has the k range {low} to {high}.")
        if not low <= self.default_k <= high:
            raise ValueError(f"The family {self.name} cannot be applied {self.default_k} times.")
        if any(not low <= preset.k <= high for preset in self.presets):
            raise ValueError(f"A preset of the family {self.name} lies outside {low} to {high} cycles.")


class Restorer(Protocol):
    """One network behind one engine. Not thread-safe: one worker owns it."""

    @property
    def family(self) -> Family: ...

    @property
    def name(self) -> str: ...

    @property
    def k_range(self) -> tuple[int, int]:
        """The smallest and largest sensible number of cycles of this network."""
        ...

    @property
    def engine(self) -> EngineInfo: ...

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        """Restore `crop`, uint8 (side, side, 3) BGR of the family's side and template, with at most `k` cycles.

        A cycle whose mean |G(x) - x| is under `stop_threshold` is the last one. Raises InferenceError.
        """
        ...

    def warm_up(self) -> float:
        """Do the slow first runs now; return the median time of a cycle in milliseconds."""
        ...
