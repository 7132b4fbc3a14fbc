"""The executor for a Dask cluster. Paths are sent, not pixels: every worker sees the same folders."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2

from app import __version__
from app.batch.executors.base import ExecutorDescriptor, ExecutorOptions, WorkerSetup
from app.batch.jobs.task import Task, TaskDone, TaskEvent, TaskFailed, TaskProgress
from app.batch.worker import RestoreWorker, Stopped, carry_out
from app.core.errors import AppError, ClusterError, WorkerError
from app.restorers.store import MODELS_FOLDER, ModelStore

if TYPE_CHECKING:  # an optional package
    from distributed import Client

_Fingerprint: TypeAlias = tuple[str, str]

_ANSWER_S = 15
_POLL_S = 0.2
_STOP_S = 10.0
_PROGRESS_S = 1.0
_AHEAD = 2
"""Tasks submitted for each thread of the cluster, so that none waits for the next one."""


class DaskExecutor:
    """See `Executor`: the workers of the scheduler at `address`, or with "" a cluster of `workers` local processes."""

    def __init__(self, options: ExecutorOptions) -> None:
        self._address = options.address
        self._workers = options.workers

    def run(
        self,
        setup: WorkerSetup,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        with self._connected() as client:
            _expect_same_version(client)
            _Session(client, replace(setup, threads=setup.threads or 1)).run(next_task, report, cancelled)

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Client]:
        from distributed import Client, LocalCluster

        with contextlib.ExitStack() as opened:
            address: Any = self._address
            if not address:
                local = LocalCluster(n_workers=self._workers, threads_per_worker=1, dashboard_address=None)
                address = opened.enter_context(local)
            try:
                client = opened.enter_context(Client(address, timeout=_ANSWER_S, set_as_default=False))
            except (OSError, ValueError, TimeoutError) as error:
                raise ClusterError(
                    "No scheduler answers at {address}.", "Start one with `dask scheduler`.", address=self._address
                ) from error
            yield client


class _Session:
    """The tasks that were submitted to the cluster, and their results."""

    def __init__(self, client: Client, setup: WorkerSetup) -> None:
        self._client = client
        self._setup = setup
        self._topic = f"cfrnet-{uuid.uuid4().hex}"
        self._messages: queue.Queue[Any] = queue.Queue()
        self._tasks: dict[str, tuple[Task, Any]] = {}

    def run(
        self,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._client.subscribe_topic(self._topic, self._messages.put)
        try:
            while not cancelled():
                while len(self._tasks) < self._room() and (task := next_task()) is not None:
                    self._submit(task)
                if not self._tasks:
                    return
                with contextlib.suppress(queue.Empty):
                    self._take(self._messages.get(timeout=_POLL_S), report)
        finally:
            self._stop()
            self._client.unsubscribe_topic(self._topic)

    def _room(self) -> int:
        threads: int = sum(self._client.nthreads().values())
        return max(_AHEAD * threads, 1)

    def _submit(self, task: Task) -> None:
        key = f"{task.kind}-{task.key}-{uuid.uuid4().hex[:8]}"  # what the dashboard shows
        order = _Order(setup=self._setup, task=task, topic=self._topic, key=key, sender=_fingerprint())
        future = self._client.submit(_carry_out, order, key=key, pure=False)
        self._tasks[key] = (task, future)
        future.add_done_callback(self._messages.put)

    def _begun(self, key: str) -> Any:
        from distributed import Event

        return Event(key, client=self._client)

    def _take(self, message: Any, report: Callable[[TaskEvent], None]) -> None:
        if isinstance(message, tuple):  # a topic's message: when, and what
            key, frames = message[1]
            if key in self._tasks:
                report(TaskProgress(task=self._tasks[key][0], frames=frames))
            return
        task, future = self._tasks[message.key]
        if future.status == "pending":  # whoever held its result died, and it is computed again
            future.add_done_callback(self._messages.put)
            return
        del self._tasks[message.key]
        if future.status == "finished":
            outcome = future.result()  # computed again when its worker died before it was fetched
            self._begun(message.key).clear()
            if isinstance(outcome, AppError):
                raise outcome
            report(outcome)
        elif future.status == "error":
            report(TaskFailed(task=task, error=_death(task, future.exception())))
        else:
            raise ClusterError("The scheduler is gone.", "Start it again and give the same command: it goes on.")

    def _stop(self) -> None:
        """Cancel tasks that are not begun, and wait briefly for running ones, which stop and clean up."""
        if not self._tasks:
            return
        from distributed import Event

        with contextlib.suppress(Exception):  # without a cluster there is nothing to stop
            Event(self._topic, client=self._client).set()
            futures = [future for _, future in self._tasks.values()]
            end = time.monotonic() + _STOP_S
            while any(future.status == "pending" for future in futures) and time.monotonic() < end:
                time.sleep(_POLL_S)
            self._client.cancel(futures)


@dataclass(frozen=True, kw_only=True)
class _Order:
    """A task on its way to a worker. `topic` is that of its run, `key` its name on the dashboard."""

    setup: WorkerSetup
    task: Task
    topic: str
    key: str
    sender: _Fingerprint


_lock = threading.Lock()
_worker: tuple[WorkerSetup, RestoreWorker] | None = None


def _carry_out(order: _Order) -> TaskDone | TaskFailed | AppError | None:
    """Run a task on a worker of the cluster, which loads its networks once, from its own verified files."""
    global _worker
    from distributed import Event, get_client, get_worker

    if (refused := _refusal(get_worker().address, _fingerprint(), order.sender)) is not None:
        return refused  # a worker that came after the run had begun
    task = order.task
    stop = Event(order.topic, client=get_client())
    due = time.monotonic()

    def progress(frames: int, _total: int | None) -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + _PROGRESS_S
        get_worker().log_event(order.topic, (order.key, frames))
        if stop.is_set():
            raise Stopped

    with _lock:  # a worker of several threads runs one task at a time
        if stop.is_set():
            return None
        begun = Event(order.key, client=get_client())
        if begun.is_set():  # by a worker that died
            task = task.repeated()
        begun.set()
        try:
            if _worker is None or _worker[0] != order.setup:
                cv2.setNumThreads(1)
                _worker = (
                    order.setup,
                    RestoreWorker(ModelStore(), order.setup.options, threads=order.setup.threads),
                )
            return carry_out(_worker[1], task, progress)
        except Stopped:
            return None
        except AppError as error:
            return error


def _fingerprint() -> _Fingerprint:
    """Return the version of the application and the hash of its manifest."""
    return __version__, hashlib.sha256((MODELS_FOLDER / "manifest.json").read_bytes()).hexdigest()


def _expect_same_version(client: Client) -> None:
    """Raise ClusterError naming a worker whose application or networks are not this one's."""
    here = _fingerprint()
    try:
        client.wait_for_workers(1, timeout=_ANSWER_S)
        found = client.run(_fingerprint)
    except TimeoutError as error:
        raise ClusterError("The scheduler has no workers.", "Start some with `dask worker`.") from error
    except Exception as error:
        raise ClusterError(
            "A worker of the cluster cannot load this application: {error}.",
            "Install the same version on every machine; docs/archives.md says how.",
            error=repr(error),
        ) from error
    for name, there in found.items():
        if (refused := _refusal(name, there, here)) is not None:
            raise refused


def _refusal(name: str, there: _Fingerprint, here: _Fingerprint) -> ClusterError | None:
    """What is wrong with the worker `name`, whose application or networks are not those of the job."""
    if there[0] != here[0]:
        return ClusterError(
            "The worker {name} has version {there}, this is {here}.",
            "Install the same.",
            name=name,
            there=there[0],
            here=here[0],
        )
    if there != here:
        return ClusterError(
            "The worker {name} has other networks than this machine.", "Install the same version.", name=name
        )
    return None


def _death(task: Task, error: BaseException | None) -> WorkerError:
    return WorkerError(
        "The workers that restored {name} died: {error}.",
        "They may have run out of memory.",
        details=repr(error),
        name=task.name,
        error=error,
    )


DESCRIPTOR = ExecutorDescriptor(name="dask", label="A Dask cluster", make=DaskExecutor, needs="distributed")
