"""The sheet that shows several networks on one picture."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from app.batch.engine import run_job
from app.batch.jobs.job import RestoreOptions
from app.batch.sheet import Part, compare, sheet
from app.core.errors import ModelMissingError, OutputError, SettingError, UnreadableMediaError
from app.core.settings import Settings
from app.restorers.families import family
from app.restorers.store import ModelStore
from tests.batch.helpers import job_of, picture, pixels
from tests.restorers.networks import enlarge, entry, network, scale_and_shift, store_of


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Two families without a detector: one darkens, one shows 16 pixels."""
    darker = network(scale_and_shift(0.9, (-0.1, -0.1, -0.1)), takes=256, gives=256)
    small = network(enlarge(8), takes=16, gives=128)
    return store_of(
        tmp_path / "models",
        (entry(family("cfrnet"), darker, name="darker"), darker),
        (entry(family("pfsrnet"), small, name="small"), small),
    )


@pytest.fixture
def crop(tmp_path: Path) -> Path:
    path = tmp_path / "face.png"
    picture = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    cv2.imwrite(str(path), picture)
    return path


def test_every_part_stands_below_its_name(store: ModelStore, crop: Path, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    assert compare(store, crop, target, ["darker", "small"], RestoreOptions(aligned=True), overwrite=False) == ()
    page = cv2.imread(str(target))
    assert page is not None
    original = cv2.imread(str(crop))
    assert original is not None
    tops = [row for row in range(page.shape[0] - 255) if np.array_equal(page[row : row + 256, 6:262], original)]
    assert len(tops) == 1
    (top,) = tops
    wide = (page.shape[1] - 6) // 3
    for place in range(3):
        label = page[:top, 6 + place * wide : 6 + place * wide + 200]
        assert label.max() > 200  # words
    part = page[top : top + 256, 6 + wide : 6 + wide + 256]
    restored = store.create_restorer("darker").restore(original, k=3).image
    assert np.array_equal(part, restored)


def test_a_k_that_was_given_holds_for_those_that_can(store: ModelStore, crop: Path, tmp_path: Path) -> None:
    target = tmp_path / "sheet.png"
    options = RestoreOptions(settings=Settings(k=1), k_is_given=True, aligned=True)
    compare(store, crop, target, ["darker"], options, overwrite=False)
    page, original = cv2.imread(str(target)), cv2.imread(str(crop))
    assert page is not None
    assert original is not None
    assert page[40 : 40 + 256, -262:-6].mean() == pytest.approx(
        store.create_restorer("darker").restore(original, k=1).image.mean(), abs=3
    )


def test_a_part_of_a_photo_is_what_restoring_it_gives(tmp_path: Path) -> None:
    photo = picture(tmp_path / "photo.png")
    run_job(job_of(photo, tmp_path / "restored.png", k=2))
    options = RestoreOptions(settings=Settings(k=2), k_is_given=True)
    assert compare(ModelStore(), photo, tmp_path / "sheet.png", ["cfrnet-rt"], options, overwrite=False) == ()
    page, result = pixels(tmp_path / "sheet.png"), pixels(tmp_path / "restored.png")
    height, width = result.shape[:2]
    part = page[page.shape[0] - 6 - height : page.shape[0] - 6, page.shape[1] - 6 - width : page.shape[1] - 6]
    assert np.array_equal(part, result)


def test_a_network_of_fewer_cycles_than_its_family_can_be_compared(crop: Path, tmp_path: Path) -> None:
    darker = network(scale_and_shift(0.9, (-0.1, -0.1, -0.1)), takes=256, gives=256)
    store = store_of(tmp_path / "few", (entry(family("cfrnet"), darker, name="darker", k_range=[1, 2]), darker))
    assert store.restorer().default_k == 2
    compare(store, crop, tmp_path / "sheet.png", ["darker"], RestoreOptions(aligned=True), overwrite=False)
    assert (tmp_path / "sheet.png").is_file()


def test_what_cannot_be_compared_is_refused(store: ModelStore, crop: Path, tmp_path: Path) -> None:
    how = RestoreOptions(aligned=True)
    with pytest.raises(SettingError, match="each once"):
        compare(store, crop, tmp_path / "s.png", ["darker", "darker"], how, overwrite=False)
    with pytest.raises(SettingError, match="each once"):
        compare(store, crop, tmp_path / "s.png", ["darker", ""], how, overwrite=False)
    with pytest.raises(ModelMissingError, match="darker, small"):
        compare(store, crop, tmp_path / "s.png", ["nobody"], how, overwrite=False)
    with pytest.raises(UnreadableMediaError, match="no picture"):
        compare(store, tmp_path / "film.mp4", tmp_path / "s.png", ["darker"], how, overwrite=False)
    with pytest.raises(OutputError, match="input itself"):
        compare(store, crop, crop, ["darker"], how, overwrite=False)
    assert not (tmp_path / "s.png").exists()


def test_a_target_that_cannot_be_written_is_refused_before_any_network_runs(
    store: ModelStore, crop: Path, tmp_path: Path
) -> None:
    (tmp_path / "s.png").write_bytes(b"precious")
    for name, reason in (("s.png", "there already"), ("s.mp4", "suffix of a picture")):
        with pytest.raises(OutputError, match=reason):
            compare(store, crop, tmp_path / name, ["nobody"], RestoreOptions(aligned=True), overwrite=False)


def test_a_large_picture_is_shown_smaller_and_many_parts_in_rows() -> None:
    parts = [Part(label=f"part {number}", image=np.full((1200, 1800, 3), 90, np.uint8)) for number in range(6)]
    page = sheet(parts)
    assert page.shape[1] < 4 * 950
    assert page.shape[0] > 2 * 600
