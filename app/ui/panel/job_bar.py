"""The line under the picture while files are restored in the background: progress, time left, cancel."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar

from app.core.words import Words, phrase, tr
from app.ui.style.buttons import LabelledButton
from app.ui.style.formatting import duration
from app.ui.style.translated import keep_said
from app.ui.style.widgets import ElidedLabel, label


class JobBar(QFrame):
    """Hidden until `begin`; `cancelled` is its button."""

    cancelled = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("transport")
        self.setFixedHeight(44)
        self.words = ElidedLabel()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(6)
        keep_said(self.bar, lambda: self.bar.setAccessibleName(tr("Progress")))
        self.left = label("", "muted")
        self.left.setMinimumWidth(84)
        cancel = LabelledButton(phrase("Cancel"))
        cancel.clicked.connect(self.cancelled)
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 0, 12, 0)
        line.setSpacing(10)
        line.addWidget(self.words, 1)
        line.addWidget(self.bar, 2)
        line.addWidget(self.left)
        line.addWidget(cancel)
        self.hide()

    def begin(self, words: Words) -> None:
        self.words.say(words)
        self.show_progress(0.0, None)
        self.show()

    def show_progress(self, fraction: float, left_s: float | None) -> None:
        """Show the progress: `fraction` in [0, 1], `left_s` seconds left, None while unknown."""
        self.bar.setValue(round(fraction * 1000))
        self.left.say("" if left_s is None else phrase("{duration} left", duration=duration(left_s)))
