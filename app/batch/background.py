"""A job on a thread of its own, with events and cancelling, for the window."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from app.batch.engine import run_job
from app.batch.jobs.events import JobEvent, JobReport
from app.batch.jobs.job import Job
from app.core.errors import AppError, WorkerError
from app.core.log import log_path

_log = logging.getLogger(__name__)


class BackgroundJob:
    """Runs `job` on a thread. The callbacks are called on that thread and must return at once.

    `on_event` receives events, `on_end` the report or the AppError that prevented the job; it is the last call. A
    cancelled job keeps what was finished: the same job started again resumes from there.
    """

    def __init__(
        self,
        job: Job,
        *,
        on_event: Callable[[JobEvent], None],
        on_end: Callable[[JobReport | AppError], None],
        workers: int = 0,
    ) -> None:
        """Start at once. `workers` 0 uses as many processes as this machine supports."""
        self._job = job
        self._workers = workers
        self._on_event = on_event
        self._on_end = on_end
        self._cancelled = threading.Event()
        self._thread = threading.Thread(target=self._work, name="restoring files", daemon=True)
        self._thread.start()

    def cancel(self) -> None:
        """Stop soon and leave nothing half-written; returns at once."""
        self._cancelled.set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; False when `timeout_s` seconds passed before it."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        try:
            ending: JobReport | AppError = run_job(
                self._job,
                workers=self._workers,
                on_event=self._on_event,
                cancelled=self._cancelled.is_set,
            )
        except AppError as error:
            ending = error
        except Exception as error:  # an unforeseen error must be reported, not end the thread silently
            _log.exception("A job ended in an unexpected way")
            ending = WorkerError(
                "Restoring failed: {error}.", "The details are in {log}", error=repr(error), log=log_path()
            )
        self._on_end(ending)
