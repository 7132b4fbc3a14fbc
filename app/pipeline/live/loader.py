"""The loading thread: it creates a pipeline while the previous one goes on working."""

from __future__ import annotations

import logging
import statistics
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from app.core.errors import AppError, InferenceError
from app.core.log import log_path
from app.core.machine import usable_threads
from app.core.settings import Settings
from app.faces.detector import FaceDetector
from app.faces.tracker import FaceTracker
from app.pipeline.budget import AutoK
from app.pipeline.lanes import Lanes
from app.pipeline.process import FramePipeline
from app.restorers.family import Restorer
from app.restorers.providers import CPU
from app.restorers.store import ModelStore

_JOIN_S = 5.0

_log = logging.getLogger(__name__)


class PipelineLoader:
    """Loads, checks and warms up models on a thread of its own, always for the newest settings."""

    def __init__(
        self,
        store: ModelStore,
        *,
        on_ready: Callable[[FramePipeline], None],
        on_error: Callable[[AppError], None],
    ) -> None:
        """Both callbacks are called on the loading thread. A pipeline is warmed up and belongs to the receiver; its
        tracker is reused by the next pipeline. It is ready a second time when it has got a network to compare with."""
        self._store = store
        self._on_ready = on_ready
        self._on_error = on_error
        self._changed = threading.Condition()
        self._wanted: Settings | None = None
        self._closing = False
        self._tracker: FaceTracker | None = None
        self._pool = ThreadPoolExecutor(usable_threads(0), thread_name_prefix="faces")
        self._thread = threading.Thread(target=self._run, name="loader", daemon=True)
        self._thread.start()

    def request(self, settings: Settings) -> None:
        """Request the pipeline for `settings`, unless it was created or tried already. Returns at once."""
        with self._changed:
            self._wanted = settings
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads. A model that is just being loaded is finished first, for a few seconds at most.

        Nothing may use a pipeline any more.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(_JOIN_S)
        self._pool.shutdown()

    def _run(self) -> None:
        tried: Settings | None = None
        while True:
            with self._changed:
                self._changed.wait_for(partial(self._is_due, tried))
                if self._closing:
                    return
                tried = self._wanted
            if tried is None:
                continue
            with self._reporting(tried.restorer):
                pipeline = self._make(tried)
                self._on_ready(pipeline)
                # After the first picture, which waits for nothing.
                with self._reporting(tried.compare_with):
                    pipeline.other = self._make_other(tried, pipeline.restorer)
                    if pipeline.other is not None:
                        self._on_ready(pipeline)  # a picture that stands is restored once more, to be compared
                pipeline.lanes = make_lanes(self._store, tried, pipeline.restorer, self._pool, auto_k=pipeline.auto_k)

    @contextmanager
    def _reporting(self, name: str) -> Iterator[None]:
        """Report that the restorer called `name` could not be loaded; the thread goes on."""
        try:
            yield
        except AppError as error:
            self._on_error(error)
        except Exception as error:  # an unforeseen error must be reported, not end the thread silently
            _log.exception("A model could not be loaded")
            self._on_error(
                InferenceError(
                    "The restorer {name} could not be loaded: {error}.",
                    "Details are in {log}.",
                    name=name,
                    error=repr(error),
                    log=log_path(),
                )
            )

    def _is_due(self, tried: Settings | None) -> bool:
        """Whether the newest settings need other models or another engine than those tried."""
        if self._closing or self._wanted is None or tried is None:
            return self._closing or self._wanted is not None
        return self._wanted.affecting("engine") != tried.affecting("engine")

    def _make(self, wanted: Settings) -> FramePipeline:
        """A pipeline that is warmed up."""
        restorer = self._store.create_restorer(
            wanted.restorer, wanted.precision, wanted.threads, provider=wanted.provider, spinning=wanted.spinning
        )
        return FramePipeline(self._the_tracker(), restorer, auto_k=AutoK(cycle_ms=restorer.warm_up()))

    def _make_other(self, wanted: Settings, restorer: Restorer) -> Restorer | None:
        """The network that `restorer` is to be compared with, warmed up; None where there is none."""
        if wanted.compare_with in ("", restorer.name):
            return None
        other = self._store.create_restorer(
            wanted.compare_with, threads=wanted.threads, provider=wanted.provider, spinning=wanted.spinning
        )
        other.warm_up()
        return other

    def _the_tracker(self) -> FaceTracker:
        if self._tracker is None:
            self._tracker = FaceTracker(FaceDetector(*self._store.detectors()), concurrent_map=self._pool.map)
        return self._tracker


def make_lanes(
    store: ModelStore, wanted: Settings, alone: Restorer, pool: ThreadPoolExecutor, *, auto_k: AutoK
) -> Lanes | None:
    """A lane for each core, beside the restorer `alone`, which takes all of them; None where faces cannot share them.

    `pool` has a thread for each core. `auto_k` knows the time of a cycle of `alone` as of late: while lanes are timed,
    a picture may be restored, which slows both. Raises as `create_restorer` does.
    """
    count = min(usable_threads(wanted.threads), usable_threads(0))
    if count == 1 or alone.engine.provider_got != CPU.execution:
        return None
    restorers = [
        store.create_restorer(wanted.restorer, wanted.precision, threads=1, spinning=wanted.spinning)
        for _ in range(count)
    ]
    lane_ms = statistics.median(restorer.warm_up() for restorer in restorers)
    return Lanes(restorers, pool, cycle_ms=lane_ms, cycle_on_all_cores_ms=auto_k.cycle_ms)
