"""The restored picture as a camera that video calls can choose.

Pictures are written at a fixed rate: pyvirtualcam where it is installed (OBS on Windows and macOS, Unity Capture on
Windows, v4l2loopback on Linux), otherwise on Linux the v4l2loopback device itself.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any, Protocol

import numpy as np

from app.core.errors import AppError, OutputError, OutputUnavailableError
from app.core.mailbox import Mailbox
from app.core.settings import Settings
from app.core.types import Image
from app.core.words import phrase
from app.outputs.base import OutputContext, OutputDescriptor, ThreadedOutput
from app.outputs.compose import letterbox
from app.outputs.v4l2 import LoopbackDevice
from app.outputs.views import FrameViews

_RETRY_S = (1.0, 2.0, 4.0, 8.0)

_INSTALL_PYVIRTUALCAM = phrase("Install it: pip install pyvirtualcam. Then restart.")
_MISSING_DEVICE = {
    "linux": phrase(
        "Make one: sudo modprobe v4l2loopback exclusive_caps=1 card_label='CFRNet Live' "
        "(package v4l2loopback-dkms; Chrome needs exclusive_caps=1)."
    ),
    "darwin": phrase(
        "Install OBS 30 or newer from obsproject.com, press Start Virtual Camera in it once, then close it."
    ),
    "win32": phrase("Install OBS from obsproject.com, which brings the device; Unity Capture works as well."),
}

_log = logging.getLogger(__name__)


class CameraDevice(Protocol):
    """An open device that other programs see as a camera."""

    @property
    def name(self) -> str: ...

    def send(self, image: Image) -> None:
        """Show uint8 (H, W, 3) BGR of the device's size. Raises OutputError when the device is gone."""

    def close(self) -> None: ...


OpenDevice = Callable[[tuple[int, int], int], CameraDevice]


class VirtualCamera(ThreadedOutput):
    """Shows the chosen view to video calls at `fps`, letterboxed to `size` (width, height) and never mirrored.

    The last picture is repeated while there is no newer one. A device that disappears is reopened, waiting longer each
    time.
    """

    def __init__(
        self,
        *,
        size: tuple[int, int] = (1280, 720),
        fps: int = 30,
        open_device: OpenDevice | None = None,
        retry_s: tuple[float, ...] = _RETRY_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        super().__init__("virtual-camera")
        self._size = size
        self._fps = fps
        self._open_device = open_device or open_camera_device
        self._retry_s = retry_s
        self._clock = clock
        self._slot: Mailbox[FrameViews] = Mailbox()
        self._picture = np.zeros((size[1], size[0], 3), np.uint8)

    def put(self, views: FrameViews) -> None:
        self._count(dropped=self._slot.put(views))

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            sent_before = self.state().sent
            try:
                with closing(self._open_device(self._size, self._fps)) as device:
                    width, height = self._size
                    self._tell(
                        "live",
                        phrase(
                            "{device}, {width} x {height} at {fps} fps",
                            device=device.name,
                            width=width,
                            height=height,
                            fps=self._fps,
                        ),
                    )
                    self._feed(device)
            except OutputUnavailableError:
                raise
            except AppError as error:
                failures = failures + 1 if self.state().sent == sent_before else 1
                self._tell("waiting", error=error)
                self._stopping.wait(self._retry_s[min(failures, len(self._retry_s)) - 1])

    def _wake(self) -> None:
        self._slot.close()

    def _feed(self, device: CameraDevice) -> None:
        """Send a picture at every tick until the end. Raises OutputError when the device disappears."""
        next_at = self._clock()
        while not self._stopping.is_set():
            views = self._slot.take(timeout=0)
            if views is not None:
                self._picture = letterbox(views.image(views.view, unmirrored=True), self._size)
            device.send(self._picture)
            self._count(sent=1)
            # After a delay the ticks go on from now; missed ones are not made up for.
            next_at = max(next_at + 1.0 / self._fps, self._clock())
            self._stopping.wait(max(next_at - self._clock(), 0.0))


class _PyVirtualCam:
    """A device of pyvirtualcam, which finds the driver."""

    def __init__(self, module: Any, size: tuple[int, int], fps: int) -> None:
        width, height = size
        try:
            self._camera = module.Camera(width=width, height=height, fps=fps, fmt=module.PixelFormat.BGR)
        except RuntimeError as error:
            _log.info("no virtual camera opens: %s", error)
            raise missing_device() from error
        self.name = str(self._camera.device)

    def send(self, image: Image) -> None:
        try:
            self._camera.send(image)
        except (RuntimeError, OSError) as error:
            raise OutputError(
                "The virtual camera {name} is gone ({error}).", "It is tried again.", name=self.name, error=error
            ) from error

    def close(self) -> None:
        try:
            self._camera.close()
        except (RuntimeError, OSError) as error:
            _log.info("the virtual camera does not close in good order: %s", error)


def open_camera_device(size: tuple[int, int], fps: int) -> CameraDevice:
    """Open this system's device. Raises OutputUnavailableError or, when it may still appear, OutputError."""
    try:
        import pyvirtualcam
    except ImportError as error:
        if sys.platform == "linux":
            device = LoopbackDevice.find(size, fps)
            if device is None:
                raise missing_device() from error
            return device
        raise OutputUnavailableError(
            "The virtual camera needs the package pyvirtualcam, which is not installed.", _INSTALL_PYVIRTUALCAM
        ) from error
    return _PyVirtualCam(pyvirtualcam, size, fps)


def missing_device(platform: str = sys.platform) -> OutputError:
    """Return the message for a missing driver, with the command that installs one on `platform`."""
    hint = _MISSING_DEVICE.get(platform, phrase("pyvirtualcam knows no driver for this system."))
    return OutputError("There is no virtual camera that can be opened.", hint)


def _create(settings: Settings, context: OutputContext) -> VirtualCamera:
    width, height = (int(side) for side in settings.virtual_camera_size.split("x"))
    return VirtualCamera(size=(width, height), fps=settings.virtual_camera_fps)


DESCRIPTOR = OutputDescriptor(
    name="virtual-camera",
    label=phrase("Virtual camera"),
    icon="camera",
    needs=phrase("A camera driver (v4l2loopback on Linux, OBS on Windows and macOS) and, but for Linux, pyvirtualcam"),
    views=("restored", "split", "side-by-side"),
    pacing="fixed rate",
    create=_create,
)
