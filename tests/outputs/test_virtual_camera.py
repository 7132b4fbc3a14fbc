"""The virtual camera over a backend of pyvirtualcam that keeps what it gets, and a real device where one exists."""

from __future__ import annotations

import builtins
import errno
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from app.core.errors import OutputError, OutputUnavailableError
from app.outputs.v4l2 import LoopbackDevice
from app.outputs.views import Card
from app.outputs.virtual_camera import VirtualCamera, missing_device, open_camera_device
from tests.outputs.frames import ORANGE_BGR, flat, views, wait_for_state
from tests.outputs.virtual_device import StoringBackend

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@contextmanager
def running(**options: Any) -> Iterator[VirtualCamera]:
    camera = VirtualCamera(**options)
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()


def shows(backend: type[StoringBackend], colour: tuple[int, int, int]) -> bool:
    return bool(backend.pictures) and np.abs(backend.pictures[-1][360, 640].astype(int) - colour).max() <= 1


def test_size_colour_order_and_bars(camera_backend: type[StoringBackend]) -> None:
    with running() as camera:
        camera.put(views(size=(640, 480)))
        camera_backend.wait(lambda: shows(camera_backend, ORANGE_BGR))
        assert camera.state().status == "live"
        assert str(camera.state().detail) == "Stored Camera, 1280 x 720 at 30 fps"
    assert camera_backend.opened == [(1280, 720, 30, "24BG")]
    picture = camera_backend.pictures[-1]
    assert picture.shape == (720, 1280, 3)
    assert picture[:, :160].max() == 0, "4:3 in 16:9 has a bar of 160 pixels at either side"
    assert picture[:, -160:].max() == 0
    assert picture[:, 170:1110].min() > 0


def test_pictures_are_repeated_at_a_steady_rate(camera_backend: type[StoringBackend]) -> None:
    with running(fps=50, size=(64, 48)) as camera:
        camera.put(views(size=(64, 48)))
        camera_backend.wait(lambda: len(camera_backend.pictures) >= 60)
    gaps = np.array([later - earlier for earlier, later in pairwise(camera_backend.times[:60])])
    assert np.median(gaps) == pytest.approx(1 / 50, rel=0.25)
    assert len(np.unique(np.stack(camera_backend.pictures[10:60]), axis=0)) == 1
    assert camera.state().sent == len(camera_backend.pictures)


def test_frames_that_come_faster_are_dropped(camera_backend: type[StoringBackend]) -> None:
    with running(fps=5, size=(64, 48)) as camera:
        camera_backend.wait(lambda: len(camera_backend.pictures) >= 1)
        for index in range(40):
            camera.put(views(index, size=(64, 48)))
        assert camera.state().dropped >= 38


@pytest.mark.parametrize("view", ["restored", "split", "side-by-side"])
def test_a_mirrored_camera_is_never_mirrored_for_others(camera_backend: type[StoringBackend], view: str) -> None:
    with running(size=(320, 180)) as camera:
        camera.put(views(view=view, size=(320, 180), mirrored=True))
        camera_backend.wait(lambda: len(np.unique(camera_backend.pictures[-1:])) > 1)
    picture = camera_backend.pictures[-1]
    assert picture[90, 315].min() > 250, "the white edge is at the right again"
    if view == "restored":
        assert picture[90, 5].tolist() == list(ORANGE_BGR)
    else:
        assert picture[90, 5].tolist() == [20, 20, 20], "the original stays at the left"


def test_a_driver_that_goes_is_opened_again_and_shows_the_last_picture(camera_backend: type[StoringBackend]) -> None:
    with running(size=(320, 180), retry_s=(0.02,)) as camera:
        camera.put(views(size=(320, 180)))
        camera_backend.wait(lambda: len(np.unique(camera_backend.pictures[-1:])) > 1)
        camera_backend.present = False
        state = wait_for_state(camera, lambda state: state.status == "waiting")
        assert isinstance(state.error, OutputError)
        assert state.error.hint
        seen = len(camera_backend.pictures)
        camera_backend.present = True
        camera_backend.wait(lambda: len(camera_backend.pictures) > seen)
        wait_for_state(camera, lambda state: state.status == "live" and state.error is None)
    assert len(camera_backend.opened) == 2
    assert camera_backend.closed == 2
    assert camera_backend.pictures[-1][90, 160].tolist() == list(ORANGE_BGR)


def test_a_device_that_is_missing_is_waited_for_and_stopping_does_not_wait(
    camera_backend: type[StoringBackend],
) -> None:
    camera_backend.present = False
    with running(retry_s=(60.0,)) as camera:
        state = wait_for_state(camera, lambda state: state.status == "waiting")
        assert state.error is not None
        assert "no virtual camera" in state.error.what
    assert camera.state().status == "stopped"
    assert camera_backend.opened == []


