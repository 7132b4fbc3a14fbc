"""A frame in its place on the canvas: where its faces are, and how it is painted."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QPointF
from PySide6.QtGui import QFont, QPainter

from app.core.types import Face, Restored, RestoredFace
from app.core.words import tr, trn
from app.ui.preview.geometry import Box, Content, Layout, on_screen
from app.ui.preview.overlay import paint_face_mark, paint_hovered_face, paint_pair_frame, paint_pill
from app.ui.preview.pictures import Picture, Pictures, rectangle
from app.ui.preview.state_text import tile_words
from app.ui.preview.zoom import inset, loupe, tile_at

_NARROWEST_LABELLED = 120.0
_FAINT = 0.4


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

    def shown_size(self, ratio: float) -> tuple[int, int] | None:
        """How many pixels of a screen with `ratio` of them for each logical one the whole restored picture takes.

        None where there are no more than the picture has, or none of it is seen.
        """
        targets = [tile.target for tile in self.layout.tiles if tile.content == "restored"]
        if not targets or targets[0].width * ratio <= self.size[0]:
            return None
        return round(targets[0].width * ratio), round(targets[0].height * ratio)

    def face_boxes(self) -> list[Box]:
        """Where the faces are on the canvas, in every tile."""
        return [self._place(entry.face, tile.target) for tile in self.layout.tiles for entry in self.restored.faces]

    def face_at(self, x: float, y: float) -> Face | None:
        """The face that is seen at a point of the canvas, the smallest where several overlap."""
        tile = tile_at(self.layout, x, y)
        if tile is None:
            return None
        every = (*(entry.face for entry in self.restored.faces), *self.restored.left_alone)
        found = [face for face in every if self._place(face, tile.target).contains(x, y)]
        return min(found, key=lambda face: float(face.box[2] - face.box[0]), default=None)

    def paint_pictures(self, painter: QPainter) -> None:
        """Before and after, each inside its own part."""
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for tile in self.layout.tiles:
            self._picture(tile.content).paint(painter, tile.target, tile.clip)

    def paint_faces(self, painter: QPainter, font: QFont, *, without: Face | None = None) -> None:
        """A mark round every restored face, with what was spent on it; a faint one round those that are left alone."""
        for tile in self.layout.tiles:
            if tile.content == "original":
                continue
            painter.setClipRect(rectangle(tile.frame))
            for entry in self.restored.faces:
                if entry.face is without:
                    continue
                place = self._place(entry.face, tile.target)
                pill = self._above(place, tile.target)
                paint_face_mark(painter, place, face_words(entry), pill, opacity=entry.face.opacity, base=font)
            for face in self.restored.left_alone:
                place = self._place(face, tile.target)
                paint_face_mark(painter, place, "", QPointF(), opacity=_FAINT * face.opacity, base=font)
            painter.setClipping(False)

    def paint_hovered(self, painter: QPainter, face: Face, font: QFont) -> None:
        """The outline of the face under the pointer, in every tile, and what a click on it does."""
        is_alone = self.restored.alone and any(entry.face is face for entry in self.restored.faces)
        words = tr("Click: all faces") if is_alone else tr("Click: this face alone")
        for tile in self.layout.tiles:
            place = self._place(face, tile.target)
            painter.setClipRect(rectangle(tile.clip))
            paint_hovered_face(painter, place, words, self._above(place, tile.target), font)
            painter.setClipping(False)

    def paint_labels(self, painter: QPainter, font: QFont) -> None:
        """What each part of the picture shows, at its lower edge."""
        degraded = self.restored.frame.true_image is not None
        for tile in self.layout.tiles:
            if tile.clip.width < _NARROWEST_LABELLED:
                continue
            words = self._network(tile.content) or tile_words(
                tile.content, faces=len(self.restored.faces), degraded=degraded
            )
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
        left, top, right, bottom = max(
            (_box_of(entry.face) for entry in self.restored.faces), key=lambda box: box[2] - box[0]
        )
        if self.mirror:
            left, right = width - right, width - left
        face = Box(left, top, right - left, bottom - top)
        self._paint_pair(painter, inset(face, width=width, height=height, area=self.layout.tiles[-1].frame))

    def _paint_pair(self, painter: QPainter, place: tuple[Box, Box, Box] | None) -> None:
        if place is None:
            return
        before, after, part = place
        width, height = self.size
        for box, picture in ((before, self._picture("original")), (after, self.pictures.after)):
            scale = box.width / part.width
            whole = Box(box.x - part.x * scale, box.y - part.y * scale, width * scale, height * scale)
            picture.paint(painter, whole, box)
        paint_pair_frame(painter, before, after)

    def _picture(self, content: Content) -> Picture:
        if content == "restored":
            return self.pictures.after
        other = self.pictures.other
        return other if other is not None and len(self.layout.tiles) == 2 else self.pictures.before

    def _network(self, content: Content) -> str:
        """Which network a part shows where two are compared, else empty."""
        compared = self.restored.compared
        if compared is None or len(self.layout.tiles) < 2 or not self.restored.faces:
            return ""
        return compared.restorer if content == "restored" else compared.other

    def _place(self, face: Face, target: Box) -> Box:
        width, height = self.size
        return on_screen(_box_of(face), width=width, height=height, target=target, mirror=self.mirror)

    @staticmethod
    def _above(place: Box, target: Box) -> QPointF:
        """Where words about a face begin: over its left top corner, inside the picture."""
        return QPointF(max(place.x, target.x + 4), max(place.y - 27, target.y + 4))


def face_words(entry: RestoredFace) -> str:
    """What a face's mark says."""
    if entry.already_sharp:
        return trn("{n} cycle · already sharp", "{n} cycles · already sharp", entry.cycles)
    return trn("{n} cycle", "{n} cycles", entry.cycles) if entry.cycles else tr("no cycles")


def _box_of(face: Face) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in face.box)
    return left, top, right, bottom
