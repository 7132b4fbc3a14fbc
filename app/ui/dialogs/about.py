"""About: the version, and the licences of the program, its networks and the packages that it runs on."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from app.core.resources import third_party_packages
from app.core.words import Words, phrase, tr
from app.ui.style.buttons import LabelledButton
from app.ui.style.icons import application_icon
from app.ui.style.translated import keep_said
from app.ui.style.widgets import label

_NETWORKS_WARNING = phrase(
    "The networks were trained on pictures gathered for research. Using them for anything else is not covered by "
    "the licence of the program."
)


class AboutDialog(QDialog):
    """The dialog. `models` are (name, licence) of the shipped networks; the packages are those of THIRD_PARTY.md."""

    def __init__(self, parent: QWidget, *, version: str, models: Sequence[tuple[str, str]]) -> None:
        super().__init__(parent)
        keep_said(self, lambda: self.setWindowTitle(tr("About CFRNet Live")))
        self.setMinimumWidth(520)
        self.resize(560, 500)
        mark = QLabel()
        mark.setPixmap(application_icon().pixmap(48, 48))
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(mark, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.addWidget(label(f"CFRNet Live {version}", "title"))
        words.addWidget(
            _wrapped(phrase("Restores faces live, with a network that is applied k times (arXiv 2606.06850)."))
        )
        head.addLayout(words, 1)
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(8)
        grid.setColumnStretch(1, 1)
        rows: tuple[tuple[Words, Words], ...] = (
            (phrase("Program"), phrase("MIT licence; an installer as a whole: GPL version 3, as it contains x264")),
            *models,
            *third_party_packages(),
        )
        for line, (name, licence) in enumerate(rows):
            grid.addWidget(label(name), line, 0, Qt.AlignmentFlag.AlignTop)
            grid.addWidget(_wrapped(licence), line, 1)
        body = QWidget()
        body.setLayout(grid)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(body)
        area.setMinimumHeight(180)
        warning = _wrapped(_NETWORKS_WARNING)
        warning.setObjectName("licenceWarning")
        close = LabelledButton(phrase("Close"), kind="primary")
        close.setMinimumWidth(96)
        close.clicked.connect(self.accept)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(14)
        column.addLayout(head)
        column.addWidget(label(phrase("Licences"), "section"))
        column.addWidget(area, 1)
        column.addSpacing(4)
        column.addWidget(warning)
        column.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)


def _wrapped(text: Words) -> QLabel:
    words = label(text, "muted")
    words.setWordWrap(True)
    return words
