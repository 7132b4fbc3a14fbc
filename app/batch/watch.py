"""Watching a folder: new files are restored once nothing writes to them any more."""

from __future__ import annotations

from collections.abc import Callable

from app.batch.jobs.job import Job
from app.batch.jobs.plan import Item, is_done, plan
from app.core.errors import EmptyFolderError

POLL_S = 1.0

_Look = tuple[int, int]


class FolderWatch:
    """Finds files of a job's folder that are new and whose size and time did not change between two scans.

    Each file is reported once, and again after each change.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._seen: dict[str, _Look] = {}
        self._given: dict[str, _Look] = {}

    def arrived(self) -> list[Item]:
        """Return the files that have arrived. Raises UnreadableMediaError or OutputError for an invalid folder."""
        try:
            items = plan(self._job.input, self._job.output, aligned=self._job.options.aligned)
        except EmptyFolderError:
            return []
        before, self._seen = self._seen, {}
        arrived = []
        for item in items:
            try:
                status = item.source.stat()
            except OSError:  # it is gone again
                continue
            look = self._seen[item.name] = (status.st_size, status.st_mtime_ns)
            waiting = self._job.overwrite or item.name in self._given or not is_done(item)
            if waiting and before.get(item.name) == look and self._given.get(item.name) != look:
                self._given[item.name] = look
                arrived.append(item)
        return arrived


def watch(job: Job, restore: Callable[[list[Item]], None], wait: Callable[[float], bool]) -> None:
    """Call `restore` with new files until `wait`, called with the seconds to wait, returns True."""
    folder = FolderWatch(job)
    while True:
        if items := folder.arrived():
            restore(items)
        if wait(POLL_S):
            return
