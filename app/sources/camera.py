"""Cameras, found by name: a camera's index may change when it is plugged in again, its name does not."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import cv2
import numpy as np

from app.core.errors import CameraOpenError, SourceOfflineError
from app.core.settings import Settings
from app.core.types import Image
from app.core.words import phrase
from app.sources.base import SourceInfo, SourceKind, SourceSpec
from app.sources.guarded import LiveSource

_PREFERRED_BACKEND = {"linux": cv2.CAP_V4L2, "win32": cv2.CAP_DSHOW, "darwin": cv2.CAP_AVFOUNDATION}
_IN_USE_HINT = phrase("Close other programs that use it, check the system's camera permission, or choose another one.")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class CameraDevice:
    """A camera as the system lists it: `index` and `backend` are OpenCV's, `path` is the system's (may be empty)."""

    name: str
    index: int
    backend: int
    path: str


class Capture(Protocol):
    """The part of cv2.VideoCapture that is used here."""

    def isOpened(self) -> bool: ...  # noqa: N802  (OpenCV's name)

    def read(self) -> tuple[bool, Any]: ...

    def get(self, prop: int, /) -> float: ...

    def set(self, prop: int, value: float, /) -> bool: ...

    def release(self) -> None: ...


Enumeration = Callable[[], list[CameraDevice]]
CaptureFactory = Callable[[int, int], Capture]


def list_cameras(*, enumerate_devices: Callable[[int], Iterable[Any]] | None = None) -> list[CameraDevice]:
    """Return the connected cameras in the system's order, each with a unique name.

    Cameras of one model are distinguished by a number after the name. Empty where the system cannot list them.
    """
    backend = _PREFERRED_BACKEND.get(sys.platform, cv2.CAP_ANY)
    try:
        if enumerate_devices is None:
            from cv2_enumerate_cameras import enumerate_cameras

            enumerate_devices = enumerate_cameras
        found = sorted(enumerate_devices(backend), key=lambda camera: camera.index)
    except (ImportError, NotImplementedError, OSError) as error:
        _log.warning("The cameras cannot be listed: %s", error)
        return []
    devices: list[CameraDevice] = []
    seen: dict[str, int] = {}
    for camera in found:
        name = (camera.name or f"Camera {camera.index}").strip()
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name} ({seen[name]})"
        devices.append(
            CameraDevice(name=unique, index=camera.index, backend=camera.backend or backend, path=camera.path or "")
        )
    return devices


def find_camera(name: str, devices: list[CameraDevice]) -> CameraDevice:
    """The device called `name`, the first one for an empty name, or the one of that index for digits.

    Raises CameraOpenError that names the cameras there are.
    """
    if not devices:
        raise CameraOpenError("No camera was found.", "Plug one in, or choose a file or a stream.")
    for device in devices:
        if not name or device.name.casefold() == name.casefold():
            return device
    if name.isdecimal():
        for device in devices:
            if device.index == int(name):
                return device
    known = ", ".join(device.name for device in devices)
    raise CameraOpenError(
        "There is no camera called {name}.", "Plug it in or choose one of: {known}.", name=name, known=known
    )


class CameraSource(LiveSource):
    """The camera called `name`, looked up anew at every `open`. `info` has the rate and size that it really delivers.

    A camera that does not report its rate is given the requested one.
    """

    def __init__(
        self,
        name: str = "",
        *,
        size: tuple[int, int] = (1280, 720),
        fps: int = 30,
        mirror: bool = False,
        enumeration: Enumeration = list_cameras,
        open_capture: CaptureFactory = cv2.VideoCapture,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__(clock)
        self._name = name
        self._size = size
        self._fps = fps
        self.mirrored = mirror
        self._enumeration = enumeration
        self._open_capture = open_capture
        self._capture: Capture | None = None

    def _begin(self) -> tuple[tuple[Image, float], SourceInfo]:
        device = find_camera(self._name, self._enumeration())
        capture = self._open_capture(device.index, device.backend)
        self._guard.owns(capture.release)
        if not capture.isOpened():
            raise CameraOpenError("The camera {name} cannot be opened.", _IN_USE_HINT, name=device.name)
        self._configure(capture)
        delivered, pixels = capture.read()
        if not delivered or pixels is None:
            raise CameraOpenError("The camera {name} opens but gives no picture.", _IN_USE_HINT, name=device.name)
        self._name, self._capture = device.name, capture
        t_capture = self._clock()
        image = self._upright(pixels)
        real_fps = capture.get(cv2.CAP_PROP_FPS)
        height, width = image.shape[:2]
        info = SourceInfo(
            name=device.name,
            kind=CAMERA,
            width=width,
            height=height,
            fps=real_fps if np.isfinite(real_fps) and real_fps > 0 else float(self._fps),
        )
        return (image, t_capture), info

    def _next(self) -> tuple[Image, float]:
        assert self._capture is not None
        delivered, pixels = self._capture.read()
        t_capture = self._clock()
        if not delivered or pixels is None:
            raise SourceOfflineError(
                "The camera {name} stopped giving pictures.",
                "Check its cable; it is looked for by name.",
                name=self._name,
            )
        return self._upright(pixels), t_capture

    def _configure(self, capture: Capture) -> None:
        width, height = self._size
        if width > 640:
            # Uncompressed pictures over 640x480 do not fit through USB 2 at full rate.
            capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height)
        capture.set(cv2.CAP_PROP_FPS, self._fps)
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)

    def _upright(self, pixels: Any) -> Image:
        if pixels.ndim == 2 or pixels.shape[2] == 1:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_GRAY2BGR)
        elif pixels.shape[2] == 4:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGRA2BGR)
        return np.asarray(cv2.flip(pixels, 1) if self.mirrored else pixels, np.uint8)


def match_camera(text: str, settings: Settings) -> SourceSpec | None:
    """Match an empty text, which means the first camera, and `camera:NAME`."""
    if text and not text.startswith("camera:"):
        return None
    return _spec(text.removeprefix("camera:").strip(), settings)


def search_camera(text: str, settings: Settings, *, enumeration: Enumeration = list_cameras) -> SourceSpec:
    """Find a camera by its index or its name. Raises CameraOpenError."""
    return _spec(text if text.isdecimal() else find_camera(text, enumeration()).name, settings)


def _spec(name: str, settings: Settings) -> SourceSpec:
    width, height = (int(side) for side in settings.camera_size.split("x"))
    return SourceSpec(
        kind=CAMERA,
        address=name,
        size=(width, height),
        fps=settings.camera_fps,
        mirror=settings.mirror and settings.mirror_recording,
    )


def _make(spec: SourceSpec) -> CameraSource:
    return CameraSource(spec.address, size=spec.size, fps=spec.fps, mirror=spec.mirror)


CAMERA = SourceKind(
    name="camera",
    label=phrase("Camera"),
    icon="camera",
    match=match_camera,
    search=search_camera,
    make=_make,
    live=True,
    may_freeze=True,
    device=True,
)
