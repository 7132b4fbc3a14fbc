"""The executor for a Dask cluster. Paths are sent, not pixels: every worker sees the same folders."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.batch.executors.base import ExecutorDescriptor, ExecutorOptions
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task, TaskEvent, TaskFailed, TaskProgress
from app.core.errors import AppError, ClusterError, WorkerError

if TYPE_CHECKING:  # an optional package
    from distributed import Client

_ANSWER_S = 15
_POLL_S = 0.2
_STOP_S = 10.0
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
        setup = replace(setup, threads=setup.threads or 1)
        with self._connected() as client, _joined_by_workers(client, setup) as name:
            _Session(client, name).run(next_task, report, cancelled)

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


@contextlib.contextmanager
def _joined_by_workers(client: Client, setup: WorkerSetup) -> Iterator[str]:
    """Yield the name of a run that the workers are ready for, also those that come later.

    Raises ClusterError naming a worker whose application or networks are not this one's.
    """
    from app.batch.executors.dask_worker import Fingerprint, RestorePlugin, refusal_of

    name = f"cfrnet-{uuid.uuid4().hex}"
    try:
        client.wait_for_workers(1, timeout=_ANSWER_S)
        client.register_plugin(RestorePlugin(setup, Fingerprint.here(), name))
        refusals = client.run(refusal_of, name)
    except TimeoutError as error:
        raise ClusterError("The scheduler has no workers.", "Start some with `dask worker`.") from error
    except Exception as error:
        raise ClusterError(
            "A worker of the cluster cannot load this application: {error}.",
            "Install the same version on every machine; docs/archives.md says how.",
            error=repr(error),
        ) from error
    try:
        for refusal in refusals.values():
            if refusal is not None:
                raise refusal
        yield name
    finally:
        with contextlib.suppress(Exception):  # without a cluster there is nothing to leave
            client.unregister_worker_plugin(name)


class _Session:
    """The tasks that were submitted to the cluster, and their results."""

    def __init__(self, client: Client, name: str) -> None:
        self._client = client
        self._name = name
        self._messages: queue.Queue[Any] = queue.Queue()
        self._tasks: dict[str, tuple[Task, Any]] = {}

    def run(
        self,
        next_task: Callable[[], Task | None],
        report: Callable[[TaskEvent], None],
        cancelled: Callable[[], bool],
    ) -> None:
        self._client.subscribe_topic(self._name, self._messages.put)
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
            self._client.unsubscribe_topic(self._name)

    def _room(self) -> int:
        threads: int = sum(self._client.nthreads().values())
        return max(_AHEAD * threads, 1)

    def _submit(self, task: Task) -> None:
        from app.batch.executors.dask_worker import carry_out_here

        key = f"{task.kind}-{task.key}-{uuid.uuid4().hex[:8]}"  # what the dashboard shows
        # Dask takes `key` for itself.
        future = self._client.submit(carry_out_here, task.absolute(), key, self._name, key=key, pure=False)
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
        if future.status in ("lost", "pending"):  # whoever held its result died, and it is computed again
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
            Event(self._name, client=self._client).set()
            futures = [future for _, future in self._tasks.values()]
            end = time.monotonic() + _STOP_S
            while any(future.status == "pending" for future in futures) and time.monotonic() < end:
                time.sleep(_POLL_S)
            self._client.cancel(futures)


def _death(task: Task, error: BaseException | None) -> WorkerError:
    return WorkerError(
        "The workers that restored {name} died: {error}.",
        "They may have run out of memory.",
        details=repr(error),
        name=task.name,
        error=error,
    )


DESCRIPTOR = ExecutorDescriptor(name="dask", label="A Dask cluster", make=DaskExecutor, needs="distributed")
