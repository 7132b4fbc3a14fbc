"""Stills are searched at several sizes and every way up, and each face is found once."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data
from numpy.typing import NDArray

from app.core.types import Face, Frame
from app.faces.detector import FaceDetector
from app.faces.still_detector import StillDetector
from app.faces.sweep_detector import SweepDetector
from app.faces.tracker import FaceTracker
from app.restorers.store import ModelStore

LANDMARKS = np.array([(206, 101), (248, 104), (225, 127), (204, 139), (245, 142)], np.float32)
"""Of the portrait: left eye, right eye, nose, mouth corners as the viewer sees them."""


@pytest.fixture(scope="module", params=[(FaceDetector, "detector"), (SweepDetector, "sweep-detector")])
def detector(request: pytest.FixtureRequest) -> StillDetector:
    kind, whole = request.param
    return StillDetector(kind(*ModelStore().detectors(whole)))


@pytest.fixture(scope="module")
def portrait() -> NDArray[np.uint8]:
    return np.ascontiguousarray(skimage.data.astronaut()[:, :, ::-1])


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_landmarks_are_right_whichever_way_up(
    detector: StillDetector, portrait: NDArray[np.uint8], quarters: int
) -> None:
    frame = Frame(image=np.ascontiguousarray(np.rot90(portrait, quarters)), index=0, t_capture=0.0, t_media=0.0)
    (face,) = FaceTracker(detector).update(frame, detect_size=640, max_faces=0)
    x, y = LANDMARKS.T
    expected = {0: (x, y), 1: (y, 511 - x), 2: (511 - x, 511 - y), 3: (511 - y, x)}[quarters]
    assert np.abs(face.landmarks - np.stack(expected, axis=1)).max() < 8
    assert (face.box[:2] < face.landmarks.mean(axis=0)).all()
    assert (face.landmarks.mean(axis=0) < face.box[2:]).all()


def test_a_close_up_and_a_small_face_are_found_in_one_picture(
    detector: StillDetector, portrait: NDArray[np.uint8]
) -> None:
    image = np.full((1200, 1800, 3), 100, np.uint8)
    image[:, :1200] = cv2.resize(portrait[:260, 90:350], (1200, 1200))
    image[100:250, 1500:1650] = cv2.resize(portrait, (150, 150), interpolation=cv2.INTER_AREA)
    faces = detector.detect(image, 1280)
    widths = sorted(float(face.box[2] - face.box[0]) for face in faces)
    assert len(faces) == 2
    assert widths[0] < 40
    assert widths[1] > 300


@pytest.mark.parametrize(
    ("shape", "searched"),
    [
        ((90, 120), [320]),
        ((240, 320), [320, 640]),
        ((450, 600), [320, 640, 1280]),
        ((768, 1023), [320, 640, 1280]),
        ((864, 1152), [320, 640, 1152]),
        ((3000, 4000), [320, 640, 1280]),
    ],
)
def test_a_picture_is_hardly_enlarged_for_its_last_search(shape: tuple[int, int], searched: list[int]) -> None:
    class Sizes:
        def __init__(self) -> None:
            self.seen: list[int] = []

        def detect(self, image: NDArray[np.uint8], size: int, *, threshold: float) -> list[Face]:
            self.seen.append(size)
            points = np.zeros((5, 2), np.float32)
            return [Face(track_id=-1, box=np.array([0, 0, 9, 9], np.float32), landmarks=points, score=0.9)]

    sizes = Sizes()
    StillDetector(sizes).detect(np.zeros((*shape, 3), np.uint8), 1280)  # type: ignore[arg-type]
    assert sizes.seen == searched
