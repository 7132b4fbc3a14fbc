"""What runs on a worker of a Dask cluster. Needs the package distributed."""

from __future__ import annotations

import hashlib
import threading
import time
from dataclasses import dataclass, replace

import cv2
from distributed import Event, Worker, WorkerPlugin, get_client, get_worker

from app import __version__
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import Task, TaskDone, TaskFailed
from app.batch.worker import RestoreWorker, Stopped, carry_out
from app.core.errors import AppError, ClusterError
from app.restorers.store import MODELS_FOLDER, ModelStore

_PROGRESS_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Fingerprint:
    """The version of the application and the SHA-256 of its manifest of models."""

    version: str
    manifest: str

    @classmethod
    def here(cls) -> Fingerprint:
        manifest = (MODELS_FOLDER / "manifest.json").read_bytes()
        return cls(version=__version__, manifest=hashlib.sha256(manifest).hexdigest())


class RestorePlugin(WorkerPlugin):  # type: ignore[misc]
    """A run on its workers, also those that come later: what they need, and what keeps one from taking part.

    `refusal` is set once, when the plugin reaches a worker, whose version and models are then checked.
    """

    def __init__(self, setup: WorkerSetup, sender: Fingerprint, name: str) -> None:
        """`name`, unique, is that of the run: of its plugin and of the topic of its progress."""
        self.name = name
        self.options = setup
        self.sender = sender
        self.refusal: ClusterError | None = None

    def setup(self, worker: Worker) -> None:
        self.refusal = _refusal(worker.address, self.sender)


def refusal_of(run: str, dask_worker: Worker) -> ClusterError | None:
    """Return what keeps a worker from taking part in `run`."""
    plugin: RestorePlugin = dask_worker.plugins[run]
    return plugin.refusal


def _refusal(name: str, sender: Fingerprint) -> ClusterError | None:
    """What is wrong with this worker, called `name`: its application or networks are not those of the job."""
    here = Fingerprint.here()
    if here.version != sender.version:
        return ClusterError(
            "The worker {name} has version {there}, this is {here}.",
            "Install the same.",
            name=name,
            there=here.version,
            here=sender.version,
        )
    if here != sender:
        return ClusterError(
            "The worker {name} has other networks than this machine.", "Install the same version.", name=name
        )
    store = ModelStore()
    try:
        for entry in store.entries():
            store.load(entry)
    except AppError as error:
        return ClusterError(
            "The worker {name} cannot take part: {error}", error.hint_phrase, name=name, error=error.what_phrase
        )
    return None


_lock = threading.Lock()
_worker: tuple[WorkerSetup, RestoreWorker] | None = None
"""The session of this process, which outlives a run."""


def carry_out_here(task: Task, key: str, run: str) -> TaskDone | TaskFailed | AppError | None:
    """Run a task, called `key` on the dashboard, for `run`. The networks are loaded once, from verified files."""
    global _worker
    plugin: RestorePlugin = get_worker().plugins[run]
    if plugin.refusal is not None:
        return plugin.refusal  # a worker that came after the run had begun
    stop = Event(run, client=get_client())
    due = time.monotonic()

    def progress(frames: int, _total: int | None) -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due = time.monotonic() + _PROGRESS_S
        get_worker().log_event(run, (key, frames))
        if stop.is_set():
            raise Stopped

    with _lock:  # a worker of several threads runs one task at a time
        if stop.is_set():
            return None
        begun = Event(key, client=get_client())
        if begun.is_set():  # by a worker that died
            task = task.repeated()
        begun.set()
        setup = plugin.options
        try:
            if _worker is None or _worker[0] != setup:
                cv2.setNumThreads(1)
                _worker = setup, RestoreWorker(replace(setup, models=MODELS_FOLDER))  # of this machine
            return carry_out(_worker[1], task, progress)
        except Stopped:
            return None
        except AppError as error:
            return error
