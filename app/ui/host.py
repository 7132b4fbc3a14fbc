"""The link between window and session: blocking calls run on other threads, signals return on the window's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal

from app.core.errors import AppError, RecordingGoesOnError
from app.core.settings import Settings
from app.core.types import Face, Restored
from app.media.files import free_name, make_private_folder, output_error
from app.ui.reports import log_error
from app.ui.texts.notices import is_lasting, notice_text

if TYPE_CHECKING:
    from app.batch.background import BackgroundJob
    from app.batch.jobs.job import Job
    from app.outputs.base import OutputState
    from app.outputs.recordings.microphone import LevelMeter
    from app.outputs.recordings.recorder import RecordingState
    from app.pipeline.capture.status import SourceStatus
    from app.pipeline.live.events import Notice
    from app.pipeline.live.session import LiveSession
    from app.pipeline.measuring.latency import LiveStatistics
    from app.restorers.base import EngineInfo
    from app.restorers.store import ShippedRestorer


def make_live_session(settings: Settings, listener: SessionHost) -> tuple[LiveSession, Sequence[ShippedRestorer]]:
    """The session over the shipped models, and the restorers that are installed. Imports the heavy libraries."""
    from app.pipeline.live.session import LiveSession
    from app.restorers.store import ModelStore

    store = ModelStore()
    session = LiveSession(store, settings, listener)
    try:
        return session, store.restorers()
    except AppError:
        return session, ()  # the session loads the same manifest and reports what is wrong with it


def camera_names() -> list[str]:
    """Return the cameras' names; asking the system may take a second."""
    from app.sources.camera import list_cameras

    return [camera.name for camera in list_cameras()]


def microphone_names() -> tuple[str, ...]:
    """Return the microphones' names, asking the system."""
    from app.outputs.recordings.microphone import list_microphones

    return list_microphones()


def usable_engines() -> tuple[str, ...]:
    """Return the providers of this machine, by the names of the setting `provider`."""
    from app.restorers.providers import usable_names

    return usable_names()


