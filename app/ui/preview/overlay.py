"""Painting of the latency overlay, the face marks and the labels on the picture."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPainterPath, QPen, QPixmap

from app.core.words import tr
from app.ui.preview.geometry import Box
from app.ui.preview.overlay_model import OverlayModel, stage_words
from app.ui.preview.state_text import Badge
from app.ui.style.formatting import milliseconds_number
from app.ui.style.theme import STAGE_COLOURS

_WIDTH = 240.0
_PADDING = 11.0
_ROW = 16.0
_GLASS = QColor(12, 13, 16, 214)
_BRIGHT = QColor("#f4f5f7")
_SOFT = QColor("#a9afbb")
_RED = QColor("#ff6b6b")
_OTHER = QColor("#8b93a1")


def overlay_size(model: OverlayModel) -> tuple[float, float]:
    """Width and height of the card in logical pixels."""
    legend_rows = (len(model.segments) + 1) // 2
    return _WIDTH, _PADDING * 2 + 22 + 4 + 8 + 8 + legend_rows * _ROW + _ROW


def overlay_picture(model: OverlayModel, base: QFont, ratio: float) -> QPixmap:
    """The card as a picture: it changes four times a second, frames come far more often."""
    size = QSizeF(*overlay_size(model)) * ratio
    picture = QPixmap(size.toSize())
    picture.setDevicePixelRatio(ratio)
    picture.fill(Qt.GlobalColor.transparent)
    painter = QPainter(picture)
    _paint_overlay(painter, model, base)
    painter.end()
    return picture


def _paint_overlay(painter: QPainter, model: OverlayModel, base: QFont) -> None:
    card = QRectF(QPointF(0, 0), QSizeF(*overlay_size(model)))
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(_RED if model.over_budget else QColor(255, 255, 255, 26), 1))
    painter.setBrush(_GLASS)
    painter.drawRoundedRect(card.adjusted(0.5, 0.5, -0.5, -0.5), 10, 10)
    left, right, y = card.left() + _PADDING, card.right() - _PADDING, card.top() + _PADDING
    at_right = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight

    big, small = QFont(base), QFont(base)
    big.setPixelSize(16)
    big.setWeight(QFont.Weight.DemiBold)
    small.setPixelSize(11)
    painter.setFont(big)
    painter.setPen(_RED if model.over_budget else _BRIGHT)
    painter.drawText(QRectF(left, y, 100, 22), Qt.AlignmentFlag.AlignVCenter, str(model.total))
    painter.setFont(small)
    painter.setPen(_RED if model.over_budget else _SOFT)
    painter.drawText(QRectF(left, y, right - left, 22), at_right, tr("of {budget}", budget=model.budget))
    y += 22 + 4
    _paint_bar(painter, model, QRectF(left, y, right - left, 8))
    y += 8 + 8
    column = (right - left + 12) / 2
    for place, segment in enumerate(model.segments):
        x, line = left + (place % 2) * column, y + (place // 2) * _ROW
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(STAGE_COLOURS.get(segment.name, _OTHER.name())))
        painter.drawRoundedRect(QRectF(x, line + 4, 7, 7), 2, 2)
        painter.setPen(_SOFT)
        painter.drawText(QRectF(x + 11, line, 60, _ROW), Qt.AlignmentFlag.AlignVCenter, str(stage_words(segment.name)))
        painter.setPen(_BRIGHT)
        painter.drawText(QRectF(x, line, column - 12, _ROW), at_right, str(milliseconds_number(segment.ms)))
    y += (len(model.segments) + 1) // 2 * _ROW
    painter.setPen(_SOFT)
    painter.drawText(QRectF(left, y, right - left, _ROW), Qt.AlignmentFlag.AlignVCenter, str(model.summary))


def _paint_bar(painter: QPainter, model: OverlayModel, bar: QRectF) -> None:
    outline = QPainterPath()
    outline.addRoundedRect(bar, 4, 4)
    painter.save()
    painter.setClipPath(outline)
    painter.fillRect(bar, QColor(255, 255, 255, 28))
    for segment in model.segments:
        length = max(segment.length * bar.width() - 1, 0.5)
        piece = QRectF(bar.left() + segment.start * bar.width(), bar.top(), length, bar.height())
        painter.fillRect(piece, QColor(STAGE_COLOURS.get(segment.name, _OTHER.name())))
    painter.restore()
    x = bar.left() + model.budget_at * bar.width()
    painter.setPen(QPen(_RED if model.over_budget else _BRIGHT, 2))
    painter.drawLine(QPointF(x, bar.top() - 3), QPointF(x, bar.bottom() + 3))


def paint_face_mark(painter: QPainter, box: Box, words: str, place: QPointF, *, opacity: float, base: QFont) -> None:
    """Corner brackets round a face and its words, if any, from `place` on; opacity follows the face's."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    arm = max(min(box.width, box.height) * 0.16, 6.0)
    path = QPainterPath()
    for x, y, across, down in (
        (box.x, box.y, arm, arm),
        (box.right, box.y, -arm, arm),
        (box.x, box.bottom, arm, -arm),
        (box.right, box.bottom, -arm, -arm),
    ):
        path.moveTo(x + across, y)
        path.lineTo(x, y)
        path.lineTo(x, y + down)
    painter.setOpacity(opacity)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 110), 3.5, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawPath(path)
    painter.setPen(QPen(QColor("#4cc2ff"), 1.8, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap))
    painter.drawPath(path)
    if words:
        paint_pill(painter, words, place, base)
    painter.setOpacity(1.0)


