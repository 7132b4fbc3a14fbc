"""Buttons with icons of our own, tinted from the theme."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QPushButton, QToolButton, QWidget

from app.core.words import Phrase, Words, tr
from app.ui.style import icons
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said


def restyle(widget: QWidget, name: str, value: object) -> None:
    """Set a property that the style sheet uses, and apply the style again if it changed."""
    if widget.property(name) != value:
        widget.setProperty(name, value)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


class IconButton(QToolButton):
    """A square button with an icon and no words; the words are its tooltip and its accessible name."""

    def __init__(self, name: str, words: Words, *, size: int = 32, boxed: bool = False) -> None:
        super().__init__()
        self._name = name
        self.setFixedSize(size, size)
        self.setProperty("boxed", boxed)
        self._words = words
        keep_said(self, lambda: self.set_words(self._words))
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_words(self, words: Words) -> None:
        self._words = words
        self.setToolTip(str(words))
        self.setAccessibleName(str(words))

    def set_icon(self, name: str) -> None:
        if name != self._name:
            self._name = name
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        side = 18
        tint = colour("text" if self.isEnabled() else "muted").name()
        picture = icons.pixmap(self._name, tint, side, self.devicePixelRatioF())
        painter.drawPixmap(QPointF((self.width() - side) / 2, (self.height() - side) / 2), picture)
        painter.end()


class LabelledButton(QPushButton):
    """A button with an icon before its words, tinted anew when the theme or its kind changes."""

    def __init__(self, words: Words, icon: str = "", *, kind: str = "") -> None:
        super().__init__()
        self._icon = icon
        self._words = words
        keep_said(self, lambda: self.set_words(self._words))
        self.setProperty("kind", kind)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setIconSize(QSize(18, 18))
        self._tint()

    def set_words(self, words: Words) -> None:
        self._words = words
        self.setText(str(words))

    def set_look(self, *, icon: str, kind: str) -> None:
        if (icon, kind) != (self._icon, self.property("kind")):
            self._icon = icon
            restyle(self, "kind", kind)
            self._tint()

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.PaletteChange, QEvent.Type.EnabledChange):
            self._tint()
        super().changeEvent(event)

    def _tint(self) -> None:
        if not self._icon:
            return
        names = {
            "primary": "on_accent",
            "record": "on_danger",
            "recording": "danger",
            "link": "accent",
            "section": "muted",
        }
        name = names.get(str(self.property("kind")), "text") if self.isEnabled() else "muted"
        self.setIcon(icons.icon(self._icon, colour(name).name()))


class SectionButton(QPushButton):
    """A section's title that unfolds what is under it; the chevron is at its right end."""

    def __init__(self, title: Phrase, words: Phrase) -> None:
        super().__init__()
        self.setProperty("kind", "section")
        keep_said(self, lambda: self.setText(str(title).upper()))
        keep_said(self, lambda: self.setAccessibleName(str(words)))
        self.setCheckable(True)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        name = "chevron-down" if self.isChecked() else "chevron-right"
        picture = icons.pixmap(name, colour("muted").name(), 16, self.devicePixelRatioF())
        painter.drawPixmap(QPointF(self.width() - 24, (self.height() - 16) / 2), picture)
        painter.end()


class SourceButton(QPushButton):
    """The source's icon and name with a chevron at the right end; a long name is elided in the middle."""

    def __init__(self) -> None:
        super().__init__()
        self._name: Words = ""
        self._icon = "camera"
        self.setProperty("kind", "source")
        keep_said(self, lambda: self.set_source(self._name, self._icon))
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def set_source(self, name: Words, icon: str) -> None:
        self._name, self._icon = name, icon
        self.setAccessibleName(tr("Source: {name}", name=name))
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        painter = QPainter(self)
        ratio, middle = self.devicePixelRatioF(), self.height() / 2
        painter.drawPixmap(QPointF(12, middle - 9), icons.pixmap(self._icon, colour("text").name(), 18, ratio))
        chevron = icons.pixmap("chevron-down", colour("muted").name(), 16, ratio)
        painter.drawPixmap(QPointF(self.width() - 24, middle - 8), chevron)
        painter.setPen(colour("text"))
        room = QRectF(40, 0, self.width() - 72, self.height())
        name = painter.fontMetrics().elidedText(str(self._name), Qt.TextElideMode.ElideMiddle, int(room.width()))
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, name)
        painter.end()
