"""Three hint bubbles, shown on the first start only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.core.words import Phrase, phrase
from app.ui.style.buttons import LabelledButton
from app.ui.style.widgets import label

_WIDTH = 208


@dataclass(frozen=True)
class Hint:
    """A text near a point of the window, which `place` returns in the window's pixels."""

    words: Phrase
    place: Callable[[], QPoint]


class _Bubble(QFrame):
    pressed = Signal()

    def __init__(self, parent: QWidget, words: Phrase) -> None:
        super().__init__(parent)
        self.setObjectName("hint")
        self.setFixedWidth(_WIDTH)
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(12, 9, 12, 9)
        self.words = words
        text = label(words, "hint")
        text.setWordWrap(True)
        self.column.addWidget(text)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.pressed.emit()


class Hints(QObject):
    """Shows the bubbles over `window`, which they follow, until one is clicked, then calls `on_done`."""

    def __init__(self, window: QWidget, hints: Sequence[Hint], *, on_done: Callable[[], None]) -> None:
        super().__init__(window)
        self._window, self._hints, self._on_done = window, hints, on_done
        self._bubbles: list[_Bubble] = []
        for hint in hints:
            bubble = _Bubble(window, hint.words)
            bubble.pressed.connect(self.close)
            if hint is hints[-1]:
                button = LabelledButton(phrase("Got it"), kind="link")
                button.clicked.connect(self.close)
                bubble.column.addWidget(button, 0, Qt.AlignmentFlag.AlignRight)
            bubble.adjustSize()
            bubble.show()
            bubble.raise_()
            self._bubbles.append(bubble)
        self._place()
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize:
            QTimer.singleShot(0, self, self._place)  # once the panel has its new place
        return False

    def _place(self) -> None:
        for hint, bubble in zip(self._hints, self._bubbles, strict=False):
            spot = hint.place()
            x = min(max(spot.x() - _WIDTH // 2, 8), self._window.width() - _WIDTH - 8)
            y = min(max(spot.y(), 8), self._window.height() - bubble.height() - 8)
            bubble.move(x, y)

    def words(self) -> tuple[str, ...]:
        """What the bubbles say that are shown."""
        return tuple(str(bubble.words) for bubble in self._bubbles)

    def close(self) -> None:
        """Remove the bubbles for good."""
        if not self._bubbles:
            return
        self._window.removeEventFilter(self)
        for bubble in self._bubbles:
            bubble.hide()
            bubble.deleteLater()
        self._bubbles = []
        self._on_done()
