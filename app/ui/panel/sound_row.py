"""The choice of the recorded sound, and the microphone's level."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRectF, QSignalBlocker, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from app.core.words import Words, phrase, tr
from app.ui.panel.bindings import titled
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said
from app.ui.style.widgets import Choice

SOUND_WIDTH = 168
"""Wide enough for the names of microphones."""

_METER_MS = 60
_REST_MEASUREMENTS = 6
_FALL = 0.08
_LOUD = 0.93


class LevelBar(QWidget):
    """A level bar that rises at once and falls slowly; red where it is too loud."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(4)
        keep_said(self, lambda: self.setAccessibleName(tr("Level of the microphone")))
        self._level = 0.0

    @property
    def level(self) -> float:
        return self._level

    def sizeHint(self) -> QSize:
        return QSize(148, 4)

    def show_level(self, level: float) -> None:
        """Show a level in [0, 1]."""
        level = max(level, self._level - _FALL)
        if level != self._level:
            self._level = level
            self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour("hover"))
        painter.drawRoundedRect(QRectF(self.rect()), 2, 2)
        painter.setBrush(colour("danger" if self._level > _LOUD else "accent"))
        painter.drawRoundedRect(QRectF(0, 0, self.width() * self._level, self.height()), 2, 2)
        painter.end()


class SoundRow(QWidget):
    """The choice of the sound, with a level below it while a microphone is listened to.

    `chosen` carries a key of `sound_choices`. `use_changed` says whether the level is of use to anyone: while the row
    can be seen and a recording runs, or the pointer or the focus rests on the row, or its list is open.
    """

    chosen = Signal(str)
    use_changed = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.choice = Choice()
        keep_said(self.choice, lambda: self.choice.setAccessibleName(tr("Sound of recordings")))
        keep_said(self.choice, lambda: self.choice.setToolTip(tr("What is recorded beside the pictures")))
        self.choice.setFixedWidth(SOUND_WIDTH)
        self.choice.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click would keep the microphone open long after it
        self.choice.activated.connect(lambda _: self.chosen.emit(self.choice.currentData()))
        self.bar = LevelBar()
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)  # the row stays where it is under the pointer
        self.bar.setSizePolicy(policy)
        self.bar.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(titled(phrase("Sound"), self.choice))
        column.addWidget(self.bar)
        self._recording = self._in_use = False
        self._rested = 0
        self._read_level: Callable[[], float | None] = lambda: None
        self._timer = QTimer(self)
        self._timer.setInterval(_METER_MS)
        self._timer.timeout.connect(self._measure)

    def listen(self, read_level: Callable[[], float | None]) -> None:
        """Show the level that `read_level` returns; None means that there is no microphone, or no use for it."""
        self._read_level = read_level
        self._timer.start()

    def show_choices(self, choices: Sequence[tuple[str, Words]], chosen: str) -> None:
        with QSignalBlocker(self.choice):
            self.choice.clear()
            for key, words in choices:
                self.choice.addItem(str(words), key)
            self.choice.setCurrentIndex(max(self.choice.findData(chosen), 0))
        self.choice.setEnabled(len(choices) > 1)

    def show_recording(self, active: bool) -> None:
        """Lock the choice while a recording runs."""
        self._recording = active
        self.setEnabled(not active)

    def _watch_use(self) -> None:
        rests = self.underMouse() or self.choice.hasFocus() or self.choice.view().isVisible()
        self._rested = self._rested + 1 if rests else 0  # a pointer on its way to the button opens nothing
        in_use = self.isVisible() and (self._recording or self._rested >= _REST_MEASUREMENTS)
        if in_use != self._in_use:
            self._in_use = in_use
            self.use_changed.emit(in_use)

    def _measure(self) -> None:
        self._watch_use()
        level = self._read_level()
        self.bar.setVisible(level is not None)
        if level is not None:
            self.bar.show_level(level)
