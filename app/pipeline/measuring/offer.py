"""Whether this machine can afford a network that restores better than the one that is running."""

from __future__ import annotations

from dataclasses import dataclass

from app.restorers.manifest import ModelEntry
from app.restorers.store import SHIPPED, ModelStore

AFFORDED_FPS = 25.0
"""The frame rate that a network has to reach with one face to count as affordable."""

_FIGURE = "lpips_alex"


@dataclass(frozen=True, kw_only=True)
class Offer:
    """A network that looks closer to the true face than the running one and still keeps up.

    `fps` are the frames a second expected of one face with `k` cycles; `sha256` is that of its file.
    """

    name: str
    k: int
    fps: float
    sha256: str


def better_networks(store: ModelStore, running: str) -> list[ModelEntry]:
    """Return the networks of the same family with a better figure in the manifest than `running`, the best first.

    The figure is LPIPS (AlexNet) at the number of cycles that the family is made for, on the same test set. A network
    that was not measured is not offered. Raises ManifestError and SettingError.
    """
    own = store.entry(running, SHIPPED)
    found = []
    for shipped in store.restorers():
        entry = store.entry(shipped.name, SHIPPED)
        comparable = entry.name != own.name and entry.family == own.family and _set(entry) == _set(own)
        if comparable and _figure(entry) < _figure(own):
            found.append(entry)
    return sorted(found, key=_figure)


def find_offer(store: ModelStore, running: str, *, cycle_ms: float, overhead_ms: float) -> Offer | None:
    """Return the best network that this machine can afford; None if `running` is the best one.

    `cycle_ms` and `overhead_ms` are those of the running network, as it runs. Beside it the others are slower than they
    would be in its place, so both are timed beside it, each in a process of its own, and compared. Raises as
    `ModelStore.probe` does.
    """
    better = better_networks(store, running)
    if not better or not cycle_ms:
        return None
    own = store.probe(running)
    if own.error:
        return None
    for entry in better:
        found = store.probe(entry.name)
        if found.error or entry.family is None:
            continue
        k = store.restorer(entry.name).default_k
        fps = 1000 / (overhead_ms + k * cycle_ms * found.cycle_ms / own.cycle_ms)
        if fps >= AFFORDED_FPS:
            return Offer(name=entry.name, k=k, fps=fps, sha256=entry.sha256)
    return None


def _set(entry: ModelEntry) -> str:
    return str(entry.metrics.get("set", ""))


def _figure(entry: ModelEntry) -> float:
    assert entry.family is not None
    figures = entry.metrics.get(f"k{entry.family.default_k}", {})
    return float(figures.get(_FIGURE, float("inf")))
