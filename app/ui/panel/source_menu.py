"""The menu under the source's name: cameras by name, refresh, files, folders, streams, the demo clip."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QWidget

from app.core.address import shown_source
from app.core.words import phrase, tr
from app.ui.style import icons
from app.ui.style.theme import colour
from app.ui.style.translated import add_menu, keep_said


class SourceMenu(QMenu):
    """The source menu. `camera_chosen` carries a camera's name; the other entries are actions of the window."""

    camera_chosen = Signal(str)
    recent_chosen = Signal(str)

    def __init__(self, parent: QWidget, *, refresh: QAction, files: Sequence[QAction], demo: QAction) -> None:
        super().__init__(parent)
        self._rest = (refresh, *files, demo)
        self._separator = self.addSeparator()
        self.addAction(refresh)
        self.addSeparator()
        for action in files:
            self.addAction(action)
        self._recent = add_menu(self, phrase("Recent"))
        self._recent.setToolTipsVisible(True)
        self.addSeparator()
        self.addAction(demo)
        self._cameras: list[QAction] = []
        self.setMinimumWidth(276)
        self._names: Sequence[str] | None = None
        self._current = ""
        keep_said(self, lambda: self.show_cameras(self._names, self._current))

    def show_cameras(self, names: Sequence[str] | None, current: str) -> None:
        """List the cameras; None while they are being searched."""
        self._names, self._current = names, current
        for action in self._cameras:
            self.removeAction(action)
            action.deleteLater()
        self._cameras = []
        if not names:
            self._insert(tr("Looking for cameras…") if names is None else tr("No camera found"), enabled=False)
            return
        for name in names:
            action = self._insert(name, enabled=True)
            action.setCheckable(True)
            action.setChecked(name == current)
            action.setIcon(icons.icon("camera", colour("text").name()))
            action.triggered.connect(lambda _=False, name=name: self.camera_chosen.emit(name))

    def show_recent(self, entries: Sequence[tuple[str, str]]) -> None:
        """List the recent sources, each as (name, text that opens it)."""
        self._recent.clear()
        self._recent.menuAction().setVisible(bool(entries))
        for name, text in entries:
            action = self._recent.addAction(_shown(name))
            action.setToolTip(shown_source(text))
            action.triggered.connect(lambda _=False, text=text: self.recent_chosen.emit(text))

    def recent_names(self) -> tuple[str, ...]:
        return tuple(_name(action) for action in self._recent.actions())

    def camera_names(self) -> tuple[str, ...]:
        """The cameras that can be chosen."""
        return tuple(_name(action) for action in self._cameras if action.isEnabled())

    def changeEvent(self, event: QEvent) -> None:
        if event.type() == QEvent.Type.PaletteChange:
            self.show_cameras(self._names, self._current)  # their icons have the colour of the text
        super().changeEvent(event)

    def _insert(self, text: str, *, enabled: bool) -> QAction:
        action = QAction(_shown(text), self)
        action.setEnabled(enabled)
        self.insertAction(self._separator, action)
        self._cameras.append(action)
        return action


def _shown(name: str) -> str:
    """A name as the text of an action, in which a single `&` would mark a key."""
    return name.replace("&", "&&")


def _name(action: QAction) -> str:
    return action.text().replace("&&", "&")
