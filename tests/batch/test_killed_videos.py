"""A video whose restoring was killed: what there is plays, and the next run makes it whole or keeps it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from app.media.files import is_locked, part_of
from app.outputs.recordings.file import playable_seconds
from tests.media_files import numbered_picture, write_video

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="sends Unix signals")


def restore(source: Path, target: Path, log: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "main.py", "restore", str(source), str(target), "--k", "1", "--detect-size", "320", *words],
        cwd=ROOT,
        env={**os.environ, "CFRNET_LIVE_LOG_FOLDER": str(log)},
        stderr=subprocess.PIPE,
        text=True,
    )


def stopped(process: subprocess.Popen[str], folder: Path, how: str, *, bytes_written: int) -> list[Path]:
    """The parts in `folder` when one had that size and `process` got the signal of that name."""
    while process.poll() is None:
        try:
            process.wait(0.02)
        except subprocess.TimeoutExpired:
            if any(part.stat().st_size > bytes_written for part in folder.glob("*.part")):
                process.send_signal(getattr(signal, how))
                break
    process.communicate(timeout=60)
    assert process.returncode not in (0, 1)
    return list(folder.glob("*.part"))


def noisy_film(path: Path) -> Path:
    """Seven seconds that take much room and little time."""
    random = np.random.default_rng(0)
    images = [numbered_picture(index) for index in range(70)]
    for image in images:
        image[30:] = random.integers(0, 256, image[30:].shape, np.uint8)
    write_video(path, images, fps=10, options={"preset": "ultrafast", "crf": "20"}, sound=True)
    return path


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return noisy_film(tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_killed_video_plays_and_the_same_command_makes_it_whole(tmp_path: Path, film: Path, suffix: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    (part,) = stopped(restore(film, folder / f"film{suffix}", tmp_path), folder, "SIGKILL", bytes_written=100_000)
    assert not is_locked(part)
    seconds = playable_seconds(part)
    assert seconds is not None
    again = restore(film, folder / f"film{suffix}", tmp_path)
    _, said = again.communicate(timeout=110)
    assert again.returncode == 0, said
    assert [path.name for path in folder.iterdir()] == [f"film{suffix}"]
    assert playable_seconds(folder / f"film{suffix}") == pytest.approx(7, abs=0.2)


def test_what_was_restored_is_kept_when_the_video_cannot_be_read_again(tmp_path: Path, film: Path) -> None:
    source, folder = tmp_path / "film.mp4", tmp_path / "out"
    folder.mkdir()
    source.write_bytes(film.read_bytes())
    assert stopped(restore(source, folder / "film.mp4", tmp_path), folder, "SIGKILL", bytes_written=100_000)
    source.write_bytes(b"gone")
    again = restore(source, folder / "film.mp4", tmp_path)
    _, said = again.communicate(timeout=60)
    assert again.returncode == 1
    assert "film.incomplete.mp4" in said
    assert [path.name for path in folder.iterdir()] == ["film.incomplete.mp4"]
    seconds = playable_seconds(folder / "film.incomplete.mp4")
    assert seconds is not None
    assert seconds > 0.5


@pytest.mark.parametrize("how", ["SIGHUP", "SIGTERM", "SIGINT"])
def test_a_polite_signal_leaves_nothing(tmp_path: Path, film: Path, how: str) -> None:
    folder = tmp_path / "out"
    folder.mkdir()
    assert stopped(restore(film, folder / "film.mp4", tmp_path), folder, how, bytes_written=10) == []
    assert list(folder.iterdir()) == []


def test_a_part_that_somebody_writes_is_left_alone(tmp_path: Path) -> None:
    from app.media.files import NewFile

    target = tmp_path / "new.mp4"
    abandoned = part_of(tmp_path / "out.png")
    abandoned.write_bytes(b"half a picture")
    assert write_video(tmp_path / "film.mp4", [numbered_picture(0)]) is None
    with NewFile(target) as being_written:
        process = restore(tmp_path / "film.mp4", target, tmp_path / "log")
        process.communicate(timeout=60)
        assert process.returncode == 0
        assert being_written.is_there()
        assert abandoned.exists()  # of another file than the one that was restored


def test_a_killed_shard_leaves_nothing_once_the_shards_are_joined(tmp_path: Path) -> None:
    images = [numbered_picture(index) for index in range(90)]
    write_video(tmp_path / "film.mp4", images, fps=10, options={"preset": "ultrafast", "crf": "20"})
    folder = tmp_path / "out"
    folder.mkdir()
    target, pieces = folder / "film.mp4", folder / ".film.mp4.cfrnet-job" / "pieces"

    def run(*words: str) -> subprocess.Popen[str]:
        return restore(tmp_path / "film.mp4", target, tmp_path / "log", *words)

    killed = run("--shard", "1/1")
    while killed.poll() is None and not list(pieces.glob("*.part")):
        time.sleep(0.01)
    killed.kill()
    killed.communicate(timeout=60)
    assert list(pieces.glob("*.part"))
    for words in (("--shard", "1/1"), ("--join",)):
        again = run(*words)
        _, said = again.communicate(timeout=110)
        assert again.returncode == 0, said
    assert [path.name for path in folder.iterdir()] == ["film.mp4"]
