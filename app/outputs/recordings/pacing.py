"""A constant rate for recordings: the slot of a regular grid for each frame."""

from __future__ import annotations

from dataclasses import dataclass

RATES = (5.0, 7.5, 10.0, 12.0, 12.5, 15.0, 20.0, 24.0, 25.0, 30.0, 48.0, 50.0, 60.0, 90.0, 100.0, 120.0)
"""Usual frame rates of cameras and files."""

_NEAR = 0.06
_SLACK_S = 0.03


@dataclass(frozen=True, kw_only=True)
class Placement:
    """A frame's slot, and the slots before it in which the previous picture is repeated."""

    slot: int
    repeats: range


class EvenRate:
    """Puts frames on a grid of `fps`, by the time at which they were taken.

    A frame within 30 ms (and less than a slot) of the next slot goes there, which removes the jitter of a network or a
    busy machine. An earlier one is dropped, empty slots repeat the previous picture. A gap of more than `longest_s`, as
    of a camera that was offline, is not filled: the previous picture lasts.
    """

    def __init__(self, fps: float, *, longest_s: float = 1.0) -> None:
        self._fps = fps
        self._longest = longest_s * fps
        self._tolerance = max(0.5, min(0.8, _SLACK_S * fps))
        self._zero: float | None = None
        self._last = -1

    def place(self, t: float) -> Placement | None:
        """Return the placement of the frame of time `t` in seconds, None when it is dropped."""
        if self._zero is None:
            self._zero = t
        exact, following = (t - self._zero) * self._fps, self._last + 1
        if exact < following - self._tolerance:
            return None
        slot = following if exact <= following + self._tolerance else round(exact)
        gap = slot - following
        self._last = slot
        return Placement(slot=slot, repeats=range(following, slot) if 0 < gap <= self._longest else range(0))


def nearest_rate(fps: float) -> float:
    """Return the usual rate nearest to the measured `fps`; `fps` itself where none is near."""
    best = min(RATES, key=lambda rate: abs(rate - fps))
    return best if abs(best - fps) <= _NEAR * best else fps
