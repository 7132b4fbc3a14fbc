"""The events and the report of a job."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from app.batch.jobs.plan import Item
from app.batch.jobs.task import TaskResult
from app.core.errors import AppError
from app.core.words import Phrase


@dataclass(frozen=True, kw_only=True)
class JobStarted:
    """A job is planned: `items` files. `resumed` of them an earlier run has finished, and `pieces` of the others.

    `kept` files existed before and are neither replaced nor reported on.
    """

    items: int
    resumed: int = 0
    pieces: int = 0
    kept: tuple[Item, ...] = ()
    notes: tuple[Phrase, ...] = ()


@dataclass(frozen=True, kw_only=True)
class JobProgress:
    """How far a job is. `fraction` is in [0, 1]; `frames` are those restored by this run, pictures count as one.

    `time_left_s` is None until it can be estimated.
    """

    items_done: int
    items: int
    frames: int
    fraction: float
    time_left_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ItemDone:
    """A file is restored, by this run or, when `resumed`, by an earlier one."""

    item: Item
    result: TaskResult
    resumed: bool = False


@dataclass(frozen=True, kw_only=True)
class ItemFailed:
    """A file could not be restored; the others go on."""

    item: Item
    error: AppError


JobEvent: TypeAlias = JobStarted | JobProgress | ItemDone | ItemFailed


@dataclass(frozen=True, kw_only=True)
class JobReport:
    """How a job ended: the result of each file in the order of the plan, except for those that were kept.

    When it is `resumable`, the same job continues from there. `left_alone` are the files of the input folder that are
    neither pictures nor videos.
    """

    results: tuple[ItemDone | ItemFailed, ...]
    cancelled: bool = False
    resumable: bool = False
    left_alone: tuple[Path, ...] = field(default=())

    @property
    def failed(self) -> int:
        return sum(isinstance(result, ItemFailed) for result in self.results)