def test_a_card_is_shown_as_it_is(camera_backend: type[StoringBackend]) -> None:
    with running(size=(320, 180)) as camera:
        card = Card("Paused", size=(320, 180), t_capture=0.0)
        camera.put(card)
        camera_backend.wait(
            lambda: bool(camera_backend.pictures) and np.array_equal(camera_backend.pictures[-1], card.restored.image)
        )


@pytest.mark.parametrize(
    ("platform", "words"),
    [("linux", "modprobe v4l2loopback exclusive_caps=1"), ("darwin", "OBS"), ("win32", "OBS"), ("sunos", "no driver")],
)
def test_what_is_missing_is_explained_for_each_system(platform: str, words: str) -> None:
    assert words in missing_device(platform).hint


def test_without_the_package_other_systems_say_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    real_import = builtins.__import__

    def without_pyvirtualcam(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "pyvirtualcam":
            raise ImportError(name)
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_pyvirtualcam)
    monkeypatch.setattr(sys, "platform", "win32")
    with running() as camera:
        state = wait_for_state(camera, lambda state: state.status == "failed")
        assert isinstance(state.error, OutputUnavailableError)
        assert "pip install pyvirtualcam" in state.error.hint
    assert camera.state().status == "failed", "why it failed is still there after it was stopped"


# The path that writes to /dev/videoN itself

linux_only = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="V4L2 is Linux's")


class Driver:
    """Answers ioctl as v4l2loopback does; the device itself is a plain file."""

    def __init__(self, *, capabilities: int = 0x02, width: int | None = None) -> None:
        self.capabilities = capabilities
        self.width = width
        self.format: tuple[int, ...] = ()
        self.rate: tuple[int, int] | None = None

    def __call__(self, descriptor: int, request: int, argument: bytearray) -> None:
        number, size = request & 0xFF, request >> 16 & 0x3FFF
        assert size == len(argument), "the size of the structure is part of the request"
        if number == 0:
            struct.pack_into(
                "16s32s32s3I", argument, 0, b"v4l2 loopback", b"CFRNet Live", b"", 0, 1 << 31, self.capabilities
            )
        elif number == 5:
            self.format = struct.unpack_from("I4x12I", argument)
            if self.width is not None:
                struct.pack_into("I", argument, 8, self.width)
        elif number == 22:
            self.rate = struct.unpack_from("2I", argument, 12)
        else:
            raise OSError(errno.ENOTTY, "not that one")


@linux_only
def test_the_device_is_written_as_i420_after_its_format_was_set(tmp_path: Path) -> None:
    path, driver = tmp_path / "video7", Driver()
    path.write_bytes(b"")
    device = LoopbackDevice(path, (64, 48), 25, ioctl=driver)
    device.send(flat(ORANGE_BGR, (64, 48)))
    device.close()
    assert device.name == "CFRNet Live"
    assert driver.format[:4] == (2, 64, 48, int.from_bytes(b"YU12", "little"))
    assert driver.rate == (1, 25)
    written = np.frombuffer(path.read_bytes(), np.uint8)
    assert written.size == 64 * 48 * 3 // 2
    back = cv2.cvtColor(written.reshape(72, 64), cv2.COLOR_YUV2BGR_I420)
    assert np.abs(back.astype(int) - ORANGE_BGR).max() <= 3


@linux_only
def test_a_plain_camera_is_passed_over_and_what_refuses_is_named(tmp_path: Path) -> None:
    camera, busy = tmp_path / "video0", tmp_path / "video1"
    for path in (camera, busy):
        path.write_bytes(b"")
    assert LoopbackDevice.find((64, 48), 30, paths=[camera], ioctl=Driver(capabilities=0x01)) is None
    with pytest.raises(OutputError, match="keeps 1920 x 48"):
        LoopbackDevice.find((64, 48), 30, paths=[busy], ioctl=Driver(width=1920))
    with pytest.raises(OutputError, match="No such file"):
        LoopbackDevice(tmp_path / "video9", (64, 48), 30, ioctl=Driver())


@linux_only
def test_a_real_loopback_device_shows_the_picture() -> None:
    device = LoopbackDevice.find((640, 480), 30)
    if device is None:
        pytest.skip("there is no v4l2loopback device (modprobe v4l2loopback exclusive_caps=1)")
    name = device._path
    device.close()
    with running(size=(640, 480), open_device=lambda size, fps: LoopbackDevice(name, size, fps)) as camera:
        camera.put(views(size=(640, 480)))
        wait_for_state(camera, lambda state: state.sent > 5)
        capture = cv2.VideoCapture(str(name), cv2.CAP_V4L2)
        delivered, image = capture.read()
        capture.release()
    assert delivered
    assert np.abs(image[240, 320].astype(int) - ORANGE_BGR).max() <= 8


@linux_only
def test_without_the_package_linux_looks_for_the_device_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    monkeypatch.setattr(LoopbackDevice, "find", classmethod(lambda cls, size, fps: None))
    with pytest.raises(OutputError, match="no virtual camera"):
        open_camera_device((64, 48), 30)
