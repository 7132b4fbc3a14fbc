"""The one-euro filter (Casiez, Roussel and Vogel, CHI 2012) for the points of one face."""

from __future__ import annotations

import math

import numpy as np

from app.core.types import Points

# The three were chosen on a grid of values, see docs/decisions/landmark-smoothing.md.

MIN_CUTOFF_HZ = 0.4
"""Cut-off in hertz of a still face."""

SPEED_COEFFICIENT = 14.0
"""Hertz of cut-off for each face size a second: at any speed a face lags by at most 1 / (2 pi 14) of its size."""

VELOCITY_CUTOFF_HZ = 1.0
"""Cut-off in hertz of the speed itself, so that noise is not taken for motion."""


class OneEuroFilter:
    """Smooths points (N, 2) of one rigid object: strongly while it is still, hardly while it moves.

    All points share one cut-off, from the speed of their common motion (shift, turn and growth). Noise differs from
    point to point and mostly cancels in the common motion, unlike in a filter for each coordinate.
    """

    def __init__(
        self,
        *,
        min_cutoff_hz: float = MIN_CUTOFF_HZ,
        speed_coefficient: float = SPEED_COEFFICIENT,
        velocity_cutoff_hz: float = VELOCITY_CUTOFF_HZ,
    ) -> None:
        self._min_cutoff_hz = min_cutoff_hz
        self._speed_coefficient = speed_coefficient
        self._velocity_cutoff_hz = velocity_cutoff_hz
        self._raw: Points | None = None
        self._smooth: Points | None = None
        self._shift = self._turn = 0j  # pixels a second, and the same at the points' mean radius
        self._time = 0.0

    @property
    def velocity(self) -> Points:
        """The smoothed common shift, float32 (2,), in pixels a second."""
        return np.array((self._shift.real, self._shift.imag), np.float32)

    def filter(self, points: Points, *, time: float, size: float) -> Points:
        """Return the smoothed points, float32 (N, 2); `time` in seconds, `size` of the face in pixels.

        Time that does not advance restarts the filter."""
        points = np.array(points, np.float32)
        elapsed = time - self._time
        self._time = time
        if self._raw is None or self._smooth is None or elapsed <= 0:
            self._raw = self._smooth = points
            self._shift = self._turn = 0j
            return points
        shift, turn = _common_motion(self._raw, points)
        keep = 1 - _smoothing(self._velocity_cutoff_hz, elapsed)
        self._shift = keep * self._shift + (1 - keep) * shift / elapsed
        self._turn = keep * self._turn + (1 - keep) * turn / elapsed
        speed = math.hypot(abs(self._shift), abs(self._turn)) / size
        alpha = _smoothing(self._min_cutoff_hz + self._speed_coefficient * speed, elapsed)
        self._raw = points
        self._smooth = self._smooth + np.float32(alpha) * (points - self._smooth)
        return self._smooth


def _common_motion(before: Points, after: Points) -> tuple[complex, complex]:
    """Least-squares shift, and turn with growth at the points' mean radius, in pixels as complex numbers."""
    p = before @ np.array((1, 1j), np.complex64)
    d = after @ np.array((1, 1j), np.complex64) - p
    shift = complex(d.mean())
    p = p - p.mean()
    spread = float(np.vdot(p, p).real)
    turn = complex(np.vdot(p, d)) / math.sqrt(spread * len(p)) if spread > 0 else 0j
    return shift, turn


def _smoothing(cutoff_hz: float, elapsed: float) -> float:
    """Weight of the new value in a first-order low-pass filter."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * elapsed))
