"""One frame's whole way, with the real detector and the real network."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from app.core.errors import InferenceError
from app.core.settings import Settings
from app.core.types import Image
from app.faces.alignment import TEMPLATE_SIDE, estimate_similarity, region_of, transform
from app.faces.tracker import FaceTracker
from app.pipeline.budget import AutoK
from app.pipeline.process import FramePipeline
from app.restorers.base import EngineInfo, RestoredCrop
from app.restorers.families import family
from tests.vision import blurred, detector, frame_of, portrait_landmarks, restorer, show

WHOLE_CROP = (0, 0, TEMPLATE_SIDE - 1, TEMPLATE_SIDE - 1)


def pipeline() -> FramePipeline:
    return FramePipeline(FaceTracker(detector()), restorer())


def untouched(restored: Image, original: Image, faces: list[np.ndarray]) -> bool:
    """Whether every pixel outside the crops of `faces` (their landmarks) is bit-identical."""
    elsewhere = restored.copy()
    for landmarks in faces:
        region = region_of(
            estimate_similarity(landmarks), original.shape[1], original.shape[0], box=WHOLE_CROP, margin=2
        )
        if region is not None:
            x1, y1, x2, y2 = region
            elsewhere[y1:y2, x1:x2] = original[y1:y2, x1:x2]
    return np.array_equal(elsewhere, original)


class BrighteningRestorer:
    """Brightens the middle of a crop, a change that overlapping faces would show twice."""

    name = "brightening"
    family = family("cfrnet")
    k_range = (1, 4)
    engine = EngineInfo(provider_asked="test", provider_got="test", precision="fp32", threads=1)

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        image = crop.copy()
        spot = image[100:180, 90:170]
        spot[:] = np.maximum(spot, 220)
        return RestoredCrop(image=image, cycles=k, steps=(0.1,) * k, cycles_ms=(1.0,) * k)

    def warm_up(self) -> float:
        return 1.0


def test_the_face_is_restored_and_nothing_else_is_touched() -> None:
    sharp, landmarks = show(size=(1280, 720), centre=(600, 300), scale=1.5)
    frame = frame_of(blurred(sharp, 3))
    before = frame.image.copy()

    restored = pipeline().process(frame, Settings(k=2))

    assert np.array_equal(frame.image, before)
    assert restored.frame is frame
    assert [face.cycles for face in restored.faces] == [2]
    assert len(restored.faces[0].steps) == 2
    assert untouched(restored.image, frame.image, [landmarks])
    eyes = np.s_[
        int(landmarks[0, 1]) - 20 : int(landmarks[0, 1]) + 20, int(landmarks[0, 0]) - 20 : int(landmarks[1, 0])
    ]
    assert not np.array_equal(restored.image[eyes], frame.image[eyes])


def test_timings_name_every_stage_and_add_up_to_the_age() -> None:
    frame = frame_of(show()[0], seconds=0.0)
    ticks = iter(np.arange(0.010, 10, 0.010))
    timed = FramePipeline(FaceTracker(detector()), BrighteningRestorer(), now=lambda: float(next(ticks)))
    timings = timed.process(frame, Settings(k=3)).timings
    assert timings.capture_ms == pytest.approx(10)
    assert timings.detect_ms == pytest.approx(10)
    assert timings.cycles_ms == (1.0, 1.0, 1.0)
    total = timings.capture_ms + timings.overhead_ms + timings.restore_ms
    assert total <= timings.age_ms + 1e-6
    assert timings.age_ms - total < 21  # nothing takes time between the stages but asking the clock


def test_a_frame_without_a_face_is_the_very_same_image() -> None:
    frame = frame_of(np.full((480, 640, 3), 99, np.uint8))
    restored = pipeline().process(frame, Settings())
    assert restored.image is frame.image
    assert restored.faces == ()
    assert restored.timings.cycles_ms == ()


def test_k_and_strength_count_from_the_next_frame_on() -> None:
    under_test = pipeline()
    image = blurred(show()[0])
    for number, k in enumerate((1, 4, 2, 3)):
        restored = under_test.process(frame_of(image, index=number, seconds=number / 30), Settings(k=k))
        assert restored.k == k
        assert restored.faces[0].cycles == len(restored.timings.cycles_ms) == k
    restored = under_test.process(frame_of(image, index=9, seconds=0.3), Settings(k=1, strength=0))
    assert np.array_equal(restored.image, image)


def test_a_face_may_stop_before_k() -> None:
    restored = pipeline().process(frame_of(blurred(show()[0])), Settings(k=4, stop_threshold=0.05))
    (face,) = restored.faces
    assert restored.k == 4
    assert face.cycles < 4
    assert face.steps[-1] < 0.05
    assert all(step >= 0.05 for step in face.steps[:-1])


def test_auto_k_keeps_the_budget_and_says_why() -> None:
    slow = AutoK(cycle_ms=15)
    for _ in range(20):
        slow.measured(cycle_ms=15, overhead_ms=5)
    under_test = FramePipeline(FaceTracker(detector()), restorer(), auto_k=slow)
    frame = frame_of(blurred(show()[0]))
    restored = under_test.process(frame, Settings(k=4, auto_k=True, target_fps=25))
    assert restored.k == restored.faces[0].cycles == 2
    assert "25 fps leave 37 ms" in str(under_test.choice.reason)
    assert under_test.process(frame, Settings(k=4, target_fps=25)).k == 4
    standing = under_test.process(frame, Settings(k=4, auto_k=True, target_fps=25), stands=True)
    assert (standing.k, under_test.choice.reason) == (4, ""), "it has all the time it takes"


def test_auto_k_learns_nothing_of_a_picture_that_stands() -> None:
    class Noting(AutoK):
        def measured(self, **_: object) -> None:
            pytest.fail("it was searched whole, whatever time that takes")

    under_test = FramePipeline(FaceTracker(detector()), BrighteningRestorer(), auto_k=Noting(cycle_ms=1))
    under_test.process(frame_of(show()[0]), Settings(k=3, auto_k=True), stands=True)


def test_auto_k_counts_the_time_in_which_the_frame_was_made_bad() -> None:
    under_test = FramePipeline(FaceTracker(detector()), BrighteningRestorer(), auto_k=AutoK(cycle_ms=1))
    settings = Settings(k=3, auto_k=True, target_fps=25, steady=0)
    for number in range(20):
        bad = frame_of(show()[0], index=number, seconds=number / 25)
        restored = under_test.process(bad, settings, degrade_ms=36)
    assert restored.timings.degrade_ms == 36
    assert restored.k == 1


class Timed(BrighteningRestorer):
    """A cycle takes 6 ms on the clock that it is given; it notes how many were asked for."""

    def __init__(self, clock: list[float], of: str = "cfrnet") -> None:
        self.clock, self.family = clock, family(of)
        self.asked: list[int] = []

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        self.asked.append(k)
        self.clock[0] += 0.006 * k
        return replace(super().restore(crop, k=k), cycles_ms=(6.0,) * k)


def test_auto_k_finds_one_k_while_two_networks_are_compared() -> None:
    clock = [0.0]
    under_test = FramePipeline(
        FaceTracker(detector()), Timed(clock), other=Timed(clock), auto_k=AutoK(cycle_ms=6), now=lambda: clock[0]
    )
    settings = Settings(k=3, auto_k=True, target_fps=25, steady=0)
    chosen = []
    for number in range(100):
        clock[0] = number / 25
        frame = frame_of(show()[0], index=number, seconds=clock[0])
        chosen.append(under_test.process(frame, settings, degrade_ms=5).k)
    assert set(chosen[20:]) == {2}, "2 x 2 x 6 ms and 5 more fit into 36.8, 2 x 3 x 6 do not"


def test_a_network_of_a_single_pass_is_compared_with_its_single_pass() -> None:
    clock = [0.0]
    single, cycled = Timed(clock, of="hifacegan"), Timed(clock)
    for other, cycles in ((single, 1), (cycled, 3)):
        under_test = FramePipeline(FaceTracker(detector()), BrighteningRestorer(), other=other)
        under_test.process(frame_of(show()[0]), Settings(k=3))
        assert other.asked == [cycles]


def test_auto_k_learns_the_time_of_one_cycle_of_one_face() -> None:
    auto = AutoK(cycle_ms=50)
    under_test = FramePipeline(FaceTracker(detector()), BrighteningRestorer(), auto_k=auto)
    frame, _ = show(centre=(170, 240), scale=0.9)
    frame, _ = show(centre=(480, 240), scale=0.9, onto=frame)
    for number in range(20):
        under_test.process(frame_of(frame, index=number, seconds=number / 30), Settings(k=3))
    assert auto.cycle_ms == pytest.approx(1.0)


@pytest.mark.parametrize("count", [1, 2])
def test_one_of_the_faces_at_rest_is_planned_for_and_the_others_take_a_cycle_each(count: int) -> None:
    class Noting(AutoK):
        def measured(self, *, cycle_ms: float | None, overhead_ms: float, beside_ms: float = 0.0) -> None:
            overheads_ms.append(overhead_ms)
            super().measured(cycle_ms=cycle_ms, overhead_ms=overhead_ms, beside_ms=beside_ms)

    overheads_ms: list[float] = []
    under_test = FramePipeline(FaceTracker(detector()), BrighteningRestorer(), auto_k=Noting(cycle_ms=1))
    frame, _ = show(centre=(170, 240), scale=0.9)
    if count == 2:
        frame, _ = show(centre=(480, 240), scale=0.9, onto=frame)
    for number in range(5):
        restored = under_test.process(frame_of(frame, index=number, seconds=number / 30), Settings(k=3))
    assert [face.cycles for face in restored.faces] == [1] * count, "they rest"
    assert overheads_ms[-1] == pytest.approx(restored.timings.overhead_ms + (count - 1) * 1.0)


def test_several_faces_are_restored_each_in_its_place() -> None:
    frame, one = show(size=(900, 480), centre=(150, 240), scale=0.7)
    frame, two = show(centre=(430, 240), scale=1.1, onto=frame)
    frame, three = show(centre=(740, 240), scale=0.9, onto=frame)
    image = blurred(frame)
    restored = pipeline().process(frame_of(image), Settings(k=2))
    assert len(restored.faces) == 3
    assert len(restored.timings.cycles_ms) == 2  # each summed over the faces
    assert untouched(restored.image, image, [one, two, three])
    areas = [float(np.prod(face.face.box[2:] - face.face.box[:2])) for face in restored.faces]
    assert areas == sorted(areas, reverse=True)
    (largest,) = pipeline().process(frame_of(image), Settings(k=1, max_faces=1)).faces
    assert abs(float(largest.face.landmarks[0, 0]) - two[0, 0]) < 6


def test_where_faces_overlap_the_change_is_not_added_twice() -> None:
    class TwoOnOnePlace:
        def update(self, frame: object, *, detect_size: int, max_faces: int) -> tuple[object, ...]:
            return face, face

        def reset(self) -> None: ...

    image, _ = show(scale=1.5)
    (face,) = FaceTracker(detector()).update(frame_of(image), detect_size=320, max_faces=0)
    twice = FramePipeline(TwoOnOnePlace(), BrighteningRestorer()).process(frame_of(image), Settings(k=1))  # type: ignore[arg-type]
    once = FramePipeline(FaceTracker(detector()), BrighteningRestorer()).process(frame_of(image), Settings(k=1))
    excess = twice.image.astype(int) - once.image
    assert excess.max() < 0.35 * (once.image.astype(int) - image).max()


@pytest.mark.parametrize("degrees", [0, 90, 180])
def test_a_turned_face_is_restored_or_left_alone(degrees: float) -> None:
    image, landmarks = show(scale=1.5, degrees=degrees)
    image = blurred(image)
    restored = pipeline().process(frame_of(image), Settings(k=1))
    assert untouched(restored.image, image, [landmarks])
    for face in restored.faces:
        turn = np.angle(np.array((1, 1j)) @ (face.face.landmarks[1] - face.face.landmarks[0]), deg=True)
        true = np.angle(np.array((1, 1j)) @ (landmarks[1] - landmarks[0]), deg=True)
        assert abs((turn - true + 180) % 360 - 180) < 15


@pytest.mark.parametrize("centre", [(0.0, 240.0), (320.0, 0.0), (640.0, 480.0), (30.0, 450.0)])
def test_a_face_at_the_border_is_survived(centre: tuple[float, float]) -> None:
    image, _ = show(centre=centre, scale=1.6)
    restored = pipeline().process(frame_of(image), Settings(k=1))
    assert restored.image.shape == image.shape


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1), (17, 23)])
def test_the_smallest_pictures_pass_unchanged(shape: tuple[int, int]) -> None:
    image = np.full((*shape, 3), 128, np.uint8)
    assert np.array_equal(pipeline().process(frame_of(image), Settings()).image, image)


def test_a_huge_picture_is_worked_through() -> None:
    image = np.full((6000, 8000, 3), (120, 110, 100), np.uint8)
    part, landmarks = show(size=(800, 800), centre=(400, 400), scale=2.5)
    image[2000:2800, 4000:4800] = part
    restored = pipeline().process(frame_of(image), Settings(k=1, detect_size=1280))
    assert len(restored.faces) == 1
    assert untouched(restored.image, image, [landmarks + np.float32((4000, 2000))])


def test_forty_faces_are_restored() -> None:
    frame = np.full((720, 1280, 3), (120, 110, 100), np.uint8)
    everywhere = []
    for row in range(5):
        for column in range(8):
            frame, landmarks = show(centre=(80 + 160 * column, 72 + 144 * row), scale=0.55, onto=frame)
            everywhere.append(landmarks)
    restored = pipeline().process(frame_of(frame), Settings(k=1, detect_size=640))
    assert len(restored.faces) == 40
    assert untouched(restored.image, frame, everywhere)


def test_a_failing_network_is_an_error_with_a_name() -> None:
    class Failing(BrighteningRestorer):
        def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
            raise InferenceError("It broke.")

    with pytest.raises(InferenceError, match="It broke"):
        FramePipeline(FaceTracker(detector()), Failing()).process(frame_of(show()[0]), Settings())


def test_the_portrait_s_landmarks_are_where_a_person_sees_them() -> None:
    """Everything above leans on them."""
    expected = np.array([(206, 101), (248, 104), (225, 127), (204, 139), (245, 142)])
    assert np.abs(portrait_landmarks() - expected).max() < 8


def test_a_face_of_pixels_that_are_not_square_is_aligned_as_it_is_seen() -> None:
    """As in a video of a DVD, whose pictures are stored narrower than they are shown."""
    image, landmarks = show(scale=1.5)
    image = blurred(image, 2)
    height, width = image.shape[:2]
    narrow = np.asarray(cv2.resize(image, (450, height), interpolation=cv2.INTER_AREA), np.uint8)
    frame = replace(frame_of(narrow), pixel_shape=width / 450)
    restored = FramePipeline(FaceTracker(detector()), restorer()).process(frame, Settings(k=1, steady=0))
    (change,) = restored.changes
    points = transform((landmarks + 0.5) * np.array((450 / width, 1), np.float32) - 0.5, change.matrix)
    seen = transform(landmarks, estimate_similarity(landmarks))
    assert np.abs(points - seen).max() < 5, "the detector's landmarks are not exactly those of the picture"
    across, down = np.linalg.norm(change.matrix[:, :2], axis=0)
    assert across / down == pytest.approx(width / 450)