class SessionHost(QObject):
    """Owns the live session. Its public methods return at once and belong to the window's thread.

    One background thread runs what may block, in order: loading, opening, starting and ending a recording,
    snapshots, looking for cameras and for recordings cut short. It implements the session's listener, whose calls come
    from any thread.
    """

    ready = Signal(object)
    frame_ready = Signal()
    status_changed = Signal(object, object)
    open_failed = Signal(object, object)
    noticed = Signal(object)
    warned = Signal(object)
    failed = Signal(object)
    cameras_listed = Signal(object)
    recording_started = Signal(object)
    recording_finished = Signal(object)
    snapshot_saved = Signal(object)
    output_switched = Signal(str)
    recordings_rescued = Signal(object)
    microphones_listed = Signal(object)
    picture_saved = Signal(object)
    clip_made = Signal(object)
    job_event = Signal(object)
    job_ended = Signal(object)
    engines_listed = Signal(object)
    better_found = Signal(object)

    def __init__(
        self,
        *,
        make_session: Callable[
            [Settings, SessionHost], tuple[LiveSession, Sequence[ShippedRestorer]]
        ] = make_live_session,
        list_names: Callable[[], list[str]] = camera_names,
        list_microphones: Callable[[], tuple[str, ...]] = microphone_names,
        list_engines: Callable[[], tuple[str, ...]] = usable_engines,
    ) -> None:
        super().__init__()
        self._make_session = make_session
        self._list_names = list_names
        self._list_microphones = list_microphones
        self._list_engines = list_engines
        self._listened_to: str | None = None
        self._meter: LevelMeter | None = None
        self._session: LiveSession | None = None
        self._opened = ""
        self._jobs = ThreadPoolExecutor(max_workers=1, thread_name_prefix="window-jobs")
        self._clips = ThreadPoolExecutor(max_workers=1, thread_name_prefix="window-clips")
        self._closing = threading.Event()
        self._job: BackgroundJob | None = None
        self._frame_pending = threading.Event()
        self._closed = False
        # What there was to tell while the window closed: recordings that were finished, and what failed.
        self._untold: tuple[Path, ...] = ()
        self._untold_errors: list[BaseException] = []

    # Called by the window

    def load(self, settings: Settings) -> None:
        """Make the session; `ready` follows with the installed restorers."""

        def job() -> None:
            session, restorers = self._make_session(settings, self)
            self._session = session
            self.ready.emit(tuple(restorers))
            self.engines_listed.emit(self._list_engines())

        self._submit(job)

    def open(self, text: str, settings: Settings) -> None:
        """Open what `text` names; `status_changed` or `open_failed` follows.

        Both carry the text of the source that they are about, as more may be asked for before they come.
        """

        def job() -> None:
            from app.sources.registry import parse_source

            if self._session is None:
                return
            before = self._opened
            try:
                spec = parse_source(text, settings)
                self._opened = text  # first: the status of what is opened may come at once
                self._session.open(spec, slide_show=False)
            except AppError as error:
                self._opened = before
                self.open_failed.emit(text, error)

        self._submit(job)

    def look_for_cameras(self) -> None:
        """List cameras and microphones; `cameras_listed` follows, then `microphones_listed`."""
        self._submit(lambda: self.cameras_listed.emit(tuple(self._list_names())))
        self._submit(self._look_for_microphones)

    def listen(self, microphone: str | None) -> None:
        """Measure the level of the microphone of that name, "" for the system's choice; None ends it."""
        if microphone == self._listened_to:
            return
        self._listened_to = microphone

        self._submit(self._measure_level)

    def _look_for_microphones(self) -> None:
        self._close_meter()  # those plugged in meanwhile are found when none is open
        try:
            self.microphones_listed.emit(self._list_microphones())
        finally:
            self._measure_level()

    def _measure_level(self) -> None:
        """Listen to the microphone that is to be listened to, if it opens."""
        from app.outputs.recordings.microphone import open_meter

        self._close_meter()
        name = self._listened_to
        self._meter = open_meter(name) if name is not None else None

    def _close_meter(self) -> None:
        meter, self._meter = self._meter, None
        if meter is not None:
            meter.close()

    def level(self) -> float | None:
        """The microphone's level in [0, 1] since the last call, None when none is listened to."""
        meter = self._meter
        return meter.level() if meter is not None else None

    def start_recording(self, folder: Path) -> None:
        def job(session: LiveSession) -> None:
            # Some microphones can be open once only, and the recording needs it more.
            self._close_meter()
            try:
                self.recording_started.emit(session.start_recording(folder))
            finally:
                self._measure_level()

        self._submit_with_session(job)

    def stop_recording(self) -> None:
        def job(session: LiveSession) -> None:
            try:
                paths = session.stop_recording()
                if self._closed:  # the window is hidden by now
                    self._untold = paths
                else:
                    self.recording_finished.emit(paths)
            finally:
                if self._meter is None and not self._closed:  # it could not be open beside the recording
                    self._measure_level()

        self._submit_with_session(job)

    def start_output(self, name: str) -> None:
        """Start the output called `name`; `output_switched` follows, after `failed` when it cannot begin."""
        self._submit(lambda: self._switch_output(name, on=True))

    def stop_output(self, name: str) -> None:
        """Stop the output called `name`; `output_switched` follows."""
        self._submit(lambda: self._switch_output(name, on=False))

    def output_states(self) -> Mapping[str, OutputState]:
        """How every output that is on is doing, by its name."""
        return self._session.output_states() if self._session is not None else {}

    def snapshot(self, folder: Path) -> None:
        def job(session: LiveSession) -> None:
            self.snapshot_saved.emit(session.snapshot(folder))

        self._submit_with_session(job)

    def save_before_after(self, folder: Path) -> None:
        """Save before and after; `picture_saved` follows with the paths."""

        def job(session: LiveSession) -> None:
            self.picture_saved.emit(session.save_before_after(folder))

        self._submit_with_session(job)

    def share_clip(self, path: Path, shape: str) -> None:
        """Make a clip of the last seconds, beside everything else; `clip_made` follows with its path."""

        def job() -> None:
            if self._session is not None:
                try:
                    make_private_folder(path.parent)
                except OSError as error:
                    raise output_error(path.parent, error) from error
                target = free_name(path)  # of another clip in the same second
                try:
                    made = self._session.share_clip(target, shape=shape, cancelled=self._closing.is_set)
                except AppError:
                    if self._closing.is_set():  # and cancelled by it
                        return
                    raise
                self.clip_made.emit(made)

        self._submit(job, self._clips)

    def look_for_better_network(self, statistics: LiveStatistics) -> None:
        """Look for a better network that this machine can afford; `better_found` follows if there is one."""

        def job() -> None:
            if self._session is not None and (offer := self._session.better_network(statistics)):
                self.better_found.emit(offer)

        self._submit(job, self._clips)

    def start_job(self, job: Job) -> None:
        """Restore files in the background; `job_event` and at last `job_ended` follow."""
        from app.batch.background import BackgroundJob

        self._job = BackgroundJob(job, on_event=self.job_event.emit, on_end=self.job_ended.emit, workers=1)

    def cancel_job(self) -> None:
        if self._job is not None:
            self._job.cancel()

    def rescue_recordings(self, folder: Path) -> None:
        """Look for recordings that a crash cut short; `recordings_rescued` follows when there are any."""

        def job() -> None:
            from app.outputs.recordings.rescue import rescue_recordings

            if paths := rescue_recordings(folder):
                self.recordings_rescued.emit(paths)

        self._submit(job)

    def update(self, settings: Settings) -> None:
        if self._session is not None:
            self._session.update(settings)

    def choose_face(self, face: Face | None) -> None:
        """Restore this face alone; None restores all."""
        if self._session is not None:
            self._session.choose_face(face)

    def show_at(self, size: tuple[int, int] | None) -> None:
        """Have the faces made for a picture that is shown in `size` (width, height) pixels; None leaves them."""
        if self._session is not None:
            self._session.show_at(size)

    def take(self) -> Restored | None:
        """The newest frame, once."""
        self._frame_pending.clear()
        return self._session.take() if self._session is not None else None

    def painted(self, restored: Restored, paint_ms: float) -> None:
        if self._session is not None:
            self._session.painted(restored, paint_ms)

    def statistics(self) -> LiveStatistics | None:
        return self._session.statistics() if self._session is not None else None

    def engine_info(self) -> EngineInfo | None:
        return self._session.engine_info() if self._session is not None else None

    def recording(self) -> RecordingState | None:
        return self._session.recording() if self._session is not None else None

    def set_paused(self, paused: bool) -> None:
        if self._session is not None:
            self._session.set_paused(paused)

    def seek(self, seconds: float) -> None:
        if self._session is not None:
            self._session.seek(seconds)

    def close(self) -> tuple[tuple[Path, ...], tuple[BaseException, ...]]:
        """Finish a running recording and release everything; blocks.

        Returns the files and the errors that could not be told any more.
        """
        if self._closed:
            return (), ()
        self._closed = True
        self._closing.set()
        self.cancel_job()
        self._jobs.shutdown(wait=True, cancel_futures=True)
        self._clips.shutdown(wait=True, cancel_futures=True)
        paths = self._untold
        if self._meter is not None:
            self._meter.close()
        if self._session is not None:
            try:
                if self._session.recording() is not None:
                    paths = (*paths, *self._session.stop_recording())
            except AppError as error:
                self._fail(error)
            self._session.close()
        if self._job is not None:
            self._job.wait(5.0)
        return paths, tuple(self._untold_errors)

    # Called by the session, from its threads

    def on_frame(self) -> None:
        if not self._frame_pending.is_set():
            self._frame_pending.set()
            self.frame_ready.emit()

    def on_status(self, status: SourceStatus) -> None:
        self.status_changed.emit(self._opened, status)

    def on_error(self, error: AppError) -> None:
        self._fail(error)

    def on_notice(self, notice: Notice) -> None:
        (self.warned if is_lasting(notice) else self.noticed).emit(notice_text(notice))

    # The background thread

    def _submit(self, job: Callable[[], Any], executor: ThreadPoolExecutor | None = None) -> None:
        if self._closed:
            return

        def guarded() -> None:
            try:
                job()
            except Exception as error:
                self._fail(error)

        (executor or self._jobs).submit(guarded)

    def _fail(self, error: Exception) -> None:
        if not self._closed:
            self.failed.emit(error)
        elif not isinstance(error, RecordingGoesOnError):  # which ends with the program, and the next start completes
            log_error(error)
            self._untold_errors.append(error)

    def _switch_output(self, name: str, *, on: bool) -> None:
        try:
            if self._session is not None:
                (self._session.start_output if on else self._session.stop_output)(name)
        finally:
            self.output_switched.emit(name)

    def _submit_with_session(self, job: Callable[[LiveSession], None]) -> None:
        def inner() -> None:
            if self._session is not None:
                job(self._session)

        self._submit(inner)
