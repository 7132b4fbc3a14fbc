from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from app.core.errors import CameraOpenError, SourceOfflineError
from app.sources.camera import CameraDevice, CameraSource, find_camera, list_cameras
from tests.fake_camera import FakeCameras
from tests.media_files import number_of, numbered_picture

NAMES = ["Desk camera", "Laptop camera"]


def bench(**options: object) -> FakeCameras:
    return FakeCameras(NAMES, picture=numbered_picture, fps=100, **options)


def source(cameras: FakeCameras, name: str = "", **options: object) -> CameraSource:
    return CameraSource(name, enumeration=cameras.list, open_capture=cameras.open, **options)


def test_an_empty_name_is_the_first_camera() -> None:
    cameras = bench()
    camera = source(cameras)
    camera.open()
    assert camera.info.name == "Desk camera"
    camera.close()


@pytest.mark.parametrize("name", ["Laptop camera", "laptop CAMERA", "1"])
def test_a_camera_is_found_by_its_name_or_number(name: str) -> None:
    cameras = bench()
    camera = source(cameras, name)
    camera.open()
    assert camera.info.name == "Laptop camera"
    camera.close()


def test_a_wrong_name_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(CameraOpenError) as refusal:
        source(bench(), "Kitchen camera").open()
    assert "Kitchen camera" in refusal.value.what
    assert all(name in refusal.value.hint for name in NAMES)


def test_without_cameras_it_says_so() -> None:
    with pytest.raises(CameraOpenError, match="No camera"):
        find_camera("", [])


def test_the_real_size_and_rate_are_read_back() -> None:
    camera = source(bench(modes={cv2.CAP_PROP_FPS: 29.97}), size=(1920, 1080), fps=60)
    camera.open()
    assert (camera.info.width, camera.info.height, camera.info.fps) == (160, 120, 29.97)
    camera.close()


@pytest.mark.parametrize("told", [0.0, float("nan"), -1.0])
def test_a_camera_that_does_not_tell_its_rate_has_the_asked_one(told: float) -> None:
    camera = source(bench(modes={cv2.CAP_PROP_FPS: told}), fps=60)
    camera.open()
    assert camera.info.fps == 60
    camera.close()


def test_a_mirrored_camera_swaps_left_and_right_only() -> None:
    plain, mirrored = source(bench(), mirror=False), source(bench(), mirror=True)
    images = []
    for camera in (plain, mirrored):
        camera.open()
        frame = camera.read()
        assert frame is not None
        images.append(frame.image)
        camera.close()
    assert np.array_equal(images[1], images[0][:, ::-1])
    assert number_of(images[0]) == 0


@pytest.mark.parametrize("channels", [None, 1, 4])
def test_grey_and_four_channel_cameras_become_bgr(channels: int | None) -> None:
    shape = (120, 160) if channels is None else (120, 160, channels)
    cameras = FakeCameras(NAMES, picture=lambda i: np.full(shape, 99, np.uint8), fps=100)
    camera = source(cameras)
    camera.open()
    frame = camera.read()
    assert frame is not None
    assert frame.image.shape == (120, 160, 3)
    assert (frame.image == 99).all()
    camera.close()


def test_an_unplugged_camera_goes_offline() -> None:
    cameras = bench()
    camera = source(cameras)
    camera.open()
    camera.read()
    cameras.unplug("Desk camera")
    with pytest.raises(SourceOfflineError, match="Desk camera"):
        camera.read()
    assert cameras.open_captures == 0


def test_a_camera_in_use_is_refused_and_let_go() -> None:
    cameras = bench()
    devices = cameras.list()
    cameras.unplug("Desk camera")
    camera = CameraSource("Desk camera", enumeration=lambda: devices, open_capture=cameras.open)
    with pytest.raises(CameraOpenError, match="cannot be opened"):
        camera.open()
    assert cameras.open_captures == 0


def test_a_camera_without_a_picture_is_refused_and_let_go() -> None:
    cameras = FakeCameras(NAMES, picture=numbered_picture, fps=100)

    class Dark:
        def __getattr__(self, name: str) -> object:
            return getattr(cameras.open(0, 0), name)

        def read(self) -> tuple[bool, None]:
            return False, None

        def release(self) -> None:
            released.append(True)

    released: list[bool] = []
    camera = CameraSource(enumeration=cameras.list, open_capture=lambda index, backend: Dark())
    with pytest.raises(CameraOpenError, match="gives no picture"):
        camera.open()
    assert released == [True]


def _listed(*cameras: tuple[int, str | None]) -> list[CameraDevice]:
    entries = [SimpleNamespace(index=index, name=name, backend=200, path=None) for index, name in cameras]
    return list_cameras(enumerate_devices=lambda backend: entries)


def test_cameras_are_listed_in_order_and_twins_get_names_of_their_own() -> None:
    devices = _listed((2, "HD cam"), (0, "HD cam"), (4, None))
    assert [(device.index, device.name) for device in devices] == [(0, "HD cam"), (2, "HD cam (2)"), (4, "Camera 4")]


def test_a_system_that_cannot_be_asked_has_no_cameras() -> None:
    def refuse(backend: int) -> list[object]:
        raise OSError("no video subsystem")

    assert list_cameras(enumerate_devices=refuse) == []


def test_the_real_listing_answers_on_this_machine() -> None:
    assert all(device.name for device in list_cameras())
