"""The sheet of shortcuts, the dialog for a stream's address, and the diagnostics."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from app.core.address import with_scheme
from app.core.words import phrase, tr
from app.ui.actions import sheet_groups
from app.ui.menus import key_sequences
from app.ui.style.buttons import LabelledButton
from app.ui.style.translated import keep_said
from app.ui.style.widgets import label


def run(dialog: QDialog) -> int:
    """Show a dialog until it is closed, and return its result; it is destroyed when the caller is done with it."""
    try:
        return dialog.exec()
    finally:
        dialog.deleteLater()


class ShortcutsSheet(QDialog):
    """Every shortcut, in two columns of groups, which scroll where the screen is lower than they are."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        keep_said(self, lambda: self.setWindowTitle(tr("Keyboard shortcuts")))
        body = QWidget()
        columns = QHBoxLayout(body)
        columns.setContentsMargins(0, 0, 0, 0)
        columns.setSpacing(36)
        left, right = QVBoxLayout(), QVBoxLayout()
        for place, (name, entries) in enumerate(sheet_groups()):
            column = left if place < 2 else right
            column.addWidget(label(name, "section"))
            grid = QGridLayout()
            grid.setHorizontalSpacing(16)
            grid.setVerticalSpacing(6)
            grid.setColumnStretch(0, 1)
            for line, entry in enumerate(entries):
                grid.addWidget(label(entry.sheet or entry.text), line, 0)
                grid.addWidget(_keycaps(key_sequences(entry)), line, 1, Qt.AlignmentFlag.AlignRight)
            column.addLayout(grid)
            column.addSpacing(14)
        for column in (left, right):
            column.setSpacing(8)
            column.addStretch(1)
            columns.addLayout(column, 1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setWidget(body)
        area.setMinimumWidth(body.sizeHint().width() + area.verticalScrollBar().sizeHint().width())
        close = LabelledButton(phrase("Close"), kind="primary")
        close.setMinimumWidth(96)
        close.clicked.connect(self.accept)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(24, 20, 24, 20)
        whole.addWidget(label(phrase("Keyboard shortcuts"), "title"))
        whole.addSpacing(12)
        whole.addWidget(area, 1)
        whole.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)
        # A scroll area asks for less height than what it holds needs; 48 is for the title bar.
        height = self.sizeHint().height() - area.sizeHint().height() + body.sizeHint().height()
        self.resize(self.sizeHint().width(), min(height, parent.screen().availableGeometry().height() - 48))


class StreamDialog(QDialog):
    """Asks for an address; `address` is the text, with `http://` in front of one without a scheme."""

    def __init__(self, parent: QWidget, *, suggestion: str = "") -> None:
        super().__init__(parent)
        keep_said(self, lambda: self.setWindowTitle(tr("Open a stream")))
        self.setMinimumWidth(440)
        self._line = QLineEdit(suggestion)
        keep_said(
            self._line,
            lambda: self._line.setPlaceholderText(
                tr("{http}  or  {rtsp}", http="http://192.168.1.20:8080/video", rtsp="rtsp://…")
            ),
        )
        keep_said(self._line, lambda: self._line.setAccessibleName(tr("Address of the stream")))
        self._line.setClearButtonEnabled(True)
        self._open = LabelledButton(phrase("Open"), kind="primary")
        self._open.setDefault(True)
        self._open.clicked.connect(self.accept)
        cancel = LabelledButton(phrase("Cancel"))
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (cancel, self._open):
            button.setMinimumWidth(96)
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(10)
        column.addWidget(label(phrase("Open a stream"), "title"))
        words = label(
            phrase("MJPEG over HTTP, or RTSP, such as a network camera or a phone's camera app gives."), "muted"
        )
        words.setWordWrap(True)
        column.addWidget(words)
        column.addWidget(self._line)
        self._assumed = label(" ", "muted")
        column.addWidget(self._assumed)
        column.addLayout(buttons)
        self._line.textChanged.connect(self._check)
        self._check()

    @property
    def address(self) -> str:
        return with_scheme(self._line.text())

    def _check(self) -> None:
        self._open.setEnabled(bool(self.address))
        assumed = self.address if self.address != self._line.text().strip() else ""
        self._assumed.say(phrase("Opens {address}", address=assumed) if assumed else " ")


class DiagnosticsDialog(QDialog):
    """The facts for a bug report, shown before they are copied."""

    def __init__(self, parent: QWidget, text: str) -> None:
        super().__init__(parent)
        keep_said(self, lambda: self.setWindowTitle(tr("Diagnostics")))
        self.resize(640, 480)
        box = QPlainTextEdit(text)
        box.setReadOnly(True)
        keep_said(box, lambda: box.setAccessibleName(tr("Diagnostics")))
        box.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        copy, close = LabelledButton(phrase("Copy"), "copy"), LabelledButton(phrase("Close"), kind="primary")
        copy.clicked.connect(lambda: QApplication.clipboard().setText(text))
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        for button in (copy, close):
            button.setMinimumWidth(96)
            buttons.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 20)
        column.setSpacing(10)
        column.addWidget(label(phrase("Diagnostics"), "title"))
        column.addWidget(box, 1)
        column.addLayout(buttons)


def key_names(sequence: QKeySequence) -> list[str]:
    """The keys to press at once, as they are called on the keyboards of this system and of the language.

    macOS writes all of them as signs without a plus between: there they are one name, such as "⇧⌘O".
    """
    arrow = {"Left": "←", "Right": "→"}.get(sequence.toString())
    return [arrow] if arrow else sequence.toString(QKeySequence.SequenceFormat.NativeText).split("+")


def _keycaps(sequences: Sequence[QKeySequence]) -> QWidget:
    holder = QWidget()
    line = QHBoxLayout(holder)
    line.setContentsMargins(0, 0, 0, 0)
    line.setSpacing(4)
    for sequence in sequences:
        for place, name in enumerate(key_names(sequence)):
            if place:
                line.addWidget(label("+", "muted"))
            cap = QLabel(name)
            cap.setObjectName("keycap")
            cap.setAlignment(Qt.AlignmentFlag.AlignCenter)
            cap.ensurePolished()
            cap.setFixedWidth(max(cap.sizeHint().width(), 26))
            line.addWidget(cap)
    return holder
