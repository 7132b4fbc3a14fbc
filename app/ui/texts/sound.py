"""What the window offers and says about sound. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.settings import Settings
from app.core.words import Phrase, Words, phrase
from app.sources.base import SourceInfo

NO_SOUND = "none"
SYSTEM_MICROPHONE = ""


def has_own_sound(info: SourceInfo | None) -> bool:
    """Whether a source brings the sound that is recorded with it."""
    return info is not None and not info.kind.live and info.has_audio


def takes_microphone(info: SourceInfo | None) -> bool:
    """Whether the microphone is recorded beside a source."""
    return info is not None and info.kind.live


def sound_choices(info: SourceInfo | None, microphones: Sequence[str]) -> tuple[tuple[str, Words], ...]:
    """(key, words) of what can be recorded beside the pictures: a key is a microphone's name, "" or `NO_SOUND`."""
    if has_own_sound(info):
        return ((SYSTEM_MICROPHONE, phrase("The video's sound")), (NO_SOUND, phrase("No sound")))
    if info is not None and not info.kind.live:
        return ((NO_SOUND, phrase("It has no sound")),)
    if not microphones:
        return ((NO_SOUND, phrase("No microphone")),)
    named = tuple((name, name) for name in microphones)
    return ((SYSTEM_MICROPHONE, phrase("System microphone")), *named, (NO_SOUND, phrase("No sound")))


def chosen_sound(choices: Sequence[tuple[str, Words]], settings: Settings) -> str:
    """The key among `choices` that the settings ask for; a microphone that is gone gives way to the system's."""
    keys = [key for key, _ in choices]
    if not settings.record_sound or SYSTEM_MICROPHONE not in keys:
        return NO_SOUND
    return settings.microphone if settings.microphone in keys else SYSTEM_MICROPHONE


def record_words(sound: str) -> Phrase:
    """The words on the record button, which say before the recording that it will be silent."""
    return phrase("Record, no sound") if sound == NO_SOUND else phrase("Record")
