"""Tasks and their results: plain values that are sent to processes and machines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias

from app.batch.videos.joining import PieceFile
from app.batch.videos.pieces import Span
from app.core.errors import AppError, UnreadableMediaError
from app.core.types import Timings
from app.core.words import Phrase
from app.media.remote import RemoteFile
from app.restorers.base import EngineInfo

_BEGINNING = 1 << 16

TaskKind = Literal["picture", "crop", "video", "piece", "join"]


@dataclass(frozen=True, kw_only=True)
class InputIdentity:
    """The identity of an input: size in bytes, time of change in ns, SHA-256 of its first 64 KiB."""

    size: int
    modified_ns: int
    beginning: str

    @classmethod
    def of(cls, path: Path) -> Self:
        """Read the identity of `path`. Raises UnreadableMediaError."""
        try:
            status = path.stat()
            with path.open("rb") as file:
                beginning = hashlib.sha256(file.read(_BEGINNING)).hexdigest()
        except OSError as error:
            raise UnreadableMediaError(
                "{path} cannot be read: {reason}.", path=path, reason=error.strerror or error
            ) from error
        return cls(size=status.st_size, modified_ns=status.st_mtime_ns, beginning=beginning)

    @classmethod
    def of_remote(cls, file: RemoteFile) -> Self:
        """Read the identity of a file behind an address. Raises UnreadableMediaError."""
        size, modified_ns, beginning = file.identity(_BEGINNING)
        return cls(size=size, modified_ns=modified_ns, beginning=beginning)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One picture, crop, video, piece of a video, or the joining of the pieces.

    `key` is unique in its job; `name` is how the file is called in messages.

    `digest` stands for everything that decides the result: a finished task with the same digest is not done again.
    `weight` is the expected work in video frames. With `overwrite` the result may replace a file; with `again` a
    worker died over it before. A piece has its `span`; joining has the `pieces`, and says in `damage` where the source
    broke off. With `fetched_from` or `sent_to`, source or target are only its name, and the worker fetches or sends the
    file.
    """

    key: str
    kind: TaskKind
    name: str
    source: Path
    target: Path
    identity: InputIdentity | None
    digest: str
    weight: float = 1.0
    overwrite: bool = False
    again: bool = False
    span: Span | None = None
    pieces: tuple[PieceFile, ...] = ()
    damage: Phrase | None = None
    fetched_from: RemoteFile | None = None
    sent_to: RemoteFile | None = None

    def repeated(self) -> Task:
        """Return the task for another attempt after its worker died, whose result may be in place and is replaced."""
        return replace(self, overwrite=True, again=True)

    def absolute(self) -> Task:
        """Return the task with full paths, for a worker that has another current folder."""
        return replace(
            self,
            source=self.source if self.fetched_from else self.source.absolute(),
            target=self.target if self.sent_to else self.target.absolute(),
            pieces=tuple(replace(piece, path=piece.path.absolute()) for piece in self.pieces),
        )

    def expect_unchanged(self) -> None:
        """Raise UnreadableMediaError if the input has changed since the job was planned."""
        if self.identity is None:
            return
        remote = self.fetched_from
        if (InputIdentity.of(self.source) if remote is None else InputIdentity.of_remote(remote)) != self.identity:
            raise UnreadableMediaError(
                "{source} changed while it was being restored.",
                "Restore it again when nothing writes to it.",
                source=remote or self.source,
            )


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """The result of a task: frames, faces over all of them, and notes for the person.

    A piece also has the time stamp of its first picture, None if there is none, and says in `damage` where its source
    broke off. `timings` has an entry for every frame where they are kept, `engine` and `k` say what restored them.
    These three are empty in a result from the journal.
    """

    frames: int
    faces: int
    notes: tuple[Phrase, ...] = ()
    first_pts: int | None = None
    damage: Phrase | None = None
    timings: tuple[Timings, ...] = ()
    engine: EngineInfo | None = None
    k: int = 0

    def record(self) -> dict[str, Any]:
        """Return the part that the journal keeps, ready for JSON."""
        return {
            "frames": self.frames,
            "faces": self.faces,
            "notes": [note.record() for note in self.notes],
            "first_pts": self.first_pts,
            "damage": self.damage.record() if self.damage is not None else None,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Self:
        """Restore a result from the journal; a task killed after its last step left an empty record."""
        notes = tuple(Phrase.from_record(note) for note in record.get("notes", ()))
        damage = Phrase.from_record(record["damage"]) if record.get("damage") else None
        return cls(**{"frames": 0, "faces": 0, **record, "notes": notes, "damage": damage})


@dataclass(frozen=True, kw_only=True)
class TaskProgress:
    """The progress of a task: `frames` are restored."""

    task: Task
    frames: int


@dataclass(frozen=True, kw_only=True)
class TaskDone:
    """A task is finished and its results are on the disk."""

    task: Task
    result: TaskResult


@dataclass(frozen=True, kw_only=True)
class TaskFailed:
    """A task failed and left nothing behind. A WorkerError stands for unforeseen errors."""

    task: Task
    error: AppError


TaskEvent: TypeAlias = TaskProgress | TaskDone | TaskFailed
