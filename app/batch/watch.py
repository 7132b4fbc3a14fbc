"""Watching a folder: new files are restored once nothing writes to them any more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from app.batch.jobs.job import Job
from app.batch.jobs.plan import Item, is_done, plan
from app.core.errors import AppError, EmptyFolderError, JournalError, OutputError, SourceOpenError
from app.media.files import unreadable

POLL_S = 1.0

_Look = tuple[int, int]
_NEVER: _Look = (-1, -1)


class FolderWatch:
    """Finds files of a job's folder that are new and whose size and time did not change between two scans.

    Each file is reported once, and again after each change.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seen: dict[str, _Look] = {}
        self._given: dict[str, _Look] = {}
        self._done_there: dict[str, _Look] = {}

    def arrived(self) -> list[Item]:
        """Return the files that have arrived.

        Raises UnreadableMediaError or OutputError for an invalid folder; what has arrived is then returned later.
        """
        try:
            items = plan(self._job.input, self._job.output, aligned=self._job.options.aligned)
        except EmptyFolderError:
            return []
        seen: dict[str, _Look] = {}
        arrived = []
        for item in items:
            try:
                status = item.source.stat()
            except OSError:  # it is gone again
                continue
            look = seen[item.name] = (status.st_size, status.st_mtime_ns)
            settled = self._seen.get(item.name) == look and self._given.get(item.name) != look
            if settled and (self._job.overwrite or item.name in self._given or not self._is_done(item, look)):
                arrived.append(item)
        self._seen = seen
        self._given.update((item.name, seen[item.name]) for item in arrived)
        return arrived

    def give_again(self, items: Iterable[Item]) -> None:
        """Have a later scan return `items` once more, which could not be restored."""
        self._given.update((item.name, _NEVER) for item in items)

    def _is_done(self, item: Item, look: _Look) -> bool:
        """Whether the result of `item` is there; a server is not asked again for one that was."""
        if self._done_there.get(item.name) == look:
            return True
        done = is_done(item)
        if done and item.sent_to is not None:
            self._done_there[item.name] = look
        return done


def watch(
    job: Job,
    restore: Callable[[list[Item]], None],
    wait: Callable[[float], bool],
    tell: Callable[[AppError], None] = lambda error: None,
) -> None:
    """Call `restore` with new files until `wait`, called with the seconds to wait, returns True, or Ctrl-C ends a scan.

    When the folder or a server cannot be reached after a first successful round, or another process restores into the
    same place, `tell` receives the error once and what arrives is restored when it can be. Raises what the first round
    and an interrupted `restore` raise.
    """
    folder = FolderWatch(job)
    succeeded, told = False, ""
    while True:
        items: list[Item] = []
        try:
            try:
                items = folder.arrived()
            except KeyboardInterrupt:
                return
            except OSError as error:
                raise unreadable(Path(job.input), error) from error
            if items:
                restore(items)
            succeeded, told = True, ""
        except (SourceOpenError, OutputError, JournalError) as error:
            if not succeeded:
                raise
            folder.give_again(items)
            if str(error) != told:
                tell(error)
            told = str(error)
        if wait(POLL_S):
            return
