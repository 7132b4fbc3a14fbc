"""Patches: faces at the size they are shown in, over a picture that is only enlarged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.core.settings import Settings
from app.core.types import Image, Patch, Restored
from app.faces.enlarging import patches
from app.faces.tracker import FaceTracker
from app.pipeline.process import FramePipeline
from tests.vision import blurred, detector, frame_of, restorer, show

SHOWN = (1440, 1080)


def restored(scale: float, *, shown: tuple[int, int] | None = SHOWN) -> Restored:
    frame = blurred(show(size=(480, 360), centre=(200, 170), scale=scale)[0], 1.0)
    pipeline = FramePipeline(FaceTracker(detector()), restorer())
    return pipeline.process(frame_of(frame), Settings(k=3), shown=shown, stands=True)


def laid_on(picture: Image, patch: Patch) -> Image:
    result = picture.copy()
    height, width = patch.image.shape[:2]
    result[patch.top : patch.top + height, patch.left : patch.left + width] = patch.image
    return result


def test_a_small_face_gets_a_patch_that_is_sharper_than_what_lies_under_it() -> None:
    result = restored(0.5)
    (patch,) = result.patches
    assert patch.of == SHOWN
    under = cv2.resize(result.image, SHOWN, interpolation=cv2.INTER_LINEAR)
    height, width = patch.image.shape[:2]
    face = np.s_[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
    before = under[patch.top : patch.top + height, patch.left : patch.left + width]
    detail = [float(np.abs(cv2.Laplacian(image[face], cv2.CV_32F)).mean()) for image in (before, patch.image)]
    assert detail[1] > 1.3 * detail[0]
    assert np.abs(before[face].astype(int) - patch.image[face]).mean() < 6, "it is the same face at the same place"


def test_no_edge_of_a_patch_shows() -> None:
    result = restored(0.5)
    (patch,) = result.patches
    under = cv2.resize(result.frame.image, SHOWN, interpolation=cv2.INTER_LINEAR)
    difference = np.abs(laid_on(under, patch).astype(int) - under)
    bottom, right = patch.top + patch.image.shape[0] - 1, patch.left + patch.image.shape[1] - 1
    for row in (patch.top, bottom):
        assert difference[row].max() <= 1
    for column in (patch.left, right):
        assert difference[:, column].max() <= 1


@pytest.mark.parametrize(("scale", "shown"), [(0.5, None), (0.5, (480, 360)), (1.6, SHOWN)])
def test_what_gains_nothing_gets_none(scale: float, shown: tuple[int, int] | None) -> None:
    """A picture at its own size, and a face that fills its crop."""
    assert restored(scale, shown=shown).patches == ()


def test_closer_than_the_crop_goes_costs_no_more() -> None:
    result = restored(0.3)
    (near,) = patches(result.frame.image, result.changes, (480 * 16, 360 * 16))
    assert near.image.size < 3 * 730**2


def test_without_time_for_it_there_is_none() -> None:
    ticks = iter(np.arange(0.0, 1000.0, 0.2))
    slow = FramePipeline(FaceTracker(detector()), restorer(), now=lambda: float(next(ticks)))
    frame = show(size=(480, 360), centre=(200, 170), scale=0.5)[0]
    assert slow.process(frame_of(frame), Settings(k=1, target_fps=30), shown=SHOWN).patches == ()
