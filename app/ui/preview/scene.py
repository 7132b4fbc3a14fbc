"""A frame in its place on the canvas: where its faces are, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QFont, QPainter

from app.core.types import Restored, RestoredFace
from app.ui.preview.geometry import Box, Layout, on_screen
from app.ui.preview.overlay import paint_face_mark, paint_pair_frame, paint_pill
from app.ui.preview.pictures import Pictures
from app.ui.preview.state_text import tile_words
from app.ui.preview.zoom import inset, loupe
from app.ui.style.formatting import count

_NARROWEST_LABELLED = 120.0


@dataclass(frozen=True, eq=False, kw_only=True)
class Scene:
    """The frame on screen with its pictures; `layout` says where they are, `mirror` whether they are turned round."""

    restored: Restored
    pictures: Pictures
    layout: Layout
    mirror: bool

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the frame in its own pixels."""
        height, width = self.restored.image.shape[:2]
        return width, height

    def face_boxes(self) -> list[Box]:
        """Where the faces are on the canvas, in every tile."""
        return [self._place(entry, tile.target) for tile in self.layout.tiles for entry in self.restored.faces]

    def paint_pictures(self, painter: QPainter) -> None:
        """Before and after, each inside its own part."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for tile in self.layout.tiles:
            painter.setClipRect(rectangle(tile.clip))
            painter.drawImage(rectangle(tile.target), self.pictures.qimages[0 if tile.content == "original" else 1])
        painter.setClipping(False)

    def paint_faces(self, painter: QPainter, font: QFont) -> None:
        """A mark round every restored face, with what was spent on it."""
        for tile in self.layout.tiles:
            if tile.content == "original":
                continue
            painter.setClipRect(rectangle(tile.frame))
            for entry in self.restored.faces:
                place = self._place(entry, tile.target)
                pill = QPointF(max(place.x, tile.target.x + 4), max(place.y - 27, tile.target.y + 4))
                paint_face_mark(painter, place, face_words(entry), pill, opacity=entry.face.opacity, base=font)
            painter.setClipping(False)

    def paint_labels(self, painter: QPainter, font: QFont) -> None:
        """What each part of the picture shows, at its lower edge."""
        degraded = self.restored.frame.true_image is not None
        for tile in self.layout.tiles:
            if tile.clip.width < _NARROWEST_LABELLED:
                continue
            words = tile_words(tile.content, faces=len(self.restored.faces), degraded=degraded)
            y = tile.frame.bottom - 34
            if self.layout.divider is not None and tile.content == "restored":
                paint_pill(painter, words, QPointF(tile.clip.right - 12, y), font, from_right=True)
            else:
                paint_pill(painter, words, QPointF(tile.clip.x + 12, y), font)

    def paint_loupe(self, painter: QPainter, pointer: QPointF, area: Box) -> None:
        """The place under the pointer, before and after."""
        width, height = self.size
        self._paint_pair(painter, loupe(self.layout, pointer.x(), pointer.y(), width=width, height=height, area=area))

    def paint_inset(self, painter: QPainter) -> None:
        """The largest face at twice its size, before and after."""
        if not self.restored.faces:
            return
        width, height = self.size
        left, top, right, bottom = max(map(_box_of, self.restored.faces), key=lambda box: box[2] - box[0])
        if self.mirror:
            left, right = width - right, width - left
        face = Box(left, top, right - left, bottom - top)
        self._paint_pair(painter, inset(face, width=width, height=height, area=self.layout.tiles[-1].frame))

    def _paint_pair(self, painter: QPainter, place: tuple[Box, Box, Box] | None) -> None:
        if place is None:
            return
        before, after, part = place
        for box, picture in zip((before, after), self.pictures.qimages, strict=True):
            painter.drawImage(rectangle(box), picture, rectangle(part))
        paint_pair_frame(painter, before, after)

    def _place(self, entry: RestoredFace, target: Box) -> Box:
        width, height = self.size
        return on_screen(_box_of(entry), width=width, height=height, target=target, mirror=self.mirror)


def rectangle(box: Box) -> QRectF:
    """`box` as Qt's own."""
    return QRectF(box.x, box.y, box.width, box.height)


def face_words(entry: RestoredFace) -> str:
    """What a face's mark says."""
    words = count(entry.cycles, "cycle", "cycles")
    return f"{words} · already sharp" if entry.already_sharp else words


def _box_of(entry: RestoredFace) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in entry.face.box)
    return left, top, right, bottom
