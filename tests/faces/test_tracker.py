"""Following faces through videos that are made here, with the real detector."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from app.core.types import Face, Frame
from app.faces.alignment import estimate_similarity, scale_of, transform
from app.faces.tracker import FADE_S, HOLD_S, FaceTracker
from app.pipeline.measuring.scene import MovingFaceScene
from tests.vision import detector, frame_of, noisy, portrait_landmarks, show

FPS = 30.0


class CountingDetector:
    """The real detector, noting the size of everything that it is shown."""

    def __init__(self) -> None:
        self.shown: list[tuple[int, int]] = []

    def detect(self, image: NDArray[np.uint8], size: int, *, threshold: float = 0.5) -> list[Face]:
        self.shown.append(image.shape[:2])
        return detector().detect(image, size, threshold=threshold)

    def detect_close(self, window: NDArray[np.uint8], *, threshold: float = 0.5) -> list[Face]:
        self.shown.append(window.shape[:2])
        return detector().detect_close(window, threshold=threshold)


def follow(
    images: list[NDArray[np.uint8]],
    *,
    tracker: FaceTracker | None = None,
    max_faces: int = 0,
    detect_size: int = 320,
    fps: float = FPS,
) -> list[tuple[Face, ...]]:
    tracker = tracker or FaceTracker(detector())
    frames = [frame_of(image, index=i, seconds=i / fps) for i, image in enumerate(images)]
    return [tracker.update(frame, detect_size=detect_size, max_faces=max_faces) for frame in frames]


def nearest(faces: tuple[Face, ...], landmarks: NDArray[np.float32]) -> Face:
    return min(faces, key=lambda face: float(np.abs(face.landmarks - landmarks).mean()))


def crop_pixels(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean() * scale_of(estimate_similarity(b)))


def test_between_sweeps_only_small_windows_are_searched() -> None:
    counting = CountingDetector()
    frame, _ = show(size=(1280, 720), centre=(640, 300), scale=1.5)
    found = follow([frame] * 24, tracker=FaceTracker(counting))
    assert all(len(faces) == 1 for faces in found)
    assert counting.shown.count((720, 1280)) == 1
    assert sum(shape == (128, 128) for shape in counting.shown) >= 24


def test_a_newcomer_is_found_by_the_next_sweep() -> None:
    one, _ = show(centre=(170, 240), scale=0.9)
    two, _ = show(centre=(480, 240), scale=0.9, onto=one)
    found = follow([one] * 10 + [two] * 30)
    assert len(found[9]) == 1
    assert len(found[-1]) == 2
    assert len({face.track_id for faces in found for face in faces}) == 2


def test_a_still_face_does_not_shimmer() -> None:
    """Sensor noise moves the detector's landmarks; what is pasted must not move with them."""
    rng = np.random.default_rng(0)
    frame, _ = show(scale=1.2)
    found = follow([noisy(frame, rng, 8) for _ in range(60)])
    landmarks = np.stack([faces[0].landmarks for faces in found[30:]])
    corners = np.array([(0, 0), (255, 255)], np.float32)
    places = np.stack([transform(points, estimate_similarity(points)) for points in landmarks])
    assert places.shape == (30, 5, 2)
    inverse = [np.linalg.inv(np.vstack((estimate_similarity(points), (0, 0, 1)))) for points in landmarks]
    drawn = np.stack([corners @ matrix[:2, :2].T + matrix[:2, 2] for matrix in inverse])
    scale = scale_of(estimate_similarity(landmarks[0]))
    assert np.abs(np.diff(drawn, axis=0)).mean() * scale < 0.12  # crop pixels from frame to frame


def test_a_moving_face_is_not_trailed() -> None:
    scene = MovingFaceScene(width=640, height=360)
    found = follow([scene.image(i / FPS) for i in range(60)])
    errors = [
        crop_pixels(faces[0].landmarks, scene.place(portrait_landmarks(), i / FPS)) for i, faces in enumerate(found)
    ]
    assert all(len(faces) == 1 for faces in found)
    assert {faces[0].track_id for faces in found} == {0}
    assert np.mean(errors[10:]) < 4


