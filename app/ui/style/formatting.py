"""Formatting numbers for people. No Qt."""

from __future__ import annotations


def milliseconds(value: float) -> str:
    """`3.1 ms` under a hundred, `104 ms` from there on."""
    return f"{value:.1f} ms" if value < 99.95 else f"{value:.0f} ms"


def rate(value: float) -> str:
    """Frames per second with one decimal."""
    return f"{value:.1f} fps"


def duration(seconds: float) -> str:
    """`00:05`, from an hour on `1:02:03`."""
    whole = max(int(seconds), 0)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes:02}:{whole % 60:02}"


def file_size(size: int) -> str:
    """Decimal units, as file managers show them."""
    if size < 1000:
        return f"{size} B"
    units = ("kB", "MB", "GB", "TB")
    value, place = size / 1000, 0
    while value >= 999.5 and place < len(units) - 1:
        value, place = value / 1000, place + 1
    return f"{value:.1f} {units[place]}" if value < 99.95 else f"{value:.0f} {units[place]}"


def count(number: int, singular: str, plural: str) -> str:
    """`1 face`, `3 faces`, `no faces`."""
    return f"{number or 'no'} {singular if number == 1 else plural}"
