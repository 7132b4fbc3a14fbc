"""Faces that are restored at one time: the same pixels as one after the other, and only where it is faster."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from app.core.errors import AppError, InferenceError
from app.core.settings import Settings
from app.core.types import Image, Restored
from app.faces.tracker import FaceTracker
from app.pipeline.budget import AutoK
from app.pipeline.lanes import Lanes, rounds
from app.pipeline.live.loader import PipelineLoader, make_lanes
from app.pipeline.process import FramePipeline
from app.restorers.family import Restorer
from app.restorers.store import ModelStore
from tests.vision import blurred, detector, frame_of, restorer, show, store

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as executor:
        yield executor


def lanes_of(count: int, pool: ThreadPoolExecutor, *, cycle_ms: float = 10.0, all_cores_ms: float = 6.0) -> Lanes:
    restorers = [store().create_restorer(threads=1) for _ in range(count)]
    return Lanes(restorers, pool, cycle_ms=cycle_ms, cycle_on_all_cores_ms=all_cores_ms)


def three_faces() -> Image:
    """Two faces that overlap and one that stands apart."""
    image = show(size=(1280, 720), centre=(250, 330), scale=1.0)[0]
    for x in (850, 990):
        other = show(size=(1280, 720), centre=(x, 330), scale=1.0)[0]
        image[:, x - 70 :] = other[:, x - 70 :]
    return blurred(image, 2)


def test_of_two_that_overlap_the_first_comes_in_an_earlier_round() -> None:
    left, right, across = (0, 0, 10, 10), (20, 0, 30, 10), (5, 0, 25, 10)
    assert rounds([left, right]) == [[0, 1]]
    assert rounds([left, across, right]) == [[0], [1], [2]]
    assert rounds([left, right, across]) == [[0, 1], [2]]
    assert rounds([left, None, left]) == [[0, 1], [2]]
    assert rounds([]) == []
    assert rounds([left, (10, 0, 20, 10)]) == [[0, 1]], "rectangles that touch share no pixel"


def test_lanes_take_the_faces_that_they_finish_sooner(pool: ThreadPoolExecutor) -> None:
    two = lanes_of(2, pool, cycle_ms=10, all_cores_ms=6)
    assert [two.share_of(faces) for faces in range(6)] == [0, 0, 2, 2, 4, 4]
    slow = lanes_of(2, pool, cycle_ms=12.5, all_cores_ms=6)
    assert [slow.share_of(faces) for faces in range(4)] == [0, 0, 0, 0]
    many = Lanes([restorer()] * 8, pool, cycle_ms=10, cycle_on_all_cores_ms=3)
    assert [many.share_of(faces) for faces in (1, 3, 4, 8, 9)] == [0, 0, 4, 8, 8]


def test_every_item_has_a_restorer_of_its_own(pool: ThreadPoolExecutor) -> None:
    lanes = lanes_of(2, pool)
    both_inside = threading.Barrier(2, timeout=20)

    def work(item: int, mine: Restorer) -> tuple[int, Restorer]:
        both_inside.wait()
        return item, mine

    (first, one), (second, other) = lanes.map(work, [1, 2])
    assert (first, second) == (1, 2)
    assert one is not other


def test_an_error_waits_for_the_other_items(pool: ThreadPoolExecutor) -> None:
    lanes = lanes_of(2, pool)
    finished: list[int] = []
    failing_began = threading.Event()

    def work(item: int, mine: Restorer) -> None:
        if item == 0:
            failing_began.set()
            raise InferenceError("This one fails.")
        failing_began.wait(20)
        finished.append(item)

    with pytest.raises(InferenceError, match="This one fails"):
        lanes.map(work, [0, 1, 2])
    assert finished == [1, 2]
    assert lanes.map(lambda item, _: item, [7]) == [7], "the lanes go on"


def run(pipeline: FramePipeline, image: Image, *, k: int) -> list[Restored]:
    rng = np.random.default_rng(0)
    frames = [np.clip(image + rng.normal(0, 2, image.shape), 0, 255).astype(np.uint8) for _ in range(3)]
    return [
        pipeline.process(frame_of(each, index=number, seconds=number / 30), Settings(k=k))
        for number, each in enumerate(frames)
    ]


@pytest.mark.parametrize("k", [1, 3])
def test_the_picture_is_the_same_to_the_bit(pool: ThreadPoolExecutor, k: int) -> None:
    image = three_faces()
    alone = FramePipeline(FaceTracker(detector()), restorer())
    side_by_side = FramePipeline(FaceTracker(detector(), concurrent_map=pool.map), restorer())
    side_by_side.lanes = lanes_of(2, pool)
    for one, other in zip(run(alone, image, k=k), run(side_by_side, image, k=k), strict=True):
        assert len(other.faces) == 3
        assert [face.face.track_id for face in one.faces] == [face.face.track_id for face in other.faces]
        assert [face.steps for face in one.faces] == [face.steps for face in other.faces]
        assert np.array_equal(one.image, other.image)


def test_what_is_done_at_one_time_is_counted_once(pool: ThreadPoolExecutor) -> None:
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    pipeline.lanes = lanes_of(2, pool)
    for number in range(3):
        started = time.perf_counter()
        timings = pipeline.process(frame_of(three_faces(), index=number), Settings(k=2, steady=0)).timings
        elapsed_ms = (time.perf_counter() - started) * 1000
        assert len(timings.cycles_ms) == 2
        assert 0 < timings.restore_ms + timings.overhead_ms <= elapsed_ms


def test_lanes_are_made_where_cores_can_be_shared(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_lanes(store(), Settings(threads=1), restorer(), pool, auto_k=AutoK(cycle_ms=6.0)) is None
    monkeypatch.setattr("app.pipeline.live.loader.usable_threads", lambda asked: asked or 2)
    for cycle_ms, share in ((100_000.0, 2), (0.001, 0)):
        lanes = make_lanes(store(), Settings(), restorer(), pool, auto_k=AutoK(cycle_ms=cycle_ms))
        assert lanes is not None
        assert lanes.share_of(2) == share


def test_a_broken_network_to_compare_with_costs_no_lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Store(ModelStore):
        def create_restorer(self, name: str = "", *arguments: object, **options: object) -> Restorer:
            if name == "broken":
                raise ZeroDivisionError
            return restorer()

    made = threading.Event()
    monkeypatch.setattr("app.pipeline.live.loader.make_lanes", lambda *_, **__: made.set())
    errors: list[AppError] = []
    loader = PipelineLoader(Store(), on_ready=lambda _: None, on_error=errors.append)
    try:
        loader.request(Settings(compare_with="broken"))
        assert made.wait(30)
    finally:
        loader.close()
    assert ["restorer broken could not be loaded" in str(error) for error in errors] == [True]
