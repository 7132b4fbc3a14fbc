"""Stored settings: the table's values and the window's geometry, in the platform's own store."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PySide6.QtCore import QByteArray, QSettings

from app.core.settings import Settings
from app.media.files import PRIVATE, make_private_folder
from app.ui.reports import describe
from app.ui.secrets import SecretStore

DEFAULTS = Settings(auto_k=True)
"""Where the window starts. The table's own defaults are those of the command line, where nothing decides by itself."""

_QUALITY = frozenset(("k", "auto_k"))
"""What is chosen together: who wants a number of cycles does not want Auto."""

_GROUP = "settings"
_GEOMETRY = "window/geometry"
_UNSEEN = "window/unseen"
_LAST_FOLDER = "window/last folder"
_HINTS = "window/hints"
_OFFERED = "window/offered networks"
_RECENT = "window/recent sources"


class SettingsStore:
    """Reads and writes QSettings; a stored value that no longer fits is left out and logged.

    `overrides` count for this run: they are loaded over the stored values, and not stored unless changed.
    """

    def __init__(
        self,
        backend: QSettings,
        *,
        overrides: Mapping[str, Any] | None = None,
        secrets: SecretStore | None = None,
    ) -> None:
        self._backend = backend
        self._secrets = secrets or SecretStore()
        self._keep_private()
        self._overrides = dict(overrides or {})
        if "k" in self._overrides:
            self._overrides.setdefault("auto_k", False)  # a number of cycles on the command line turns auto-k off
        self._stored = self._loaded = DEFAULTS

    def load(self) -> Settings:
        """The remembered settings with the overrides; raises SettingError for an override out of range."""
        self._backend.beginGroup(_GROUP)
        stored = {name: self._backend.value(name) for name in self._backend.childKeys()}
        self._backend.endGroup()
        settings, problems = Settings.load({"auto_k": DEFAULTS.auto_k, **stored})
        settings = settings.replace(source=self._secrets.complete(settings.source))
        for problem in problems:
            logging.getLogger(__name__).warning("stored setting left out: %s", problem)
        self._stored, self._loaded = settings, settings.replace(**self._overrides)
        return self._loaded

    def save(self, settings: Settings) -> None:
        """Store what differs from the defaults, so that a better default reaches everyone who never chose."""
        changed = {name for name, value in asdict(settings).items() if value != getattr(self._loaded, name)}
        if changed & _QUALITY:
            changed |= _QUALITY
        kept = {name: getattr(self._stored, name) for name in self._overrides.keys() - changed}
        settings, defaults = settings.replace(**kept), asdict(DEFAULTS)
        self._backend.beginGroup(_GROUP)
        self._backend.remove("")
        for name, value in asdict(settings).items():
            if value != defaults[name]:
                self._backend.setValue(name, self._secrets.without(value) if name == "source" else value)
        self._backend.endGroup()

    def geometry(self) -> QByteArray | None:
        """The window's place when it was last closed."""
        value = self._backend.value(_GEOMETRY)
        return value if isinstance(value, QByteArray) else None

    def save_geometry(self, geometry: QByteArray) -> None:
        self._backend.setValue(_GEOMETRY, geometry)

    def save_unseen(self, recordings: Sequence[Path], errors: Sequence[BaseException]) -> None:
        """Store what closing the window finished, and what failed then, to be reported at the next start."""
        if recordings or errors:
            said = [(str(report.what), str(report.hint)) for report in map(describe, errors)]
            self._backend.setValue(
                _UNSEEN, json.dumps({"recordings": [str(path) for path in recordings], "errors": said})
            )
            self.flush()

    def take_unseen(self) -> tuple[tuple[Path, ...], tuple[tuple[str, str], ...]]:
        """Return these recordings and errors (sentence and hint), once; what was moved or deleted since is left out."""
        stored = str(self._backend.value(_UNSEEN) or "{}")
        self._backend.remove(_UNSEEN)
        try:
            unseen = json.loads(stored)
            paths = tuple(path for path in map(Path, unseen.get("recordings", ())) if path.is_file())
            return paths, tuple((str(what), str(hint)) for what, hint in unseen.get("errors", ()))
        except (ValueError, TypeError, AttributeError):
            logging.getLogger(__name__).warning("stored messages left out: %s", stored)
            return (), ()

    def hints_were_seen(self) -> bool:
        """Whether the bubbles of the first start were shown already."""
        return str(self._backend.value(_HINTS) or "") == "seen"

    def save_hints_seen(self) -> None:
        self._backend.setValue(_HINTS, "seen")

    def was_offered(self, sha256: str) -> bool:
        """Whether the network with this file was offered already."""
        return sha256 in str(self._backend.value(_OFFERED) or "").splitlines()

    def save_offered(self, sha256: str) -> None:
        offered = str(self._backend.value(_OFFERED) or "").splitlines()
        self._backend.setValue(_OFFERED, "\n".join((*offered, sha256)))

    def last_folder(self) -> str:
        """Where the last file was chosen; the person's home at first."""
        return str(self._backend.value(_LAST_FOLDER) or Path.home())

    def save_last_folder(self, folder: Path) -> None:
        self._backend.setValue(_LAST_FOLDER, str(folder))

    def recent(self) -> tuple[str, ...]:
        """The recent sources, the newest first."""
        stored = str(self._backend.value(_RECENT) or "").splitlines()
        return tuple(self._secrets.complete(text) for text in stored)

    def save_recent(self, texts: Sequence[str]) -> None:
        self._backend.setValue(_RECENT, "\n".join(self._secrets.without(text) for text in texts))

    def flush(self) -> None:
        """Write everything to the disk."""
        self._backend.sync()
        self._keep_private()

    def _keep_private(self) -> None:
        """Make the file with the settings, where there is one, its owner's alone; Qt keeps its permissions."""
        path = Path(self._backend.fileName())
        if sys.platform.startswith("linux") or path.suffix == ".ini":
            with contextlib.suppress(OSError):
                make_private_folder(path.parent)
                path.touch(mode=PRIVATE)
                path.chmod(PRIVATE)
