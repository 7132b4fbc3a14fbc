"""Videos that break off: what could be restored of them is kept once, however often the job is done."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from app.batch.engine import Shard, run_job
from app.batch.jobs.events import ItemFailed, JobReport
from app.batch.jobs.job import Job
from tests.batch.helpers import Seen, album, files_in, job_of
from tests.batch.test_video import pictures
from tests.ftp_server import ftp_address, ftp_server
from tests.media_files import numbered_picture, write_video

WHOLE = 225
"""Pictures of a video that is long enough to be cut into pieces."""


def cut_off(path: Path, count: int = 30, share: float = 0.8) -> Path:
    """A video of numbered pictures of which the rest is missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [numbered_picture(number) for number in range(count)]
    write_video(path, images, options={"crf": "20", "g": "5"}, container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    return path


def run(job: Job, *, retry: bool = False) -> tuple[Seen, str]:
    """Do `job`, of which one file fails, and return its error too."""
    seen = Seen()
    return seen, error_of(run_job(job, on_event=seen, retry=retry))


def error_of(report: JobReport) -> str:
    (failed,) = (result for result in report.results if isinstance(result, ItemFailed))
    return str(failed.error)


@pytest.mark.parametrize("count", [30, WHOLE])
def test_what_is_kept_of_a_damaged_video_is_made_once(tmp_path: Path, count: int) -> None:
    cut_off(tmp_path / "in" / "cut.mp4", count)
    album(tmp_path / "in", 1)
    job, kept = job_of(tmp_path / "in", tmp_path / "out"), tmp_path / "out" / "cut.incomplete.mp4"
    _, said = run(job, retry=True)
    assert "breaks off" in said
    before, length = kept.stat().st_mtime_ns, len(pictures(kept))
    assert 3 < length < count
    album(tmp_path / "in", 2)
    for retry, restored in ((False, ["01.png"]), (True, [])):
        seen, said = run(job, retry=retry)
        assert (seen.restored, seen.failed) == (restored, ["cut.mp4"])
        assert "has not changed since" in said
        assert f"{kept}. Add --overwrite" in said
        assert kept.stat().st_mtime_ns == before
    run(replace(job, overwrite=True))
    assert len(pictures(kept)) == length
    assert files_in(tmp_path / "out") == ["00.png", "01.png", "cut.incomplete.mp4"]


def test_a_damaged_video_that_changed_is_restored_again(tmp_path: Path) -> None:
    source = cut_off(tmp_path / "in" / "cut.mp4")
    job = job_of(tmp_path / "in", tmp_path / "out")
    run(job)
    kept = (tmp_path / "out" / "cut.incomplete.mp4").read_bytes()
    write_video(source, [numbered_picture(number) for number in range(30)])
    os.utime(source, ns=(10**18, 10**18))
    assert not run_job(job).failed
    assert len(pictures(tmp_path / "out" / "cut.mp4")) == 30
    assert (tmp_path / "out" / "cut.incomplete.mp4").read_bytes() == kept


def test_every_shard_knows_of_a_damaged_video(tmp_path: Path) -> None:
    cut_off(tmp_path / "in" / "cut.mp4", WHOLE)
    job = job_of(tmp_path / "in", tmp_path / "out")
    run(job)
    for number in (1, 2):
        assert "has not changed since" in error_of(run_job(job, shard=Shard(number=number, count=2)))
    assert "has not changed since" in error_of(run_job(job, join=True))
    assert files_in(tmp_path / "out") == ["cut.incomplete.mp4"]


def test_a_damaged_video_behind_an_address_is_known_again(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    cut_off(tmp_path / "served" / "in" / "cut.mp4")
    album(tmp_path / "served" / "in", 1)
    with ftp_server(tmp_path / "served") as place:
        job = replace(job_of(Path(), tmp_path / "out"), input=ftp_address(place, "in"))
        run(job)
        _, said = run(job)
    assert "has not changed since" in said
    assert files_in(tmp_path / "out") == ["00.png", "cut.incomplete.mp4"]


def test_what_another_file_became_is_not_taken_for_it(tmp_path: Path) -> None:
    """Of a video that is called like what would be kept of the damaged one."""
    cut_off(tmp_path / "in" / "cut.mp4")
    write_video(tmp_path / "in" / "cut.incomplete.mp4", [numbered_picture(0)] * 3)
    job = job_of(tmp_path / "in", tmp_path / "out")
    for _ in range(2):
        run(job)
        assert files_in(tmp_path / "out") == ["cut.incomplete-2.mp4", "cut.incomplete.mp4"]
        assert len(pictures(tmp_path / "out" / "cut.incomplete.mp4")) == 3


@pytest.mark.parametrize("count", [30, WHOLE])
def test_what_is_kept_of_a_video_with_a_long_name_has_a_name_that_fits(tmp_path: Path, count: int) -> None:
    name = "ü" * 122 + ".mp4"  # 248 bytes
    source = cut_off(tmp_path / name, count)
    (tmp_path / "out").mkdir()
    for _ in range(2):
        report = run_job(job_of(source, tmp_path / "out" / name))
        assert str(tmp_path / "out") in error_of(report)
        (kept,) = files_in(tmp_path / "out")
        assert kept.startswith("ü" * 100)
        assert kept.endswith(".incomplete.mp4")
        assert 3 < len(pictures(tmp_path / "out" / kept)) < count
