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
from app.ui.dialogs.notifications import Banner, Notifications, Toast
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
    is_without_camera,
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
        self._wanted = self._asked = ""  # by the person; of the host, which is asked for the demo clip too
        self._current: str | None = None  # the text of the source that the session told of last
        self._is_asking = False  # until the session begins with what it was asked for
        self._to_remember: set[str] = set()
        self._stale_before = self._since = 0.0
        self._offline_since = ""
        self._info: SourceInfo | None = None
        self._before: SourceInfo | None = None
        self._picture_before: Restored | None = None
        self._state = "connecting"
        self._retry_at: float | None = None
        self._has_played = False
        self._paused = False
        self._cameras: tuple[str, ...] | None = None
        self._no_camera: Toast | None = None  # the message over the demo clip
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
        if self._info is None or self._info.kind.live or self._current is None:
            return None
        return typed_path(self._current)

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
        self._wanted = text
        (self._to_remember.add if remember else self._to_remember.discard)(text)
        self._before, self._info = self._info or self._before, None
        self._picture_before = self._preview.restored or self._picture_before
        self._banner.say("")
        self._stale_before = time.perf_counter()
        if self._no_camera is not None:
            self._notifications.dismiss(self._no_camera)
            self._no_camera = None
        self._show_opening(text)
        self._ask(text)

    def _ask(self, text: str) -> None:
        self._asked, self._is_asking = text, True
        self._host.open(text, self._settings())

    def _show_opening(self, text: str) -> None:
        """Cover the picture with what is being opened."""
        shown = shown_source(text.removeprefix("camera:"))
        opening = phrase("Opening {name}…", name=shown) if shown else phrase("Opening the first camera…")
        self._preview.show_message("camera", opening)
        self._panel.set_ready(False)
        self._panel.source.set_source(shown or phrase("First camera"), "camera")
        self._line.show_source(phrase("Opening…"), "", state="connecting")

    def look_for_cameras(self) -> None:
        """Ask the system for its cameras, and try again to open the one that is missed."""
        if names_camera(self._wanted) and (self._state == "failed" or self._wanted != self._asked):
            self.retry()
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
        if self._state == "offline" and self._info is not None:
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
        return source_name(self._info, self._current or "") if self._info is not None else phrase("The source")

    def _on_cameras(self, names: tuple[str, ...]) -> None:
        self._cameras = names
        self._show_menu()

    def _show_menu(self) -> None:
        current = self._info.name if self._info is not None and self._info.kind.device else ""
        self._menu.show_cameras(self._cameras, current)

    def _on_status(self, text: str, status: SourceStatus) -> None:
        """Follow the source that was opened as `text`, which may not be the last one that was asked for."""
        is_another = self._info is None or text != self._current or self._is_asking
        self._state, self._current = status.state, text
        _log.info("the source is %s", status.state)
        if status.state == "connecting" and is_another:
            self._is_asking = self._is_asking and text != self._asked
            # The source before is let go of, and may have sent frames until now. Its pause ends with it.
            self._info = self._before = self._picture_before = None
            self._set_paused(False)
            self._stale_before = self._since = status.since
            self._show_opening(text)
        if status.info is not None:
            self._info = status.info
        if status.state == "online":
            self._on_online()
        elif status.state == "offline":
            self._offline_since = self._offline_since or f"{datetime.now():%H:%M:%S}"
            self._retry_at = None if status.retry_in_s is None else self._clock() + status.retry_in_s
            self._show_state()
        elif status.state == "connecting" and self._info is not None:
            self._banner.say(offline_text(self._name(), None, since=self._offline_since))
        elif status.state == "failed":
            self._fail(text, status.error)
        elif status.state == "ended":
            self._set_paused(True)
            self._show_state()
        self.changed.emit()

    def _on_online(self) -> None:
        if self._info is None:
            return
        self._has_played = True
        self._before = self._picture_before = None
        if self._current in self._to_remember:
            self._to_remember.remove(self._current)
            self.opened.emit(self._current)
        self._offline_since = ""
        self._show_source(self._info)

    def _show_source(self, info: SourceInfo) -> None:
        """Show everywhere what is open, in its state."""
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
        self._show_state()

    def _show_state(self) -> None:
        """Show that the source is offline or has ended."""
        if self._state == "offline":
            self._preview.set_dimmed(True)
            self._line.show_source(self._name(), STATES["offline"], state="offline")
            self.tick()
        elif self._state == "ended":
            self._line.show_source(self._name(), STATES["ended"], state="ended")

    def _on_open_failed(self, text: str, error: AppError) -> None:
        """`text` was refused: what the session has goes on, and the error is a message over it."""
        self._to_remember.discard(text)
        if text == self._asked:  # otherwise another one is being opened by now
            self._is_asking = False
            if not self._show_again():
                self._fail(text, error)
                return
        self.failed.emit(error)

    def _show_again(self) -> bool:
        """Show what the session has, in place of what it was asked for; return whether it has or opens anything."""
        self._stale_before = self._since
        self._info = self._info or self._before
        if self._info is not None:
            if self._picture_before is not None and self._preview.restored is None:
                self._preview.show_frame(self._picture_before)  # what stands still sends no other
                self._panel.set_ready(True)
            self._before = self._picture_before = None
            if self._preview.restored is None:  # its only picture may have come meanwhile, and was taken for an old one
                self._show_opening(self._current or "")
                self._host.choose_face(None)  # has what stands restored again
            self._show_source(self._info)
            self.changed.emit()
            return True
        if self._state == "connecting" and self._current is not None:
            self._wanted = self._asked = self._current
            self._show_opening(self._current)
            return True
        return False

    def _fail(self, text: str, error: AppError | None) -> None:
        """There is no picture of `text`: the demo clip plays, or the words stand in its place."""
        is_last = text == self._asked
        wanted = self._wanted if is_last else text  # the demo clip is asked for in place of what is wanted
        self._state, self._stale_before = "failed", time.perf_counter()
        self._info = self._before = self._picture_before = None
        self._banner.say("")
        if error is not None:
            _log.warning("%s", error.english)
        if is_last and falls_back_to_demo(wanted=wanted, demo_exists=DEMO_CLIP.exists(), has_played=self._has_played):
            self._has_played = True
            say = self._notifications.notice if is_without_camera(error) else self._notifications.error
            self._no_camera = say(*no_camera_words(error), ((phrase("Try again"), self.retry),))
            self._ask(str(DEMO_CLIP))
            return
        what, hint = (
            (error.what_phrase, error.hint_phrase)
            if error is not None
            else (phrase("The source cannot be opened."), "")
        )
        self._preview.show_message("offline", what, hint, failed_actions(wanted))
        self._panel.set_ready(False)
        self._transport.hide()
        self._line.show_source(phrase("No source"), "", state="failed")
