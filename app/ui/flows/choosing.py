"""Choosing a source: the dialogs for files, folders and streams, the recent sources, and what is dropped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QFileDialog, QWidget

from app.core.words import phrase, tr
from app.ui.dialogs.dialogs import StreamDialog, run
from app.ui.dialogs.notifications import Notifications
from app.ui.panel.source_menu import SourceMenu
from app.ui.settings_store import SettingsStore
from app.ui.texts.source import file_filters, recent_name, recent_with, remembered


class ChoosingFlow(QObject):
    """Asks for a source and hands it to `open_source`; remembers the folder of the dialogs and the recent sources."""

    def __init__(
        self,
        *,
        window: QWidget,
        store: SettingsStore,
        menu: SourceMenu,
        notifications: Notifications,
        open_source: Callable[[str], None],
        last_tried: Callable[[], str],
    ) -> None:
        """`last_tried` returns the text of the source that was tried last, whether or not it opened."""
        super().__init__()
        self._window, self._store, self._menu = window, store, menu
        self._notifications, self._open, self._last_tried = notifications, open_source, last_tried
        menu.recent_chosen.connect(open_source)
        self._show_recent()

    def ask_for_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self._window, tr("Open a video or a picture"), self._store.last_folder(), file_filters()
        )
        if path:
            self._store.save_last_folder(Path(path).parent)
            self._open(path)

    def ask_for_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(
            self._window, tr("Open a folder of pictures"), self._store.last_folder()
        )
        if path:
            self._store.save_last_folder(Path(path))
            self._open(path)

    def ask_for_stream(self) -> None:
        suggestion = next((text for text in (self._last_tried(), *self._store.recent()) if "://" in text), "")
        dialog = StreamDialog(self._window, suggestion=suggestion)
        if run(dialog):
            self._open(dialog.address)

    def dropped(self, texts: Sequence[str]) -> None:
        """Open the first dropped source; the others are added to the recent sources."""
        first, *others = texts
        for text in reversed(others):
            self.note(text)
        self._open(first)
        if others:
            self._notifications.notice(
                phrase("{name} is open, the first of {count}", name=recent_name(first), count=len(texts)),
                phrase("The others are in the source menu, under Recent."),
            )

    def note(self, text: str) -> None:
        """Put a source at the top of the recent ones, unless it is a camera or the demo clip."""
        if remembered(text):
            self._store.save_recent(recent_with(self._store.recent(), text))
            self._show_recent()

    def _show_recent(self) -> None:
        self._menu.show_recent([(recent_name(text), text) for text in self._store.recent()])
