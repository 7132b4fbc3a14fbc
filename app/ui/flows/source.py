"""The state of the source: opening, offline and reconnected, and the demo clip without a camera."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from app.core.address import shown_source
from app.core.errors import AppError
from app.core.settings import Settings
from app.core.types import Restored
from app.core.words import Words, phrase
from app.media.files import typed_path
from app.sources.base import SourceInfo
from app.ui.dialogs.notifications import Banner, Notifications
from app.ui.host import SessionHost
from app.ui.panel.panel import Panel
from app.ui.panel.source_menu import SourceMenu
from app.ui.panel.status_line import STATES, StatusLine
from app.ui.panel.transport import Transport
from app.ui.preview.preview import Preview
from app.ui.texts.source import (
    DEMO_CLIP,
    failed_actions,
    falls_back_to_demo,
    names_camera,
    no_camera_words,
    offline_text,
    source_facts,
    source_name,
)

if TYPE_CHECKING:
    from app.pipeline.capture.status import SourceStatus

_log = logging.getLogger(__name__)


class SourceFlow(QObject):
    """Follows the source's status and shows it everywhere.

    `failed` carries an error for the person, `opened` the text of a source once it is online and to be remembered,
    `changed` is emitted when `info` or `state` may have changed.
    """

    failed = Signal(object)
    opened = Signal(str)
    changed = Signal()

    def __init__(
        self,
        *,
        host: SessionHost,
        preview: Preview,
        panel: Panel,
        menu: SourceMenu,
        status_line: StatusLine,
        transport: Transport,
        banner: Banner,
        notifications: Notifications,
        settings: Callable[[], Settings],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__()
        self._host, self._preview, self._panel, self._menu = host, preview, panel, menu
        self._line, self._transport, self._banner = status_line, transport, banner
        self._notifications, self._settings = notifications, settings
        self._clock = clock
        self._wanted = self._opening = self._playing = ""
        self._remember = False
        self._stale_before = 0.0
        self._offline_since = ""
        self._info: SourceInfo | None = None
        self._before: SourceInfo | None = None
        self._picture_before: Restored | None = None
        self._state = "connecting"
        self._retry_at: float | None = None
        self._has_played = False
        self._paused = False
        self._cameras: tuple[str, ...] | None = None
        host.status_changed.connect(self._on_status)
        host.open_failed.connect(self._on_open_failed)
        host.cameras_listed.connect(self._on_cameras)
        transport.pause_toggled.connect(self.toggle_pause)
        transport.seeked.connect(host.seek)
        preview.pause_toggled.connect(self.toggle_pause)
        transport.hide()

    @property
    def info(self) -> SourceInfo | None:
        """The source that is open."""
        return self._info

    @property
    def file(self) -> Path | None:
        """The file or folder that is open; None for anything live."""
        if self._info is None or self._info.kind.live:
            return None
        return typed_path(self._playing)

    @property
    def wanted(self) -> str:
        """The text of the source that was tried last."""
        return self._wanted

    def retry(self) -> None:
        """Try that source once more."""
        self.open(self._wanted, remember=True)

    def reopen_camera(self) -> None:
        """Open the camera with its changed settings, also one that could not be opened with those before."""
        if self._info is None and names_camera(self._wanted):
            self.retry()
        elif self._info is not None and self._info.kind.device:
            self.open(f"{self._info.kind.name}:{self._info.name}")

    @property
    def state(self) -> str:
        return self._state

    def is_stale(self, t_capture: float) -> bool:
        """Whether a frame of that time (`time.perf_counter()`) is one of a source that was left or has failed since."""
        return t_capture < self._stale_before

    def open(self, text: str, *, remember: bool = False) -> None:
        """Open a source by its text; a message replaces the old picture meanwhile."""
        self._wanted = self._opening = text
        self._remember = remember
        self._before, self._info, self._retry_at = self._info or self._before, None, None
        self._picture_before = self._preview.restored or self._picture_before
        self._banner.say("")
        shown = self._show_opening(time.perf_counter())
        self._panel.source.set_source(shown or phrase("First camera"), "camera")
        self._line.show_source(phrase("Opening…"), "", state="connecting")
        self._host.open(text, self._settings())

    def _show_opening(self, since: float) -> str:
        """Cover the picture with what is being opened `since` then, and return its name, "" for the first camera."""
        self._stale_before = since
        shown = shown_source(self._opening.removeprefix("camera:"))
        opening = phrase("Opening {name}…", name=shown) if shown else phrase("Opening the first camera…")
        self._preview.show_message("camera", opening)
        return shown

    def look_for_cameras(self) -> None:
        """Ask the system for its cameras."""
        self._menu.show_cameras(None, "")
        self._host.look_for_cameras()

    def toggle_pause(self) -> None:
        """Pause, or go on."""
        if self._info is not None:
            self._set_paused(not self._paused)

    def follow(self, seconds: float) -> None:
        """The frame on screen is at this place of the video."""
        self._transport.show_place(seconds)

    def tick(self) -> None:
        """Update the seconds until the next attempt."""
        if self._state == "offline":
            left = None if self._retry_at is None else max(self._retry_at - self._clock(), 0.0)
            self._banner.say(offline_text(self._name(), left, since=self._offline_since))

    def _set_paused(self, paused: bool) -> None:
        if paused != self._paused:
            self._paused = paused
            self._host.set_paused(paused)
            self._transport.show_paused(paused)
            self._say_paused()

    def _say_paused(self) -> None:
        """Say on the banner that a source is paused, unless it has a seek bar, which shows it."""
        stands = self._paused and self._info is not None and not self._info.kind.seekable
        self._banner.say(phrase("Paused. Press Space to go on") if stands else "")

    def _name(self) -> Words:
        return source_name(self._info, self._playing) if self._info is not None else phrase("The source")

    def _on_cameras(self, names: tuple[str, ...]) -> None:
        self._cameras = names
        self._show_menu()

    def _show_menu(self) -> None:
        current = self._info.name if self._info is not None and self._info.kind.device else ""
        self._menu.show_cameras(self._cameras, current)

    def _on_status(self, status: SourceStatus) -> None:
        self._state = status.state
        _log.info("the source is %s", status.state)
        if self._info is None:
            self._set_paused(False)  # a pause of the source before ends once another one takes its place
            if status.state == "connecting":  # that one is let go of, and may have sent frames until now
                self._before = self._picture_before = None
                self._show_opening(status.since)
        if status.info is not None:
            self._info = status.info
        if status.state == "online":
            self._on_online()
        elif status.state == "offline":
            self._offline_since = self._offline_since or f"{datetime.now():%H:%M:%S}"
            self._retry_at = None if status.retry_in_s is None else self._clock() + status.retry_in_s
            self._preview.set_dimmed(True)
            self._line.show_source(self._name(), STATES["offline"], state="offline")
            self.tick()
        elif status.state == "connecting" and self._info is not None:
            self._banner.say(offline_text(self._name(), None, since=self._offline_since))
        elif status.state == "failed":
            self._fail(status.error)
        elif status.state == "ended":
            self._set_paused(True)
            self._line.show_source(self._name(), STATES["ended"], state="ended")
        self.changed.emit()

    def _on_online(self) -> None:
        info = self._info
        if info is None:
            return
        self._has_played, self._playing = True, self._opening
        self._before = self._picture_before = None
        if self._remember:
            self._remember = False
            self.opened.emit(self._wanted)
        self._offline_since = ""
        self._say_paused()
        self._preview.set_dimmed(False)
        name, facts = self._name(), source_facts(info)
        self._panel.source.set_source(name, info.kind.icon)
        tip = phrase("{name}, {facts}\nChoose another source, or drop one on the picture", name=name, facts=facts)
        self._panel.set_source_tip(tip)
        self._panel.show_camera_controls(info.kind.device)
        self._line.show_source(name, facts, state="online")
        self._transport.setVisible(info.kind.seekable)
        self._transport.set_duration(info.duration_s or 0.0)
        self._show_menu()

    def _on_open_failed(self, error: AppError) -> None:
        """Nothing was opened: what played before plays on, and the error is a message over it."""
        self._remember = False
        if self._before is None:
            self._fail(error)
            return
        self._info, self._state, self._stale_before = self._before, "online", 0.0
        self._opening = self._playing
        if self._picture_before is not None:
            self._preview.show_frame(self._picture_before)  # what stands still sends no other
        self._on_online()
        self.changed.emit()
        self.failed.emit(error)

    def _fail(self, error: AppError | None) -> None:
        """There is no picture: the demo clip plays, or the words stand in its place."""
        self._state, self._stale_before = "failed", time.perf_counter()
        self._info = self._before = self._picture_before = None
        self._remember = False
        self._banner.say("")
        if error is not None:
            _log.warning("%s", error.english)
        if falls_back_to_demo(wanted=self._wanted, demo_exists=DEMO_CLIP.exists(), has_played=self._has_played):
            self._has_played = True
            self._notifications.notice(*no_camera_words(error))
            self._opening = str(DEMO_CLIP)
            self._host.open(self._opening, self._settings())
            return
        what, hint = (
            (error.what_phrase, error.hint_phrase)
            if error is not None
            else (phrase("The source cannot be opened."), "")
        )
        self._preview.show_message("offline", what, hint, failed_actions(self._wanted))
        self._panel.set_ready(False)
        self._transport.hide()
        self._line.show_source(phrase("No source"), "", state="failed")
