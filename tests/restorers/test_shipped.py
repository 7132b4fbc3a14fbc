"""The contract that every shipped network keeps, whatever its family, and the golden images it is compared with."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import InferenceError, ModelIntegrityError
from app.restorers.family import Restorer
from app.restorers.store import MODELS_FOLDER, ModelStore, ShippedRestorer
from tools.golden import BOUNDS, FOLDER, degraded_face, distance, restored_face

DOCS = Path(__file__).resolve().parents[2] / "docs"
SHIPPED = ModelStore().restorers()
EVERY = [
    pytest.param(shipped, precision, id=f"{shipped.name}-{precision}")
    for shipped in SHIPPED
    for precision in shipped.precisions
]


@cache
def restorer_of(name: str, precision: str) -> Restorer:
    return ModelStore().create_restorer(name, precision, threads=2)


def test_the_published_figures_are_those_of_the_files_that_ship() -> None:
    results, comparison, half, steadiness = (
        json.loads((DOCS / f"{name}.json").read_text(encoding="utf-8"))
        for name in ("results", "comparison", "half", "steadiness")
    )
    store = ModelStore()
    sha256 = {precision: store.entry("cfrnet-rt", precision).sha256 for precision in ("int8", "fp32")}
    assert results["network"] == half["network"] == "cfrnet-rt"
    assert {precision: model["sha256"] for precision, model in results["models"].items()} == sha256
    assert steadiness["model"] == results["steadiness"]["model"] == sha256["int8"]
    assert half["model"] == results["half"]["model"] == sha256["fp32"]
    assert sorted(comparison["networks"]) == sorted(store.restorer_names())
    for name, network in comparison["networks"].items():
        assert network["sha256"] == store.entry(name, network["precision"]).sha256, name


@pytest.mark.parametrize(("shipped", "precision"), EVERY)
def test_every_k_gives_a_picture_of_the_crop(shipped: ShippedRestorer, precision: str) -> None:
    under_test = restorer_of(shipped.name, precision)
    side = shipped.family.crop_side
    face = degraded_face(side)
    low, high = under_test.k_range
    assert (low, high) == shipped.k_range
    assert low <= shipped.family.default_k <= high
    for k in range(low, high + 1):
        restored = under_test.restore(face, k=k)
        assert restored.image.shape == (side, side, 3)
        assert restored.image.dtype == np.uint8
        assert restored.cycles == len(restored.steps) == len(restored.cycles_ms) == k
        assert all(0 <= step < 1 for step in restored.steps)
        assert np.array_equal(under_test.restore(face, k=k).image, restored.image)
    for k in (low - 1, high + 1):
        with pytest.raises(InferenceError, match=shipped.name):
            under_test.restore(face, k=k)


@pytest.mark.parametrize(("shipped", "precision"), EVERY)
def test_it_is_the_same_face_in_the_same_colours(shipped: ShippedRestorer, precision: str) -> None:
    face = degraded_face(shipped.family.crop_side)
    after = restorer_of(shipped.name, precision).restore(face, k=shipped.family.default_k).image
    assert np.abs(after.astype(float).mean(axis=(0, 1)) - face.mean(axis=(0, 1))).max() < 12
    coarse_before, coarse_after = (cv2.resize(each, (16, 16), interpolation=cv2.INTER_AREA) for each in (face, after))
    for channel in range(3):
        assert np.corrcoef(coarse_before[..., channel].ravel(), coarse_after[..., channel].ravel())[0, 1] > 0.9


@pytest.mark.parametrize(("shipped", "precision"), EVERY)
def test_it_stays_near_its_golden_image(shipped: ShippedRestorer, precision: str) -> None:
    """INT8 too: the golden image is what the most exact precision gives, and the bound is each network's own."""
    golden = cv2.imread(str(FOLDER / f"{shipped.name}.png"), cv2.IMREAD_COLOR)
    assert golden is not None, f"run `python tools/golden.py {shipped.name}` and look at what it writes"
    bound = json.loads(BOUNDS.read_text())[shipped.name][precision]
    found = distance(restored_face(ModelStore(), shipped.name, precision), np.asarray(golden, np.uint8))
    assert found["mean"] <= bound["mean"]
    assert found["max"] <= bound["max"]


@pytest.mark.parametrize("shipped", SHIPPED, ids=lambda shipped: str(shipped.name))
def test_another_file_in_its_place_is_a_clean_error(shipped: ShippedRestorer, tmp_path: Path) -> None:
    shutil.copy(MODELS_FOLDER / "manifest.json", tmp_path)
    entry = ModelStore().entry(shipped.name, shipped.precisions[0])
    (tmp_path / entry.path.name).write_bytes(b"no network at all")
    with pytest.raises(ModelIntegrityError, match=shipped.name):
        ModelStore(tmp_path).create_restorer(shipped.name, shipped.precisions[0])
