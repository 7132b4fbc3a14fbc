"""The picture: before and after, the split slider, the face marks and the overlay on it."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QDragEnterEvent,
    QDragLeaveEvent,
    QDragMoveEvent,
    QDropEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.core.types import Face, Restored
from app.core.words import Words, phrase, tr
from app.ui.dialogs.notifications import Banner
from app.ui.preview.card import LatencyCard
from app.ui.preview.face_clicks import FaceClicks
from app.ui.preview.geometry import Box, Layout, arrange
from app.ui.preview.message import Message
from app.ui.preview.overlay import paint_badges, paint_divider, paint_drop_frame
from app.ui.preview.overlay_model import OverlayModel
from app.ui.preview.pictures import Pictures
from app.ui.preview.scene import Scene
from app.ui.preview.state_text import Badge
from app.ui.preview.zoom import Zoom, tile_at, zoomed
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said

_MARGIN = 12.0
_STEP = 0.02


class Preview(QWidget):
    """Shows the newest restored frame. `painted` carries it and the milliseconds that its painting took.

    `shown_size_changed` carries the pixels of the screen, (width, height), that the whole picture takes, where it is
    shown larger than it is, else None; `face_clicked` carries a face.
    """

    split_changed = Signal(float)
    pause_toggled = Signal()
    painted = Signal(object, float)
    sources_dropped = Signal(object)
    action_pressed = Signal(str)
    full_screen_toggled = Signal()
    face_clicked = Signal(object)
    shown_size_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._restored: Restored | None = None
        self._pictures: Pictures | None = None
        self._reported = False
        self._shown_size: tuple[int, int] | None = None
        self._view = "split"
        self._split = 0.5
        self._hold_original = False
        self._show_faces = True
        self._card = LatencyCard()
        self._zoom = Zoom()
        self._panning: QPointF | None = None
        self._pointer: QPointF | None = None
        self._clicks = FaceClicks(self)
        self._clicks.clicked.connect(self.face_clicked)
        self._loupe = self._inset = False
        self._badges: tuple[Badge, ...] = ()
        self._message: tuple[Words, Words] = (phrase("Starting…"), "")
        self._mirror = False
        self._dropping = False
        self.banner = Banner(self)
        self.words = Message(self)
        self.words.pressed.connect(self.action_pressed)
        self.words.say("camera", *self._message)
        self._dimmed = False
        self._dragging = False
        self.setObjectName("preview")
        keep_said(self, lambda: self.setAccessibleName(tr("Picture, before and after")))
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
        self.update()

    def show_message(
        self, icon: str, title: Words, detail: Words = "", buttons: Sequence[tuple[Words, str]] = ()
    ) -> None:
        """Show words in place of a picture; `action_pressed` follows when one of the buttons (words, name) is."""
        self._message = (title, detail)
        self.words.say(icon, title, detail, buttons)
        self._restored = self._pictures = None
        self.update()

    def _prepare(self) -> None:
        """Make the pictures of the frame ready to be painted."""
        if self._restored is not None:
            self._pictures = Pictures(self._restored, mirror=self._mirror)

    @property
    def mirror(self) -> bool:
        """Whether the picture is shown as a mirror does."""
        return self._mirror

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
        title, detail = self._message
        return str(title), str(detail)

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

    def scene(self) -> Scene | None:
        """The frame on screen in its place; None while there is none."""
        layout = self.picture_layout()
        if layout is None or self._restored is None or self._pictures is None:
            return None
        return Scene(restored=self._restored, pictures=self._pictures, layout=layout, mirror=self._mirror)

    # Painting

    def sizeHint(self) -> QSize:
        return QSize(960, 540)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.words.setGeometry(self.rect())

    def paintEvent(self, event: QPaintEvent) -> None:
        started = time.perf_counter()
        painter = QPainter(self)
        painter.fillRect(self.rect(), colour("canvas"))
        scene = self.scene()
        if scene is not None:
            self._paint_scene(painter, scene)
        if self._dropping:
            paint_drop_frame(painter, QRectF(self.rect()).adjusted(8, 8, -8, -8), tr("Drop to open"), self.font())
        painter.end()
        if scene is not None:
            self._tell_size(scene)
        if self._restored is not None and not self._reported:
            self._reported = True
            self.painted.emit(self._restored, (time.perf_counter() - started) * 1000.0)

    def _paint_scene(self, painter: QPainter, scene: Scene) -> None:
        layout, frame, area = scene.layout, scene.layout.tiles[0].frame, Box(0, 0, self.width(), self.height())
        scene.paint_pictures(painter)
        if self._dimmed:
            painter.fillRect(self.rect(), colour("canvas", 0.6))
        if layout.divider is not None:
            paint_divider(painter, layout.divider, frame, focused=self.hasFocus())
        hovered = self._hovered(scene)
        if self._show_faces:
            scene.paint_faces(painter, self.font(), without=hovered)
        if hovered is not None:
            scene.paint_hovered(painter, hovered, self.font())
        scene.paint_labels(painter, self.font())
        top = self.banner.geometry().bottom() if self.banner.isVisible() else 0.0
        paint_badges(painter, self._badges, (frame.x + 12, max(frame.y, top) + 12), self.font())
        if self._loupe and self._pointer is not None:
            scene.paint_loupe(painter, self._pointer, area)
        if self._inset:
            scene.paint_inset(painter)
        self._card.paint(painter, area, scene.face_boxes(), self.font(), self.devicePixelRatioF())

    def _tell_size(self, scene: Scene) -> None:
        size = scene.shown_size(self.devicePixelRatioF())
        if size != self._shown_size:
            self._shown_size = size
            self.shown_size_changed.emit(size)

    # Looking closer

    def _hovered(self, scene: Scene) -> Face | None:
        """The face under the pointer, unless something is being dragged or looked at."""
        place = self._pointer
        if place is None or self._dragging or self._loupe or scene.layout.is_on_divider(place.x(), place.y()):
            return None
        return scene.face_at(place.x(), place.y())

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

    # Mouse and keys

    def mousePressEvent(self, event: QMouseEvent) -> None:
        scene, place = self.scene(), event.position()
        if event.button() != Qt.MouseButton.LeftButton or scene is None:
            return
        if self._card.grab(place.x(), place.y()):
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif scene.layout.is_on_divider(place.x(), place.y()):
            self._dragging = True
        else:
            self._clicks.press(scene.face_at(place.x(), place.y()), place)
            if self._zoom.scale > 1.0:
                self._panning = place

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        scene, place = self.scene(), event.position()
        before, self._pointer = self._pointer, place
        if scene is None:
            return
        layout = scene.layout
        self._clicks.move(place)
        under = scene.face_at(place.x(), place.y())
        if self._loupe or under is not None or (before is not None and scene.face_at(before.x(), before.y())):
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
        elif under is not None:
            self.setCursor(Qt.CursorShape.PointingHandCursor)
        else:
            self.unsetCursor()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._dragging = False
        self._panning = None
        self._card.release()
        self._clicks.release()
        self.unsetCursor()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.MouseButton.LeftButton:
            self._clicks.cancel()
            self.full_screen_toggled.emit()

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._zoom_by(1.0015 ** event.angleDelta().y(), event.position())

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            self._zoom_by(1.0 + event.value(), event.position())
            event.accept()  # or it goes on to everything behind the picture
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
            if not event.isAutoRepeat():
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
            _accept_a_copy(event)
            self._set_dropping(True)

    def dragMoveEvent(self, event: QDragMoveEvent) -> None:
        _accept_a_copy(event)

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_dropping(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_dropping(False)
        encoded = QUrl.ComponentFormattingOption.FullyEncoded
        texts = [url.toLocalFile() or url.toString(encoded) for url in event.mimeData().urls()]
        texts = texts or [event.mimeData().text().strip().partition("\n")[0].strip()]
        if texts[0]:
            _accept_a_copy(event)
            self.sources_dropped.emit(tuple(texts))

    @property
    def dropping(self) -> bool:
        """Whether something is held over the picture that may be dropped."""
        return self._dropping

    def _set_dropping(self, dropping: bool) -> None:
        self._dropping = dropping
        self.words.setVisible(not dropping and self._restored is None)  # the frame has words at the same place
        self.update()


def _accept_a_copy(event: QDropEvent) -> None:
    """Accept what is dragged as a copy: with Shift a move is proposed, after which the file would be deleted."""
    event.setDropAction(Qt.DropAction.CopyAction)
    event.accept()
