"""The layout of pictures and divider. No Qt: rectangles in logical pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Content = Literal["original", "restored"]

DIVIDER_REACH = 14.0
"""Distance in pixels at which a press grabs the divider."""

MAXIMUM_MAGNIFICATION = 4.0


@dataclass(frozen=True)
class Box:
    """A rectangle by its left top corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height

    def contains(self, x: float, y: float) -> bool:
        return self.x <= x <= self.right and self.y <= y <= self.bottom

    def overlaps(self, other: Box) -> bool:
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom


@dataclass(frozen=True)
class Tile:
    """One picture on the canvas: it is scaled to `target` and seen only inside `clip`.

    `zoom_frame` is where the whole picture would be, None where it is not zoomed.
    """

    content: Content
    target: Box
    clip: Box
    zoom_frame: Box | None = None

    @property
    def frame(self) -> Box:
        """The whole picture's box on the canvas, however much of it is visible."""
        return self.zoom_frame or self.target


@dataclass(frozen=True)
class Layout:
    """Everything that a view draws; `divider` is the x of the split slider, None in views without one."""

    tiles: tuple[Tile, ...]
    divider: float | None = None

    def is_on_divider(self, x: float, y: float, *, reach: float = DIVIDER_REACH) -> bool:
        """Whether a press at (x, y) grabs the divider."""
        if self.divider is None or not self.tiles:
            return False
        target = self.tiles[0].frame
        return abs(x - self.divider) <= reach and target.y <= y <= target.bottom

    def split_at(self, x: float) -> float:
        """Return the split in [0, 1] that puts the divider at x."""
        target = self.tiles[0].frame
        return min(max((x - target.x) / max(target.width, 1.0), 0.0), 1.0)


def first_size(width: int, height: int) -> tuple[int, int]:
    """The window's first size on a desktop with `width` x `height` of room: its frame and title bar fit in too."""
    return max(min(1360, width - 16), 860), max(min(820, height - 48), 540)


def fit(width: int, height: int, area: Box) -> Box:
    """The largest box of the picture's shape in the middle of `area`, on whole pixels, enlarged at most four times."""
    scale = min(area.width / max(width, 1), area.height / max(height, 1), MAXIMUM_MAGNIFICATION)
    fitted_width, fitted_height = max(round(width * scale), 1), max(round(height * scale), 1)
    return Box(
        round(area.x + (area.width - fitted_width) / 2),
        round(area.y + (area.height - fitted_height) / 2),
        fitted_width,
        fitted_height,
    )


def arrange(view: str, *, width: int, height: int, area: Box, split: float, gap: float = 12.0) -> Layout:
    """The layout of `view` ("split", "side-by-side", "restored", "original") for a picture of width x height pixels.

    The original is left of the divider. Side by side becomes one above the other where that shows larger pictures.
    """
    if view == "side-by-side":
        beside = (
            fit(width, height, Box(area.x, area.y, (area.width - gap) / 2, area.height)),
            fit(width, height, Box(area.x + (area.width + gap) / 2, area.y, (area.width - gap) / 2, area.height)),
        )
        stacked = (
            fit(width, height, Box(area.x, area.y, area.width, (area.height - gap) / 2)),
            fit(width, height, Box(area.x, area.y + (area.height + gap) / 2, area.width, (area.height - gap) / 2)),
        )
        horizontal = beside[0].width >= stacked[0].width
        first, second = _together(beside if horizontal else stacked, gap=gap, horizontal=horizontal)
        return Layout((Tile("original", first, first), Tile("restored", second, second)))
    target = fit(width, height, area)
    if view != "split":
        content: Content = "original" if view == "original" else "restored"
        return Layout((Tile(content, target, target),))
    divider = float(round(target.x + split * target.width))
    left = Box(target.x, target.y, divider - target.x, target.height)
    right = Box(divider, target.y, target.right - divider, target.height)
    return Layout((Tile("original", target, left), Tile("restored", target, right)), divider)


def _together(pair: tuple[Box, Box], *, gap: float, horizontal: bool) -> tuple[Box, Box]:
    """Move the two boxes towards each other until only the gap is between them."""
    first, second = pair
    if horizontal:
        slack = (second.x - first.right - gap) / 2
        return (
            Box(first.x + slack, first.y, first.width, first.height),
            Box(first.x + slack + first.width + gap, second.y, second.width, second.height),
        )
    slack = (second.y - first.bottom - gap) / 2
    return (
        Box(first.x, first.y + slack, first.width, first.height),
        Box(second.x, first.y + slack + first.height + gap, second.width, second.height),
    )


def on_screen(
    box: tuple[float, float, float, float], *, width: int, height: int, target: Box, mirror: bool = False
) -> Box:
    """A face's box (x1, y1, x2, y2 in pixels of the picture) on the canvas, where the picture may be mirrored."""
    across, down = target.width / max(width, 1), target.height / max(height, 1)
    left, top, right, bottom = box
    if mirror:
        left, right = width - right, width - left
    return Box(target.x + left * across, target.y + top * down, (right - left) * across, (bottom - top) * down)
