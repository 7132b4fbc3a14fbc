"""Watching a folder: what arrives is restored as soon as nothing writes to it any more."""

from __future__ import annotations

from collections.abc import Callable

from app.batch.jobs.job import Job
from app.batch.jobs.plan import Item, is_done, plan
from app.core.errors import EmptyFolderError

POLL_S = 1.0

_Look = tuple[int, int]


class FolderWatch:
    """Tells which files of a job's folder are new and have kept size and time since the look before.

    A file is given once; if it changes later, once more.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seen: dict[str, _Look] = {}
        self._given: dict[str, _Look] = {}

    def arrived(self) -> list[Item]:
        """Raises UnreadableMediaError or OutputError for a folder that makes no sense."""
        try:
            items = plan(self._job.input, self._job.output, aligned=self._job.options.aligned)
        except EmptyFolderError:
            return []
        before, self._seen = self._seen, {}
        arrived = []
        for item in items:
            try:
                status = item.source.stat()
            except OSError:  # it left again
                continue
            look = self._seen[item.name] = (status.st_size, status.st_mtime_ns)
            waiting = self._job.overwrite or item.name in self._given or not is_done(item)
            if waiting and before.get(item.name) == look and self._given.get(item.name) != look:
                self._given[item.name] = look
                arrived.append(item)
        return arrived


def watch(job: Job, restore: Callable[[list[Item]], None], wait: Callable[[float], bool]) -> None:
    """Call `restore` with what arrives, until `wait`, which gets the seconds to wait, returns True."""
    folder = FolderWatch(job)
    while True:
        if items := folder.arrived():
            restore(items)
        if wait(POLL_S):
            return
