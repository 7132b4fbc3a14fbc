"""The shipped network, whatever its weights: crops in, crops out, k at will."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from app.core.errors import InferenceError
from app.faces.alignment import estimate_similarity, warp_crop
from tests.vision import portrait, portrait_landmarks, restorer


def crop() -> np.ndarray:
    """A degraded face, uint8 (256, 256, 3) BGR."""
    sharp = warp_crop(portrait(), estimate_similarity(portrait_landmarks()))
    return cv2.resize(cv2.resize(sharp, (64, 64), interpolation=cv2.INTER_AREA), (256, 256))


@pytest.mark.parametrize("precision", ["int8", "fp32"])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_k_cycles_are_made_and_accounted_for(precision: str, k: int) -> None:
    restored = restorer(precision).restore(crop(), k=k)
    assert restored.image.shape == (256, 256, 3)
    assert restored.image.dtype == np.uint8
    assert restored.cycles == len(restored.steps) == len(restored.cycles_ms) == k
    assert all(step >= 0 for step in restored.steps)
    assert all(ms > 0 for ms in restored.cycles_ms)


def test_the_steps_are_those_of_every_larger_k() -> None:
    four = restorer().restore(crop(), k=4)
    two = restorer().restore(crop(), k=2)
    assert two.steps == pytest.approx(four.steps[:2], rel=1e-5)
    assert not np.array_equal(two.image, four.image)


def test_the_result_is_a_restored_face_not_another_picture() -> None:
    """Colours and their order survive, and something was done."""
    before = crop()
    after = restorer().restore(before, k=2).image
    assert np.abs(after.astype(float).mean(axis=(0, 1)) - before.mean(axis=(0, 1))).max() < 12
    assert 0.5 < np.abs(after.astype(float) - before).mean() < 25
    for channel in range(3):
        assert np.corrcoef(after[..., channel].ravel(), before[..., channel].ravel())[0, 1] > 0.95


@pytest.mark.parametrize("k", [1, 2, 3])
def test_int8_stays_near_fp32(k: int) -> None:
    difference = np.abs(
        restorer("int8").restore(crop(), k=k).image.astype(int) - restorer("fp32").restore(crop(), k=k).image
    )
    assert difference.mean() < 3
    assert np.quantile(difference, 0.999) < 40


def test_a_face_stops_when_its_step_is_small_enough() -> None:
    steps = restorer().restore(crop(), k=4).steps
    for threshold in (0.0, *(step * 1.001 for step in steps), 2.0):
        expected = next((number for number, step in enumerate(steps, start=1) if step < threshold), 4)
        stopped = restorer().restore(crop(), k=4, stop_threshold=threshold)
        assert stopped.cycles == expected
        assert np.array_equal(stopped.image, restorer().restore(crop(), k=expected).image)


def test_crops_do_not_remember_each_other() -> None:
    first = restorer().restore(crop(), k=3).image
    restorer().restore(255 - crop(), k=1)
    assert np.array_equal(restorer().restore(crop(), k=3).image, first)


def test_a_result_is_not_overwritten_by_the_next() -> None:
    first = restorer().restore(crop(), k=1).image
    kept = first.copy()
    restorer().restore(255 - crop(), k=1)
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("k", [0, 5, -1])
def test_a_k_outside_the_range_is_refused(k: int) -> None:
    with pytest.raises(InferenceError, match="1 to 4"):
        restorer().restore(crop(), k=k)


@pytest.mark.parametrize("wrong", [np.zeros((128, 128, 3), np.uint8), np.zeros((256, 256, 3), np.float32)])
def test_what_is_no_crop_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InferenceError, match="256x256x3"):
        restorer().restore(wrong, k=1)


def test_warming_up_measures_a_cycle() -> None:
    assert 0 < restorer().warm_up() < 10_000
