"""The window's actions and its menu, made from the table of shortcuts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.core.settings import specification
from app.ui.shortcuts import SHORTCUTS, keys_of

_WORDS = {
    "open_file": "Open a file…",
    "open_folder": "Open a folder of pictures…",
    "open_stream": "Open a stream…",
    "open_demo": "Play the demo clip",
    "choose_output": "Choose the folder for films…",
    "open_output": "Open the folder for films",
    "show_diagnostics": "Diagnostics…",
    "open_log": "Open the log's folder",
    "reset": "Reset all settings",
    "refresh_cameras": "Look for cameras again",
    "shortcuts": "Keyboard shortcuts",
    "full_screen": "Full screen",
    "toggle_panel": "Hide or show the panel",
    "diagnostics": "Copy diagnostics",
    "undo_reset": "Undo the reset",
    "about": "About and licences…",
    "quit": "Close",
}


def make_actions(parent: QWidget, handlers: Mapping[str, Callable[[], None]]) -> dict[str, QAction]:
    """An action for every handler, with its shortcut; `strength` becomes two, for its two keys."""
    actions = {}
    words = {entry.action: entry.words for entry in SHORTCUTS}
    for name, handler in handlers.items():
        keys = keys_of(name)
        if name in ("strength_down", "strength_up"):
            keys = (keys_of("strength")[name == "strength_up"],)
        action = QAction(_WORDS.get(name, words.get(name, name)), parent)
        action.setShortcuts([QKeySequence(key) for key in keys])
        action.triggered.connect(lambda _=False, handler=handler: handler())
        parent.addAction(action)
        actions[name] = action
    return actions


class MoreMenu(QMenu):
    """Everything that is not needed every minute."""

    def __init__(self, parent: QWidget, actions: Mapping[str, QAction], on_theme: Callable[[str], None]) -> None:
        super().__init__(parent)
        self.setMinimumWidth(260)
        for name in ("shortcuts", "full_screen", "toggle_panel"):
            self.addAction(actions[name])
        themes = self.addMenu("Theme")
        group = QActionGroup(self)
        self._themes: dict[str, QAction] = {}
        for key, words in specification("theme").choices.items():
            action = themes.addAction(words)
            action.setCheckable(True)
            action.triggered.connect(lambda _=False, key=key: on_theme(key))
            group.addAction(action)
            self._themes[key] = action
        self.addSeparator()
        for name in ("choose_output", "open_output"):
            self.addAction(actions[name])
        self.addSeparator()
        for name in ("show_diagnostics", "diagnostics", "open_log", "about"):
            self.addAction(actions[name])
        self.addSeparator()
        for name in ("reset", "undo_reset", "quit"):
            self.addAction(actions[name])

    def show_theme(self, theme: str) -> None:
        self._themes[theme].setChecked(True)
