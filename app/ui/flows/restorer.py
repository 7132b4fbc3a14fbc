"""Adapting the settings to another network. No Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from app.core.settings import Settings

if TYPE_CHECKING:
    from app.restorers.store import ShippedRestorer


def fitting(
    settings: Settings, restorers: Sequence[ShippedRestorer], *, before: Settings | None = None
) -> dict[str, Any]:
    """The changes that make `settings` name a restorer that is installed and a precision that ships of it.

    The network that it is compared with is installed too, and another one.

    One that is not shipped any more is replaced by the default one, the first of `restorers`. After a change of
    restorer, `before` are the settings with the other one: then k becomes what the new one is made for.
    """
    if not restorers:
        return {}
    chosen = _chosen(settings, restorers)
    changes: dict[str, Any] = {"restorer": chosen.name if settings.restorer else ""}
    if settings.compare_with and settings.compare_with not in [each.name for each in restorers if each != chosen]:
        changes["compare_with"] = ""
    if settings.precision not in ("auto", *chosen.precisions):
        changes["precision"] = "auto"
    if before is not None and before.restorer != settings.restorer:
        changes["k"] = chosen.default_k
    return changes


def as_applied(settings: Settings, restorers: Sequence[ShippedRestorer]) -> Settings:
    """`settings` with the k of the live picture: the nearest number of cycles that the restorer can do."""
    if not restorers:
        return settings
    low, high = _chosen(settings, restorers).k_range
    return settings.replace(k=min(max(settings.k, low), high))


def _chosen(settings: Settings, restorers: Sequence[ShippedRestorer]) -> ShippedRestorer:
    return next((each for each in restorers if each.name == settings.restorer), restorers[0])
