"""No jitter on a still face, no lag on a moving one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from app.faces.alignment import FFHQ_TEMPLATE
from app.faces.one_euro import OneEuroFilter

SIZE = 256.0  # the template is a face of this size


def run(
    place: Callable[[float], np.ndarray], *, fps: float = 30.0, seconds: float = 4.0, noise: float = 0.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True, measured and smoothed landmarks, (frames, 5, 2) each, of a face whose landmarks at t are `place(t)`."""
    rng = np.random.default_rng(seed)
    smoother = OneEuroFilter()
    times = np.arange(0, seconds, 1 / fps)
    true = np.stack([place(t) for t in times]).astype(np.float32)
    measured = true + rng.normal(0, noise, true.shape).astype(np.float32)
    smooth = np.stack([smoother.filter(m, time=float(t), size=SIZE) for t, m in zip(times, measured, strict=True)])
    return true, measured, smooth


def moving(faces_per_second: float) -> Callable[[float], np.ndarray]:
    return lambda t: FFHQ_TEMPLATE + np.array((faces_per_second * SIZE * t, 0), np.float32)


def mean_distance(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.linalg.norm(a - b, axis=-1).mean())


@pytest.mark.parametrize("fps", [15, 30, 60])
@pytest.mark.parametrize("noise", [0.5, 1.5])
def test_a_still_face_does_not_shimmer(fps: float, noise: float) -> None:
    _, measured, smooth = run(lambda t: FFHQ_TEMPLATE, fps=fps, seconds=10, noise=noise)
    settled = int(fps)
    shake_before = np.diff(measured[settled:], axis=0).std()
    shake_after = np.diff(smooth[settled:], axis=0).std()
    assert smooth[settled:].std(axis=0).mean() < 0.45 * noise
    assert shake_after < 0.2 * shake_before  # what the eye sees: the change from frame to frame


@pytest.mark.parametrize("speed", [0.25, 1.0, 3.0])
def test_a_moving_face_is_not_trailed(speed: float) -> None:
    true, _, smooth = run(moving(speed), noise=0.5)
    assert mean_distance(true[15:], smooth[15:]) < 0.015 * SIZE


def test_a_face_that_starts_to_move_is_caught_up_with() -> None:
    def place(t: float) -> np.ndarray:
        return moving(1.0)(max(0.0, t - 1.0))

    true, _, smooth = run(place, noise=0.5)
    worst = np.linalg.norm(true - smooth, axis=-1).mean(axis=-1).max()
    assert worst < 0.05 * SIZE
    assert mean_distance(true[45:], smooth[45:]) < 0.015 * SIZE  # half a second later


def test_a_face_that_stops_is_not_overshot() -> None:
    def place(t: float) -> np.ndarray:
        return moving(1.0)(min(t, 1.0))

    true, _, smooth = run(place)
    assert (smooth[..., 0] - true[..., 0]).max() < 0.5
    assert mean_distance(true[60:], smooth[60:]) < 1.0


def test_turning_and_growing_are_motion_too() -> None:
    centre = FFHQ_TEMPLATE.mean(axis=0)

    def place(t: float) -> np.ndarray:
        angle, scale = np.deg2rad(60) * t, 1 + 0.3 * t
        rotation = scale * np.array(((np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))))
        return (FFHQ_TEMPLATE - centre) @ rotation.T + centre

    true, _, smooth = run(place, noise=0.3, seconds=2)
    assert mean_distance(true[15:], smooth[15:]) < 0.015 * SIZE


def test_time_that_runs_back_starts_anew() -> None:
    smoother = OneEuroFilter()
    smoother.filter(FFHQ_TEMPLATE, time=5.0, size=SIZE)
    elsewhere = FFHQ_TEMPLATE + np.float32(300)
    assert np.array_equal(smoother.filter(elsewhere, time=4.0, size=SIZE), elsewhere)
    assert not smoother.velocity.any()


def test_the_measured_points_are_not_kept_by_reference() -> None:
    smoother = OneEuroFilter()
    points = FFHQ_TEMPLATE.copy()
    first = smoother.filter(points, time=0.0, size=SIZE)
    points += 50
    assert np.array_equal(first, FFHQ_TEMPLATE)
