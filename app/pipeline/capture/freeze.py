"""Detecting a camera that repeats one picture."""

from __future__ import annotations

import numpy as np

from app.core.types import Image


class FreezeDetector:
    """Distinguishes a frozen camera from one that shows a still scene.

    A sensor always has noise, so a camera whose pictures differed and then stay identical for `timeout_s` has
    frozen. One that never changed since it was opened (a virtual camera showing a card) is left alone.
    """

    def __init__(self, *, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._sample: Image | None = None
        self._changed_at = 0.0
        self._ever_changed = False

    def update(self, image: Image, now: float) -> bool:
        """Return whether the camera has frozen. Compares every eighth row of uint8 (H, W, 3); `now` in seconds."""
        sample = image[::8]
        if self._sample is not None and np.array_equal(self._sample, sample):
            return self._ever_changed and now - self._changed_at >= self._timeout_s
        self._ever_changed = self._sample is not None
        self._sample, self._changed_at = sample.copy(), now
        return False
