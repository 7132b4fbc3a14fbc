"""`restore` on a video: every frame and the sound are kept, and damage or an interruption leaves nothing behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.helpers import Cli, difference, leftovers
from tests.media_files import write_video

Pixels = NDArray[np.uint8]
TIMES_MS = [0, 40, 80, 140, 160, 240, 280, 320, 400, 440]
"""Unevenly spaced, as a phone records."""


def moving(portrait: Pixels, count: int = len(TIMES_MS)) -> list[Pixels]:
    """The portrait's upper part, sliding to the left two pixels a frame."""
    return [np.ascontiguousarray(portrait[20:340, 2 * index : 2 * index + 400]) for index in range(count)]


@pytest.fixture
def video(tmp_path: Path, portrait: Pixels) -> Path:
    path = tmp_path / "video.mp4"
    write_video(path, moving(portrait), times_ms=TIMES_MS, sound=True)
    return path


def times_of(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        times = [frame.pts * frame.time_base for frame in container.decode(stream) if frame.pts is not None]
    return [time - times[0] for time in times]


def pictures_of(path: Path) -> list[Pixels]:
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]


def sound_of(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def test_every_frame_its_time_and_the_sound_are_kept(cli: Cli, tmp_path: Path, video: Path) -> None:
    answer = cli("restore", video, tmp_path / "new.mp4", "--k", 1, "--json")
    assert answer.code == 0
    assert times_of(tmp_path / "new.mp4") == times_of(video) == [Fraction(ms, 1000) for ms in TIMES_MS]
    assert sound_of(tmp_path / "new.mp4") == sound_of(video)
    (entry,) = answer.document["files"]
    assert entry["frames"] == entry["faces"] == len(TIMES_MS)
    assert answer.document["stages"]["cycle_1"]["frames"] == len(TIMES_MS)
    assert leftovers(tmp_path) == ["log/cfrnet-live.log", "new.mp4", "video.mp4"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")
def test_odd_names(cli: Cli, tmp_path: Path, video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video.rename(tmp_path / "12:30 -call %d ü?#.mp4")
    monkeypatch.chdir(tmp_path)
    assert cli("restore", "--k", 1, "--", "12:30 -call %d ü?#.mp4", "-concat:1|2.mkv").code == 0
    assert len(pictures_of(tmp_path / "-concat:1|2.mkv")) == len(TIMES_MS)


def test_the_faces_are_restored(cli: Cli, tmp_path: Path, video: Path) -> None:
    assert cli("restore", video, tmp_path / "new.mp4", "--k", 2).code == 0
    for before, after in zip(pictures_of(video), pictures_of(tmp_path / "new.mp4"), strict=True):
        changed = difference(before, after)
        assert changed[60:150, 190:250].mean() > 2 * changed[:, 340:].mean()


def test_side_by_side_is_twice_as_wide(cli: Cli, tmp_path: Path, video: Path) -> None:
    assert cli("restore", video, tmp_path / "new.mp4", "--k", 1, "--side-by-side").code == 0
    pictures = pictures_of(tmp_path / "new.mp4")
    assert len(pictures) == len(TIMES_MS)
    for before, both in zip(pictures_of(video), pictures, strict=True):
        assert both.shape == (320, 800, 3)
        assert difference(before, np.ascontiguousarray(both[:, :400])).mean() < 3


def test_a_video_without_a_face(cli: Cli, tmp_path: Path, landscape: Pixels) -> None:
    write_video(tmp_path / "video.mp4", [np.ascontiguousarray(landscape[:240, :320])] * 5)
    answer = cli("restore", tmp_path / "video.mp4", tmp_path / "new.mp4")
    assert answer.code == 0
    assert "no face" in answer.err
    assert len(pictures_of(tmp_path / "new.mp4")) == 5


@pytest.mark.parametrize("content", [b"", b"this is a letter, not a video\n" * 100])
def test_a_file_that_is_no_video(cli: Cli, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "video.mp4").write_bytes(content)
    answer = cli("restore", tmp_path / "video.mp4", tmp_path / "new.mp4")
    assert answer.code == 1
    assert len(answer.errors) == 1
    assert "video.mp4" in answer.errors[0]
    assert not [name for name in leftovers(tmp_path) if name.startswith("new")]


@pytest.mark.parametrize("container", [".mp4", ".mkv"])
def test_a_video_cut_in_the_middle(cli: Cli, tmp_path: Path, portrait: Pixels, container: str) -> None:
    whole = tmp_path / f"whole{container}"
    options = {"movflags": "+faststart"} if container == ".mp4" else None
    write_video(whole, moving(portrait, 50), options={"crf": "20", "g": "5"}, container_options=options)
    content = whole.read_bytes()
    (tmp_path / f"cut{container}").write_bytes(content[: len(content) // 2])
    answer = cli("restore", tmp_path / f"cut{container}", tmp_path / f"new{container}", "--k", 1)
    assert answer.code == 1
    assert len(answer.errors) == 1
    assert f"cut{container}" in answer.errors[0]
    assert f"new.incomplete{container}" in answer.err
    assert [name for name in leftovers(tmp_path) if name.startswith("new")] == [f"new.incomplete{container}"]
    assert 0 < len(pictures_of(tmp_path / f"new.incomplete{container}")) < 50


def test_a_video_is_not_written_as_a_picture(cli: Cli, tmp_path: Path, video: Path) -> None:
    answer = cli("restore", video, tmp_path / "new.png")
    assert answer.code == 1
    assert "video.mp4 is a video" in answer.errors[0]


def test_a_network_stream_is_for_the_window(cli: Cli, tmp_path: Path) -> None:
    answer = cli("restore", "rtsp://127.0.0.1:1/live", tmp_path / "new.mp4")
    assert answer.code == 1
    assert "python main.py --source ADDRESS" in answer.err


@pytest.mark.skipif(os.name == "nt", reason="needs a limit on the size of files")
def test_a_full_disk(cli_process: Callable[..., subprocess.Popen[str]], tmp_path: Path, video: Path) -> None:
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))"
    process = cli_process("restore", video, tmp_path / "new.mp4", "--k", 1, before=limit)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: There is no room left" in said
    assert "Traceback" not in said
    assert not [name for name in leftovers(tmp_path) if name.startswith("new")]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_an_interruption_leaves_nothing_half_written(
    cli_process: Callable[..., subprocess.Popen[str]], tmp_path: Path, portrait: Pixels, ending: str
) -> None:
    write_video(tmp_path / "long.mp4", moving(portrait, 50) * 10, options={"crf": "30", "preset": "ultrafast"})
    process = cli_process("restore", tmp_path / "long.mp4", tmp_path / "new.mp4", "--k", 4)
    while process.poll() is None and not any(part.stat().st_size for part in tmp_path.rglob("*.part")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=0.02)
    process.send_signal(getattr(signal, ending))
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "interrupted" in said
    assert not [name for name in leftovers(tmp_path) if name.startswith("new") or name.endswith(".part")]
