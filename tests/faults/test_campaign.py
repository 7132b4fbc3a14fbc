"""A minute of `python -m benchmarks.faults`, and that its judgement finds what is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import pytest
from PIL import Image as Pillow

from benchmarks.faults.campaign import Campaign
from benchmarks.faults.command import run_command
from benchmarks.faults.losses import losses
from benchmarks.faults.material import originals, pictures

SECONDS = 60.0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process that ended cannot be asked there")
def test_no_case_crashes_is_lost_in_silence_or_left_behind(tmp_path: Path) -> None:
    report = Campaign(tmp_path, seed=0).run_for(SECONDS)
    assert report.passed, str(report)
    assert report.cases == report.refused + report.noted + report.done
    assert report.refused
    assert report.done or report.noted


def test_the_campaign_sees_what_a_picture_lost(tmp_path: Path) -> None:
    (tmp_path / "in.png").write_bytes(pictures()["alpha.png"])
    with Pillow.open(tmp_path / "in.png") as picture:
        picture.convert("RGB").save(tmp_path / "out.png", icc_profile=None)
    assert losses(tmp_path / "in.png", tmp_path / "out.png", []) == ["exif", "profile", "resolution", "transparency"]
    notes = ["left out: its transparency, its EXIF data, its resolution"]
    assert losses(tmp_path / "in.png", tmp_path / "out.png", notes) == ["profile"]
    assert losses(tmp_path / "in.png", tmp_path / "nothing.png", notes) == ["the whole file"]


def test_the_campaign_sees_that_damaged_pixels_were_accepted(tmp_path: Path) -> None:
    whole = pictures()["lzw.tif"]
    (tmp_path / "in.tif").write_bytes(whole[: len(whole) // 3] + bytes(400) + whole[len(whole) // 3 + 400 :])
    image = cv2.imdecode(cv2.imencode(".png", cv2.imread(str(tmp_path / "in.tif")))[1], cv2.IMREAD_COLOR)
    cv2.imwrite(str(tmp_path / "out.tif"), image)
    assert "damage" in losses(tmp_path / "in.tif", tmp_path / "out.tif", [])


def test_the_campaign_sees_what_a_video_lost(tmp_path: Path) -> None:
    made = originals(tmp_path)
    (tmp_path / "in.mkv").write_bytes(made["tracks.mkv"])
    (tmp_path / "out.mkv").write_bytes(made["silent.webm"])
    assert sorted(losses(tmp_path / "in.mkv", tmp_path / "out.mkv", [])) == [
        "attachments",
        "chapters",
        "sound",
        "subtitles",
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="the peak of a process that ended cannot be asked there")
def test_the_campaign_sees_a_traceback_and_a_leftover(tmp_path: Path) -> None:
    program = "import tempfile; tempfile.mkstemp(prefix='left'); print(1 / 0)"
    answer = run_command(["-c", program], tmp_path, program=[])
    assert answer.surprises == ["Traceback (most recent call last):"]
    assert answer.code == 1
    assert [name[:4] for name in answer.left] == ["left"]
    assert 1_000_000 < answer.peak_bytes < 200_000_000
