"""The `live` command in a process of its own: the stream is read, states are printed, Ctrl-C ends it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import av
import pytest

from app.core.settings import Settings
from tests.cli.helpers import Cli

DEMO = Path(__file__).parents[2] / "assets" / "demo.mp4"

StartProcess = Callable[..., "subprocess.Popen[str]"]

STORED_CAMERA = """
import pyvirtualcam
from pyvirtualcam import camera
from tests.outputs.virtual_device import StoringBackend
class Device(StoringBackend):
    def send(self, frame):
        "Keep nothing: this runs as long as the test."
camera.BACKENDS.clear()
pyvirtualcam.register_backend("stored", Device)
"""


def lines_until(process: subprocess.Popen[str], word: str) -> list[str]:
    """The lines on stdout, up to the first with `word` in it. Hanging is ended after a minute."""
    assert process.stdout is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    lines = []
    try:
        for line in process.stdout:
            lines.append(line.strip())
            if word in line:
                return lines
    finally:
        watchdog.cancel()
    pytest.fail(f"{word!r} never came: {lines}, {process.stderr.read() if process.stderr else ''}")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl-C to a whole console")
def test_a_stream_and_a_camera_without_a_window(cli_process: StartProcess) -> None:
    pytest.importorskip("pyvirtualcam", reason="pyvirtualcam is not installed")
    words = ("live", "--source", DEMO, "--k", 1, "--virtual-camera", "--serve", "127.0.0.1:0")
    process = cli_process(*words, before=STORED_CAMERA)
    try:
        lines = lines_until(process, "network-stream: live")
        address = lines[-1].split(", ")[1]
        with av.open(f"{address}stream.mjpg", format="mpjpeg", timeout=30) as container:
            different: set[bytes] = set()
            for frame in container.decode(video=0):  # a picture is repeated while a busy machine has no newer one
                if frame.width == 1280:  # the card that is shown while the source is being opened
                    continue
                picture = frame.to_ndarray(format="bgr24")
                assert picture.shape == (480, 640, 3)
                different.add(picture[::16, ::16].tobytes())
                if len(different) == 4:  # it moves
                    break
        assert len(different) == 4
        if not any("virtual-camera: live" in line for line in lines):
            lines += lines_until(process, "virtual-camera: live")
        assert any("Stored Camera, 1280 x 720 at 30 fps" in line for line in lines)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out.strip().endswith("stopped.")
        assert "Traceback" not in err
    finally:
        process.kill()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """The settings of the sessions that began; Ctrl-C ends each at once."""
    settings: list[Settings] = []

    def begin(_store: object, its: Settings, _listener: object) -> NoReturn:
        settings.append(its)
        raise KeyboardInterrupt

    monkeypatch.setattr("app.cli.live.LiveSession", begin)
    return settings


def test_it_neither_mirrors_nor_plays_the_sound(cli: Cli, begun: list[Settings]) -> None:
    assert cli("live", "--source", DEMO, "--k", 2, "--serve").code == 0
    assert begun == [Settings(source=str(DEMO), k=2, mirror=False, play_sound=False)]


@pytest.mark.parametrize(
    ("words", "k"),
    [((), 3), (("--restorer", "hifacegan-lite"), 1), (("--restorer", "hifacegan-lite", "--k", 2), 2)],
)
def test_a_restorer_is_applied_as_often_as_it_is_made_for(
    cli: Cli, begun: list[Settings], words: tuple[object, ...], k: int
) -> None:
    assert cli("live", "--source", DEMO, "--serve", "127.0.0.1:0", *words).code == 0
    assert [settings.k for settings in begun] == [k]


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--restorer", "magic"), "There is no model magic."),
        (("--restorer", "magic", "--k", 2), "There is no model magic."),
        (("--restorer", "pfsrnet", "--precision", "fp16"), "pfsrnet"),
        (("--restorer", "cfrnet-d", "--k", 4), "cfrnet-d is applied 1 to 2 times, not 4 times."),
    ],
)
def test_what_cannot_be_restored_with_is_refused_before_anything_is_opened(
    cli: Cli, begun: list[Settings], words: tuple[object, ...], reason: str
) -> None:
    answer = cli("live", "--source", DEMO, "--serve", "127.0.0.1:0", *words)
    assert answer.code == 1
    assert answer.errors[0].startswith("error: ")
    assert reason in answer.errors[0]
    assert begun == []


def test_without_an_output_it_is_refused(cli: Cli) -> None:
    answer = cli("live", "--source", str(DEMO))
    assert answer.code == 2
    assert "--virtual-camera, --serve or both" in answer.err


def test_an_address_that_is_none_is_refused(cli: Cli) -> None:
    answer = cli("live", "--source", str(DEMO), "--serve", "nowhere")
    assert answer.code == 1
    assert answer.errors == ["error: 'nowhere' is not an address to serve at."]


def test_a_source_that_cannot_be_opened_ends_it(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "video.mp4").write_bytes(b"no video")
    answer = cli("live", "--source", str(tmp_path / "video.mp4"), "--serve", "127.0.0.1:0")
    assert answer.code == 1
    assert len(answer.errors) == 1
    assert "source: failed" in answer.out


def test_when_every_output_failed_it_ends(cli: Cli) -> None:
    answer = cli("live", "--source", str(DEMO), "--serve", "192.0.2.1:9")
    assert answer.code == 1
    assert "192.0.2.1:9" in answer.errors[0]
    assert "network-stream: failed" in answer.out
