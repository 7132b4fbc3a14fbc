"""The live session: the threads round the straight line from source to screen, and the only thing a window talks to."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.core.errors import AppError, InferenceError, RecordingError
from app.core.log import log_path
from app.core.settings import Settings
from app.core.types import Frame, Restored, Timings
from app.pipeline.capture.status import SourceStatus
from app.pipeline.capture.worker import CaptureWorker
from app.pipeline.latency import LatencyStatistics, LiveStatistics
from app.pipeline.loader import PipelineLoader
from app.pipeline.mailbox import Mailbox
from app.pipeline.process import FramePipeline
from app.restorers.base import EngineInfo
from app.restorers.store import ModelStore
from app.sources.base import Source
from app.sources.spec import SourceSpec, open_source

if TYPE_CHECKING:  # PyAV is only loaded by those who record
    from app.outputs.recorder import RecordingState, VideoRecorder

_IDLE_S = 0.1
_JOIN_S = 5.0

_log = logging.getLogger(__name__)


class SessionListener(Protocol):
    """Told what happens, from the session's threads; must return at once."""

    def on_frame(self) -> None:
        """A new frame can be taken."""

    def on_status(self, status: SourceStatus) -> None:
        """The source changed its state. Its errors come this way and no other."""

    def on_error(self, error: AppError) -> None:
        """Something failed in a worker. The same failure on frame after frame is told once."""

    def on_notice(self, text: str) -> None:
        """Something that a person wants to know: auto-k chose another k, a recording was saved."""


