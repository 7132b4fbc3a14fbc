"""Boxes as plain numbers and as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from app.faces.boxes import area, overlap


def test_overlap_is_intersection_over_union() -> None:
    a = np.array((0, 0, 10, 10), np.float32)
    assert overlap(a, a) == 1
    assert overlap(a, a + np.float32(5)) == pytest.approx(25 / 175)
    assert overlap(a, a + np.float32(20)) == 0
    assert overlap(a * 0, a * 0) == 0


def test_plain_numbers_and_arrays_mean_the_same() -> None:
    a, b = (0.0, 0.0, 10.0, 10.0), (5.0, 5.0, 15.0, 15.0)
    assert overlap(a, b) == overlap(np.array(a, np.float32), np.array(b, np.float32))


def test_a_box_turned_inside_out_has_no_area() -> None:
    assert area((10.0, 0.0, 0.0, 10.0)) == 0
    assert area((0.0, 0.0, 4.0, 5.0)) == 20
