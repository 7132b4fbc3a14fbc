"""Play, pause and the seek bar of a video file."""

from __future__ import annotations

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout

from app.core.words import phrase
from app.ui.style.buttons import IconButton
from app.ui.style.formatting import duration
from app.ui.style.widgets import Slider, label

_STEPS = 1000


class Transport(QFrame):
    """Shown for video files alone. `seeked` carries seconds."""

    pause_toggled = Signal()
    seeked = Signal(float)
    sound_toggled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("transport")
        self.setFixedHeight(44)
        self._duration = 0.0
        self.play = IconButton("pause", phrase("Pause"), size=30)
        self.play.clicked.connect(self.pause_toggled)
        self.bar = Slider(phrase("Place in the video"), low=0, high=_STEPS)
        self.bar.valueChanged.connect(self._seek)
        self.sound = IconButton("sound", phrase("Mute the video"), size=30)
        self.sound.clicked.connect(self.sound_toggled)
        self.sound.hide()
        for control in (self.play, self.bar, self.sound):
            control.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the space bar to the picture
        self._place, self._end = label("00:00"), label("00:00")
        for words in (self._place, self._end):
            words.setMinimumWidth(44)
            words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 0, 12, 0)
        line.setSpacing(8)
        for widget in (self.play, self._place):
            line.addWidget(widget)
        line.addWidget(self.bar, 1)
        line.addWidget(self._end)
        line.addWidget(self.sound)

    def set_duration(self, seconds: float) -> None:
        self._duration = seconds
        # A key goes on by a second or so: a step shorter than a picture would lead back to the same one.
        self.bar.setSingleStep(max(round(_STEPS / max(seconds, 1.0)), 1))
        self._end.say(duration(seconds))

    def show_place(self, seconds: float) -> None:
        """Follow the position in the video, but not while a person drags the bar."""
        if self.bar.isSliderDown() or self._duration <= 0:
            return
        self._place.say(duration(seconds))
        with QSignalBlocker(self.bar):
            self.bar.setValue(round(seconds / self._duration * _STEPS))
        self.bar.update()

    def show_sound(self, *, there: bool, on: bool) -> None:
        """Show the loudspeaker button, for a video with sound."""
        self.sound.setVisible(there)
        self.sound.set_icon("sound" if on else "mute")
        self.sound.set_words(phrase("Mute the video") if on else phrase("Play the video's sound"))

    def _seek(self, step: int) -> None:
        seconds = step / _STEPS * self._duration
        self._place.say(duration(seconds))
        self.seeked.emit(seconds)

    def show_paused(self, paused: bool) -> None:
        self.play.set_icon("play" if paused else "pause")
        self.play.set_words(phrase("Play") if paused else phrase("Pause"))
