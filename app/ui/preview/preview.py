"""The picture: before and after, the split slider, the face marks and the overlay on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QImage,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.types import Image, Restored, RestoredFace
from app.ui.preview.card import LatencyCard
from app.ui.preview.geometry import Box, Layout, arrange, on_screen
from app.ui.preview.message import Message
from app.ui.preview.overlay import (
    paint_badges,
    paint_divider,
    paint_drop_frame,
    paint_face_mark,
    paint_pair_frame,
    paint_pill,
)
from app.ui.preview.overlay_model import OverlayModel
from app.ui.preview.state_text import Badge, tile_words
from app.ui.preview.zoom import Zoom, inset, loupe, tile_at, zoomed
from app.ui.style.formatting import count
from app.ui.style.theme import colour

_MARGIN = 12.0
_STEP = 0.02


def as_qimage(image: Image) -> QImage:
    """A QImage over the array's own memory: no copy. The caller keeps `image` alive as long as the QImage.

    image: uint8 (H, W, 3) BGR with the three channels adjoining; rows may be padded.
    """
    height, width = image.shape[:2]
    if image.strides[1:] != (3, 1):
        raise ValueError("The channels of a picture must adjoin.")
    return QImage(image.data, width, height, image.strides[0], QImage.Format.Format_BGR888)


class Preview(QWidget):
    """Shows the newest restored frame. `painted` carries it and the milliseconds that its painting took."""

    split_changed = Signal(float)
    pause_toggled = Signal()
    painted = Signal(object, float)
    sources_dropped = Signal(object)
    action_pressed = Signal(str)
    full_screen_toggled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._restored: Restored | None = None
        self._pictures: tuple[tuple[Image, QImage], ...] = ()
        self._reported = False
        self._view = "split"
        self._split = 0.5
        self._hold_original = False
        self._show_faces = True
        self._card = LatencyCard()
        self._zoom = Zoom()
        self._panning: QPointF | None = None
        self._pointer: QPointF | None = None
        self._loupe = self._inset = False
        self._badges: tuple[Badge, ...] = ()
        self._message = ("camera", "Starting…", "")
        self._mirror = False
        self._dropping = False
        self.words = Message(self)
        self.words.pressed.connect(self.action_pressed)
        self.words.say(*self._message)
        self._dimmed = False
        self._dragging = False
        self.setObjectName("preview")
        self.setAccessibleName("Picture, before and after")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(True)
        self.setMinimumSize(320, 180)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)

    # What is shown

    def show_frame(self, restored: Restored) -> None:
        """Show a frame with the next repaint. The arrays stay alive until the frame after it is shown."""
        self._restored = restored
        self._prepare()
        self.words.hide()
        self._reported = False
        self._dimmed = False
        self.update()

    def show_message(self, icon: str, title: str, detail: str = "", buttons: Sequence[tuple[str, str]] = ()) -> None:
        """Show words in place of a picture; `action_pressed` follows when one of the buttons (text, name) is."""
        self._message = (icon, title, detail)
        self.words.say(icon, title, detail, buttons)
        self._restored, self._pictures = None, ()
        self.update()

    def _prepare(self) -> None:
        """Make the pictures of the frame ready to be painted."""
        if self._restored is None:
            return
        images = (self._restored.frame.image, self._restored.image)
        shown = map(mirrored if self._mirror else _contiguous, images)
        self._pictures = tuple((image, as_qimage(image)) for image in shown)

    def set_mirror(self, mirror: bool) -> None:
        """Show the picture as a mirror does."""
        if mirror != self._mirror:
            self._mirror = mirror
            self._prepare()
            self.update()

    def set_dimmed(self, dimmed: bool) -> None:
        """Darken the last picture: it is not live any more."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.update()

    def set_view(self, view: str) -> None:
        self._view = view
        self.unsetCursor()
        self.update()

    def set_split(self, split: float) -> None:
        self._split = split
        self.update()

    def set_hold_original(self, held: bool) -> None:
        if held != self._hold_original:
            self._hold_original = held
            self.update()

    def set_show_faces(self, shown: bool) -> None:
        self._show_faces = shown
        self.update()

    def set_overlay(self, model: OverlayModel | None) -> None:
        if model != self._card.model:
            self._card.set_model(model)
            self.update()

    def set_badges(self, badges: Sequence[Badge]) -> None:
        """The states that stand on the picture in words."""
        if tuple(badges) != self._badges:
            self._badges = tuple(badges)
            self.update()

    @property
    def badges(self) -> tuple[Badge, ...]:
        return self._badges

    @property
    def message(self) -> tuple[str, str]:
        """The words that stand in place of a picture, title and detail."""
        return self._message[1:]

    @property
    def restored(self) -> Restored | None:
        """The frame on screen."""
        return self._restored

    def picture_layout(self) -> Layout | None:
        """Where the pictures are now; None while there is none."""
        if self._restored is None:
            return None
        height, width = self._restored.image.shape[:2]
        margin = 0.0 if self.window().isFullScreen() else _MARGIN
        area = Box(margin, margin, self.width() - 2 * margin, self.height() - 2 * margin)
        view = "original" if self._hold_original else self._view
        return zoomed(arrange(view, width=width, height=height, area=area, split=self._split), self._zoom)

    # Painting

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.words.setGeometry(self.rect())

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter()
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("canvas"))
        layout = self.picture_layout()
        if layout is not None and self._restored is not None:
            self._paint_pictures(painter, layout)
            if self._dimmed:
                painter.fillRect(self.rect(), colour("canvas", 0.6))
            self._paint_marks(painter, layout, self._restored)
            paint_badges(painter, self._badges, layout.tiles[0].frame, self.font())
            area = Box(0, 0, self.width(), self.height())
            self._paint_closer(painter, layout, self._restored, area)
            self._card.paint(painter, area, self._face_boxes(layout), self.font(), self.devicePixelRatioF())
        if self._dropping:
            paint_drop_frame(painter, QRectF(self.rect()).adjusted(8, 8, -8, -8), "Drop to open", self.font())
        painter.end()
        if self._restored is not None and not self._reported:
            self._reported = True
            self.painted.emit(self._restored, (time.perf_counter() - started) * 1000.0)

    def _paint_pictures(self, painter: QPainter, layout: Layout) -> None:
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        for tile in layout.tiles:
            picture = self._pictures[0 if tile.content == "original" else 1][1]
            painter.setClipRect(_rect(tile.clip))
            painter.drawImage(_rect(tile.target), picture)
        painter.setClipping(False)

    def _paint_marks(self, painter: QPainter, layout: Layout, restored: Restored) -> None:
        height, width = restored.image.shape[:2]
        for tile in layout.tiles:
            if self._show_faces and tile.content == "restored":
                painter.setClipRect(_rect(tile.frame))
                for entry in restored.faces:
                    box = _box_of(entry)
                    place = on_screen(box, width=width, height=height, target=tile.target, mirror=self._mirror)
                    words = face_words(entry)
                    top = max(place.y - 27, tile.target.y + 4)
                    pill = QPointF(max(place.x, tile.target.x + 4), top)
                    paint_face_mark(painter, place, words, pill, opacity=entry.face.opacity, base=self.font())
                painter.setClipping(False)
        if layout.divider is not None:
            paint_divider(painter, layout.divider, layout.tiles[0].frame, focused=self.hasFocus())
        self._paint_labels(painter, layout, restored)

    def _paint_closer(self, painter: QPainter, layout: Layout, restored: Restored, area: Box) -> None:
        """The loupe at the pointer and the largest face, each before and after."""
        height, width = restored.image.shape[:2]
        shown = []
        if self._loupe and self._pointer is not None:
            shown.append(loupe(layout, self._pointer.x(), self._pointer.y(), width=width, height=height, area=area))
        if self._inset and restored.faces:
            boxes = (_box_of(entry) for entry in restored.faces)
            left, top, right, bottom = max(boxes, key=lambda box: box[2] - box[0])
            if self._mirror:
                left, right = width - right, width - left
            face = Box(left, top, right - left, bottom - top)
            shown.append(inset(face, width=width, height=height, area=layout.tiles[-1].frame))
        for place in shown:
            if place is not None:
                for box, (_, picture) in zip(place[:2], self._pictures, strict=True):
                    painter.drawImage(_rect(box), picture, _rect(place[2]))
                paint_pair_frame(painter, place[0], place[1])

    def toggle_loupe(self) -> None:
        """Show before and after of the place under the pointer, or not."""
        self._loupe = not self._loupe
        self.update()

    def toggle_inset(self) -> None:
        """Show the largest face at twice its size, before and after, or not."""
        self._inset = not self._inset
        self.update()

    @property
    def zoom(self) -> Zoom:
        """Which part of the picture is seen."""
        return self._zoom

    def set_zoom(self, zoom: Zoom) -> None:
        self._zoom = zoom
        self.update()

    def _zoom_by(self, factor: float, place: QPointF) -> None:
        layout = self.picture_layout()
        tile = tile_at(layout, place.x(), place.y()) if layout is not None else None
        if tile is not None:
            frame = tile.frame
            x, y = (place.x() - frame.x) / frame.width, (place.y() - frame.y) / frame.height
            self.set_zoom(self._zoom.by(factor, x, y))

    def _face_boxes(self, layout: Layout) -> list[Box]:
        """Where the faces are on the canvas, in every tile."""
        if self._restored is None:
            return []
        height, width = self._restored.image.shape[:2]
        return [
            on_screen(_box_of(entry), width=width, height=height, target=tile.target, mirror=self._mirror)
            for tile in layout.tiles
            for entry in self._restored.faces
        ]

    def _paint_labels(self, painter: QPainter, layout: Layout, restored: Restored) -> None:
        degraded = restored.frame.true_image is not None
        words = {
            content: tile_words(content, faces=len(restored.faces), degraded=degraded)
            for content in ("original", "restored")
        }
        for tile in layout.tiles:
            if tile.clip.width < 120:
                continue
            y = tile.frame.bottom - 34
            if layout.divider is not None and tile.content == "restored":
                origin = QPointF(tile.clip.right - 12, y)
                paint_pill(painter, words[tile.content], origin, self.font(), from_right=True)
            else:
                paint_pill(painter, words[tile.content], QPointF(tile.clip.x + 12, y), self.font())

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        layout, place = self.picture_layout(), event.position()
        if event.button() != Qt.MouseButton.LeftButton or layout is None:
            return
        if self._card.grab(place.x(), place.y()):
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif layout.is_on_divider(place.x(), place.y()):
            self._dragging = True
        elif self._zoom.scale > 1.0:
            self._panning = place

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        layout, place = self.picture_layout(), event.position()
        self._pointer = place
        if layout is None:
            return
        if self._loupe:
            self.update()
        if self._panning is not None:
            frame, moved = layout.tiles[0].frame, place - self._panning
            self._panning = place
            self.set_zoom(self._zoom.moved(moved.x() / frame.width, moved.y() / frame.height))
        elif self._card.drag(place.x(), place.y()):
            self.update()
        elif self._dragging:
            self._move_split(layout.split_at(place.x()))
        elif layout.is_on_divider(place.x(), place.y()):
            self.setCursor(Qt.CursorShape.SplitHCursor)
        else:
            self.unsetCursor()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False
        self._panning = None
        self._card.release()
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self.full_screen_toggled.emit()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom_by(1.0015 ** event.angleDelta().y(), event.position())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self._zoom_by(1.0 + event.value(), event.position())
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {
            Qt.Key.Key_Left: self._split - _STEP,
            Qt.Key.Key_Right: self._split + _STEP,
            Qt.Key.Key_Home: 0.0,
            Qt.Key.Key_End: 1.0,
        }
        key = Qt.Key(event.key())
        if key in steps and self._view == "split":
            self._move_split(min(max(steps[key], 0.0), 1.0))
        elif key == Qt.Key.Key_Space:
            self.pause_toggled.emit()
        else:
            super().keyPressEvent(event)

    def _move_split(self, split: float) -> None:
        if split != self._split:
            self.set_split(split)
            self.split_changed.emit(split)

    # Drag and drop

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls() or event.mimeData().hasText():
            event.acceptProposedAction()
            self._set_dropping(True)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_dropping(False)
        texts = [url.toLocalFile() or url.toString() for url in event.mimeData().urls()]
        texts = texts or [event.mimeData().text().strip().partition("\n")[0].strip()]
        if texts[0]:
            event.acceptProposedAction()
            self.sources_dropped.emit(tuple(texts))

    @property
    def dropping(self) -> bool:
        """Whether something is held over the picture that may be dropped."""
        return self._dropping

    def _set_dropping(self, dropping: bool) -> None:
        self._dropping = dropping
        self.update()


def mirrored(image: Image) -> Image:
    """`image`, uint8 (H, W, 3), with left and right swapped."""
    import cv2  # loaded long before by whoever gives pictures; the window's start does not wait for it

    return np.asarray(cv2.flip(image, 1), np.uint8)


def face_words(entry: RestoredFace) -> str:
    """What a face's mark says."""
    words = count(entry.cycles, "cycle", "cycles")
    return f"{words} · already sharp" if entry.already_sharp else words


def _contiguous(image: Image) -> Image:
    return image if image.strides[1:] == (3, 1) else np.ascontiguousarray(image)


def _rect(box: Box) -> QRectF:
    return QRectF(box.x, box.y, box.width, box.height)


def _box_of(entry: RestoredFace) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(value) for value in entry.face.box)
    return left, top, right, bottom
