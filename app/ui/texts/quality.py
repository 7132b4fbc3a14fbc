"""The choice of quality: what it sets, and what it says about the cycles that really run. No Qt."""

from __future__ import annotations

from typing import Any

from app.core.settings import Settings

QUALITIES: tuple[tuple[str, str, str], ...] = (
    ("fast", "Fast", "One cycle: the least delay"),
    ("faithful", "Faithful", "Two cycles: nearest to the true face"),
    ("best", "Best look", "Three cycles: looks best"),
    ("auto", "Auto", "As good as this machine can do without dropping frames"),
)
"""(key, words, tooltip) of every choice."""

_CYCLES = {"fast": 1, "faithful": 2, "best": 3}
_NAMES = {1: "Fast", 2: "Faithful", 3: "Best look"}


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


def quality_sentence(settings: Settings, *, running_k: int, reason: str) -> str:
    """What runs now, in one or two short lines; `running_k` is 0 while nothing runs, `reason` is auto-k's."""
    if not settings.auto_k:
        return f"{_name(settings.k)}, whatever time it takes."
    if not running_k:
        return "As good as this machine can do in time."
    if running_k >= settings.k:
        return f"Now {_name(running_k)}: there is time for it."
    return f"Now {_name(running_k)}: {reason}." if reason else f"Now {_name(running_k)}."


def _name(k: int) -> str:
    cycles = "1 cycle" if k == 1 else f"{k} cycles"
    return f"{_NAMES[k]} ({cycles})" if k in _NAMES else cycles
