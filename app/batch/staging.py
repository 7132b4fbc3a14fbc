"""Tasks whose files lie behind addresses: fetched before, sent afterwards, by the worker itself."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from app.batch.jobs.task import Task


@contextlib.contextmanager
def staged(task: Task) -> Iterator[Task]:
    """Yield `task` with files of this machine in the place of those behind addresses; nothing else is left of them.

    Without an error inside, the result is sent at the end. Raises UnreadableMediaError or OutputError.
    """
    if task.fetched_from is None and task.sent_to is None:
        yield task
        return
    with tempfile.TemporaryDirectory(prefix="cfrnet-live-") as name:
        here = task
        if task.fetched_from is not None:
            source = Path(name, "in", task.source.name)
            source.parent.mkdir()
            task.fetched_from.fetch(source)
            here = replace(here, source=source, identity=None)
        if task.sent_to is not None:
            here = replace(here, target=Path(name, "out", task.target.name))
        yield here
        if task.fetched_from is not None:
            task.expect_unchanged()
        if task.sent_to is not None:
            task.sent_to.send(here.target, overwrite=task.overwrite)
