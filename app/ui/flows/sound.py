"""Sound: what is recorded, the microphone's level, and playing a video's sound."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject

from app.core.settings import Settings
from app.ui.flows.source import SourceFlow
from app.ui.host import SessionHost
from app.ui.panel.panel import Panel
from app.ui.panel.transport import Transport
from app.ui.texts.sound import (
    NO_SOUND,
    chosen_sound,
    has_own_sound,
    record_words,
    sound_choices,
    takes_microphone,
)


class SoundFlow(QObject):
    """Keeps the sound row, the microphone's level and the loudspeaker button up to date."""

    def __init__(
        self,
        *,
        host: SessionHost,
        panel: Panel,
        transport: Transport,
        source: SourceFlow,
        settings: Callable[[], Settings],
        change: Callable[..., Any],
    ) -> None:
        super().__init__()
        self._host, self._panel, self._transport, self._source = host, panel, transport, source
        self._settings, self._change = settings, change
        self._microphones: tuple[str, ...] = ()
        self._level_of: str | None = None  # the microphone that a recording would take
        self._in_use = False
        host.microphones_listed.connect(self._on_microphones)
        source.changed.connect(self.refresh)
        panel.sound.chosen.connect(self._choose)
        panel.sound.use_changed.connect(self._listen_while)
        panel.sound.listen(host.level)
        transport.sound_toggled.connect(lambda: change(play_sound=not settings().play_sound))
        self.refresh()

    def refresh(self) -> None:
        """Follow the source and the settings."""
        info, settings = self._source.info, self._settings()
        choices = sound_choices(info, self._microphones)
        chosen = chosen_sound(choices, settings)
        self._panel.sound.show_choices(choices, chosen)
        self._panel.show_record_words(record_words(chosen))
        self._transport.show_sound(there=has_own_sound(info), on=settings.play_sound)
        self._level_of = chosen if takes_microphone(info) and chosen != NO_SOUND else None
        self._listen()

    def _listen_while(self, in_use: bool) -> None:
        self._in_use = in_use
        self._listen()

    def _listen(self) -> None:
        """Open the microphone only while its level is of use: the system shows that it is open."""
        self._host.listen(self._level_of if self._in_use else None)

    def _choose(self, key: str) -> None:
        if key == NO_SOUND:
            self._change(record_sound=False)
        elif takes_microphone(self._source.info):
            self._change(record_sound=True, microphone=key)
        else:  # the sound of a video, which leaves the microphone for cameras as it was chosen
            self._change(record_sound=True)

    def _on_microphones(self, names: tuple[str, ...]) -> None:
        self._microphones = names
        self.refresh()
