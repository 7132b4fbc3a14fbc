"""Clicks on faces, distinguished from drags and double clicks."""

from __future__ import annotations

from PySide6.QtCore import QObject, QPointF, QTimer, Signal
from PySide6.QtWidgets import QApplication

from app.core.types import Face


class FaceClicks(QObject):
    """Detects clicks. `clicked` carries the clicked face, once a double click is ruled out."""

    clicked = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._face: Face | None = None
        self._pressed_at = QPointF()
        self._wait = QTimer(self)
        self._wait.setSingleShot(True)
        self._wait.timeout.connect(self._tell)

    def press(self, face: Face | None, place: QPointF) -> None:
        """The button went down at `place`, on a face or beside all of them."""
        self._wait.stop()
        self._face, self._pressed_at = face, place

    def move(self, place: QPointF) -> None:
        """A pointer that moves on is dragging something."""
        if (
            not self._wait.isActive()
            and (place - self._pressed_at).manhattanLength() > QApplication.startDragDistance()
        ):
            self._face = None

    def release(self) -> None:
        """The button went up."""
        if self._face is not None:
            self._wait.start(QApplication.doubleClickInterval())

    def cancel(self) -> None:
        """It was something else."""
        self._wait.stop()
        self._face = None

    def _tell(self) -> None:
        face, self._face = self._face, None
        if face is not None:
            self.clicked.emit(face)
