"""The executor without other processes: one task after the other, with every core for the engine."""

from __future__ import annotations

import time
from collections.abc import Callable

from app.batch.executors.base import ExecutorDescriptor, ExecutorOptions
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task, TaskEvent, TaskProgress
from app.batch.worker import RestoreWorker, Stopped, carry_out
from app.batch.workforce import PROGRESS_S


class InlineExecutor:
    """See `Executor`: the calling thread is the worker. None of the options concerns it."""

    def __init__(self, options: ExecutorOptions) -> None:
        pass

    def run(
        self,
        setup: WorkerSetup,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        worker: RestoreWorker | None = None
        while not cancelled() and (task := next_task()) is not None:
            worker = worker or RestoreWorker(setup)
            progress = _reporting(task, report, cancelled)
            try:
                report(carry_out(worker, task, progress))
            except Stopped:
                return


def _reporting(
    task: Task, report: Callable[[TaskEvent], None], cancelled: Callable[[], bool]
) -> Callable[[int, int | None], None]:
    due = 0.0

    def progress(frames: int, _total: int | None) -> None:
        nonlocal due
        if cancelled():
            raise Stopped
        if time.monotonic() >= due:
            due = time.monotonic() + PROGRESS_S
            report(TaskProgress(task=task, frames=frames))

    return progress


DESCRIPTOR = ExecutorDescriptor(name="inline", label="This process", make=InlineExecutor)
