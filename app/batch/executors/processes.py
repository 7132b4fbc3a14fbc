"""The executor with processes of this machine, each with one thread of the engine."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from typing import TypeAlias

import cv2

from app.batch.executors.base import ExecutorDescriptor, ExecutorOptions, WorkerSetup
from app.batch.jobs.task import Task, TaskDone, TaskEvent, TaskFailed, TaskProgress
from app.batch.worker import RestoreWorker, Stopped, carry_out
from app.core.errors import AppError, WorkerError
from app.restorers.store import ModelStore

_ATTEMPTS = 2
_PROGRESS_S = 0.2
_POLL_S = 0.2
_STOP_S = 10.0

_log = logging.getLogger(__name__)

_Message: TypeAlias = int | TaskDone | TaskFailed | AppError
"""From a worker: frames done, the end of its task, or the error that keeps it from starting at all."""


class ProcessExecutor:
    """See `Executor`: up to `workers` processes, started when there are tasks for them."""

    def __init__(self, options: ExecutorOptions) -> None:
        self._workers = options.workers

    def run(
        self,
        setup: WorkerSetup,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        setup = replace(setup, threads=setup.threads or 1)
        idle: list[_Worker] = []
        busy: dict[Connection, _Worker] = {}
        lost: list[Task] = []
        attempts: dict[str, int] = {}
        try:
            while not cancelled():
                while len(busy) < self._workers and (task := lost.pop() if lost else next_task()) is not None:
                    worker = idle.pop() if idle else _Worker(setup)
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
            _stop([*idle, *busy.values()])


class _Worker:
    """A process and its current task."""

    def __init__(self, setup: WorkerSetup) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks but not the threads
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs, setup), daemon=True)
        self.process.start()
        theirs.close()  # so that the connection ends with the process

    def give(self, task: Task) -> None:
        self.task = task
        with contextlib.suppress(OSError):  # it died while idle, which receiving reports
            self.connection.send(task)

    def receive(self) -> _Message:
        message: _Message = self.connection.recv()
        return message

    def bury(self) -> Task:
        """Clean up after a process that died; return the task that was lost with it."""
        self.connection.close()
        self.process.join()
        return self.task


def _stop(workers: list[_Worker]) -> None:
    """Ask every worker to end, so that nothing half-written is left; kill it after a while."""
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.connection.send(None)
    end = time.monotonic() + _STOP_S
    for worker in workers:
        worker.process.join(max(end - time.monotonic(), 0.0))
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.connection.close()


def _death(task: Task) -> WorkerError:
    return WorkerError(
        "The worker that restored {name} died {attempts} times.",
        "It may have run out of memory: try fewer --workers.",
        name=task.name,
        attempts=_ATTEMPTS,
    )


def _work(connection: Connection, setup: WorkerSetup) -> None:
    """Run a worker process: it receives tasks, sends their progress and end, and stops on None."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the parent decides
    cv2.setNumThreads(1)
    worker: RestoreWorker | None = None
    with contextlib.suppress(EOFError, OSError, Stopped):  # the parent is gone
        while (task := connection.recv()) is not None:
            try:
                worker = worker or RestoreWorker(ModelStore(setup.models), setup.options, threads=setup.threads)
            except AppError as error:
                connection.send(error)
                return
            connection.send(carry_out(worker, task, _Progress(connection)))


class _Progress:
    """Sends progress at intervals, and stops the task when the parent asks for it or is gone."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._due = 0.0

    def __call__(self, frames: int, _total: int | None) -> None:
        now = time.monotonic()
        if now < self._due:
            return
        self._due = now + _PROGRESS_S
        try:
            if self._connection.poll():
                raise Stopped
            self._connection.send(frames)
        except OSError as error:
            raise Stopped from error


DESCRIPTOR = ExecutorDescriptor(name="processes", label="Processes of this machine", make=ProcessExecutor)
