"""The recording of a live session: at most one at a time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
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
from app.pipeline.enlarging import at_scale
from app.pipeline.live.events import RecordingReduced

SCALES = (4, 2, 1)
"""How many times as large as the source a recording may be, the largest first."""

_ENCODING = 2.0
"""A frame's whole time in the recording thread for each second that enlarging it takes."""


class SessionRecording:
    """Starts and ends the recorder among the session's outputs. Every method may be called by any thread."""

    def __init__(
        self,
        outputs: FanOut,
        *,
        on_error: Callable[[AppError], None],
        on_reduced: Callable[[RecordingReduced], None],
    ) -> None:
        """`on_error` is called on the recording thread when a recording had to end early, `on_reduced` by `start` when
        the recording is smaller than requested."""
        self._outputs = outputs
        self._on_error = on_error
        self._on_reduced = on_reduced
        self._starting = threading.Lock()

    def start(
        self,
        folder: Path,
        latest: Restored | None,
        settings: Settings,
        *,
        source_fps: float,
        open_sound: Callable[[], AudioInput | None] = lambda: None,
        on_silent: Callable[[], None] = lambda: None,
    ) -> Path:
        """Record from now on into a new file in `folder` and return its path.

        `latest` is the newest frame, whose size the recording takes, `source_fps` the source's rate or 0. What
        `open_sound` returns is recorded beside it; it is called once nothing else speaks against the recording, and
        `on_silent` when what it returned does not start. Raises RecordingError when there is no frame yet or a
        recording runs already, and OutputError.
        """
        if not self._starting.acquire(blocking=False):
            raise RecordingError("A recording is being started already.", "Wait a moment.")
        try:
            if self.state() is not None:
                raise RecordingError("A recording is running already.", "Stop it first.")
            if latest is None:
                raise RecordingError("There is no picture to record yet.", "Open a source first.")
            height, width = latest.image.shape[:2]
            fps = source_fps if source_fps > 0 else settings.target_fps
            scale = self._affordable_scale(latest, int(settings.output_scale), fps)
            sound = open_sound()
            context = OutputContext(
                size=(width, height),
                fps=fps,
                folder=folder,
                on_error=self._ended_early,
                sound=sound,
                scale=scale,
                prepare=partial(at_scale, scale=scale) if scale > 1 else None,
            )
            try:
                recorder = create_recorder(settings, context)
                self._outputs.start(DESCRIPTOR, recorder)
            except BaseException:
                if sound is not None:
                    sound.stop()
                raise
            if sound is not None and not recorder.records_sound:
                on_silent()
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

    def _affordable_scale(self, latest: Restored, wanted: int, fps: float) -> int:
        """The largest of the scales up to `wanted` for which a frame is enlarged in time, its encoding left as much."""
        scale = next(
            (each for each in SCALES if 1 < each <= wanted and _enlarging_s(latest, each) * _ENCODING < 1 / fps), 1
        )
        if scale < wanted:
            self._on_reduced(RecordingReduced(scale=scale, wanted=wanted))
        return scale

    def _ended_early(self, error: AppError) -> None:
        state = self.state()
        if state is not None and state.error is error:  # else another recording has taken its place
            self._outputs.remove(DESCRIPTOR.name)
        self._on_error(error)


def _enlarging_s(latest: Restored, scale: int) -> float:
    """Seconds that enlarging this frame takes, the shorter of two tries: the first has to fetch fresh memory."""
    times = []
    for _ in range(2):
        started = time.perf_counter()
        at_scale(latest, scale)
        times.append(time.perf_counter() - started)
    return min(times)
