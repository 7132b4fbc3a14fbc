"""The contract of an executor, which runs tasks, one after the other or in parallel."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task, TaskEvent
from app.batch.workforce import Workforce


class Executor(Protocol):
    """Runs tasks. `run` is called by one thread and calls back on that thread only."""

    def run(
        self,
        setup: WorkerSetup,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        """Run tasks until `next_task` has none and none is running, or `cancelled` returns true.

        Every task ends in one TaskDone or TaskFailed, after which `next_task` may have more. When it is cancelled or
        interrupted, running tasks are stopped and leave nothing behind. A worker that dies loses its own task only,
        which another one gets. Raises what prevents every task, such as a missing model.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """The options of an executor: local `workers` out of a `workforce`, the `address` of a scheduler."""

    workers: int = 1
    address: str = ""
    workforce: Workforce = field(default_factory=Workforce)


@dataclass(frozen=True, kw_only=True)
class ExecutorDescriptor:
    """The descriptor of an executor. `needs` names the Python package that it requires, "" for none."""

    name: str
    label: str
    make: Callable[[ExecutorOptions], Executor]
    needs: str = ""

    def is_available(self) -> bool:
        return not self.needs or importlib.util.find_spec(self.needs) is not None
