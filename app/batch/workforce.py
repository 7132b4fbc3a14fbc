"""Worker processes, and starting them before it is known what they will do.

Loading its libraries takes a worker most of a second, and so it takes the command that needs it. Started first, workers
do that beside the command. This module imports nothing that takes long.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from app.batch.resources import default_workers
from app.media.videos.suffixes import VIDEO_SUFFIXES

if TYPE_CHECKING:
    from app.batch.jobs.setup import WorkerSetup
    from app.batch.jobs.task import Task, TaskDone, TaskFailed
    from app.core.errors import AppError

    Message: TypeAlias = int | TaskDone | TaskFailed | AppError
    """From a worker: frames done, the end of its task, or the error that keeps it from starting at all."""

_STOP_S = 10.0
_END_S = 5.0
PROGRESS_S = 0.2
"""A worker tells of its progress no more often than this."""

_MANY_FILES = 20
_LONG_VIDEO_BYTES = 2_000_000
"""Sizes from which a folder or a video is likely to be worth several processes; guessed before either is opened."""


def stop_signals() -> tuple[signal.Signals, ...]:
    """Return what ends a batch as Ctrl-C does: the end of a service and a closed terminal, unless `nohup` bars it."""
    known = (getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
    return tuple(each for each in known if signal.getsignal(each) is not signal.SIG_IGN)


class WorkerProcess:
    """A process and its current task. It loads its libraries at once, and its networks for its first task."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks but not the threads
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # so that the connection ends with the process

    def set_up(self, setup: WorkerSetup) -> None:
        """Say how it works, once, before its first task."""
        self._send(setup)

    def give(self, task: Task) -> None:
        self.task = task
        self._send(task)

    def receive(self) -> Message:
        message: Message = self.connection.recv()
        return message

    def bury(self) -> Task:
        """Clean up after a process that died; return the task that was lost with it."""
        self.connection.close()
        self.process.join()
        return self.task

    def _send(self, what: WorkerSetup | Task) -> None:
        with contextlib.suppress(OSError):  # it died while idle, which receiving reports
            self.connection.send(what)


class Workforce:
    """Worker processes on hand: those started early, and new ones when these are used up."""

    def __init__(self, early: int = 0) -> None:
        self._ready = [WorkerProcess() for _ in range(early)]

    def take(self, setup: WorkerSetup) -> WorkerProcess:
        """Return a worker that does what `setup` says."""
        worker = self._ready.pop() if self._ready else WorkerProcess()
        worker.set_up(setup)
        return worker

    def dismiss(self) -> None:
        """End the workers that nobody took."""
        dismiss(self._ready)
        self._ready.clear()


def early_workers(source: str, workers: int) -> int:
    """Return how many processes the file or folder `source` is likely to need, 0 for none beside this one.

    `workers` is how many a person asked for, 0 for as many as this machine supports.
    """
    count = workers or default_workers()
    return count if count > 1 and _is_likely_long(Path(source)) else 0


def _is_likely_long(source: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        if source.is_dir():
            with os.scandir(source) as entries:
                return any(number >= _MANY_FILES for number, _ in enumerate(entries, start=1))
        return source.suffix.lower() in VIDEO_SUFFIXES and source.stat().st_size >= _LONG_VIDEO_BYTES
    return False


def dismiss(workers: Sequence[WorkerProcess]) -> None:
    """End workers at once. Without a task they hold nothing half-written, and ending by themselves takes a while."""
    for worker in workers:
        worker.process.kill()
    for worker in workers:
        worker.process.join()
        worker.connection.close()


def stop(workers: Sequence[WorkerProcess]) -> None:
    """Ask workers to end amid their tasks, so that nothing half-written is left; kill them after a while.

    One that fetches or sends a file does not see that it is asked, and is interrupted first.
    """
    for worker in workers:
        with contextlib.suppress(OSError):
            worker.connection.send(None)
    _wait(workers, _STOP_S)
    for worker in workers:
        worker.process.terminate()
    _wait(workers, _END_S)
    dismiss(workers)


def _wait(workers: Sequence[WorkerProcess], seconds: float) -> None:
    """Wait for workers to end, `seconds` for all of them together."""
    end = time.monotonic() + seconds
    for worker in workers:
        worker.process.join(max(end - time.monotonic(), 0.0))


def _work(connection: Connection) -> None:
    """Run a worker process: it receives its setup, then tasks, sends their progress and end, until it is killed.

    None amid a task stops it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal; the parent decides
    import cv2

    from app.batch.worker import RestoreWorker, Stopped, carry_out
    from app.core.errors import AppError

    def leave(*_: object) -> None:
        raise Stopped

    # A closed terminal and the end of a service reach every process at once, and must leave nothing half-written.
    for ending in stop_signals():
        signal.signal(ending, leave)
    cv2.setNumThreads(1)
    worker: RestoreWorker | None = None
    with contextlib.suppress(EOFError, OSError, Stopped):  # the parent is gone
        setup: WorkerSetup = connection.recv()
        while (task := connection.recv()) is not None:
            try:
                worker = worker or RestoreWorker(setup)
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
        self._due = now + PROGRESS_S
        from app.batch.worker import Stopped  # loaded by now

        try:
            if self._connection.poll():
                raise Stopped
            self._connection.send(frames)
        except OSError as error:
            raise Stopped from error
