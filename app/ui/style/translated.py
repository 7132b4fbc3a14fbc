"""Words on widgets: shown in the current language, and anew whenever another one is chosen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QMenu, QWidget

from app.core.words import Phrase, Words


class _Speaker(QObject):
    """Qt tells every child of a widget that the language has changed, so this one lives and dies with its owner."""

    def __init__(self, owner: QWidget, say: Callable[[], object]) -> None:
        super().__init__(owner)
        self._say = say

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LanguageChange:
            self._say()
        return super().event(event)


def keep_said(owner: QWidget, say: Callable[[], object]) -> None:
    """Call `say`, which sets words, now and after every change of the language for as long as `owner` lives."""
    say()
    _Speaker(owner, say)


def say(show: Callable[[str], object], words: Words) -> None:
    """Hand words, as they are in the current language, to a method that shows text."""
    show(str(words))


def add_menu(menu: QMenu, title: Phrase) -> QMenu:
    """Add a menu called `title` below `menu`."""
    added = QMenu(menu)
    keep_said(menu, partial(say, added.setTitle, title))
    menu.addMenu(added)
    return added
