"""The badges and labels on the picture. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.core.words import Words, phrase, phrase_n, tr
from app.ui.style.formatting import duration

if TYPE_CHECKING:
    from app.pipeline.measuring.latency import LiveStatistics

_SLOW = 0.85
"""Under this share of the source's rate the picture is called slowed down."""


@dataclass(frozen=True)
class Badge:
    """A few words on the picture; `tone` is "plain", "warning" or "recording"."""

    words: Words
    tone: str = "plain"


def slowed_down(statistics: LiveStatistics | None) -> Words:
    """Return `12 of 25 frames a second` where restoring cannot keep up with the source, else an empty text."""
    if statistics is None or statistics.fps_in <= 0 or statistics.fps_out >= _SLOW * statistics.fps_in:
        return ""
    return phrase("{reached:.0f} of {given:.0f} frames a second", reached=statistics.fps_out, given=statistics.fps_in)


def badges(
    *,
    faces: int | None,
    live: bool,
    sharp: int = 0,
    slow: Words = "",
    recording_s: float | None = None,
    degraded: bool = False,
    alone: bool = False,
    other: str = "",
) -> tuple[Badge, ...]:
    """The words on the picture, the most pressing first.

    `faces` is how many were restored, None while no network is loaded, `sharp` how many of them needed next to
    nothing; `live` is false for a source that is offline, of which nothing about speed is said. `alone` says that one
    face was chosen to be restored alone, `other` names the network that stands at the left.
    """
    found = []
    if recording_s is not None:
        found.append(Badge(phrase("Recording {duration}", duration=duration(recording_s)), "recording"))
    if faces is None:
        found.append(Badge(phrase("Loading the network…")))
    elif alone and faces == 0:
        found.append(Badge(phrase("The chosen face is out of sight · Esc: all faces"), "warning"))
    elif faces == 0:
        found.append(Badge(phrase("No face found"), "warning"))
    elif sharp == faces:
        found.append(Badge(phrase_n("Face already sharp", "Faces already sharp", faces)))
    if alone and faces:
        found.append(Badge(phrase("This face alone · Esc: all faces")))
    if other:
        found.append(Badge(phrase("Each frame restored twice, by {name} too", name=other)))
    if live and slow:
        found.append(Badge(phrase("Slowed down: {rate}", rate=slow), "warning"))
    if degraded:
        found.append(Badge(phrase("Camera made bad")))
    return tuple(found)


def tile_words(content: str, *, faces: int, degraded: bool) -> str:
    """The label of one half: what it claims is true, so a picture without a face is not called restored."""
    if content == "original":
        return tr("Made bad") if degraded else tr("Original")
    return tr("Restored") if faces else tr("No face to restore")