class LiveSession:
    """Reads one source, restores its faces and hands out the newest frame. All methods may be called by any thread.

    The picture never waits for a model: until one is ready, and whenever inference fails, frames pass unchanged.
    """

    def __init__(
        self,
        store: ModelStore,
        settings: Settings,
        listener: SessionListener,
        clock: Callable[[], float] = time.perf_counter,
        *,
        make_source: Callable[[SourceSpec], Source] = open_source,
    ) -> None:
        """Start loading the models; nothing is opened yet. `make_source` is for sources of one's own."""
        self._listener = listener
        self._clock = clock
        self._lock = threading.Lock()
        self._settings = settings
        self._settings_version = 0
        self._pipeline: FramePipeline | None = None
        self._recorder: VideoRecorder | None = None
        self._latest: Restored | None = None
        self._closed = False
        self._failing = ""
        self._statistics = LatencyStatistics(clock=clock)
        self._frames: Mailbox[Frame] = Mailbox()
        self._results: Mailbox[Restored] = Mailbox()
        self._capture = CaptureWorker(self._frames, on_status=listener.on_status, make_source=make_source, clock=clock)
        self._loader = PipelineLoader(store, on_ready=self._use, on_error=listener.on_error)
        self._loader.request(settings)
        self._worker = threading.Thread(target=self._work, name="inference", daemon=True)
        self._worker.start()

    def open(self, spec: SourceSpec, *, loop: bool = True) -> None:
        """Change to another source. Returns at once; what becomes of it is told by `on_status`."""
        self._statistics.reset()
        self._capture.open(spec, loop=loop)

    def update(self, settings: Settings) -> None:
        """Use `settings` from the next frame on. Another restorer takes over when it is loaded."""
        with self._lock:
            self._settings = settings
            self._settings_version += 1
        self._loader.request(settings)

    def take(self) -> Restored | None:
        """The newest finished frame, each one once; None when there is no newer one. Never waits."""
        return self._results.take(timeout=0)

    def painted(self, restored: Restored, paint_ms: float) -> None:
        """Tell that a frame is on the screen now, and how long painting it took."""
        self._statistics.painted(restored, paint_ms)

    def statistics(self) -> LiveStatistics:
        """Percentiles, rates and history as of now. Dropped frames are those that the worker was too slow for."""
        with self._lock:
            pipeline, settings = self._pipeline, self._settings
        return self._statistics.snapshot(
            dropped=self._frames.dropped,
            target_fps=settings.target_fps,
            auto_reason=pipeline.choice.reason if pipeline is not None and settings.auto_k else "",
            cycle_ms=pipeline.auto_k.cycle_ms if pipeline is not None else 0.0,
        )

    def engine_info(self) -> EngineInfo | None:
        """The engine in use, None while the first one is being loaded."""
        with self._lock:
            return self._pipeline.restorer.engine if self._pipeline is not None else None

    def set_paused(self, paused: bool) -> None:
        """Stop or go on. A picture that stands still is restored again when the settings change."""
        self._capture.set_paused(paused)

    def seek(self, seconds: float) -> None:
        """Go to another place of a film."""
        self._capture.seek(seconds)

    def start_recording(self, folder: Path) -> Path:
        """Start a film in `folder`, as the settings say; gives its path. Raises RecordingError or OutputError."""
        from app.outputs.microphone import open_microphone
        from app.outputs.recorder import VideoRecorder
        from app.outputs.recording_file import FILM_STEM

        with self._lock:
            latest, settings, running = self._latest, self._settings, self._recorder is not None
        if running:
            raise RecordingError("A recording is running already.", "Stop it first.")
        if latest is None:
            raise RecordingError("There is no picture to record yet.", "Open a source first.")
        height, width = latest.image.shape[:2]
        info = self._capture.status.info
        path = _free_path(folder, FILM_STEM, ".mp4")
        recorder = VideoRecorder(
            path,
            (width, height),
            info.fps if info is not None and info.fps > 0 else settings.target_fps,
            mode=settings.record_mode,
            audio=open_microphone() if settings.record_sound else None,
            on_error=self._recording_ended,
        )
        with self._lock:
            self._recorder = recorder
        return path

    def stop_recording(self) -> tuple[Path, ...]:
        """Finish the film and wait until it is whole; gives its files, none when nothing was recorded."""
        with self._lock:
            recorder, self._recorder = self._recorder, None
        if recorder is None:
            return ()
        paths = recorder.finish()
        if paths:
            self._listener.on_notice(f"Saved {', '.join(path.name for path in paths)}.")
        return paths

    def recording(self) -> RecordingState | None:
        """How the film is getting on, None when none is made."""
        with self._lock:
            recorder = self._recorder
        return recorder.state() if recorder is not None else None

    def snapshot(self, folder: Path) -> tuple[Path, Path]:
        """Save the newest frame before and after as PNG; gives both paths. Raises OutputError or RecordingError."""
        from app.outputs.snapshot import save_snapshot

        with self._lock:
            latest = self._latest
        if latest is None:
            raise RecordingError("There is no picture to save yet.", "Open a source first.")
        return save_snapshot(latest, folder)

    def close(self) -> None:
        """Finish a running film and end every thread. May be called twice."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._frames.close()
        self._capture.close()
        self._worker.join(_JOIN_S)
        try:
            self.stop_recording()
        except AppError as error:
            self._listener.on_error(error)
        self._loader.close()
        self._results.close()

    def _use(self, pipeline: FramePipeline) -> None:
        with self._lock:
            self._pipeline = pipeline
            self._settings_version += 1

    def _recording_ended(self, error: AppError) -> None:
        with self._lock:
            self._recorder = None
        self._listener.on_error(error)

    def _work(self) -> None:
        """The inference thread: newest frame in, restored frame out."""
        seen_version = -1
        while not self._frames.closed:
            frame = self._frames.take(timeout=_IDLE_S)
            with self._lock:
                settings, version, latest = self._settings, self._settings_version, self._latest
            if frame is not None:
                self._finish(self._restore(frame, settings), settings, record=True)
            elif latest is not None and version != seen_version and self._capture.paused:
                again = replace(latest.frame, t_capture=self._clock())
                self._finish(self._restore(again, settings), settings, record=False)
            else:
                continue
            seen_version = version

    def _restore(self, frame: Frame, settings: Settings) -> Restored:
        with self._lock:
            pipeline = self._pipeline
        if pipeline is not None:
            before = pipeline.choice.k
            try:
                restored = pipeline.process(frame, settings)
            except Exception as error:
                self._report_once(error)
                pipeline.tracker.reset()
            else:
                self._failing = ""
                if settings.auto_k and pipeline.choice.k != before:
                    self._tell_choice(pipeline, settings)
                return restored
        age_ms = (self._clock() - frame.t_capture) * 1000
        return Restored(frame=frame, image=frame.image, k=0, timings=Timings(age_ms=age_ms))

    def _finish(self, restored: Restored, settings: Settings, *, record: bool) -> None:
        with self._lock:
            self._latest = restored
            recorder = self._recorder if record else None
        self._statistics.add(restored)
        if recorder is not None:
            recorder.write(restored, settings.split)
        self._results.put(restored)
        self._listener.on_frame()

    def _tell_choice(self, pipeline: FramePipeline, settings: Settings) -> None:
        choice = pipeline.choice
        why = f": {choice.reason}" if choice.reason else ", there is room again"
        self._listener.on_notice(f"Auto k: {choice.k} of {settings.k}{why}.")

    def _report_once(self, error: Exception) -> None:
        """A failure that comes with every frame is one message until a frame succeeds again."""
        if str(error) == self._failing:
            return
        self._failing = str(error)
        if not isinstance(error, AppError):
            _log.error("Restoring failed in an unexpected way", exc_info=error)
            error = InferenceError(f"Restoring failed: {error!r}.", f"Details are in {log_path()}.")
        self._listener.on_error(error)


def _free_path(folder: Path, name: str, suffix: str) -> Path:
    """A path in `folder` that nothing has yet: the name, the date and the time, and a number where needed."""
    stem = f"{name}-{datetime.now():%Y-%m-%d-%H%M%S}"
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    for candidate in candidates:
        path = folder / (candidate + suffix)
        if not any(folder.glob(f"{candidate}*{suffix}*")):
            return path
    raise RecordingError(f"There is no free name for a film in {folder}.", "Choose another folder.")
