"""Writing to a v4l2loopback device: its format is set by ioctl, then pictures are written to the file.

Numbers and structures are those of the kernel's `linux/videodev2.h` on systems of 64 bits.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

from app.core.errors import OutputError
from app.core.types import Image
from app.core.words import phrase

_QUERYCAP = 0x80685600
_S_FMT = 0xC0D05605
_S_PARM = 0xC0CC5616

_BUF_TYPE_VIDEO_OUTPUT = 2
_CAP_VIDEO_OUTPUT = 0x00000002
_CAP_DEVICE_CAPS = 0x80000000
_FIELD_NONE = 1
_COLORSPACE_SMPTE170M = 1
_I420 = int.from_bytes(b"YU12", "little")

_CAPABILITY = struct.Struct("=16s32s32s3I12x")
_FORMAT = struct.Struct("=I4x12I152x")
_PARAMETERS = struct.Struct("=6I180x")

Ioctl = Callable[[int, int, bytearray], None]


def _system_ioctl(descriptor: int, request: int, argument: bytearray) -> None:
    import fcntl  # only on systems that have such devices

    fcntl.ioctl(descriptor, request, argument, True)


class _NoLoopbackError(OutputError):
    """A device that does not accept pictures."""


class LoopbackDevice:
    """The device `path`, opened for pictures of `size` (width, height, both even) at `fps`. Raises OutputError.

    Pictures are written as I420 in limited range BT.601, which Chrome, Firefox and Zoom accept.
    """

    def __init__(self, path: Path, size: tuple[int, int], fps: int, *, ioctl: Ioctl = _system_ioctl) -> None:
        self._path = path
        self._size = size
        try:
            self._descriptor = os.open(path, os.O_RDWR)
        except OSError as error:
            raise _output_error(path, error) from error
        try:
            self.name = _card_name(self._descriptor, path, ioctl)
            self._set_format(size, fps, ioctl)
        except OSError as error:
            os.close(self._descriptor)
            raise _output_error(path, error) from error
        except OutputError:
            os.close(self._descriptor)
            raise

    @classmethod
    def find(
        cls,
        size: tuple[int, int],
        fps: int,
        *,
        paths: Sequence[Path] | None = None,
        ioctl: Ioctl = _system_ioctl,
    ) -> LoopbackDevice | None:
        """Open the first of `paths` (all video devices by default) that accepts pictures, None when there is none.

        Raises OutputError when one could be meant but does not open.
        """
        refusal: OutputError | None = None
        for path in sorted(Path("/dev").glob("video*")) if paths is None else paths:
            try:
                return cls(path, size, fps, ioctl=ioctl)
            except _NoLoopbackError:
                continue
            except OutputError as error:
                refusal = refusal or error
        if refusal is not None:
            raise refusal
        return None

    def send(self, image: Image) -> None:
        """Write one picture, uint8 (H, W, 3) BGR of the device's size. Raises OutputError when the device is gone."""
        import cv2

        try:
            os.write(self._descriptor, cv2.cvtColor(image, cv2.COLOR_BGR2YUV_I420).data)
        except OSError as error:
            raise _output_error(self._path, error) from error

    def close(self) -> None:
        os.close(self._descriptor)

    def _set_format(self, size: tuple[int, int], fps: int, ioctl: Ioctl) -> None:
        width, height = size
        fields = (width, height, _I420, _FIELD_NONE, width, width * height * 3 // 2, _COLORSPACE_SMPTE170M)
        wanted = bytearray(_FORMAT.pack(_BUF_TYPE_VIDEO_OUTPUT, *fields, *[0] * 5))
        ioctl(self._descriptor, _S_FMT, wanted)
        _, got_width, got_height, got_pixels, *_ = _FORMAT.unpack(wanted)
        if (got_width, got_height, got_pixels) != (width, height, _I420):
            raise OutputError(
                "{path} keeps {got_width} x {got_height} instead of {width} x {height}.",
                "Close the program that uses it, or choose that size.",
                path=self._path,
                got_width=got_width,
                got_height=got_height,
                width=width,
                height=height,
            )
        with contextlib.suppress(OSError):  # only informs readers of the rate; not every driver supports it
            ioctl(self._descriptor, _S_PARM, bytearray(_PARAMETERS.pack(_BUF_TYPE_VIDEO_OUTPUT, 0, 0, 1, fps, 0)))


def _card_name(descriptor: int, path: Path, ioctl: Ioctl) -> str:
    """Return the device's name. Raises _NoLoopbackError when it does not accept pictures."""
    answer = bytearray(_CAPABILITY.size)
    try:
        ioctl(descriptor, _QUERYCAP, answer)
    except OSError as error:
        raise _NoLoopbackError("{path} is not a video device.", path=path) from error
    _, card, _, _, capabilities, device_capabilities = _CAPABILITY.unpack(answer)
    if capabilities & _CAP_DEVICE_CAPS:
        capabilities = device_capabilities
    if not capabilities & _CAP_VIDEO_OUTPUT:
        raise _NoLoopbackError("{path} is a camera, not a loopback device.", "Choose another device.", path=path)
    return str(card.split(b"\0")[0].decode("utf-8", "replace")) or str(path)


def _output_error(path: Path, error: OSError) -> OutputError:
    hints = {
        errno.EACCES: phrase("Add yourself to the group video: sudo usermod -aG video $USER, then log in again."),
        errno.EBUSY: phrase("Another program writes to it; close that one."),
        errno.ENODEV: phrase("Its driver was unloaded; it is tried again."),
    }
    reason = error.strerror or str(error)
    return OutputError(
        "The virtual camera {path} cannot be used: {reason}.", hints.get(error.errno or 0, ""), path=path, reason=reason
    )
