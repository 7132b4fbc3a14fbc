"""The recording of a live session: at most one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

from app.core.errors import AppError, RecordingError
from app.core.settings import Settings
from app.core.types import Restored
from app.outputs.base import OutputContext
from app.outputs.fanout import FanOut
from app.outputs.recordings.microphone import AudioInput
from app.outputs.recordings.output import DESCRIPTOR, create_recorder
from app.outputs.recordings.recorder import RecordingState, VideoRecorder


class SessionRecording:
    """Starts and ends the recorder among the session's outputs. Every method may be called by any thread."""

    def __init__(self, outputs: FanOut, *, on_error: Callable[[AppError], None]) -> None:
        """`on_error` is called on the recording thread when a recording had to end early."""
        self._outputs = outputs
        self._on_error = on_error
        self._starting = threading.Lock()

    def start(
        self,
        folder: Path,
        latest: Restored | None,
        settings: Settings,
        *,
        source_fps: float,
        sound: AudioInput | None = None,
    ) -> Path:
        """Record from now on into a new file in `folder` and return its path.

        `latest` is the newest frame, whose size the recording takes, `source_fps` the source's rate or 0, `sound`
        is recorded beside it. Raises RecordingError when there is no frame yet or a recording runs already, and
        OutputError.
        """
        if not self._starting.acquire(blocking=False):
            raise RecordingError("A recording is being started already.", "Wait a moment.")
        try:
            if self.state() is not None:
                raise RecordingError("A recording is running already.", "Stop it first.")
            if latest is None:
                raise RecordingError("There is no picture to record yet.", "Open a source first.")
            height, width = latest.image.shape[:2]
            context = OutputContext(
                size=(width, height),
                fps=source_fps if source_fps > 0 else settings.target_fps,
                folder=folder,
                on_error=self._ended_early,
                sound=sound,
            )
            recorder = create_recorder(settings, context)
            self._outputs.start(DESCRIPTOR, recorder)
            return recorder.path
        finally:
            self._starting.release()

    def stop(self) -> tuple[Path, ...]:
        """Finish the recording, wait until it is complete and return its files; none when nothing was recorded."""
        recorder = self._outputs.remove(DESCRIPTOR.name)
        return cast(VideoRecorder, recorder).finish() if recorder is not None else ()

    def state(self) -> RecordingState | None:
        """Return the progress of the recording, None when there is none."""
        recorder = self._outputs.get(DESCRIPTOR.name)
        return cast(VideoRecorder, recorder).state() if recorder is not None else None

    def _ended_early(self, error: AppError) -> None:
        self._outputs.remove(DESCRIPTOR.name)
        self._on_error(error)
