"""A driver of a virtual camera for pyvirtualcam that keeps what it gets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from app.core.types import Image


class StoringBackend:
    """What pyvirtualcam calls a backend. One device, whose pictures and their times are kept in the class."""

    pictures: ClassVar[list[Image]] = []
    times: ClassVar[list[float]] = []
    opened: ClassVar[list[tuple[int, int, float, str]]] = []
    closed: ClassVar[int] = 0
    present: ClassVar[bool] = True
    changed: ClassVar[threading.Condition] = threading.Condition()

    @classmethod
    def reset(cls) -> None:
        cls.pictures, cls.times, cls.opened, cls.closed, cls.present = [], [], [], 0, True

    @classmethod
    def wait(cls, condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
        with cls.changed:
            assert cls.changed.wait_for(condition, timeout_s), (len(cls.pictures), cls.opened, cls.closed)

    def __init__(self, *, width: int, height: int, fps: float, fourcc: int, device: str | None, **_: object) -> None:
        if not self.present:
            raise RuntimeError("the driver is not there")
        kind = type(self)
        self._shape = (height, width, 3)
        with kind.changed:
            kind.opened.append((width, height, fps, fourcc.to_bytes(4, "little").decode()))
            kind.changed.notify_all()

    def close(self) -> None:
        kind = type(self)
        with kind.changed:
            kind.closed += 1
            kind.changed.notify_all()

    def send(self, frame: Image) -> None:
        if not self.present:
            raise RuntimeError("the driver went away")
        kind = type(self)
        with kind.changed:
            kind.pictures.append(np.array(frame).reshape(self._shape))
            kind.times.append(time.perf_counter())
            kind.changed.notify_all()

    def device(self) -> str:
        return "Stored Camera"

    def native_fourcc(self) -> int | None:
        return None
