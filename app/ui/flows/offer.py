"""Saying, once, that this computer is fast enough for a better network, and changing to it if the person wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from app.core.settings import Settings
from app.core.words import phrase
from app.ui.dialogs.notifications import Notifications
from app.ui.flows.capture import CaptureFlow
from app.ui.flows.source import SourceFlow
from app.ui.host import SessionHost
from app.ui.settings_store import SettingsStore

if TYPE_CHECKING:
    from app.pipeline.measuring.offer import Offer

_CALM_MS = 20_000
"""The time that the window has run before it looks: nobody is helped by a message in the first seconds."""


class OfferFlow(QObject):
    """Looks for a better network once a run, while a camera is shown and nothing is recorded."""

    def __init__(
        self,
        *,
        host: SessionHost,
        store: SettingsStore,
        source: SourceFlow,
        capture: CaptureFlow,
        notifications: Notifications,
        settings: Callable[[], Settings],
        choose: Callable[[str], None],
    ) -> None:
        """`choose` changes to the network of that name."""
        super().__init__()
        self._host, self._store, self._source, self._capture = host, store, source, capture
        self._notifications, self._settings, self._choose = notifications, settings, choose
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(_CALM_MS)
        host.better_found.connect(self._show)

    def stop(self) -> None:
        """Look no more."""
        self._timer.stop()

    def look(self) -> None:
        """Measure in the background whether a better network can be afforded, if this is a moment for it."""
        info, statistics, settings = self._source.info, self._host.statistics(), self._settings()
        calm = self._source.state == "online" and info is not None and info.kind.device
        chosen = settings.restorer or settings.compare_with  # by the person, who needs no advice
        if calm and not chosen and not self._capture.recording and statistics is not None and statistics.cycle_ms:
            self.stop()
            self._host.look_for_better_network(statistics)

    def _show(self, offer: Offer) -> None:
        if self._store.was_offered(offer.sha256):
            return
        self._store.save_offered(offer.sha256)
        self._notifications.notice(
            phrase("This computer is fast enough for the network {name}", name=offer.name),
            phrase(
                "It comes closer to the true face, at about {fps:.0f} frames a second with {k} cycles.",
                fps=offer.fps,
                k=offer.k,
            ),
            ((phrase("Use {name}", name=offer.name), lambda: self._choose(offer.name)),),
        )
