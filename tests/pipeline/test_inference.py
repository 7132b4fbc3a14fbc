"""The inference thread: when a picture that stands is restored again."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from app.core.errors import AppError
from app.core.mailbox import Mailbox
from app.core.settings import Settings
from app.core.types import Frame, Restored
from app.pipeline.budget import KChoice
from app.pipeline.live.events import CyclesChanged
from app.pipeline.live.inference import InferenceWorker
from app.pipeline.live.loader import PipelineLoader
from app.restorers.family import Restorer
from app.restorers.store import ModelStore
from tests.vision import frame_of, restorer, show

WAIT_S = 30.0
SEVERAL_TURNS_S = 0.5

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Inference:
    """A worker whose results can be waited for."""

    def __init__(self, settings: Settings, is_paused: Callable[[], bool]) -> None:
        self.frames: Mailbox[Frame] = Mailbox()
        self.finished: queue.SimpleQueue[Restored] = queue.SimpleQueue()
        self.errors: list[AppError] = []
        self.cycles: list[CyclesChanged] = []
        self.worker = InferenceWorker(
            self.frames,
            settings,
            clock=time.perf_counter,
            is_paused=is_paused,
            on_restored=lambda restored, settings, is_new: self.finished.put(restored),
            on_error=self.errors.append,
            on_cycles=self.cycles.append,
        )


@contextmanager
def inference(is_paused: Callable[[], bool], settings: Settings | None = None) -> Iterator[Inference]:
    running = Inference(settings or Settings(), is_paused)
    try:
        yield running
    finally:
        running.frames.close()
        running.worker.join()


class Noting:
    """A pipeline that notes which frames stood."""

    choice = KChoice(k=1, wanted=1)

    def __init__(self) -> None:
        self.stood: list[bool] = []

    def process(self, frame: Frame, settings: Settings, *, stands: bool, **_: object) -> Restored:
        self.stood.append(stands)
        return Restored(frame=frame, image=frame.image, k=1)


def frame() -> Frame:
    return frame_of(np.zeros((4, 4, 3), np.uint8))


def test_a_picture_that_begins_to_stand_is_restored_once_more() -> None:
    paused = False
    pipeline = Noting()
    with inference(lambda: paused) as running:
        running.worker.use(pipeline)  # type: ignore[arg-type]
        running.frames.put(frame())
        running.finished.get(timeout=WAIT_S)
        paused = True
        running.finished.get(timeout=WAIT_S)
        time.sleep(SEVERAL_TURNS_S)
        assert pipeline.stood == [False, True], "with the time that a moving picture lacks, and not again and again"


def test_what_a_pause_does_to_the_cycles_is_no_news() -> None:
    class Slow(Noting):
        def process(self, frame: Frame, settings: Settings, *, stands: bool, **others: object) -> Restored:
            self.choice = KChoice(k=3, wanted=3) if stands else KChoice(k=1, wanted=3, reason="slow")
            return super().process(frame, settings, stands=stands, **others)

    paused = False
    with inference(lambda: paused, Settings(auto_k=True)) as running:
        running.worker.use(Slow())  # type: ignore[arg-type]
        for stands in (False, True, False):
            paused = stands
            if not stands:
                running.frames.put(frame())
            running.finished.get(timeout=WAIT_S)
        assert running.cycles == [CyclesChanged(k=1, wanted=3, reason="slow")]


def test_a_picture_that_stands_from_the_beginning_is_restored_once() -> None:
    pipeline = Noting()
    with inference(lambda: True) as running:
        running.worker.use(pipeline)  # type: ignore[arg-type]
        running.frames.put(frame())
        running.finished.get(timeout=WAIT_S)
        time.sleep(SEVERAL_TURNS_S)
        assert pipeline.stood == [True]


def test_a_picture_that_stands_is_compared_once_the_second_network_is_there() -> None:
    class Second:
        """The shipped network, which takes its time to warm up."""

        name = "second"

        def __getattr__(self, name: str) -> object:
            return getattr(restorer(), name)

        def warm_up(self) -> float:
            time.sleep(0.5)
            return 1.0

    class Store(ModelStore):
        def create_restorer(self, name: str = "", *arguments: object, **options: object) -> Restorer:
            return Second() if name == "second" else restorer()  # type: ignore[return-value]

    settings = Settings(k=1, compare_with="second")
    with inference(lambda: True, settings) as running:
        loader = PipelineLoader(Store(), on_ready=running.worker.use, on_error=running.errors.append)
        try:
            loader.request(settings)
            running.frames.put(frame_of(show()[0]))
            while running.finished.get(timeout=WAIT_S).compared is None:
                pass
        finally:
            running.frames.close()
            running.worker.join()
            loader.close()
    assert running.errors == []
