"""The recording of a live session: at most one at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from app.core.errors import AppError, RecordingError
from app.core.settings import Settings
from app.core.types import Restored
from app.outputs.microphone import AudioInput
from app.outputs.recorder import RecordingState, VideoRecorder
from app.outputs.recording_file import FILM_STEM


class SessionRecording:
    """Starts, feeds and ends the session's recorder. Every method may be called by any thread."""

    def __init__(self, *, on_error: Callable[[AppError], None]) -> None:
        """`on_error` is called, from the recording thread, when a recording had to end early."""
        self._on_error = on_error
        self._starting = threading.Lock()
        self._lock = threading.Lock()
        self._recorder: VideoRecorder | None = None

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
        what is recorded beside it. Raises RecordingError when there is no frame yet or a recording runs already, and
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
            path = _free_path(folder, FILM_STEM, ".mp4")
            recorder = VideoRecorder(
                path,
                (width, height),
                source_fps if source_fps > 0 else settings.target_fps,
                mode=settings.record_mode,
                audio=sound,
                on_error=self._ended_early,
            )
            with self._lock:
                self._recorder = recorder
            if recorder.state().error is not None:  # it ended before it was this session's
                self._forget()
            return path
        finally:
            self._starting.release()

    def write(self, restored: Restored, split: float) -> None:
        """Record a frame if a recording runs; never waits."""
        with self._lock:
            recorder = self._recorder
        if recorder is not None:
            recorder.write(restored, split)

    def stop(self) -> tuple[Path, ...]:
        """Finish the recording, wait until it is complete and return its files; none when nothing was recorded."""
        recorder = self._forget()
        return recorder.finish() if recorder is not None else ()

    def state(self) -> RecordingState | None:
        """Return the progress of the recording, None when there is none."""
        with self._lock:
            recorder = self._recorder
        return recorder.state() if recorder is not None else None

    def _forget(self) -> VideoRecorder | None:
        with self._lock:
            recorder, self._recorder = self._recorder, None
        return recorder

    def _ended_early(self, error: AppError) -> None:
        self._forget()
        self._on_error(error)


def _free_path(folder: Path, name: str, suffix: str) -> Path:
    """Return a path in `folder` that is not taken: the name, the date and the time, and a number where needed."""
    stem = f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    for candidate in candidates:
        path = folder / (candidate + suffix)
        if not any(folder.glob(f"{candidate}*{suffix}*")):
            return path
    raise RecordingError(f"There is no free name for a recording in {folder}.", "Choose another folder.")
