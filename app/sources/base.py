"""The contract of a source: the protocol, what a source says about itself, and what its kind says about it.

How to add a kind: docs/adding-a-source.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.core.address import shown_source
from app.core.settings import Settings
from app.core.types import Frame
from app.core.words import Phrase


class Source(Protocol):
    """Pictures one after the other. `open` and `read` may block and belong to one thread, `close` to any."""

    @property
    def info(self) -> SourceInfo:
        """Valid after `open`."""

    def open(self) -> None:
        """Block until the first picture is certain; raises SourceOpenError or a subclass."""

    def read(self) -> Frame | None:
        """Return the next frame, None at the end.

        Raises SourceOfflineError when a live source stopped delivering, UnreadableMediaError when a file is damaged.
        """

    def close(self) -> None:
        """Release everything. Does not wait for a read that is blocked, may be called twice."""


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """The descriptor of a kind of source.

    `name` is unique, `label` is for people, `icon` a file of assets/icons. A `live` source loses frames that nobody
    takes and is reconnected; the others are played at their own pace. One that is `seekable` has a timeline that a
    person moves on, and its source a method `seek(seconds)`. One that `may_freeze` can repeat its last picture for
    ever. A `device` is known by its name, is opened again as `kind's name:NAME`, and takes size, rate and mirror from
    the settings.
    """

    name: str
    label: Phrase
    icon: str
    match: Callable[[str, Settings], SourceSpec | None]
    """Return whether a text certainly names this kind. May query the file system, must not open files or devices."""
    make: Callable[[SourceSpec], Source]
    """Create the source without opening it."""
    live: bool
    seekable: bool = False
    may_freeze: bool = False
    device: bool = False
    search: Callable[[str, Settings], SourceSpec] | None = None
    """Search the system for a text that no kind matched. Raises SourceOpenError or a subclass when it is not found."""


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """Which source to open: `address` is a device's name (empty for the first one), a path or a URL.

    A URL may hold a password: printed is the address without its secrets. `size`, `fps` and `mirror` are requested from
    a device; the other kinds do not use them.
    """

    kind: SourceKind
    address: str = field(repr=False)
    size: tuple[int, int] = (1280, 720)
    fps: int = 30
    mirror: bool = False

    def __str__(self) -> str:
        return f"{self.kind.name} {shown_source(self.address)}"


@dataclass(frozen=True, kw_only=True)
class SourceInfo:
    """What is known of a source once it is open.

    `width` and `height` are those of the first picture as it is delivered (turned upright). `fps` is what a camera
    really delivers, nominal for a video, pictures per second of a slide show, and 0 when the source does not say.
    `picture_s` is how long each picture of a slide show is shown, 0 for moving pictures.
    """

    name: str
    kind: SourceKind
    width: int
    height: int
    fps: float
    frame_count: int | None = None
    duration_s: float | None = None
    has_audio: bool = False
    picture_s: float = 0.0
