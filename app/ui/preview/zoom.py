"""Looking closer: which part of the picture is seen, and the loupe. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, replace

from app.ui.preview.geometry import Box, Layout, Tile

LARGEST = 8.0
_LOUPE_SIDE = 150.0
_LOUPE_TIMES = 2.5


@dataclass(frozen=True)
class Zoom:
    """A zoom, `scale` times; the visible part begins at `left` and `top`, fractions of the picture."""

    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0

    def by(self, factor: float, x: float, y: float) -> Zoom:
        """Zoom by `factor` round the point (x, y) of the frame, parts of its width and height: it stays where it is."""
        scale = min(max(self.scale * factor, 1.0), LARGEST)
        return _kept_inside(Zoom(scale, self.left + x / self.scale - x / scale, self.top + y / self.scale - y / scale))

    def moved(self, across: float, down: float) -> Zoom:
        """Follow a drag by these parts of the frame."""
        return _kept_inside(replace(self, left=self.left - across / self.scale, top=self.top - down / self.scale))


def _kept_inside(zoom: Zoom) -> Zoom:
    last = 1.0 - 1.0 / zoom.scale
    return replace(zoom, left=min(max(zoom.left, 0.0), last), top=min(max(zoom.top, 0.0), last))


def zoomed(layout: Layout, zoom: Zoom) -> Layout:
    """The same frames with the seen part of the picture enlarged in each."""
    if zoom.scale == 1.0:
        return layout
    tiles = []
    for tile in layout.tiles:
        frame = tile.target
        width, height = frame.width * zoom.scale, frame.height * zoom.scale
        # On whole pixels, so that what was made for this size is not interpolated again.
        target = Box(
            round(frame.x - zoom.left * width), round(frame.y - zoom.top * height), round(width), round(height)
        )
        tiles.append(Tile(tile.content, target, tile.clip, frame))
    return Layout(tuple(tiles), layout.divider)


def tile_at(layout: Layout, x: float, y: float) -> Tile | None:
    """The tile that is seen at a point of the canvas."""
    return next((tile for tile in layout.tiles if tile.clip.contains(x, y)), None)


def loupe(layout: Layout, x: float, y: float, *, width: int, height: int, area: Box) -> tuple[Box, Box, Box] | None:
    """The loupe at a point: where before and after go on the canvas, and the part of the picture that both show.

    None beside the pictures. `width` and `height` are the picture's in pixels.
    """
    tile = tile_at(layout, x, y)
    if tile is None:
        return None
    scale = tile.target.width / width * _LOUPE_TIMES
    side = _LOUPE_SIDE / scale
    centre_x = (x - tile.target.x) / tile.target.width * width
    centre_y = (y - tile.target.y) / tile.target.height * height
    part = Box(
        min(max(centre_x - side / 2, 0.0), max(width - side, 0.0)),
        min(max(centre_y - side / 2, 0.0), max(height - side, 0.0)),
        side,
        side,
    )
    left = min(max(x - _LOUPE_SIDE, area.x), area.right - 2 * _LOUPE_SIDE)
    top = y + 24 if y + 24 + _LOUPE_SIDE <= area.bottom else y - 24 - _LOUPE_SIDE
    return Box(left, top, _LOUPE_SIDE, _LOUPE_SIDE), Box(left + _LOUPE_SIDE, top, _LOUPE_SIDE, _LOUPE_SIDE), part


def inset(face: Box, *, width: int, height: int, area: Box) -> tuple[Box, Box, Box] | None:
    """The largest face at twice its size before and after, at the lower right of `area`; boxes as `loupe` returns them.

    `face` is in pixels of the picture. None where there is no room.
    """
    side = max(face.width, face.height) * 1.4
    shown = min(side * 2, area.width * 0.22, area.height * 0.4)
    if shown < 60:
        return None
    part = Box(
        min(max(face.x + face.width / 2 - side / 2, 0.0), max(width - side, 0.0)),
        min(max(face.y + face.height / 2 - side / 2, 0.0), max(height - side, 0.0)),
        min(side, width),
        min(side, height),
    )
    left, top = area.right - 2 * shown - 12, area.bottom - shown - 44
    return Box(left, top, shown, shown), Box(left + shown, top, shown, shown), part
