"""Words written into pictures, in any script: the font inside OpenCV has Chinese and Japanese signs too."""

from __future__ import annotations

from functools import cache
from typing import Any

from app.core.types import Image

_ROOM = (1 << 14, 1 << 12)


def text_size(text: str, size: int) -> tuple[int, int]:
    """Width and height in pixels of `text` written `size` pixels high."""
    import cv2

    left, top, right, bottom = _bounds(cv2, text, size)
    return right - left, bottom - top


def write_text(image: Image, text: str, corner: tuple[int, int], size: int, colour: tuple[int, int, int]) -> None:
    """Write `text`, `size` pixels high, into uint8 (H, W, 3); its left top corner (x, y) lies at `corner`."""
    import cv2

    left, top, _, _ = _bounds(cv2, text, size)
    cv2.putText(image, text, (corner[0] - left, corner[1] - top), colour, _font(), size)


def _bounds(cv2: Any, text: str, size: int) -> tuple[int, int, int, int]:
    """The edges of the ink of `text` whose base line begins at (0, 0); high words move nothing that is lower."""
    left, _, width, _ = cv2.getTextSize(_ROOM, text, (0, 0), _font(), size)
    _, top, _, height = cv2.getTextSize(_ROOM, "Ág", (0, 0), _font(), size)
    return left, top, left + width, top + height


@cache
def _font() -> Any:
    import cv2

    return cv2.FontFace("sans")
