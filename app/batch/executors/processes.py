"""The executor with processes of this machine, each with one thread of the engine."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, wait

from app.batch.executors.base import ExecutorDescriptor, ExecutorOptions
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task, TaskEvent, TaskFailed, TaskProgress
from app.batch.workforce import WorkerProcess, dismiss, stop
from app.core.errors import AppError, WorkerError

_ATTEMPTS = 2
_POLL_S = 0.2

_log = logging.getLogger(__name__)


class ProcessExecutor:
    """See `Executor`: up to `workers` processes, taken from the workforce when there are tasks for them."""

    def __init__(self, options: ExecutorOptions) -> None:
        self._workers = options.workers
        self._workforce = options.workforce

    def run(
        self,
        setup: WorkerSetup,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        setup = replace(setup, threads=setup.threads or 1)
        idle: list[WorkerProcess] = []
        busy: dict[Connection, WorkerProcess] = {}
        lost: list[Task] = []
        attempts: dict[str, int] = {}
        try:
            while not cancelled():
                while len(busy) < self._workers and (task := lost.pop() if lost else next_task()) is not None:
                    worker = idle.pop() if idle else self._workforce.take(setup)
                    busy[worker.connection] = worker
                    worker.give(task)
                if not busy:
                    return
                for connection in wait(list(busy), timeout=_POLL_S):
                    assert isinstance(connection, Connection)
                    worker = busy[connection]
                    try:
                        message = worker.receive()
                    except (EOFError, OSError):
                        del busy[connection]
                        task = worker.bury()
                        attempts[task.key] = attempts.get(task.key, 0) + 1
                        _log.warning("A worker died while it was doing %s", task.key)
                        if attempts[task.key] < _ATTEMPTS:
                            lost.append(task.repeated())
                        else:
                            report(TaskFailed(task=task, error=_death(task)))
                        continue
                    if isinstance(message, AppError):
                        raise message
                    if isinstance(message, int):
                        report(TaskProgress(task=worker.task, frames=message))
                        continue
                    idle.append(busy.pop(connection))
                    report(message)
        finally:
            stop(list(busy.values()))
            dismiss(idle)


def _death(task: Task) -> WorkerError:
    return WorkerError(
        "The worker that restored {name} died {attempts} times.",
        "It may have run out of memory: try fewer --workers.",
        name=task.name,
        attempts=_ATTEMPTS,
    )


DESCRIPTOR = ExecutorDescriptor(name="processes", label="Processes of this machine", make=ProcessExecutor)
