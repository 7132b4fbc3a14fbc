"""Files and jobs that the batch tests share."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from app.batch.jobs.events import ItemDone, ItemFailed, JobEvent, JobProgress, JobStarted
from app.batch.jobs.job import Job, RestoreOptions
from app.core.settings import Settings
from tests.vision import blurred, portrait


def picture(path: Path, shift: int = 0) -> Path:
    """A small photograph of one person; another `shift` gives another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.roll(blurred(portrait(), 1.5)[20:340, 60:380], shift, axis=1)
    assert cv2.imwrite(str(path), np.ascontiguousarray(image))
    return path


def album(folder: Path, count: int) -> Path:
    for number in range(count):
        picture(folder / f"{number:02}.png", shift=number)
    return folder


def job_of(source: Path, target: Path, *, k: int = 1, side_by_side: bool = False, aligned: bool = False) -> Job:
    options = RestoreOptions(settings=Settings(k=k), k_is_given=True, side_by_side=side_by_side, aligned=aligned)
    return Job(input=str(source), output=str(target), options=options)


def pixels(path: Path) -> NDArray[np.uint8]:
    image = cv2.imread(str(path))
    assert image is not None, path
    return image


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@dataclass
class Seen:
    """Collects a job's events; `stop_after` files, the job is to be cancelled."""

    stop_after: int | None = None
    started: list[JobStarted] = field(default_factory=list)
    progress: list[JobProgress] = field(default_factory=list)
    restored: list[str] = field(default_factory=list)
    resumed: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def __call__(self, event: JobEvent) -> None:
        if isinstance(event, JobStarted):
            self.started.append(event)
        elif isinstance(event, JobProgress):
            self.progress.append(event)
        elif isinstance(event, ItemFailed):
            self.failed.append(event.item.name)
        else:
            assert isinstance(event, ItemDone)
            (self.resumed if event.resumed else self.restored).append(event.item.name)

    @property
    def frames(self) -> int:
        """Frames that this run has restored."""
        return self.progress[-1].frames if self.progress else 0

    def cancelled(self) -> bool:
        return self.stop_after is not None and len(self.restored) >= self.stop_after


def rows(journal: Path) -> int:
    """How many finished tasks a journal that nobody holds has."""
    with sqlite3.connect(journal) as database:
        (count,) = database.execute("SELECT count(*) FROM tasks WHERE done").fetchone()
    return int(count)
