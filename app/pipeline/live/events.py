"""The events of a live session, as values; their texts are the window's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from app.core.errors import AppError
from app.core.words import Words
from app.pipeline.capture.status import SourceStatus


@dataclass(frozen=True, kw_only=True)
class CyclesChanged:
    """Auto-k uses `k` cycles of the `wanted` ones; `reason` is "" when all of them fit again."""

    k: int
    wanted: int
    reason: Words = ""


@dataclass(frozen=True, kw_only=True)
class RecordingSaved:
    """A recording is complete; `paths` are its files."""

    paths: tuple[Path, ...]


@dataclass(frozen=True, kw_only=True)
class RecordingReduced:
    """A recording that was to be `wanted` times as large as the source is `scale` times as large: more is too slow."""

    scale: int
    wanted: int


@dataclass(frozen=True, kw_only=True)
class MicrophoneMissing:
    """The microphone that was to be recorded does not open; with `replaced` the system's choice is recorded.

    `wanted` is its name, "" for the system's choice.
    """

    wanted: str
    replaced: bool


Notice = CyclesChanged | RecordingSaved | RecordingReduced | MicrophoneMissing


class SessionListener(Protocol):
    """Receives a session's events on the session's threads. Its methods must return at once."""

    def on_frame(self) -> None:
        """A new frame is ready to be taken."""

    def on_status(self, status: SourceStatus) -> None:
        """The source changed its state. Its errors are reported here only."""

    def on_error(self, error: AppError) -> None:
        """A worker failed. A failure that repeats on every frame is reported once."""

    def on_notice(self, notice: Notice) -> None:
        """Something happened that a person should know."""
