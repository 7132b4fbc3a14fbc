"""Before and after in one picture."""

from __future__ import annotations

from typing import Literal

import numpy as np

from app.core.errors import SettingError
from app.core.types import Image, Restored

View = Literal["side-by-side", "split", "restored"]

DIVIDER_PX = 2
"""Width of the light line between before and after in the split view."""


def compose(restored: Restored, view: str, split: float, *, out: Image | None = None) -> Image:
    """What a person sees of `restored`, uint8 BGR.

    "side-by-side" is (H, 2W, 3), before at the left. "split" is (H, W, 3), before at the left of `split` (0 to 1) and
    a divider over the seam. "restored" is `restored.image` itself, not a copy. `out` is a buffer of the right shape to
    draw into, which saves the price of fresh memory. Raises SettingError for another view.
    """
    before, after = restored.frame.image, restored.image
    height, width = after.shape[:2]
    if view == "restored":
        return after
    if view == "side-by-side":
        picture = out if out is not None else np.empty((height, 2 * width, 3), np.uint8)
        picture[:, :width] = before
        picture[:, width:] = after
        return picture
    if view == "split":
        picture = out if out is not None else np.empty((height, width, 3), np.uint8)
        seam = round(min(max(split, 0.0), 1.0) * width)
        picture[:, :seam] = before[:, :seam]
        picture[:, seam:] = after[:, seam:]
        if 0 < seam < width:
            left = max(seam - DIVIDER_PX // 2, 0)
            picture[:, left : left + DIVIDER_PX] = 255
        return picture
    raise SettingError(f"There is no view called {view}.", "Use side-by-side, split or restored.")
