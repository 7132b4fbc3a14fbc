"""Stdout and stderr that are closed, full or hostile, and places that may not be used: a sentence each, no surprise."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tests.cli.helpers import Cli
from tests.media_files import encode_jpeg

ROOT = Path(__file__).parents[2]
Pixels = NDArray[np.uint8]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="closes and fills the streams of a Unix shell")


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """A picture without a face."""
    path = tmp_path / "old.png"
    assert cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))
    return path


def shell(tmp_path: Path, words: str, *, wrapper: str = "") -> subprocess.CompletedProcess[bytes]:
    """The answer of `python main.py WORDS`, a line of a shell with its redirections."""
    environment = {**os.environ, "CFRNET_LIVE_LOG_FOLDER": str(tmp_path / "log")}
    line = f"cd {tmp_path} && {wrapper} {sys.executable} {ROOT / 'main.py'} {words}"
    return subprocess.run(["sh", "-c", line], env=environment, capture_output=True, check=False)


@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-", ">&- 2>&- <&-"])
def test_a_stderr_that_is_full_or_closed_does_not_keep_a_picture_from_being_restored(
    tmp_path: Path, picture: Path, where: str
) -> None:
    if "full" in where and not Path("/dev/full").exists():
        pytest.skip("needs a device that is always full")
    done = shell(tmp_path, f"restore old.png new.png {where}")
    assert done.returncode == 0
    assert (tmp_path / "new.png").read_bytes() == picture.read_bytes()


def test_results_for_a_closed_stdout_are_missed(tmp_path: Path) -> None:
    done = shell(tmp_path, "models >&-")
    assert (done.returncode, done.stderr) == (1, b"error: The results cannot be printed: stdout is closed.\n")


def test_libraries_write_to_the_log_and_not_to_the_terminal(tmp_path: Path) -> None:
    tiff = cv2.imencode(".tif", np.random.default_rng(0).integers(0, 256, (60, 80, 3), np.uint8))[1].tobytes()
    (tmp_path / "old.tif").write_bytes(tiff[: len(tiff) // 2])
    done = shell(tmp_path, "restore old.tif new.tif")
    lines = [line for line in done.stderr.replace(b"\r", b"\n").splitlines() if line.strip()]
    assert [line for line in lines if not line.startswith((b"restoring", b"error: ", b"hint: "))] == []
    assert b"TIFF" in (tmp_path / "log" / "cfrnet-live.log").read_bytes()


def test_control_codes_reach_no_terminal(tmp_path: Path) -> None:
    evil = "\x1b[2Jgone\x07.jpg"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / evil).write_bytes(encode_jpeg(np.zeros((48, 64, 3), np.uint8)))
    (tmp_path / "in" / f"bad-{evil}").write_bytes(b"\xff\xd8 no picture")
    answers = [
        shell(tmp_path, "restore in out"),
        shell(tmp_path, "restore in out --json"),
        shell(tmp_path, f"restore in out '{evil}'"),
        shell(tmp_path, f"live --serve 127.0.0.1:0 --source '{evil}'"),
    ]
    for answer in answers:
        assert not set(answer.stdout + answer.stderr) & set(b"\x1b\x07")
        assert b"gone" in answer.stdout + answer.stderr


def test_control_codes_of_a_camera_and_a_model_reach_no_terminal(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.cli import inspection
    from app.sources.camera import CameraDevice

    device = CameraDevice(index=0, name="\x1b[31mcamera\x07", path="/dev/\x1bvideo", backend=0)
    monkeypatch.setattr(inspection, "list_cameras", lambda: [device])
    answer = cli("cameras")
    assert answer.code == 0
    assert "camera" in answer.out
    assert not set(answer.out) & {"\x1b", "\x07"}


@pytest.fixture
def as_somebody(tmp_path: Path) -> Iterator[str]:
    """What starts a command for which the folder `locked` is locked, though it be root's."""
    locked = tmp_path / "locked"
    locked.mkdir()
    wrapper = ""
    if os.geteuid() == 0:
        rights = "-dac_override,-dac_read_search,-fowner"
        wrapper = f"setpriv --bounding-set={rights} --inh-caps={rights}"
        os.chown(locked, 65534, 65534)
    locked.chmod(0o700 if wrapper else 0o000)
    if subprocess.run(["sh", "-c", f"{wrapper} true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("the rights of root cannot be dropped here")
    yield wrapper
    if not wrapper:
        locked.chmod(0o700)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("locked out", "locked may not be read."),
        ("locked/old.png new.png", "locked/old.png may not be read."),
        ("old.png locked/new.png", "locked/new.png may not be written."),
        ("old.png locked/more/new.png", "locked/more/new.png may not be written."),
        (f"old.png {'a' * 300}.png", f"The name of {'a' * 300}.png is too long for this disk."),
        (f"{'a' * 300}.png new.png", f"The name of {'a' * 300}.png is too long for any disk."),
    ],
)
def test_a_place_that_cannot_be_used_is_named(
    tmp_path: Path, picture: Path, as_somebody: str, words: str, sentence: str
) -> None:
    done = shell(tmp_path, f"restore {words}", wrapper=as_somebody)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[0] == f"error: {sentence}"


def test_a_locked_folder_among_others_is_no_silent_loss(tmp_path: Path, picture: Path, as_somebody: str) -> None:
    (tmp_path / "in").mkdir()
    picture.rename(tmp_path / "in" / "old.png")
    (tmp_path / "locked").rename(tmp_path / "in" / "locked")
    done = shell(tmp_path, "restore in out", wrapper=as_somebody)
    (tmp_path / "in" / "locked").rename(tmp_path / "locked")
    assert done.returncode == 1
    assert b"locked may not be read" in done.stderr
    assert (tmp_path / "out" / "old.png").exists()
