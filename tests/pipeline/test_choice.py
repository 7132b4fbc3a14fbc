"""One of several faces restored alone, with the real detector and network."""

from __future__ import annotations

import numpy as np
import pytest

from app.core.settings import Settings
from app.core.types import Face, Image, Restored
from app.faces.tracker import FaceTracker
from app.pipeline.choice import FaceChoice
from app.pipeline.process import FramePipeline
from tests.vision import blurred, detector, frame_of, restorer, show

LEFT, RIGHT = 330.0, 900.0
SETTINGS = Settings(k=2)


def two_people(left: float = LEFT) -> Image:
    frame, _ = show(size=(1280, 720), centre=(left, 340))
    frame, _ = show(onto=frame, centre=(RIGHT, 340))
    return blurred(frame, 2.0)


def at(result: Restored, x: float) -> Face:
    every = (*(entry.face for entry in result.faces), *result.left_alone)
    return min(every, key=lambda face: abs(float(face.box[0] + face.box[2]) / 2 - x))


def changed(result: Restored, x: float) -> float:
    around = np.s_[240:440, int(x) - 100 : int(x) + 100]
    return float(np.abs(result.image[around].astype(int) - result.frame.image[around]).mean())


def test_only_the_chosen_face_changes_and_the_others_are_named() -> None:
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    both = pipeline.process(frame_of(two_people()), SETTINGS)
    assert not both.alone
    assert min(changed(both, LEFT), changed(both, RIGHT)) > 1
    choice = FaceChoice(at(both, LEFT))
    one = pipeline.process(frame_of(two_people(), index=1, seconds=0.04), SETTINGS, chosen=choice)
    assert one.alone
    assert changed(one, LEFT) > 1
    assert changed(one, RIGHT) == 0
    assert [face.track_id for face in one.left_alone] == [at(both, RIGHT).track_id]
    again = pipeline.process(frame_of(two_people(), index=2, seconds=0.08), SETTINGS)
    assert min(changed(again, LEFT), changed(again, RIGHT)) > 1


def test_the_choice_follows_a_face_that_moves() -> None:
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    choice = FaceChoice(at(pipeline.process(frame_of(two_people()), SETTINGS), LEFT))
    for step in range(1, 8):
        place = LEFT + 15 * step
        frame = frame_of(two_people(place), index=step, seconds=step / 25)
        result = pipeline.process(frame, SETTINGS, chosen=choice)
        assert changed(result, place) > 1
        assert changed(result, RIGHT) == 0


@pytest.mark.parametrize("first", [LEFT, RIGHT])
def test_a_passer_by_does_not_take_over_the_choice(first: float) -> None:
    """Whether the face that passes in front was there before the standing one or after it."""
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    empty = np.full((720, 1280, 3), (120, 110, 100), np.uint8)
    standing, _ = show(centre=(LEFT, 340), onto=empty)
    places = [RIGHT] * 25 + list(np.arange(RIGHT, 90, -20)) + [90.0] * 10
    frames = [show(centre=(first, 340), onto=empty)[0]]
    frames += [show(centre=(place, 340), onto=standing)[0] for place in places]
    choice = None
    for index, image in enumerate(frames):
        frame = frame_of(blurred(image, 2.0), index=index, seconds=index / 25)
        result = pipeline.process(frame, Settings(k=1), chosen=choice)
        if index == 25:
            choice, passer_by = FaceChoice(at(result, LEFT)), at(result, RIGHT).track_id
        elif choice is not None:
            assert passer_by not in [entry.face.track_id for entry in result.faces]
    assert changed(result, LEFT) > 1


def test_the_choice_outlasts_a_larger_face_that_fills_the_limit() -> None:
    settings = SETTINGS.replace(max_faces=1)
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    alone, _ = show(size=(1280, 720), centre=(LEFT, 340))
    choice = FaceChoice(at(pipeline.process(frame_of(blurred(alone, 2.0)), settings), LEFT))
    joined, _ = show(onto=alone, centre=(RIGHT, 340), scale=1.6)
    result = pipeline.process(frame_of(blurred(joined, 2.0), index=1, seconds=1.0), settings, chosen=choice)
    assert len(result.left_alone) == 1
    assert changed(result, LEFT) > 1
    assert changed(result, RIGHT) == 0


def test_a_chosen_face_that_is_away_leaves_the_others_and_is_taken_up_again() -> None:
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    choice = FaceChoice(at(pipeline.process(frame_of(two_people()), SETTINGS), LEFT))
    other_alone = blurred(show(size=(1280, 720), centre=(RIGHT, 340))[0], 2.0)
    for step in range(1, 4):
        away = pipeline.process(frame_of(other_alone, index=step, seconds=float(step)), SETTINGS, chosen=choice)
    assert away.alone
    assert away.faces == ()
    assert np.array_equal(away.image, away.frame.image)
    back = pipeline.process(frame_of(two_people(), index=9, seconds=9.0), SETTINGS, chosen=choice)
    assert changed(back, LEFT) > 1
    assert changed(back, RIGHT) == 0


def test_a_standing_picture_keeps_the_choice_although_its_faces_are_found_anew() -> None:
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    choice = FaceChoice(at(pipeline.process(frame_of(two_people()), SETTINGS), RIGHT))
    for _ in range(2):
        result = pipeline.process(frame_of(two_people()), SETTINGS, chosen=choice)
    assert changed(result, RIGHT) > 1
    assert changed(result, LEFT) == 0