def paint_hovered_face(painter: QPainter, box: Box, words: str, place: QPointF, base: QFont) -> None:
    """A whole outline round a face under the pointer, and words from `place` on."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    outline = QRectF(box.x, box.y, box.width, box.height)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for pen in (QPen(QColor(0, 0, 0, 110), 4.5), QPen(QColor("#4cc2ff"), 2.5)):
        painter.setPen(pen)
        painter.drawRoundedRect(outline, 8, 8)
    paint_pill(painter, words, place, base)


def paint_pill(
    painter: QPainter,
    words: str,
    origin: QPointF,
    base: QFont,
    *,
    from_right: bool = False,
    light: QColor | None = None,
) -> QRectF:
    """Words on a dark rounded ground, `origin` its left (or right) top corner, after a `light`; its rectangle."""
    font = QFont(base)
    font.setPixelSize(12)
    painter.setFont(font)
    width = painter.fontMetrics().horizontalAdvance(words) + (18 if light is None else 32)
    pill = QRectF(origin.x() - (width if from_right else 0), origin.y(), width, 22)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_GLASS)
    painter.drawRoundedRect(pill, 11, 11)
    if light is not None:
        painter.setBrush(light)
        painter.drawEllipse(QPointF(pill.left() + 14, pill.center().y()), 4, 4)
    painter.setPen(_BRIGHT)
    painter.drawText(pill.adjusted(0 if light is None else 14, 0, 0, 0), Qt.AlignmentFlag.AlignCenter, words)
    return pill


def paint_badges(painter: QPainter, entries: Sequence[Badge], corner: tuple[float, float], base: QFont) -> None:
    """The states of the picture, one under the other from this left top corner on."""
    lights = {"plain": _OTHER, "warning": QColor("#f5b94a"), "recording": _RED}
    for place, badge in enumerate(entries):
        origin = QPointF(corner[0], corner[1] + place * 27)
        paint_pill(painter, str(badge.words), origin, base, light=lights[badge.tone])


def paint_drop_frame(painter: QPainter, area: QRectF, words: str, base: QFont) -> None:
    """A dashed frame with words in its middle, over what it lies on."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor("#4cc2ff"), 2, Qt.PenStyle.DashLine))
    painter.setBrush(QColor(12, 13, 16, 150))
    painter.drawRoundedRect(area, 14, 14)
    font = QFont(base)
    font.setPixelSize(20)
    painter.setFont(font)
    painter.setPen(_BRIGHT)
    painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)


def paint_pair_frame(painter: QPainter, before: Box, after: Box) -> None:
    """A frame round two pictures that adjoin, and a thin line between them."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(_BRIGHT, 2))
    painter.drawRect(QRectF(before.x, before.y, before.width + after.width, before.height))
    painter.drawLine(QPointF(after.x, after.y), QPointF(after.x, after.bottom))


def paint_divider(painter: QPainter, x: float, picture: Box, *, focused: bool) -> None:
    """The split's line with a grip in its middle."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor(0, 0, 0, 90), 4))
    painter.drawLine(QPointF(x, picture.y), QPointF(x, picture.bottom))
    painter.setPen(QPen(_BRIGHT, 2))
    painter.drawLine(QPointF(x, picture.y), QPointF(x, picture.bottom))
    middle = picture.y + picture.height / 2
    painter.setPen(QPen(QColor("#4cc2ff") if focused else QColor(0, 0, 0, 90), 2 if focused else 1))
    painter.setBrush(_BRIGHT)
    painter.drawEllipse(QPointF(x, middle), 17, 17)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(
        QPen(QColor("#22252b"), 2, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin)
    )
    for way in (-1, 1):
        arrow = QPainterPath()
        arrow.moveTo(x + way * 4.5, middle - 4.5)
        arrow.lineTo(x + way * 9, middle)
        arrow.lineTo(x + way * 4.5, middle + 4.5)
        painter.drawPath(arrow)
