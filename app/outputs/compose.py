"""Composing pictures for outputs: before and after in one, letterboxing, captions, cards.

OpenCV is imported by the functions that draw, so that listing the outputs costs nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from app.core.errors import SettingError
from app.core.types import Image, Restored
from app.core.words import Phrase, phrase
from app.media.pictures.lettering import text_size, write_text

View = Literal["side-by-side", "split", "restored", "three"]

DIVIDER_PX = 2
"""Width of the light line between before and after in the split view."""


def compose(restored: Restored, view: str, split: float, *, out: Image | None = None) -> Image:
    """Compose a view of `restored`, uint8 BGR.

    "side-by-side" is (H, 2W, 3), before at the left. "split" is (H, W, 3), before at the left of `split` (0 to 1) and
    a divider over the seam. "three" is (H, 3W, 3): the true picture, the degraded one, and the restored one (twice the
    original where nothing was degraded). "restored" is `restored.image` itself, not a copy. `out` is a buffer of
    the right shape to draw into, which saves an allocation. Raises SettingError for another view.
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
    if view == "three":
        true = restored.frame.true_image if restored.frame.true_image is not None else before
        picture = out if out is not None else np.empty((height, 3 * width, 3), np.uint8)
        picture[:, :width] = true
        picture[:, width : 2 * width] = before
        picture[:, 2 * width :] = after
        return picture
    raise SettingError("There is no view called {view}.", "Use side-by-side, split or restored.", view=view)


CAPTIONS = (phrase("Original"), phrase("Restored"))
"""Captions of the two halves."""

BEFORE_AFTER = (phrase("Before"), phrase("After"))
"""Captions of the two halves in what is shared with people who do not know the window."""

_CARD_BGR = (32, 27, 24)
_TEXT_BGR = (235, 235, 235)


def letterbox(image: Image, size: tuple[int, int]) -> Image:
    """Return `image` scaled to fit `size` (width, height), centred on black, uint8 BGR; itself at that size."""
    import cv2

    width, height = size
    given_height, given_width = image.shape[:2]
    if (given_width, given_height) == size:
        return image
    scale = min(width / given_width, height / given_height)
    inner_width = min(max(round(given_width * scale), 1), width)
    inner_height = min(max(round(given_height * scale), 1), height)
    method = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    top, left = (height - inner_height) // 2, (width - inner_width) // 2
    picture = np.zeros((height, width, 3), np.uint8)
    inner = picture[top : top + inner_height, left : left + inner_width]
    inner[:] = cv2.resize(image, (inner_width, inner_height), interpolation=method)
    return picture


def caption(picture: Image, view: str, split: float) -> Image:
    """Return a copy of a composed `picture` with each part's name in its upper outer corner and a line between them.

    The picture itself where there is one part. A part that is narrower than its name has none.
    """
    if view not in ("split", "side-by-side", "three"):
        return picture
    picture = picture.copy()
    write_captions(picture, view, split)
    return picture


def write_captions(picture: Image, view: str, split: float, *, names: Sequence[Phrase] = CAPTIONS) -> None:
    """Draw the captions of `caption` into `picture` itself; `names` are those of its two halves."""
    width = picture.shape[1]
    seams: tuple[int, ...]
    words: tuple[Phrase, ...]
    if view == "three":
        seams, words = (width // 3, 2 * width // 3), (phrase("True"), phrase("Made bad"), names[1])
    elif view in ("split", "side-by-side"):
        seam = width // 2 if view == "side-by-side" else round(min(max(split, 0.0), 1.0) * width)
        seams, words = (seam,), tuple(names)
    else:
        return
    edges = (0, *seams, width)
    for place, word in enumerate(words):
        _write_name(picture[:, edges[place] : edges[place + 1]], str(word), at_right=place == len(words) - 1)
    for seam in seams:
        if 0 < seam < width:
            picture[:, max(seam - DIVIDER_PX // 2, 0) : seam + DIVIDER_PX // 2] = 255


def card(text: str, size: tuple[int, int]) -> Image:
    """Return a dark picture of `size` (width, height) with `text` in its centre, uint8 BGR."""
    width, height = size
    picture = np.full((height, width, 3), _CARD_BGR, np.uint8)
    text_px = max(min(width, height) // 14, 4)
    text_width, text_height = text_size(text, text_px)
    write_text(picture, text, ((width - text_width) // 2, (height - text_height) // 2), text_px, _TEXT_BGR)
    return picture


def _write_name(half: Image, text: str, *, at_right: bool) -> None:
    height, width = half.shape[:2]
    text_px = max(round(height / 32), 10)
    text_width, text_height = text_size(text, text_px)
    margin = round(text_px / 3) + 2
    box_width, box_height = text_width + 2 * margin, text_height + 2 * margin
    if box_width + 2 * margin > width or box_height + 2 * margin > height:
        return
    left = width - box_width - margin if at_right else margin
    box = half[margin : margin + box_height, left : left + box_width]
    box[:] = box // 3
    write_text(half, text, (left + margin, 2 * margin), text_px, _TEXT_BGR)
