"""A better network is offered where the machine can afford it: real networks, and a manifest that judges them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.pipeline.measuring.offer import better_networks, find_offer
from app.restorers.families import family
from app.restorers.store import ModelStore
from tests.restorers.networks import entry, store_of


@pytest.fixture
def shipped() -> bytes:
    return ModelStore().path("cfrnet-rt", "int8").read_bytes()


def figures(lpips: float, *, where: str = "faces") -> dict[str, Any]:
    return {"set": where, "k3": {"lpips_alex": lpips}}


def store_with(folder: Path, content: bytes, *, broken: str = "", **metrics: dict[str, Any]) -> ModelStore:
    """A store that ships the same file under several names, each with its figures; `broken` is no network."""
    contents = {name: b"no network" if name == broken else content for name in metrics}
    return store_of(
        folder,
        *(
            (entry(family("cfrnet"), contents[name], name=name, precision="int8", metrics=found), contents[name])
            for name, found in metrics.items()
        ),
    )


def test_only_a_network_that_was_measured_and_is_better_counts(tmp_path: Path, shipped: bytes) -> None:
    store = store_with(
        tmp_path, shipped, own=figures(0.27), best=figures(0.24), better=figures(0.26), worse=figures(0.3),
        elsewhere=figures(0.1, where="other faces"), unknown={},
    )  # fmt: skip
    assert [found.name for found in better_networks(store, "own")] == ["best", "better"]
    assert better_networks(store, "best") == []


def test_what_keeps_up_is_offered_and_what_does_not_is_not(tmp_path: Path, shipped: bytes) -> None:
    store = store_with(tmp_path, shipped, own=figures(0.27), best=figures(0.24))
    offer = find_offer(store, "own", cycle_ms=4.0, overhead_ms=6.0)
    assert offer is not None
    assert (offer.name, offer.k) == ("best", 3)
    assert 25.0 <= offer.fps <= 1000 / 6.0
    assert find_offer(store, "own", cycle_ms=200.0, overhead_ms=6.0) is None
    assert find_offer(store, "best", cycle_ms=4.0, overhead_ms=6.0) is None


def test_a_network_that_does_not_run_is_not_offered(tmp_path: Path, shipped: bytes) -> None:
    store = store_with(tmp_path, shipped, broken="best", own=figures(0.27), best=figures(0.24))
    assert find_offer(store, "own", cycle_ms=4.0, overhead_ms=6.0) is None
