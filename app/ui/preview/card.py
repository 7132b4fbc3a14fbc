"""The place of the latency card: where a person put it, but never on a face."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QPainter, QPixmap

from app.ui.preview.geometry import Box
from app.ui.preview.overlay import overlay_picture, overlay_size
from app.ui.preview.overlay_model import OverlayModel

_MARGIN = 24.0


def card_place(
    width: float, height: float, *, area: Box, faces: Sequence[Box], wanted: tuple[float, float] | None = None
) -> Box | None:
    """Return the card's box of this size in `area`: at the `wanted` top left corner, else in the first free corner.

    None where it would cover a face everywhere, or does not fit.
    """
    if width > area.width or height > area.height:
        return None
    left, right = area.x, area.right - width
    top, bottom = area.y, area.bottom - height
    places = [(right, top), (left, bottom), (right, bottom), (left, top)]  # badges are at the left top
    if wanted is not None:
        places.insert(0, (min(max(wanted[0], left), right), min(max(wanted[1], top), bottom)))
    boxes = (Box(x, y, width, height) for x, y in places)
    return next((box for box in boxes if not any(box.overlaps(face) for face in faces)), None)


class LatencyCard:
    """The card as a picture, redrawn when its numbers change, and its place."""

    def __init__(self) -> None:
        self._model: OverlayModel | None = None
        self._picture: QPixmap | None = None
        self._wanted: tuple[float, float] | None = None
        self._grip: tuple[float, float] | None = None
        self.box: Box | None = None

    @property
    def model(self) -> OverlayModel | None:
        return self._model

    def set_model(self, model: OverlayModel | None) -> None:
        self._model, self._picture = model, None

    def paint(self, painter: QPainter, area: Box, faces: Sequence[Box], font: QFont, ratio: float) -> None:
        """Draw the card into `area` clear of `faces`; `box` is None where it is not shown."""
        self.box = None
        if self._model is None:
            return
        width, height = overlay_size(self._model)
        inner = Box(area.x + _MARGIN, area.y + _MARGIN, area.width - 2 * _MARGIN, area.height - 2 * _MARGIN)
        self.box = card_place(width, height, area=inner, faces=faces, wanted=self._wanted)
        if self.box is None:
            return
        if self._picture is None or self._picture.devicePixelRatio() != ratio:
            self._picture = overlay_picture(self._model, font, ratio)
        painter.drawPixmap(QPointF(self.box.x, self.box.y), self._picture)

    def grab(self, x: float, y: float) -> bool:
        """Take hold of the card at a point; False beside it."""
        if self.box is None or not self.box.contains(x, y):
            return False
        self._grip = (x - self.box.x, y - self.box.y)
        return True

    def drag(self, x: float, y: float) -> bool:
        """Move the card that is held; False when none is."""
        if self._grip is None:
            return False
        self._wanted = (x - self._grip[0], y - self._grip[1])
        return True

    def release(self) -> None:
        self._grip = None
