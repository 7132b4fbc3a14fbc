"""What decides whether a result is still the one that a job asks for."""

from __future__ import annotations

from pathlib import Path

from app.batch.jobs.job import RestoreOptions
from app.core.settings import Settings
from app.restorers.families import family
from app.restorers.store import ModelStore
from tests.restorers.networks import entry, network, scale_and_shift, store_of


def two_networks(folder: Path, *, factor: float = 0.5) -> ModelStore:
    models = []
    for name, its_factor in (("one", 1.0), ("two", factor)):
        content = network(scale_and_shift(its_factor), takes=256, gives=256)
        models.append((entry(family("cfrnet"), content, name=name), content))
    return store_of(folder, *models)


def test_another_network_or_another_file_of_it_makes_results_outdated(tmp_path: Path) -> None:
    store, changed = two_networks(tmp_path / "a"), two_networks(tmp_path / "b", factor=0.25)

    def digest(store: ModelStore, name: str) -> str:
        return RestoreOptions(settings=Settings(restorer=name)).digest(store)

    assert digest(store, "one") == digest(changed, "one")
    assert digest(store, "two") != digest(changed, "two")
    assert digest(store, "one") != digest(store, "two")


def test_a_provider_that_decides_on_the_precision_makes_results_outdated(tmp_path: Path) -> None:
    store = two_networks(tmp_path)

    def digest(**settings: str) -> str:
        return RestoreOptions(settings=Settings(**settings)).digest(store)

    assert len({digest(), digest(provider="cuda"), digest(provider="openvino")}) == 3
    assert digest(precision="fp32") == digest(precision="fp32", provider="cuda")


def test_the_default_network_counts_although_nobody_named_it(tmp_path: Path) -> None:
    content = [network(scale_and_shift(factor), takes=256, gives=256) for factor in (0.5, 0.25)]
    stores = [
        store_of(tmp_path / str(number), (entry(family("cfrnet"), each, name="one"), each))
        for number, each in enumerate(content)
    ]
    first, second = (RestoreOptions().digest(store) for store in stores)
    assert first != second
