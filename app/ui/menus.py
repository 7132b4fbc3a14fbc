"""The window's Qt actions and its menu, made from the table of actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QActionGroup, QKeyEvent, QKeySequence
from PySide6.QtWidgets import QMenu, QWidget

from app.core.settings import Settings, specification
from app.core.words import phrase
from app.ui.actions import ACTIONS, HOLD_ORIGINAL_KEY, Action
from app.ui.style.translated import add_menu, keep_said, say

if TYPE_CHECKING:
    from app.ui.window import MainWindow


def make_actions(window: MainWindow) -> dict[str, QAction]:
    """Make a Qt action for every row of the table that has a handler, and add it to the window."""
    made = {}
    for row in ACTIONS:
        if row.handler is None:
            continue
        action = QAction(window)
        keep_said(window, partial(say, action.setText, row.text))
        action.setShortcuts(key_sequences(row))
        action.setAutoRepeat(row.repeats)
        action.triggered.connect(partial(_handle, row.handler, window))
        window.addAction(action)
        made[row.name] = action
    return made


def key_sequences(row: Action) -> list[QKeySequence]:
    """The keys of an action, and those that this platform has for it, each once."""
    own = QKeySequence.keyBindings(QKeySequence.StandardKey[row.standard]) if row.standard else []
    sequences = [QKeySequence(key) for key in row.keys]
    return sequences + [sequence for sequence in own if sequence not in sequences]


def is_hold_key(event: QKeyEvent) -> bool:
    """Whether the key is the one that is held for the original."""
    return event.key() == ord(HOLD_ORIGINAL_KEY)


def _handle(handler: Callable[[MainWindow], object], window: MainWindow, _checked: bool = False) -> None:
    handler(window)


_SHAPES = {"wide": phrase("wide"), "square": phrase("square"), "tall": phrase("tall")}


class ShareMenu(QMenu):
    """The share menu. `on_clip` receives a shape and a suffix."""

    def __init__(self, parent: QWidget, actions: Mapping[str, QAction], on_clip: Callable[[str, str], None]) -> None:
        super().__init__(parent)
        self.setMinimumWidth(300)
        clips = add_menu(self, phrase("Share the last seconds as a clip"))
        for suffix, words in ((".mp4", "MP4"), (".webp", "WebP"), (".gif", "GIF")):
            for shape, shape_words in _SHAPES.items():
                action = clips.addAction("")
                keep_said(
                    clips, partial(say, action.setText, phrase("{format}, {shape}", format=words, shape=shape_words))
                )
                action.triggered.connect(lambda _=False, shape=shape, suffix=suffix: on_clip(shape, suffix))
            clips.addSeparator()
        for name in ("save_before_after", "copy_before_after"):
            self.addAction(actions[name])
        self.addSeparator()
        for name in ("save_restored", "gallery", "open_output"):
            self.addAction(actions[name])


_IN_MENU = ("theme", "language")
"""Settings that are chosen in the menu."""


class MoreMenu(QMenu):
    """The menu of less frequent actions."""

    def __init__(self, parent: QWidget, actions: Mapping[str, QAction], on_choice: Callable[[str, str], None]) -> None:
        """`on_choice` receives the name of a setting and the value that was chosen for it."""
        super().__init__(parent)
        self.setMinimumWidth(260)
        for name in ("shortcuts", "full_screen", "toggle_panel"):
            self.addAction(actions[name])
        self._choices: dict[tuple[str, str], QAction] = {}
        for setting in _IN_MENU:
            self._add_choices(setting, on_choice)
        self.addSeparator()
        for name in ("choose_output", "open_output"):
            self.addAction(actions[name])
        self.addSeparator()
        for name in ("show_diagnostics", "diagnostics", "open_log", "about"):
            self.addAction(actions[name])
        self.addSeparator()
        for name in ("reset", "undo_reset", "quit"):
            self.addAction(actions[name])

    def _add_choices(self, setting: str, on_choice: Callable[[str, str], None]) -> None:
        row = specification(setting)
        menu = add_menu(self, row.label)
        group = QActionGroup(self)
        for value, words in row.choices.items():
            action = menu.addAction("")
            keep_said(menu, partial(say, action.setText, words))
            action.setCheckable(True)
            action.triggered.connect(partial(_choose, on_choice, setting, value))
            group.addAction(action)
            self._choices[setting, value] = action

    def show_settings(self, settings: Settings) -> None:
        """Mark what is chosen."""
        for setting in _IN_MENU:
            self._choices[setting, getattr(settings, setting)].setChecked(True)


def _choose(on_choice: Callable[[str, str], None], setting: str, value: str, _checked: bool = False) -> None:
    on_choice(setting, value)
