"""The window's Qt actions and its menu, made from the table of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.core.settings import specification
from app.ui.actions import ACTIONS

if TYPE_CHECKING:
    from app.ui.window import MainWindow


def make_actions(window: MainWindow) -> dict[str, QAction]:
    """Make a Qt action for every row of the table that has a handler, and add it to the window."""
    made = {}
    for row in ACTIONS:
        if row.handler is None:
            continue
        action = QAction(row.text, window)
        action.setShortcuts([QKeySequence(key) for key in row.keys])
        action.triggered.connect(partial(_handle, row.handler, window))
        window.addAction(action)
        made[row.name] = action
    return made


def _handle(handler: Callable[[MainWindow], object], window: MainWindow, _checked: bool = False) -> None:
    handler(window)


class ShareMenu(QMenu):
    """The share menu. `on_clip` receives a shape and a suffix."""

    def __init__(self, parent: QWidget, actions: Mapping[str, QAction], on_clip: Callable[[str, str], None]) -> None:
        super().__init__(parent)
        self.setMinimumWidth(260)
        clips = self.addMenu("Share the last seconds as a clip")
        for suffix, words in ((".mp4", "MP4"), (".webp", "WebP"), (".gif", "GIF")):
            for shape in ("wide", "square", "tall"):
                action = clips.addAction(f"{words}, {shape}")
                action.triggered.connect(lambda _=False, shape=shape, suffix=suffix: on_clip(shape, suffix))
            clips.addSeparator()
        for name in ("save_before_after", "copy_before_after"):
            self.addAction(actions[name])
        self.addSeparator()
        for name in ("save_restored", "gallery", "open_output"):
            self.addAction(actions[name])


class MoreMenu(QMenu):
    """The menu of less frequent actions."""

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
