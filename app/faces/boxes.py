"""Boxes x1, y1, x2, y2 in pixels."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.types import Points

Box = Sequence[float] | Points
"""Four numbers, plain or float32 (4,). For four, plain arithmetic is faster than NumPy's."""


def area(box: Box) -> float:
    """Return the area in square pixels, 0 for an inverted box."""
    x1, y1, x2, y2 = map(float, box)
    return max(x2 - x1, 0.0) * max(y2 - y1, 0.0)


def overlap(a: Box, b: Box) -> float:
    """Return the intersection over union of two boxes, 0 to 1."""
    shared = area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0
