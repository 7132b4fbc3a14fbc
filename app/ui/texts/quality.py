"""The choice of quality: what it sets, and what it says about the cycles that really run. No Qt."""

from __future__ import annotations

from typing import Any

from app.core.settings import Settings
from app.core.words import Phrase, Words, phrase, phrase_n

QUALITIES: tuple[tuple[str, Phrase, Phrase], ...] = (
    ("fast", phrase("Fast"), phrase("One cycle: the least delay")),
    ("faithful", phrase("Faithful"), phrase("Two cycles: nearest to the true face")),
    ("best", phrase("Best look"), phrase("Three cycles: looks best")),
    ("auto", phrase("Auto"), phrase("As good as this machine can do without dropping frames")),
)
"""(key, words, tooltip) of every choice."""

_CYCLES = {"fast": 1, "faithful": 2, "best": 3}
_NAMES = {1: phrase("Fast"), 2: phrase("Faithful"), 3: phrase("Best look")}


def quality_of(settings: Settings) -> str | None:
    """The choice that the settings stand for; None for a number of cycles that has no name."""
    if settings.auto_k:
        return "auto"
    return next((key for key, k in _CYCLES.items() if k == settings.k), None)


def changes_for(quality: str, settings: Settings) -> dict[str, Any]:
    """The settings that a choice changes. Auto may go up to the best look, or further where that was set."""
    if quality == "auto":
        return {"auto_k": True, "k": max(settings.k, _CYCLES["best"])}
    return {"auto_k": False, "k": _CYCLES[quality]}


def quality_sentence(settings: Settings, *, running_k: int, reason: Words) -> Phrase:
    """What runs now, in one or two short lines; `running_k` is 0 while nothing runs, `reason` is auto-k's."""
    if not settings.auto_k:
        return phrase("{quality}, whatever time it takes.", quality=_name(settings.k))
    if not running_k:
        return phrase("As good as this machine can do in time.")
    if running_k >= settings.k:
        return phrase("Now {quality}: there is time for it.", quality=_name(running_k))
    if reason:
        return phrase("Now {quality}: {reason}.", quality=_name(running_k), reason=reason)
    return phrase("Now {quality}.", quality=_name(running_k))


def _name(k: int) -> Phrase:
    cycles = phrase_n("{n} cycle", "{n} cycles", k)
    return phrase("{quality} ({cycles})", quality=_NAMES[k], cycles=cycles) if k in _NAMES else cycles
