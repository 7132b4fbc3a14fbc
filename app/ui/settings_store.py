"""Remembered settings: the table's values and the window's place, in the platform's own store."""

from __future__ import annotations

import logging
from dataclasses import asdict

from PySide6.QtCore import QByteArray, QSettings

from app.core.settings import Settings

_GROUP = "settings"
_GEOMETRY = "window/geometry"


class SettingsStore:
    """Reads and writes QSettings; a stored value that no longer fits is left out and logged."""

    def __init__(self, backend: QSettings) -> None:
        self._backend = backend

    def load(self) -> Settings:
        self._backend.beginGroup(_GROUP)
        stored = {name: self._backend.value(name) for name in self._backend.childKeys()}
        self._backend.endGroup()
        settings, problems = Settings.load(stored)
        for problem in problems:
            logging.getLogger(__name__).warning("stored setting left out: %s", problem)
        return settings

    def save(self, settings: Settings) -> None:
        """Store what differs from the defaults, so that a better default reaches everyone who never chose."""
        defaults = asdict(Settings())
        self._backend.beginGroup(_GROUP)
        self._backend.remove("")
        for name, value in asdict(settings).items():
            if value != defaults[name]:
                self._backend.setValue(name, value)
        self._backend.endGroup()

    def geometry(self) -> QByteArray | None:
        """The window's place when it was last closed."""
        value = self._backend.value(_GEOMETRY)
        return value if isinstance(value, QByteArray) else None

    def save_geometry(self, geometry: QByteArray) -> None:
        self._backend.setValue(_GEOMETRY, geometry)

    def flush(self) -> None:
        """Bring everything to the disk."""
        self._backend.sync()
