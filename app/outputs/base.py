"""The contract of an output, which receives restored frames while a session runs."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from app.core.errors import AppError, OutputError
from app.core.log import log_path
from app.core.settings import Settings
from app.core.types import Restored
from app.core.words import Phrase, Words
from app.outputs.recordings.microphone import AudioInput
from app.outputs.views import FrameViews

OutputStatus = Literal["starting", "live", "waiting", "failed", "stopped"]
Pacing = Literal["every frame", "newest frame", "fixed rate"]

_JOIN_S = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class OutputState:
    """The state of an output.

    "waiting" tries again by itself, "failed" does not; `error` says why for both. `detail` is a phrase such as an
    address or a device with its size, `sent` counts pictures that were sent and `dropped` those replaced before.
    """

    status: OutputStatus
    detail: Words = ""
    sent: int = 0
    dropped: int = 0
    error: AppError | None = None


class Output(Protocol):
    """Receives frames and shows or keeps them, on a thread of its own."""

    def start(self) -> None:
        """Begin. Returns at once; raises AppError only for what is known to fail."""

    def put(self, views: FrameViews) -> None:
        """Take a frame. Never blocks; ignored after `stop`."""

    def state(self) -> OutputState:
        """Return the current state; never blocks."""

    def stop(self) -> None:
        """Release files, devices and connections, and end the thread. May be called twice."""


@dataclass(frozen=True, kw_only=True)
class OutputContext:
    """What an output may need to know about its session.

    `size` (width, height) in pixels and `fps` are those of the frames at the moment, `folder` is where files go,
    `sound` belongs to the pictures. A recording keeps what `prepare` returns, `scale` times as large. `on_error` is
    called on the output's thread when it had to end early.
    """

    size: tuple[int, int]
    fps: float
    folder: Path
    on_error: Callable[[AppError], None]
    sound: AudioInput | None = None
    scale: int = 1
    prepare: Callable[[Restored], Restored] | None = None


@dataclass(frozen=True, kw_only=True)
class OutputDescriptor:
    """The descriptor of an output, which the window and the command line list.

    `needs` names its requirements for a person. `views` are the views that it can show. An output paced by "every
    frame" keeps exactly what the source delivers; the others show a card while the source is offline.
    """

    name: str
    label: Phrase
    icon: str
    needs: Phrase
    views: tuple[str, ...]
    pacing: Pacing
    create: Callable[[Settings, OutputContext], Output]

    @property
    def is_live(self) -> bool:
        """Whether it is watched live, and does not keep every frame."""
        return self.pacing != "every frame"


class ThreadedOutput(ABC):
    """An output with a thread of its own, which ends soon after `_stopping` is set.

    A subclass implements `put` and `_run`, reports its state with `_tell`, and counts with `_count`.
    """

    def __init__(self, thread_name: str) -> None:
        self._stopping = threading.Event()
        self._state_lock = threading.Lock()
        self._state = OutputState(status="stopped")
        self._thread = threading.Thread(target=self._guarded, name=thread_name, daemon=True)

    def start(self) -> None:
        self._tell("starting")
        self._thread.start()

    @abstractmethod
    def put(self, views: FrameViews) -> None: ...

    def state(self) -> OutputState:
        with self._state_lock:
            return self._state

    def stop(self) -> None:
        self._stopping.set()
        self._wake()
        if self._thread.is_alive():
            self._thread.join(_JOIN_S)
        if self.state().status != "failed":
            self._tell("stopped")

    @abstractmethod
    def _run(self) -> None:
        """The thread's work. An AppError that leaves it is final and becomes the state."""

    @abstractmethod
    def _wake(self) -> None:
        """End the wait of `_run`, after `_stopping` was set."""

    def _tell(self, status: OutputStatus, detail: Words = "", error: AppError | None = None) -> None:
        with self._state_lock:
            self._state = replace(self._state, status=status, detail=detail, error=error)

    def _count(self, *, sent: int = 0, dropped: int = 0) -> None:
        with self._state_lock:
            self._state = replace(self._state, sent=self._state.sent + sent, dropped=self._state.dropped + dropped)

    def _guarded(self) -> None:
        try:
            self._run()
        except AppError as error:
            self._tell("failed", error=error)
        except Exception as error:
            _log.exception("An output failed in an unexpected way")
            self._tell(
                "failed",
                error=OutputError(
                    "The output failed: {error}.", "Details are in {log}.", error=repr(error), log=log_path()
                ),
            )
