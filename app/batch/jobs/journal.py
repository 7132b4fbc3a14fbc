"""The journal of finished tasks: an SQLite file beside the output that survives a kill at any moment.

It is in a hidden folder, which is removed with the last job that needs it. SQLite's exclusive lock, which the system
releases when its holder dies, excludes a second process.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import sqlite3
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from app.batch.jobs.task import Task
from app.core.errors import AppError, JournalError, OutputError
from app.core.words import Words, phrase
from app.media.files import output_error
from app.media.remote import is_address

_SCHEMA = """
CREATE TABLE IF NOT EXISTS tasks (
    key TEXT PRIMARY KEY,
    digest TEXT NOT NULL,
    done INTEGER NOT NULL,
    record TEXT NOT NULL
) WITHOUT ROWID
"""
_VERSION = 1
_SOURCE = "source"
_TIME = "time"
"""In a record, beside what a worker returned: the source, and when it was written, in ns since 1970."""

_TIME_OF = "coalesce(json_extract(tasks.record, '$.time'), 0)"
"""0 in journals of older versions."""

_KEEP_NEWEST = f"""
INSERT INTO tasks VALUES (?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, done = excluded.done, record = excluded.record
WHERE {_TIME_OF.replace("tasks", "excluded")} > {_TIME_OF}
"""
_PIECE = re.compile(r"/#[0-9]+$")
_TEACHES = "(done OR json_extract(record, '$.ours'))"
"""`Entry.is_ours` in SQL: the tasks of which another run learns something."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """The journal's entry of a task: `record` is what its worker returned, or what `Journal.start` was told.

    `source` is the full path or the address of its input, "" in journals of older versions.
    """

    digest: str
    done: bool
    record: dict[str, Any]
    source: str = ""

    @property
    def is_first(self) -> bool:
        """Whether it was begun with nothing in its place, so that what is there now is its result."""
        return not self.done and "ours" not in self.record

    @property
    def is_ours(self) -> bool:
        """Whether what is in its place, or was when it was begun, is a result of this job."""
        return self.done or bool(self.record.get("ours"))

    def is_of(self, task: Task) -> bool:
        """Whether its input was that of `task`, and not a file of the same name in another folder."""
        return self.source in ("", _source_of(task))


class Journal:
    """The journal of one job in `folder`, or with None one that only lives in memory.

    Raises JournalError when another process has it, OutputError when it cannot be written. A damaged one is renamed
    to `damaged`, which is None otherwise, and a new one is begun. Every call is on the disk when it returns. As a
    context manager it leaves nothing of a job that was refused before anything was done.
    """

    def __init__(self, folder: Path | None, *, name: str = "journal") -> None:
        self.folder = folder
        self._name = name
        self._made: list[Path] = []
        self.damaged: Path | None = None
        if folder is None:
            self._database = self._open(":memory:")
            return
        path = folder / f"{name}.sqlite"
        owner = folder / f"{name}.owner"
        try:
            self._made = [each for each in folder.parents if not each.exists()]  # innermost first
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise output_error(folder, error) from error
        try:
            self._database = self._open(str(path))
        except sqlite3.OperationalError as error:
            raise _refusal(path, owner, error) from error
        except sqlite3.DatabaseError:
            self.damaged = _set_aside(path)
            self._database = self._open(str(path))
        owner.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, traceback: TracebackType | None) -> None:
        refused = kind is not None and issubclass(kind, AppError) and not self._teaches()
        self.close()
        if refused and self.folder is not None:
            with contextlib.suppress(OSError):  # in the folder there may be journals of other shards
                for suffix in ("sqlite", "owner"):
                    (self.folder / f"{self._name}.{suffix}").unlink(missing_ok=True)
                for made in (self.folder, *self._made):
                    made.rmdir()

    def entry(self, key: str) -> Entry | None:
        row = self._database.execute("SELECT digest, done, record FROM tasks WHERE key = ?", (_stored(key),)).fetchone()
        if row is None:
            return None
        record = json.loads(row[2])
        record.pop(_TIME, None)
        return Entry(digest=row[0], done=bool(row[1]), source=record.pop(_SOURCE, ""), record=record)

    def start(self, task: Task, *, ours: bool) -> None:
        """Record that `task` is running: what it writes belongs to this job.

        With `task.overwrite` something may be in its place; `ours` says that it is an older result of this job.
        """
        self._write(task, done=False, record={"ours": ours} if task.overwrite else {})

    def finish(self, task: Task, record: dict[str, Any]) -> None:
        """Record the result of `task`, which is on the disk already."""
        self._write(task, done=True, record=record)

    def forget(self, key: str) -> None:
        """Remove a task, as if it had never been started."""
        self._execute("DELETE FROM tasks WHERE key = ?", (_stored(key),))

    def take_over(self, name: str) -> None:
        """Add what the journal `name` in the same folder teaches, unless this one knows something newer of the task.

        Raises JournalError while it is in use, OutputError.
        """
        with Journal(self.folder, name=name) as other:
            rows = other._database.execute(f"SELECT key, digest, done, record FROM tasks WHERE {_TEACHES}").fetchall()
        self._execute("BEGIN")  # all at once, because each by itself waits for the disk
        for row in rows:
            self._execute(_KEEP_NEWEST, row)
        self._execute("COMMIT")

    def close(self) -> None:
        """Close the journal; its content stays for the next run."""
        self._database.close()

    def remove(self, names: Iterable[str], pieces: Iterable[Path] = ()) -> None:
        """Close the journal of a job that is finished; forget the tasks of its files `names`, and their `pieces`.

        These may be of older versions of a video, which had other tasks. The folder is removed with it, unless another
        job into the same place was interrupted, or is being done by a shard. What cannot be removed stays: nothing is
        wrong with the results.
        """
        mine = {_stored(name) for name in names}
        for piece in pieces:
            with contextlib.suppress(OSError):
                piece.unlink(missing_ok=True)
        others = self._is_needed_by_others(mine)
        if others and self.folder is not None:
            with contextlib.suppress(sqlite3.Error):  # all at once, because each by itself waits for the disk
                keys = [key for (key,) in self._database.execute("SELECT key FROM tasks") if _name_in(key) in mine]
                self._database.execute("BEGIN")
                self._database.executemany("DELETE FROM tasks WHERE key = ?", [(key,) for key in keys])
                self._database.execute("COMMIT")
        self.close()
        if self.folder is not None and not _needed_by_shards(self.folder, mine) and not others:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _is_needed_by_others(self, mine: Collection[str]) -> bool:
        """Whether another run learns something of files beside `mine`, whose inputs are still there, or may be."""
        rows = self._database.execute(f"SELECT key, record FROM tasks WHERE {_TEACHES}").fetchall()
        sources = {key: json.loads(record).get(_SOURCE, "") for key, record in rows if _name_in(key) not in mine}
        return any(source and not _is_gone(key, source) for key, source in sources.items())

    def _teaches(self) -> bool:
        """Whether another run can learn anything from it."""
        return bool(self._database.execute(f"SELECT EXISTS (SELECT 1 FROM tasks WHERE {_TEACHES})").fetchone()[0])

    def _write(self, task: Task, *, done: bool, record: dict[str, Any]) -> None:
        key = _stored(task.key)
        row = self._database.execute(f"SELECT {_TIME_OF} FROM tasks WHERE key = ?", (key,)).fetchone()
        # Newer than what it replaces, although that may be a shard's, of a machine whose clock is ahead.
        now = max(time.time_ns(), row[0] + 1 if row else 0)
        self._execute(
            "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?)",
            (key, task.digest, done, json.dumps(record | {_SOURCE: _source_of(task), _TIME: now})),
        )

    def _execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        try:
            self._database.execute(statement, values)
        except sqlite3.OperationalError as error:
            raise OutputError(
                "The journal in {folder} cannot be written ({error}).",
                "Free some space or look after the folder, then give the same command again: it goes on from here.",
                folder=self.folder,
                error=error,
            ) from error

    @staticmethod
    def _open(path: str) -> sqlite3.Connection:
        """Open and lock a valid database. Raises sqlite3.OperationalError or another DatabaseError."""
        database = sqlite3.connect(path, timeout=0, isolation_level=None)
        try:
            # A write-ahead log needs shared memory, which network folders lack.
            database.execute("PRAGMA journal_mode = DELETE")
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN EXCLUSIVE")
            database.execute(_SCHEMA)
            (version,) = database.execute("PRAGMA user_version").fetchone()
            (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if verdict != "ok" or version not in (0, _VERSION):
                raise sqlite3.DatabaseError(verdict)
            database.execute(f"PRAGMA user_version = {_VERSION}")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        return database


def _needed_by_shards(folder: Path, mine: Collection[str]) -> bool:
    """Whether a shard of another job has its journal in `folder`, or one is at work; those of `mine` are removed."""
    needed = False
    for path in folder.glob("shard-*.sqlite"):
        try:
            with Journal(folder, name=path.stem) as journal:
                others = journal._is_needed_by_others(mine)
        except (AppError, sqlite3.Error):
            needed = True
            continue
        needed = needed or others
        if not others:
            for each in (path, path.with_suffix(".owner")):
                with contextlib.suppress(OSError):
                    each.unlink(missing_ok=True)
    return needed


def _name_in(key: str) -> str:
    """Return the name of the file that a task's stored key is of, which may be that of a piece."""
    return _PIECE.sub("", key)


def _is_gone(key: str, source: str) -> bool:
    """Whether an input is gone for good.

    It is not if the folder of its job is gone too, or is empty, as that of a disk that is not mounted just now.
    """
    if is_address(source):
        return False
    path = Path(source)
    folder = path.parents[_name_in(key).count("/")]
    try:
        return not path.exists() and any(folder.iterdir())
    except OSError:
        return False


def _source_of(task: Task) -> str:
    return str(task.fetched_from or task.source.absolute())


def _stored(key: str) -> str:
    """Return the text of a key for SQLite, which takes no name that is not UTF-8."""
    return key.encode(errors="surrogateescape").decode(errors="backslashreplace")


def _refusal(path: Path, owner: Path, error: sqlite3.OperationalError) -> JournalError | OutputError:
    if "locked" not in str(error):
        return OutputError(
            "The journal {path} cannot be opened ({error}).", "Choose another output folder.", path=path, error=error
        )
    holder: Words
    try:
        holder = owner.read_text(encoding="utf-8")
    except OSError:
        holder = phrase("another process")
    return JournalError(
        "{folder} is in use: {holder} is doing this job already.",
        "Wait for it, or give another output.",
        folder=path.parent,
        holder=holder,
    )


def _set_aside(path: Path) -> Path:
    """Move a damaged journal out of the job's folder, under a name that is free."""
    number = 1
    while (aside := path.parent.with_name(f"{path.parent.name.lstrip('.')}.damaged-{number}.sqlite")).exists():
        number += 1
    path.replace(aside)
    path.with_name(path.name + "-journal").unlink(missing_ok=True)
    return aside
