"""Names of results: in a folder each is decided by its source alone, whatever else is there, was there or arrives."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.batch.engine import run_job
from app.batch.jobs.events import ItemFailed
from app.batch.jobs.plan import is_done, plan
from tests.batch.helpers import Seen, files_in, job_of, picture, pixels

VIDEOS = {
    "a.avi": "a.avi.mkv",
    "a.mkv": "a.mkv",
    "a.webm": "a.webm.mkv",
    "a.mp4": "a.mp4",
    "a.avi.mkv": "a.avi.mkv.mkv",
    "a.avi.mkv.mkv": "a.avi.mkv.mkv.mkv",
    "a.webm.MKV": "a.webm.MKV.mkv",
    "a.mkv.mkv": "a.mkv.mkv",
    "b.x.TS": "b.x.TS.mkv",
    "c.png": "c.png",
}
CROPS = {
    "x.jpg": "x.jpg.png",
    "x.png": "x.png",
    "x.JPG": "x.JPG.png",
    "x.jpg.png": "x.jpg.png.png",
    "x.webp.jpg": "x.webp.jpg.png",
    "x.png.png": "x.png.png",
    "y.PNG": "y.PNG",
}


@pytest.mark.parametrize(("names", "aligned"), [(VIDEOS, False), (CROPS, True)])
def test_a_name_is_decided_by_its_source_alone(tmp_path: Path, names: dict[str, str], aligned: bool) -> None:
    for name in names:
        for folder in (tmp_path / "all", tmp_path / "alone" / name):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
    items = plan(str(tmp_path / "all"), str(tmp_path / "out"), aligned=aligned)
    assert {item.name: item.target.name for item in items} == names
    assert len(set(names.values())) == len(names)
    for name, target in names.items():
        (item,) = plan(str(tmp_path / "alone" / name), str(tmp_path / "out"), aligned=aligned)
        assert item.target == tmp_path / "out" / target


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right of their own there")
def test_links_to_folders_are_followed_and_those_that_lead_nowhere_are_named(tmp_path: Path) -> None:
    source, other = tmp_path / "in", tmp_path / "other"
    for path in (source / "z" / "a.png", other / "b.png", other / "deep" / "c.png"):
        picture(path)
    (source / "again").symlink_to(source / "z")
    (source / "linked").symlink_to(other)
    (source / "twice").symlink_to(other / "deep")
    (other / "deep" / "back").symlink_to(source)
    (source / "lost.png").symlink_to(tmp_path / "nothing.png")
    (source / "loop.mp4").symlink_to(source / "loop.mp4")
    (source / "lost").symlink_to(tmp_path / "nothing")
    seen = Seen()
    report = run_job(job_of(source, tmp_path / "out"), on_event=seen)
    assert seen.restored == ["linked/b.png", "linked/deep/c.png", "z/a.png"]
    assert files_in(tmp_path / "out") == seen.restored
    assert seen.failed == ["loop.mp4", "lost.png"]
    assert all(each.item.name in str(each.error) for each in report.results if isinstance(each, ItemFailed))
    assert report.left_alone == (source / "lost",)


def test_a_file_named_by_a_person_keeps_its_stem(tmp_path: Path) -> None:
    (tmp_path / "a.avi").touch()
    (item,) = plan(str(tmp_path / "a.avi"), f"{tmp_path}/out/", aligned=False)
    assert item.target == tmp_path / "out" / "a.mkv"


def test_what_arrives_later_is_restored_too(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "x.jpg")
    job = job_of(tmp_path / "in", tmp_path / "out", aligned=True)
    run_job(job)
    picture(tmp_path / "in" / "x.png", shift=50)
    seen = Seen()
    run_job(job, on_event=seen)
    assert seen.restored == ["x.png"]
    assert files_in(tmp_path / "out") == ["x.jpg.png", "x.png"]


def test_no_result_is_replaced_by_that_of_another_file(tmp_path: Path) -> None:
    for number, name in enumerate(("x.jpg", "x.webp")):
        picture(tmp_path / "in" / name, shift=50 * number)
    job = job_of(tmp_path / "in", tmp_path / "out", aligned=True)
    run_job(job)
    before = pixels(tmp_path / "out" / "x.jpg.png")
    (tmp_path / "in" / "x.jpg").unlink()
    run_job(replace(job, overwrite=True))
    assert files_in(tmp_path / "out") == ["x.jpg.png", "x.webp.png"]
    assert np.array_equal(pixels(tmp_path / "out" / "x.jpg.png"), before)


@pytest.mark.parametrize(
    ("others", "restored"),
    [
        ([], []),
        (["x.webp"], ["x.jpg", "x.webp"]),  # either may have become x.png
        (["x.png"], ["x.jpg"]),
    ],
)
def test_what_an_older_version_made_is_there_if_it_can_only_be_that(
    tmp_path: Path, others: list[str], restored: list[str]
) -> None:
    for number, name in enumerate(("x.jpg", *others)):
        picture(tmp_path / "in" / name, shift=50 * number)
    picture(tmp_path / "out" / "x.png")
    before = (tmp_path / "out" / "x.png").read_bytes()
    seen = Seen()
    run_job(job_of(tmp_path / "in", tmp_path / "out", aligned=True), on_event=seen)
    assert seen.restored == restored
    assert (tmp_path / "out" / "x.png").read_bytes() == before


def test_what_an_older_version_made_is_not_replaced(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "x.jpg")
    picture(tmp_path / "out" / "x.png", shift=50)
    before = (tmp_path / "out" / "x.png").read_bytes()
    run_job(replace(job_of(tmp_path / "in", tmp_path / "out", aligned=True), overwrite=True))
    assert (tmp_path / "out" / "x.png").read_bytes() == before
    assert files_in(tmp_path / "out") == ["x.jpg.png", "x.png"]


def test_what_an_older_version_sent_is_there(tmp_path: Path) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    (tmp_path / "deep").mkdir()
    for name in ("a.avi", "b.avi"):
        (tmp_path / "deep" / name).touch()
    memory.pipe("/older/deep/a.mkv", b"of an older version")
    try:
        items = plan(str(tmp_path), "memory://older", aligned=False)
        assert [is_done(item) for item in items] == [True, False]
    finally:
        memory.rm("/older", recursive=True)
