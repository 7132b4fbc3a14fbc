"""The bar for a folder of pictures: the name, "3 of 5", previous and next."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout

from app.core.words import phrase
from app.ui.style.buttons import LabelledButton
from app.ui.style.widgets import ElidedLabel, label


class PictureBar(QFrame):
    """Shown for folders of pictures. `stepped` carries -1 or 1."""

    stepped = Signal(int)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("transport")
        self.setFixedHeight(44)
        self.name = ElidedLabel()
        self.count = label("", "muted")
        line = QHBoxLayout(self)
        line.setContentsMargins(14, 0, 12, 0)
        line.setSpacing(10)
        line.addWidget(self.name, 1)
        line.addWidget(self.count)
        for text, step in ((phrase("Previous"), -1), (phrase("Next"), 1)):
            button = LabelledButton(text)
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.clicked.connect(lambda _=False, step=step: self.stepped.emit(step))
            line.addWidget(button)
        self.hide()

    def show_picture(self, name: str, number: int, count: int) -> None:
        """Show a picture's name and its `number`, from 1, of `count`."""
        self.name.say(name)
        self.count.say(phrase("{number} of {count}", number=number, count=count))
