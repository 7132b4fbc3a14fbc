"""Faces that do not flicker, and do not smear either, with the real detector and the real network."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from app.core.settings import Settings
from app.core.types import Image, Restored
from app.faces.alignment import TEMPLATE_SIDE, estimate_similarity, warp_crop
from app.faces.tracker import FaceTracker
from app.pipeline.budget import AutoK
from app.pipeline.process import FramePipeline
from app.pipeline.steady import SteadyFaces
from app.restorers.base import EngineInfo, RestoredCrop
from app.restorers.families import family
from tests.vision import blurred, detector, frame_of, noisy, restorer, show

FPS = 30.0


def face_crop() -> Image:
    image, landmarks = show(size=(800, 800), centre=(400, 400), scale=2.5)
    return warp_crop(image, estimate_similarity(landmarks))


def run(images: list[Image], *, pipeline: FramePipeline | None = None, **settings: object) -> list[Restored]:
    pipeline = pipeline or FramePipeline(FaceTracker(detector()), restorer())
    chosen = Settings(**{"k": 1, **settings})  # type: ignore[arg-type]
    return [pipeline.process(frame_of(image, index=i, seconds=i / FPS), chosen) for i, image in enumerate(images)]


def noisy_frames(image: Image, count: int, *, sigma: float = 4.0) -> list[Image]:
    rng = np.random.default_rng(0)
    return [noisy(image, rng, sigma) for _ in range(count)]


def change(frames: list[Image], where: tuple[slice, slice]) -> float:
    """Mean absolute change from frame to frame."""
    cut = np.stack([frame[where] for frame in frames]).astype(np.float32)
    return float(np.abs(np.diff(cut, axis=0)).mean())


def inside(landmarks: NDArray[np.float32]) -> tuple[slice, slice]:
    """From brow to mouth."""
    (x1, y1), (x2, y2) = landmarks.min(0).astype(int), landmarks.max(0).astype(int)
    return slice(y1, y2), slice(x1, x2)


def test_a_still_face_is_calmer_than_the_camera_and_as_sharp() -> None:
    sharp, landmarks = show(scale=1.5)
    images = noisy_frames(blurred(sharp, 3), 14)
    alone = [restored.image for restored in run(images, steady=0)]
    steady = [restored.image for restored in run(images)]
    face = inside(landmarks)
    # What is finer than the crop stays the camera's own, so that the face keeps the grain around it.
    assert change(steady[6:], face) < 0.6 * change(images[6:], face)
    assert change(steady[6:], face) < 0.6 * change(alone[6:], face)

    def detail(image: Image) -> float:
        """Contrast of what noise cannot make: finer than 8 pixels, coarser than 2."""
        grey = cv2.cvtColor(image[face], cv2.COLOR_BGR2GRAY).astype(np.float32)
        return float((cv2.GaussianBlur(grey, (0, 0), 2) - cv2.GaussianBlur(grey, (0, 0), 8)).std())

    assert detail(steady[-1]) > 0.97 * detail(alone[-1])


class Brighter:
    """Adds a fixed value to a crop in every cycle."""

    name = "brighter"
    family = family("cfrnet")
    k_range = (1, 4)
    engine = EngineInfo(provider_asked="test", provider_got="test", precision="fp32", threads=1)

    def __init__(self, levels: int) -> None:
        self.levels = levels

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        image = cv2.add(crop, np.full_like(crop, k * self.levels))
        return RestoredCrop(image=image, cycles=k, steps=(0.1,) * k, cycles_ms=(1.0,) * k)

    def warm_up(self) -> float:
        return 1.0


@pytest.mark.parametrize("steady", [30, 100])
def test_what_moves_is_shown_as_it_is_now(steady: int) -> None:
    """A mouth that opens: there the restored face of this frame, elsewhere that of before and now together."""
    before, now = face_crop(), face_crop()
    now[170:210, 95:165] = 25
    faces = SteadyFaces()
    faces.begin([0], key=1)
    faces.restore(0, before, Brighter(0), k=1, steady=steady)
    brighter = cv2.add(now, np.full_like(now, 6))
    shown = faces.restore(0, now, Brighter(6), k=1, steady=steady).image
    mouth, brow = np.s_[178:202, 103:157], np.s_[60:110, 90:166]
    assert np.abs(shown[mouth].astype(int) - brighter[mouth]).max() <= 1
    expected = before[brow].astype(float) + 6 * (1 - 0.9 * steady / 100)
    assert np.abs(shown[brow] - expected).max() <= 1


def test_a_walking_face_is_not_smeared() -> None:
    places = [show(centre=(200 + 9 * i, 240), scale=1.5)[0] for i in range(12)]
    images = [blurred(image, 2) for image in places]
    alone, steady = run(images, steady=0), run(images)
    face = inside(steady[-1].faces[0].face.landmarks)
    truth = places[-1][face].astype(float)
    errors = [float(np.abs(result[-1].image[face] - truth).mean()) for result in (alone, steady)]
    assert errors[1] < 1.08 * errors[0]


def test_a_moving_face_keeps_the_moles_of_its_smooth_skin() -> None:
    """Specks on the cheeks, too faint to register as motion, of a head that sways."""
    rng = np.random.default_rng(0)
    specks = cv2.GaussianBlur(rng.normal(0, 1, (256, 256)).astype(np.float32), (0, 0), 1.5)
    smooth = blurred(face_crop(), 2).astype(np.float32)
    faces, kept = SteadyFaces(), []
    for number in range(16):
        faces.begin([0], key=0)
        place = round(8 * np.sin(0.6 * number)), round(8 * np.cos(0.6 * number))
        texture = np.roll(3 * specks / specks.std(), place, axis=(0, 1))
        crop = np.clip(np.roll(smooth, place, axis=(0, 1)) + texture[:, :, None], 0, 255).astype(np.uint8)
        shown = faces.restore(0, crop, Brighter(0), k=1, steady=100).image
        cheek = np.s_[130 + place[0] : 160 + place[0], 75 + place[1] : 100 + place[1]]
        fine = [image.astype(np.float32) - cv2.GaussianBlur(image, (0, 0), 4) for image in (shown, crop)]
        ours, theirs = (float((detail[cheek] * texture[cheek][:, :, None]).sum()) for detail in fine)
        kept.append(ours / theirs)
    assert min(kept) > 0.97


def test_percent_zero_restores_every_frame_by_itself() -> None:
    images = noisy_frames(blurred(show()[0]), 3)
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    (fresh,) = run(images[-1:], pipeline=FramePipeline(_Told(pipeline, images), restorer()), steady=0)
    again = run(images, steady=0)[-1]
    assert np.array_equal(fresh.image, again.image)


class _Told:
    """A tracker that gives what another one has found in the last of `images`."""

    def __init__(self, pipeline: FramePipeline, images: list[Image]) -> None:
        for i, image in enumerate(images):
            self._faces = pipeline.tracker.update(
                frame_of(image, index=i, seconds=i / FPS), detect_size=320, max_faces=0
            )

    def update(self, *_: object, **__: object) -> object:
        return self._faces

    def reset(self) -> None: ...


@pytest.mark.parametrize(
    "other", [{"k": 2}, {"strength": 60}, {"stop_threshold": 0.01}, {"degrade": True}, {"degrade_strength": 30}]
)
def test_another_setting_starts_anew(other: dict[str, object]) -> None:
    """The frame after a change looks as if the video began with it."""
    images = noisy_frames(blurred(show(scale=1.4)[0]), 5)
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    run(images[:4], pipeline=pipeline)
    told = _Told(FramePipeline(FaceTracker(detector()), restorer()), images)
    pipeline.tracker = told  # type: ignore[assignment]
    (after,) = run(images[4:], pipeline=pipeline, **other)
    (fresh,) = run(images[4:], pipeline=FramePipeline(told, restorer()), **other)  # type: ignore[arg-type]
    assert np.array_equal(after.image, fresh.image)


def test_after_a_cut_nothing_of_the_scene_before_is_seen() -> None:
    first, _ = show(scale=1.5)
    second = cv2.flip(255 - first, 1)
    second[:] = show(centre=(330, 240), scale=1.5, onto=np.full_like(first, 235))[0]
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    after = run([*[blurred(first)] * 4, blurred(second)], pipeline=pipeline)[-1]
    (fresh,) = run([blurred(second)])
    assert np.array_equal(after.image, fresh.image)


def test_a_face_that_comes_back_brings_nothing_along() -> None:
    crop = face_crop()
    faces = SteadyFaces()
    for tracks in ([1, 2], [2]):
        faces.begin(tracks, key=0)
        for track in tracks:
            faces.restore(track, crop, Brighter(0), k=1, steady=100)
    faces.begin([1, 2], key=0)
    fresh, kept = (faces.restore(track, crop, Brighter(10), k=1, steady=100).image for track in (1, 2))
    assert np.array_equal(fresh, cv2.add(crop, np.full_like(crop, 10)))
    assert np.abs(kept[60:200, 60:200].astype(int) - crop[60:200, 60:200]).max() <= 1


def test_a_picture_by_itself_is_the_same_with_and_without() -> None:
    image = blurred(show()[0])
    assert np.array_equal(run([image])[0].image, run([image], steady=0)[0].image)


def test_slow_light_is_followed() -> None:
    """A lamp that is dimmed by half a level a frame: what is shown may lag by a few levels, never pile up."""
    crop = cv2.resize(face_crop(), (TEMPLATE_SIDE, TEMPLATE_SIDE)).astype(np.float32)
    faces = SteadyFaces()
    lags = []
    for number in range(60):
        faces.begin([0], key=0)
        now = np.clip(crop * (1 - 0.003 * number), 0, 255).astype(np.uint8)
        shown = faces.restore(0, now, Brighter(0), k=1, steady=100).image
        lags.append(float((shown.astype(float) - now).mean()))
    assert max(lags) < 4
    assert abs(lags[-1] - lags[30]) < 1


def cycles(results: list[Restored]) -> list[int]:
    return [restored.faces[0].cycles for restored in results]


def test_a_face_that_holds_still_takes_one_cycle_and_looks_like_all_of_them() -> None:
    sharp, landmarks = show(scale=1.5)
    images = noisy_frames(blurred(sharp, 3), 12, sigma=2)
    alone, steady = run(images, k=3, steady=0), run(images, k=3)
    assert cycles(alone) == [3] * 12
    assert cycles(steady)[0] == 3
    assert cycles(steady)[4:] == [1] * 8
    assert steady[-1].timings.cycles_ms[1:] == ()
    face = inside(landmarks)
    errors = [float(np.abs(r[-1].image[face] - sharp[face].astype(float)).mean()) for r in (alone, steady)]
    assert errors[1] < 1.05 * errors[0]


def test_a_mouth_that_opens_takes_all_cycles_at_once() -> None:
    faces, still = SteadyFaces(), face_crop()
    spent = []
    for number in range(8):
        faces.begin([0], key=0)
        crop = still.copy()
        if number in (5, 6):  # opens, is held open
            crop[180:204, 110:150] = 25
        spent.append(faces.restore(0, crop, restorer(), k=3, steady=100).cycles)
    assert spent == [3, 1, 1, 1, 1, 3, 1, 3]


def test_auto_k_counts_only_the_faces_that_move() -> None:
    """Six still faces leave room for the cycles of one that moves."""
    auto = AutoK(cycle_ms=6)
    pipeline = FramePipeline(FaceTracker(detector()), Brighter(0), auto_k=auto)
    frame = np.full((480, 900, 3), (120, 110, 100), np.uint8)
    for place in range(6):
        frame, _ = show(centre=(150 + 300 * (place % 3), 120 + 240 * (place // 3)), scale=0.9, onto=frame)
    results = run([frame] * 4, pipeline=pipeline, k=3, auto_k=True, target_fps=60)
    assert results[0].k < 3
    assert [face.cycles for face in results[-1].faces] == [1] * 6


def test_a_face_that_rests_gets_the_look_of_every_cycle_on_a_slow_machine() -> None:
    class Slow(Brighter):
        def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
            nonlocal seconds
            seconds += 0.03 * k
            return replace(super().restore(crop, k=k), cycles_ms=(30.0,) * k)

    seconds = 0.0
    pipeline = FramePipeline(FaceTracker(detector()), Slow(6), auto_k=AutoK(cycle_ms=30), now=lambda: seconds)
    for number in range(40):
        seconds = number / 25
        frame = frame_of(show(scale=1.5)[0], index=number, seconds=seconds)
        result = pipeline.process(frame, Settings(k=3, auto_k=True, target_fps=25))
        assert (result.k, result.faces[0].cycles) == (1, 1)
    state = pipeline._steady._states[result.faces[0].face.track_id]
    # Every cycle adds 6 levels to what it is given, and a face at rest is given up to two thirds of its own result.
    assert 2 * 6 < float(np.median(state.shown - state.given)) < 3 * 6


def test_a_face_that_stops_early_keeps_its_look_when_it_rests() -> None:
    class Stops(Brighter):
        def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
            return replace(super().restore(crop, k=1 if stop_threshold else k), steps=(0.01,))

    for stop_threshold, levels in ((0.05, 6), (0.0, 18)):
        faces, crop = SteadyFaces(), np.full((TEMPLATE_SIDE, TEMPLATE_SIDE, 3), 100, np.uint8)
        for _ in range(40):
            faces.begin([0], key=0)
            shown = faces.restore(0, crop, Stops(6), k=3, steady=100, stop_threshold=stop_threshold).image
        assert float(np.median(shown)) == pytest.approx(100 + levels, abs=1), stop_threshold


@pytest.mark.parametrize("steady", [0, 100])
def test_a_sharp_face_is_called_sharp_and_a_soft_one_is_not(steady: int) -> None:
    sharp, _ = show(scale=1.2)
    for image, expected in ((sharp, True), (blurred(sharp, 3), False)):
        found = [restored.faces[0].already_sharp for restored in run([image] * 4, k=3, steady=steady)]
        assert found == [expected] * 4
