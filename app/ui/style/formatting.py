"""Formatting numbers for people, in the separators of the current language. No Qt."""

from __future__ import annotations

from app.core.words import Phrase, phrase


def milliseconds(value: float) -> Phrase:
    """Format milliseconds: `3.1 ms` under a hundred, `104 ms` from there on."""
    return phrase("{value} ms", value=milliseconds_number(value))


def milliseconds_number(value: float) -> Phrase:
    """The same without its unit."""
    return Phrase("{value:.1f}" if value < 99.95 else "{value:.0f}", (("value", value),))


def rate(value: float) -> Phrase:
    """Frames per second with one decimal."""
    return phrase("{value:.1f} fps", value=value)


def duration(seconds: float) -> str:
    """Format seconds: `00:05`, from an hour on `1:02:03`."""
    whole = max(int(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def file_size(size: int) -> Phrase:
    """Decimal units, as file managers show them."""
    if size < 1000:
        return phrase("{size} B", size=size)
    units = (phrase("kB"), phrase("MB"), phrase("GB"), phrase("TB"))
    value, place = size / 1000, 0
    while value >= 999.5 and place < len(units) - 1:
        value, place = value / 1000, place + 1
    return Phrase(
        "{value:.1f} {unit}" if value < 99.95 else "{value:.0f} {unit}", (("value", value), ("unit", units[place]))
    )
