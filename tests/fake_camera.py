"""Cameras that exist only in a test, behind the two doors that real ones come through: the listing and the capture."""

from __future__ import annotations

import threading
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from app.sources.camera import CameraDevice


class FakeCameras:
    """A bench of cameras. `unplug` makes one vanish from the listing and its pictures stop; `plug` brings it back.

    `plug` gives it another index, as systems do. `hang` makes its reads block until `release_hung`, as drivers do.
    """

    def __init__(
        self,
        names: list[str],
        *,
        picture: Callable[[int], NDArray[np.uint8]],
        fps: float = 30.0,
        modes: dict[int, float] | None = None,
    ) -> None:
        self.picture = picture
        self.fps = fps
        self.modes = modes or {}
        self._devices = {name: CameraDevice(name=name, index=i, backend=0, path="") for i, name in enumerate(names)}
        self._next_index = len(names)
        self._hung: set[str] = set()
        self._unhang = threading.Event()
        self._changed = threading.Condition()
        self.opened: list[str] = []
        self.open_captures = 0

    def list(self) -> list[CameraDevice]:
        with self._changed:
            return list(self._devices.values())

    def open(self, index: int, backend: int) -> FakeCapture:
        with self._changed:
            name = next((device.name for device in self._devices.values() if device.index == index), "")
            self.opened.append(name)
            self.open_captures += 1
        return FakeCapture(self, name)

    def unplug(self, name: str) -> None:
        with self._changed:
            self._devices.pop(name)

    def plug(self, name: str) -> None:
        with self._changed:
            self._devices[name] = CameraDevice(name=name, index=self._next_index, backend=0, path="")
            self._next_index += 1

    def hang(self, name: str) -> None:
        self._unhang.clear()
        self._hung.add(name)

    def release_hung(self) -> None:
        self._hung.clear()
        self._unhang.set()

    def is_plugged(self, name: str) -> bool:
        with self._changed:
            return name in self._devices


class FakeCapture:
    """What cv2.VideoCapture would be for one of the cameras."""

    def __init__(self, cameras: FakeCameras, name: str) -> None:
        self._cameras = cameras
        self._name = name
        self._index = 0
        self._pace = threading.Event()
        self._released = False

    def isOpened(self) -> bool:  # noqa: N802  (OpenCV's name)
        return self._cameras.is_plugged(self._name)

    def read(self) -> tuple[bool, NDArray[np.uint8] | None]:
        assert not self._released, "a released capture was read: a real one would crash"
        self._pace.wait(1.0 / self._cameras.fps)
        if self._name in self._cameras._hung:
            self._cameras._unhang.wait(30)
        if not self._cameras.is_plugged(self._name):
            return False, None
        self._index += 1
        return True, self._cameras.picture(self._index - 1)

    def get(self, prop: int) -> float:
        return self._cameras.modes.get(prop, self._cameras.fps if prop == cv2.CAP_PROP_FPS else 0.0)

    def set(self, prop: int, value: float) -> bool:
        return prop in self._cameras.modes

    def release(self) -> None:
        assert not self._released, "released twice"
        self._released = True
        self._cameras.open_captures -= 1