def test_a_face_that_leaps_is_found_again_in_the_same_frame() -> None:
    before, _ = show(centre=(170, 240))
    after, landmarks = show(centre=(470, 240))
    found = follow([before] * 8 + [after])
    assert crop_pixels(nearest(found[-1], landmarks).landmarks, landmarks) < 5


def test_a_face_that_starts_to_move_quickly_stays_the_same_one() -> None:
    """A window alone would lose it, since it moves by more than half its width from one frame to the next."""
    places = [120] * 8 + [160, 200, 240] + [240] * 12
    found = follow([show(centre=(place, 240), scale=0.7)[0] for place in places], fps=10)
    assert [[face.track_id for face in faces] for faces in found] == [[0]] * len(places)


@pytest.mark.parametrize("first", [150, 480])
def test_a_face_that_passes_in_front_of_another_keeps_its_own_identity(first: int) -> None:
    """Whether it was there before the one it covers or after it."""
    empty = np.full((480, 960, 3), (120, 110, 100), np.uint8)
    standing, behind = show(centre=(480, 240), onto=empty)
    places = [150] * 30 + list(range(150, 810, 20)) + [810] * 10
    passing = [show(centre=(place, 240), onto=standing) for place in places]
    found = follow([show(centre=(first, 240), onto=empty)[0], *(image for image, _ in passing)], fps=25)
    tracks = [
        [nearest(faces, landmarks).track_id for landmarks in (behind, in_front)]
        for faces, (_, in_front) in zip(found[1:], passing, strict=True)
    ]
    assert tracks[29] == tracks[-1]
    assert tracks[29][0] != tracks[29][1]
    assert {in_front for _, in_front in tracks[29:]} == {tracks[-1][1]}


def test_a_lost_face_is_held_then_faded_then_forgotten() -> None:
    shown, _ = show()
    hidden = np.full_like(shown, (120, 110, 100))
    found = follow([shown] * 10 + [hidden] * 24)
    lost_at = 9 / FPS
    for i, faces in enumerate(found[10:], start=10):
        away = i / FPS - lost_at
        if away < HOLD_S - 0.01:
            assert [face.opacity for face in faces] == [1.0]
        elif away > HOLD_S + FADE_S + 0.01:
            assert faces == ()
        elif HOLD_S + 0.04 < away < HOLD_S + FADE_S - 0.01:
            assert 0 < faces[0].opacity < 1
    opacities = [faces[0].opacity for faces in found[10:] if faces]
    assert opacities == sorted(opacities, reverse=True)


def test_a_face_that_comes_back_is_the_same_one() -> None:
    shown, _ = show()
    hidden = np.full_like(shown, (120, 110, 100))
    found = follow([shown] * 5 + [hidden] * 5 + [shown] * 5)
    assert {faces[0].track_id for faces in found} == {0}
    assert found[-1][0].opacity == 1


def test_after_a_cut_nothing_is_held() -> None:
    shown, _ = show()
    other = np.full_like(shown, (30, 200, 220))
    assert follow([shown] * 5 + [other])[-1] == ()


def test_time_that_runs_back_and_a_new_size_start_afresh() -> None:
    tracker = FaceTracker(detector())
    shown, _ = show()
    empty = np.full_like(shown, (120, 110, 100))
    assert tracker.update(frame_of(shown, seconds=9.0), detect_size=320, max_faces=0)
    assert tracker.update(frame_of(empty, seconds=1.0), detect_size=320, max_faces=0) == ()
    assert tracker.update(frame_of(shown, seconds=1.1), detect_size=320, max_faces=0)
    assert tracker.update(frame_of(empty[:400], seconds=1.2), detect_size=320, max_faces=0) == ()


def test_another_size_is_noticed_although_its_thumbnail_is_the_same() -> None:
    tracker = FaceTracker(detector())
    shown, _ = show(centre=(500, 400))
    smaller = np.full((240, 320, 3), (120, 110, 100), np.uint8)
    assert tracker.update(frame_of(shown), detect_size=320, max_faces=0)
    assert tracker.update(frame_of(smaller, index=1, seconds=0.03), detect_size=320, max_faces=0) == ()


