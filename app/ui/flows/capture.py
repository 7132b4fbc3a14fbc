"""Recordings and snapshots, from the button to the message with "Open folder"."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QStandardPaths

from app.core.settings import Settings
from app.core.words import Words, joined, phrase
from app.ui.dialogs.notifications import Notifications
from app.ui.host import SessionHost
from app.ui.outside import open_folder
from app.ui.panel.panel import LOCKED, Panel
from app.ui.style.formatting import duration, file_size


def default_folder() -> Path:
    """Return the folder for recordings and snapshots when none was chosen."""
    movies = QStandardPaths.writableLocation(QStandardPaths.StandardLocation.MoviesLocation)
    return Path(movies or Path.home()) / "CFRNet Live"


class CaptureFlow(QObject):
    """Starts and ends recordings, saves snapshots and reports where they are."""

    def __init__(
        self,
        *,
        host: SessionHost,
        panel: Panel,
        notifications: Notifications,
        folder: Callable[[], Path],
    ) -> None:
        super().__init__()
        self._host, self._panel = host, panel
        self._notifications, self._folder = notifications, folder
        self._state = "idle"
        self._seconds = 0.0
        host.recording_started.connect(self._on_started)
        host.recording_finished.connect(self._on_finished)
        host.snapshot_saved.connect(self._on_snapshot)
        host.recordings_rescued.connect(self._on_rescued)
        host.failed.connect(self._on_failed)
        panel.record_clicked.connect(self.toggle)
        panel.snapshot_clicked.connect(self.snapshot)

    @property
    def recording(self) -> bool:
        """Whether a recording is running or starting."""
        return self._state in ("starting", "recording")

    def allowed(self, changes: dict[str, Any], settings: Settings) -> dict[str, Any]:
        """Return `changes` of `settings` without those that a running recording forbids, as it would change."""
        locked = {*LOCKED, "mirror"} if settings.mirror_recording else set(LOCKED)
        if not self.recording or locked.isdisjoint(changes):
            return changes
        self._panel.show_settings(settings)  # the control that asks has changed already
        return {name: value for name, value in changes.items() if name not in locked}

    @property
    def seconds(self) -> float | None:
        """The length of the recording in seconds, None without one."""
        return self._seconds if self._state == "recording" else None

    def toggle(self) -> None:
        """Start a recording, or end the running one."""
        if self._state == "idle":
            self._state, self._seconds = "starting", 0.0
            self._panel.show_recording(active=True)
            self._host.start_recording(self._folder())
        elif self._state == "recording":
            state = self._host.recording()
            self._seconds = state.seconds if state is not None else self._seconds
            self._state = "ending"
            self._host.stop_recording()

    def snapshot(self) -> None:
        """Save before and after of the frame on screen."""
        self._host.snapshot(self._folder())

    def tick(self) -> None:
        """Show the recording's length and size; notice a recording that ended by itself."""
        if self._state != "recording":
            return
        state = self._host.recording()
        if state is None:
            self._idle()
            return
        self._seconds = state.seconds
        self._panel.show_recording(active=True, seconds=state.seconds, size=state.bytes)

    def _on_started(self, _path: Path) -> None:
        self._state = "recording"

    def tell_of_earlier(self, recordings: Sequence[Path], errors: Sequence[tuple[str, str]]) -> None:
        """Report what closing the window ended or failed at, and the recordings that a crash cut short."""
        self._tell_saved(recordings, phrase("When the window was closed"))
        for what, hint in errors:
            self._notifications.error(what, joined((phrase("When the window was closed"), hint), ". "))
        self._host.rescue_recordings(self._folder())

    def _on_finished(self, paths: Sequence[Path]) -> None:
        self._idle()
        self._tell_saved(paths, duration(self._seconds))

    def _on_rescued(self, paths: Sequence[Path]) -> None:
        self._tell_saved(paths, phrase("Cut short when the program ended unexpectedly"))

    def _tell_saved(self, paths: Sequence[Path], about: Words) -> None:
        if not paths:
            return
        size = sum(path.stat().st_size for path in paths if path.exists())
        names = ", ".join(path.name for path in paths)
        self._notifications.notice(
            phrase("Saved {names}", names=names),
            phrase("{about}, {size}, in {folder}", about=about, size=file_size(size), folder=paths[0].parent),
            ((phrase("Open folder"), lambda: open_folder(paths[0].parent)),),
        )

    def _on_snapshot(self, paths: Sequence[Path]) -> None:
        self._notifications.notice(
            phrase("Snapshot saved, before and after"),
            phrase("{names}, in {folder}", names=", ".join(path.name for path in paths), folder=paths[0].parent),
            ((phrase("Open folder"), lambda: open_folder(paths[0].parent)),),
        )

    def _on_failed(self, _error: object) -> None:
        if self._state in ("starting", "ending") or (self._state == "recording" and self._host.recording() is None):
            self._idle()

    def _idle(self) -> None:
        self._state = "idle"
        self._panel.show_recording(active=False)
