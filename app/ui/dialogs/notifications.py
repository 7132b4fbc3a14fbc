"""Messages at the bottom of the picture: errors stay until closed, notices disappear by themselves."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from PySide6.QtCore import QEvent, QObject, QPointF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from app.core.words import Words, joined, phrase, tr
from app.ui.style import icons
from app.ui.style.buttons import IconButton, LabelledButton
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said
from app.ui.style.widgets import ElidedLabel, announce, label

_WIDTH = 460
_MOST = 3
_MARGIN = 20
_NOTICE_MS = 8000


class Glyph(QWidget):
    """A small icon in one of the theme's colours."""

    def __init__(self, name: str, colour_name: str, size: int = 20) -> None:
        super().__init__()
        self._name, self._colour, self._size = name, colour_name, size
        self.setFixedSize(size, size)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        picture = icons.pixmap(self._name, colour(self._colour).name(), self._size, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(0, 0), picture)
        painter.end()


Actions: TypeAlias = tuple[tuple[Words, Callable[[], None]], ...]
"""Buttons of a message: their words and what they do."""


class Toast(QFrame):
    """One message with up to two buttons and a cross."""

    def __init__(
        self,
        title: Words,
        detail: Words,
        *,
        level: str,
        actions: Actions,
        on_close: Callable[[Toast], None],
    ) -> None:
        super().__init__()
        self.title, self.detail, self.level = title, detail, level
        self.setAttribute(Qt.WidgetAttribute.WA_NoMousePropagation)  # a click beside the words is not for the picture
        self.setObjectName("toast")
        self.setProperty("level", level)
        keep_said(self, lambda: self.setAccessibleName(str(title)))
        keep_said(self, lambda: self.setAccessibleDescription(str(detail)))
        glyph = Glyph("error", "danger") if level == "error" else Glyph("notice", "accent")
        words = label(title, "title")
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.PlainText)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        close = IconButton("close", phrase("Dismiss"), size=26)
        close.clicked.connect(lambda: on_close(self))
        column = QVBoxLayout()
        column.setSpacing(2)
        column.addWidget(words)
        if detail:
            below = label(detail, "muted")
            below.setTextFormat(Qt.TextFormat.PlainText)
            below.setWordWrap(True)
            below.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            column.addWidget(below)
        if actions:
            line = QHBoxLayout()
            line.setSpacing(14)
            line.setContentsMargins(0, 2, 0, 0)
            for text, action in actions:
                button = LabelledButton(text, kind="link")
                button.clicked.connect(partial(self._do, action, on_close))
                line.addWidget(button)
            line.addStretch(1)
            column.addLayout(line)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(14, 10, 8, 10)
        whole.setSpacing(10)
        whole.addWidget(glyph, 0, Qt.AlignmentFlag.AlignTop)
        whole.addLayout(column, 1)
        whole.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)

    def _do(self, action: Callable[[], None], on_close: Callable[[Toast], None], _checked: bool = False) -> None:
        on_close(self)
        action()

    def height_at(self, width: int) -> int:
        """What the words need at this width, once the style sheet has had its say."""
        for widget in (self, *self.findChildren(QWidget)):
            widget.ensurePolished()
        layout = self.layout()
        assert layout is not None
        layout.invalidate()
        return layout.totalHeightForWidth(width)


class Notifications(QWidget):
    """The stack of messages over its parent, newest lowest; the parent's size is followed."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._ground = parent
        keep_said(self, self._say_name)
        self._toasts: list[Toast] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(8)
        parent.installEventFilter(self)
        self.hide()

    def error(self, title: Words, detail: Words = "", actions: Actions = ()) -> Toast:
        """Show an error until it is closed. Pressing a button closes it."""
        return self._push(title, detail, "error", actions)

    def notice(self, title: Words, detail: Words = "", actions: Actions = ()) -> Toast:
        """Show a notice for some seconds, one with buttons twice as long. Pressing a button closes it."""
        toast = self._push(title, detail, "notice", actions)
        QTimer.singleShot(_NOTICE_MS if not actions else 2 * _NOTICE_MS, toast, lambda: self.dismiss(toast))
        return toast

    def texts(self) -> tuple[tuple[str, str], ...]:
        """Title and detail of the messages, with those that wait for room."""
        return tuple((str(toast.title), str(toast.detail)) for toast in self._toasts)

    def dismiss(self, toast: Toast) -> None:
        """Remove a message, if it is still there."""
        self._remove(toast)

    def clear(self) -> None:
        for toast in tuple(self._toasts):
            self._remove(toast)

    def _say_name(self) -> None:
        self.setAccessibleName(tr("Messages"))
        QTimer.singleShot(0, self, self._place)  # once the messages have their new words

    def _push(self, title: Words, detail: Words, level: str, actions: Actions) -> Toast:
        for toast in tuple(self._toasts):
            if (toast.title, toast.detail) == (title, detail):
                self._remove(toast)
        notices = [other for other in self._toasts if other.level == "notice"]
        while len(self._toasts) >= _MOST and notices:  # an error stays until it is closed
            self._remove(notices.pop(0))
        toast = Toast(title, detail, level=level, actions=actions, on_close=self._remove)
        self._toasts.append(toast)
        self._column.addWidget(toast)
        self.show()
        self.raise_()
        self._place()
        announce(self, joined((title, detail), " "))
        return toast

    def _remove(self, toast: Toast) -> None:
        if toast not in self._toasts:
            return
        self._toasts.remove(toast)
        self._column.removeWidget(toast)
        toast.hide()
        toast.deleteLater()
        self.setVisible(bool(self._toasts))
        self._place()

    def _place(self) -> None:
        """Show the newest messages, as many as there is room for; the others wait until these are closed."""
        parent = self._ground
        width = min(_WIDTH, parent.width() - 32)
        height = -self._column.spacing()
        shown: list[Toast] = []
        for toast in reversed(self._toasts):
            toast.setFixedHeight(toast.height_at(width))
            taller = height + toast.height() + self._column.spacing()
            if shown and (len(shown) == _MOST or taller + 2 * _MARGIN > parent.height()):
                break
            shown.append(toast)
            height = taller
        for toast in self._toasts:
            toast.setVisible(toast in shown)
        self.setGeometry((parent.width() - width) // 2, parent.height() - height - _MARGIN, width, height)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self._toasts:
            self._place()
        return False


class Banner(QFrame):
    """A banner at the top of its parent for a lasting state, such as a camera that is offline."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._ground = parent
        self.setObjectName("banner")
        self.setAttribute(Qt.WidgetAttribute.WA_NoMousePropagation)
        self._words = ElidedLabel()
        line = QHBoxLayout(self)
        self.setFixedHeight(34)
        line.setContentsMargins(12, 0, 16, 0)
        line.setSpacing(8)
        line.addWidget(Glyph("offline", "warning", 18))
        line.addWidget(self._words)
        parent.installEventFilter(self)
        self.hide()
        self._said: Words = ""
        keep_said(self, lambda: self.say(self._said))

    def say(self, words: Words) -> None:
        """Show the words; empty hides the banner."""
        if words and self.isHidden():  # not again for every second of a countdown
            announce(self, words)
        self._said = words
        self._words.say(words)
        self.setAccessibleName(str(words))
        self.setVisible(bool(words))
        self._place()

    def text(self) -> str:
        return self._words.text()

    def _place(self) -> None:
        self.resize(min(self.sizeHint().width(), self._ground.width() - 24), self.height())
        self.move((self._ground.width() - self.width()) // 2, 24)
        self.raise_()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return False