def test_the_next_picture_of_a_folder_has_nothing_of_the_last_one() -> None:
    tracker = FaceTracker(detector())
    one, other = (
        replace(frame_of(show(centre=(320 + 3 * i, 240))[0], index=i, seconds=0.1 * i), picture=i) for i in range(2)
    )
    tracker.update(one, detect_size=320, max_faces=0)
    (after,) = tracker.update(other, detect_size=320, max_faces=0)
    (fresh,) = FaceTracker(detector()).update(other, detect_size=320, max_faces=0)
    assert np.array_equal(after.landmarks, fresh.landmarks)
    assert after.track_id == 1


def test_a_face_is_followed_in_a_video_of_few_frames() -> None:
    tracker = FaceTracker(detector())
    shown, _ = show()
    tracks = [
        tracker.update(frame_of(shown, index=i, seconds=2.0 * i), detect_size=320, max_faces=0)[0].track_id
        for i in range(3)
    ]
    assert tracks == [0, 0, 0]


def test_the_largest_faces_are_chosen_and_come_first() -> None:
    frame, small = show(size=(900, 480), centre=(150, 240), scale=0.6)
    frame, large = show(centre=(430, 240), scale=1.2, onto=frame)
    frame, middle = show(centre=(740, 240), scale=0.9, onto=frame)
    (faces,) = follow([frame])
    for face, landmarks in zip(faces, (large, middle, small), strict=True):
        assert crop_pixels(face.landmarks, landmarks) < 6
    (chosen,) = follow([frame], max_faces=2)
    assert [face.landmarks[0, 0] for face in chosen] == pytest.approx([large[0, 0], middle[0, 0]], abs=6)


def test_two_faces_of_one_size_do_not_take_turns() -> None:
    rng = np.random.default_rng(4)
    frame, _ = show(centre=(170, 240), scale=0.9)
    frame, _ = show(centre=(480, 240), scale=0.9, onto=frame)
    found = follow([noisy(frame, rng, 6) for _ in range(60)], max_faces=1)
    assert {faces[0].track_id for faces in found} == {found[0][0].track_id}


def test_forty_faces_are_followed() -> None:
    frame = np.full((720, 1280, 3), (120, 110, 100), np.uint8)
    for row in range(5):
        for column in range(8):
            frame, _ = show(centre=(80 + 160 * column, 72 + 144 * row), scale=0.55, onto=frame)
    found = follow([frame] * 3, detect_size=640)
    assert [len(faces) for faces in found] == [40, 40, 40]
    assert len({face.track_id for faces in found for face in faces}) == 40
    assert len(follow([frame], detect_size=640, max_faces=5)[0]) == 5


@pytest.mark.parametrize("centre", [(20.0, 240.0), (320.0, 10.0), (610.0, 465.0)])
def test_a_face_at_the_border_is_survived(centre: tuple[float, float]) -> None:
    frame, landmarks = show(centre=centre, scale=1.3)
    for faces in follow([frame] * 3):
        for face in faces:  # half a face may be found or not; if it is, then where it is
            assert crop_pixels(face.landmarks, landmarks) < 40


def test_a_tiny_face_is_left_alone() -> None:
    frame, _ = show(size=(320, 240), centre=(160, 120), scale=0.1)
    assert follow([frame], detect_size=1280) == [()]


@pytest.mark.parametrize("shape", [(1, 1), (3, 700)])
def test_the_smallest_pictures_have_no_face(shape: tuple[int, int]) -> None:
    assert follow([np.zeros((*shape, 3), np.uint8)] * 2) == [(), ()]


def test_reset_forgets() -> None:
    tracker = FaceTracker(detector())
    shown, _ = show()
    assert tracker.update(Frame(image=shown, index=0, t_capture=0, t_media=0), detect_size=320, max_faces=0)
    tracker.reset()
    empty = np.full_like(shown, (120, 110, 100))
    assert tracker.update(Frame(image=empty, index=1, t_capture=0, t_media=0.03), detect_size=320, max_faces=0) == ()
