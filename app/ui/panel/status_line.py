"""The line at the bottom: the source with its actual rate and size, the engine actually in use."""

from __future__ import annotations

from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QSizePolicy, QWidget

from app.core.words import Words, phrase, tr
from app.ui.style.buttons import restyle
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said
from app.ui.style.widgets import ElidedLabel, label

_NOTICE_MS = 6000

STATES = {
    "connecting": phrase("connecting"),
    "online": phrase("online"),
    "offline": phrase("offline"),
    "ended": phrase("ended"),
    "failed": phrase("failed"),
}
"""The states of a source, as they are called."""


class Dot(QWidget):
    """A status light in a named colour of the theme."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(10, 10)
        self._colour = "muted"

    def set_colour(self, name: str) -> None:
        if name != self._colour:
            self._colour = name
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour(self._colour))
        painter.drawEllipse(QPointF(5, 5), 4, 4)
        painter.end()


class StatusLine(QFrame):
    """Source at the left, engine and speed at the right."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("statusLine")
        self.setFixedHeight(30)
        self.dot = Dot()
        self.source = ElidedLabel()
        self.source.say(phrase("Starting…"))
        self.source.setProperty("strong", True)
        self._state = "connecting"
        keep_said(self.dot, self._say_state)
        self.facts = label("")
        self.notice = ElidedLabel()
        self.engine = label("")
        self.speed = label("")
        self.speed.setProperty("strong", True)
        self.source.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Preferred)
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.setInterval(_NOTICE_MS)
        self._forget.timeout.connect(lambda: self.notice.say(""))
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 0, 14, 0)
        line.setSpacing(10)
        line.addWidget(self.dot)
        line.addWidget(self.source)
        line.addWidget(self.facts)
        line.addSpacing(8)
        line.addWidget(self.notice, 1)
        line.addWidget(self.engine)
        line.addSpacing(8)
        line.addWidget(self.speed)

    def show_source(self, name: Words, facts: Words, *, state: str) -> None:
        """Show the source in one of its states: connecting, online, offline, ended, failed."""
        self.source.say(name)
        self.facts.say(facts)
        lights = {"online": "accent", "offline": "warning", "failed": "danger"}
        self.dot.set_colour(lights.get(state, "muted"))
        self._state = state
        self._say_state()

    def _say_state(self) -> None:
        self.dot.setToolTip(str(STATES[self._state]))
        self.dot.setAccessibleName(tr("Source is {state}", state=STATES[self._state]))

    def show_notice(self, words: Words) -> None:
        """Show a notice for some seconds."""
        self.notice.say(words)
        self._forget.start()

    def show_engine(self, words: Words, tip: Words, *, as_asked: bool) -> None:
        self.engine.say(words)
        self.engine.setToolTip(str(tip))
        restyle(self.engine, "alarm", not as_asked)

    def show_speed(self, words: Words) -> None:
        self.speed.say(words)
