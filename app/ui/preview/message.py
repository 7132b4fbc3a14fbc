"""A message in place of a picture, with buttons for what can be done."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QPointF, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.core.words import Words
from app.ui.style import icons
from app.ui.style.buttons import LabelledButton
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said
from app.ui.style.widgets import label

_ICON = 44


class _Icon(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(_ICON, _ICON)
        self.name = "camera"

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        picture = icons.pixmap(self.name, colour("muted").name(), _ICON, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(0, 0), picture)
        painter.end()


class Message(QWidget):
    """Fills its parent; `pressed` carries the name of the button that was pressed."""

    pressed = Signal(str)

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._icon = _Icon()
        self.title, self.detail = label("", "message"), label("", "muted")
        for words in (self.title, self.detail):
            words.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            words.setWordWrap(True)
            words.setTextFormat(Qt.TextFormat.PlainText)
            words.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(10)
        column = QVBoxLayout(self)
        column.setContentsMargins(32, 16, 32, 16)
        column.setSpacing(8)
        column.addStretch(1)
        column.addWidget(self._icon, 0, Qt.AlignmentFlag.AlignHCenter)
        column.addSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.detail)
        column.addSpacing(8)
        column.addLayout(self._buttons)
        column.addStretch(1)
        self._title: Words = ""
        keep_said(self, self._say_title)

    def say(self, icon: str, title: Words, detail: Words, buttons: Sequence[tuple[Words, str]] = ()) -> None:
        """Show the words, and a button for each (words, name)."""
        self._icon.name = icon
        self._icon.update()
        self._title = title
        self._say_title()
        self.detail.say(detail)
        while (item := self._buttons.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        self._buttons.addStretch(1)
        for text, name in buttons:
            button = LabelledButton(text, kind="primary" if name == buttons[0][1] else "")
            button.clicked.connect(lambda _=False, name=name: self.pressed.emit(name))
            self._buttons.addWidget(button)
        self._buttons.addStretch(1)
        self.show()

    def _say_title(self) -> None:
        # The path of a file is one long word; it may be broken after every part of it.
        self.title.say(str(self._title).replace("/", "/\u200b").replace("\\", "\\\u200b"))

    def button_names(self) -> tuple[str, ...]:
        """The words on the buttons."""
        items = [self._buttons.itemAt(place) for place in range(self._buttons.count())]
        widgets = [item.widget() for item in items if item is not None]
        return tuple(widget.text() for widget in widgets if isinstance(widget, LabelledButton))
