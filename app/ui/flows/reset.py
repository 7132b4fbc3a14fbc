"""Resetting the settings, and undoing that."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.core.settings import Settings
from app.core.words import phrase
from app.ui.dialogs.notifications import Notifications, Toast
from app.ui.settings_store import DEFAULTS


class ResetFlow(QObject):
    """Resets every setting but the source, and undoes that once."""

    def __init__(
        self,
        *,
        notifications: Notifications,
        undo_action: QAction,
        settings: Callable[[], Settings],
        change: Callable[..., Any],
    ) -> None:
        """`undo_action` can be triggered while there is a reset to undo."""
        super().__init__()
        self._notifications, self._undo_action = notifications, undo_action
        self._settings, self._change = settings, change
        self._before: Settings | None = None
        self._notice: Toast | None = None
        undo_action.setEnabled(False)

    def reset(self) -> None:
        """Reset every setting but the source; can be undone."""
        before = self._settings()
        if before == DEFAULTS.replace(source=before.source):  # an earlier reset stays the one that is undone
            self._notifications.notice(phrase("Settings are at their defaults already"))
            return
        self._replace_all(DEFAULTS, undone_by=before)
        self._notice = self._notifications.notice(
            phrase("Settings are back to their defaults"), "", ((phrase("Undo"), self.undo),)
        )

    def undo(self) -> None:
        """Restore the settings before the last reset, but for the source, which may be another one by now."""
        if self._before is None:
            return
        if self._notice is not None:
            self._notifications.dismiss(self._notice)
        self._replace_all(self._before, undone_by=None)
        self._notifications.notice(phrase("Settings are as they were"))

    def _replace_all(self, settings: Settings, *, undone_by: Settings | None) -> None:
        self._before = undone_by
        self._change(**vars(settings.replace(source=self._settings().source)))
        self._undo_action.setEnabled(undone_by is not None)
