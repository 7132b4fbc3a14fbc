"""The live recorder: restored frames in, recordings out, on a thread of its own."""

from __future__ import annotations

import logging
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import av

from app.core.errors import AppError, OutputError, RecordingError, RecordingGoesOnError, SettingError
from app.core.types import Restored
from app.core.words import phrase
from app.media.files import make_private_folder, output_error
from app.media.videos.encoder_choices import LIVE_ENCODERS, EncoderChoice
from app.outputs.base import OutputState
from app.outputs.recordings.file import TIME_BASE, RecordingFile
from app.outputs.recordings.microphone import AudioBlock, AudioInput, Samples, SoundAligner
from app.outputs.recordings.pacing import EvenRate
from app.outputs.views import FrameViews

MODES = ("side-by-side", "split", "restored", "two-files", "three")
_PARTS = {"side-by-side": 2, "three": 3}
RESERVE_BYTES = 100 * 1024 * 1024
"""Free space under which a recording is ended properly, before the disk is full."""

_QUEUE_FRAMES = 16
_SPACE_CHECK_S = 1.0
_SOUND_POLL_S = 0.05
_SOUND_AT_ONCE_S = 1.0
FINISH_S = 60.0
"""Seconds that `stop` and `finish` wait for the remaining frames to be encoded."""


_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RecordingState(OutputState):
    """The progress of a recording: its files (the final names), its length, its size on the disk.

    `dropped` counts frames that came faster than they could be encoded. `error` stands when it had to end early.
    """

    paths: tuple[Path, ...]
    seconds: float
    bytes: int


class VideoRecorder:
    """Records from `start` on until `stop`. `start` raises OutputError or RecordingError when it cannot begin.

    `size` is (width, height) of a frame and `fps` the even rate of the recording; a frame of another size, after the
    source changed, is fitted in. Frames are placed by their `t_capture`: one that comes too early is dropped, a
    missing one repeats the previous picture, and a source that was offline leaves a still picture of that length.
    "two-files" writes NAME-before and NAME-after. `prepare` is applied to every frame, on the recording thread.

    A recording that has to end early (the disk) is closed so that it plays, then `on_error` is called once, on the
    recording thread; without `on_error`, `finish` raises.
    """

    def __init__(
        self,
        path: Path,
        size: tuple[int, int],
        fps: float,
        *,
        mode: str = "side-by-side",
        audio: AudioInput | None = None,
        prepare: Callable[[Restored], Restored] | None = None,
        on_error: Callable[[RecordingError], None] | None = None,
        reserve_bytes: int = RESERVE_BYTES,
        candidates: Sequence[EncoderChoice] = LIVE_ENCODERS,
        finish_s: float = FINISH_S,
    ) -> None:
        if mode not in MODES:
            raise SettingError(
                "There is no way to record called {mode}.", "Use one of {names}.", mode=mode, names=", ".join(MODES)
            )
        self.path = path
        self._mode = mode
        self._size = size
        self._audio = audio
        self._prepare = prepare
        self._candidates = candidates
        self._on_error = on_error
        self._reserve_bytes = reserve_bytes
        self._finish_s = finish_s
        self._folder = path.parent
        self._changed = threading.Condition()
        self._queue: deque[FrameViews] = deque()
        self._ending = False
        self._sent = 0
        self._dropped = 0
        self._seconds = 0.0
        self._bytes = 0
        self._error: RecordingError | None = None
        self._files: tuple[RecordingFile, ...] = ()
        self._paths: tuple[Path, ...] = ()
        self._t_zero: float | None = None
        self._fps = min(max(fps, 1.0), 240.0)
        self._pacing = EvenRate(self._fps)
        self._aligner: SoundAligner | None = None
        self._blocks: deque[AudioBlock] = deque()
        self._sound: Iterator[Samples] = iter(())
        self._space_check_at_s = 0.0
        self._thread = threading.Thread(target=self._run, name="recording", daemon=True)

    def start(self) -> None:
        self._audio = _started(self._audio)
        try:
            self._files = self._open_files()
        except AppError:
            _stop(self._audio)
            raise
        self._thread.start()

    @property
    def records_sound(self) -> bool:
        """Whether there is sound, and it could be started."""
        return self._audio is not None

    def put(self, views: FrameViews) -> None:
        """Record a frame; never blocks. Ignored once the recording has ended."""
        with self._changed:
            if self._ending or self._error is not None:
                return
            if len(self._queue) >= _QUEUE_FRAMES:
                self._dropped += 1
                return
            self._queue.append(views)
            self._changed.notify_all()

    def state(self) -> RecordingState:
        with self._changed:
            return RecordingState(
                status="failed" if self._error is not None else "stopped" if self._ending else "live",
                detail=self.path.name,
                sent=self._sent,
                dropped=self._dropped,
                error=self._error,
                paths=tuple(recording.path for recording in self._files),
                seconds=self._seconds,
                bytes=self._bytes,
            )

    def stop(self) -> None:
        """Encode the remaining frames and complete the files."""
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(self._finish_s)

    def finish(self) -> tuple[Path, ...]:
        """Stop, and return the files that play; none when no frame came.

        Raises RecordingGoesOnError when encoding takes longer than a minute, and RecordingError when the recording
        ended early without an `on_error`.
        """
        self.stop()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            names = ", ".join(recording.path.name for recording in self._files)
            raise RecordingGoesOnError(
                "Encoding the recording takes longer than {seconds:g} s.",
                "It goes on; keep the application open until {names} is in {folder}.",
                seconds=self._finish_s,
                names=names,
                folder=self._folder,
            )
        with self._changed:
            if self._error is not None and self._on_error is None:
                raise self._error
            return self._paths

    def _open_files(self) -> tuple[RecordingFile, ...]:
        path = self.path
        names = [path]
        if self._mode == "two-files":
            names = [path.with_stem(f"{path.stem}-{side}") for side in ("before", "after")]
        try:
            make_private_folder(self._folder)
            free = shutil.disk_usage(self._folder).free
        except OSError as error:
            raise output_error(path, error) from error
        if free < self._reserve_bytes:
            raise OutputError(
                "There is no room for a recording in {folder}.", "Free some space on that disk.", folder=self._folder
            )
        recordings: list[RecordingFile] = []
        for name in names:
            try:
                recording = self._file(name)
            except AppError:
                for opened in recordings:
                    opened.close(broken=True)
                raise
            recordings.append(recording)
        return tuple(recordings)

    def _file(self, path: Path) -> RecordingFile:
        width, height = self._size
        return RecordingFile(
            path,
            size=(_PARTS.get(self._mode, 1) * width, height),
            fps=self._fps,
            candidates=self._candidates,
            sound_rate=self._audio.rate if self._audio is not None else 0,
            sound_channels=self._audio.channels if self._audio is not None else 1,
        )

    def _run(self) -> None:
        failure: Exception | None = None
        try:
            while (views := self._next()) is not None:
                self._record(views)
                self._record_sound()
                self._check_disk()
            self._end_sound()
        except (OSError, AppError, av.FFmpegError) as error:
            failure = error
        except Exception as error:
            _log.exception("Recording failed in an unexpected way")
            failure = error
        _stop(self._audio)
        self._close(failure)

    def _next(self) -> FrameViews | None:
        """Return the next frame to encode, handling sound while none comes; None when the recording is to end."""
        more_sound = False
        while True:
            with self._changed:
                if not self._queue and not self._ending and not more_sound:
                    self._changed.wait(_SOUND_POLL_S if self._audio is not None else None)
                if self._queue:
                    return self._queue.popleft()
                if self._ending:
                    return None
            more_sound = self._record_sound()

    def _record(self, views: FrameViews) -> None:
        restored = views.restored
        t_capture = restored.frame.t_capture
        if self._t_zero is None:
            self._t_zero = t_capture
        placement = self._pacing.place(t_capture)
        if placement is None:
            return
        for slot in placement.repeats:
            for recording in self._files:
                recording.repeat(self._pts(slot))
        pts = self._pts(placement.slot)
        if self._prepare is not None:
            views = views.changed(self._prepare)
            restored = views.restored
        if self._mode == "two-files":
            before, after = self._files
            before.write(restored.frame.image, pts)
            after.write(restored.image, pts)
        else:
            self._files[0].write(views.image(self._mode), pts)
        with self._changed:
            self._sent += 1
            self._seconds = float(pts * TIME_BASE)

    def _pts(self, slot: int) -> int:
        return round(slot / self._fps / TIME_BASE)

    def _record_sound(self) -> bool:
        """Write a second of the sound that came, and return whether there is more.

        Behind a pause there is all of its silence to write, while pictures go on coming.
        """
        # Sound that is read before the first picture has no place yet; until then it waits in the input.
        if self._audio is None or self._t_zero is None:
            return False
        if self._aligner is None:
            self._aligner = SoundAligner(rate=self._audio.rate, channels=self._audio.channels, t_zero=self._t_zero)
        self._blocks.extend(self._audio.read())
        left = round(_SOUND_AT_ONCE_S * self._audio.rate)
        for samples in self._sound:
            for recording in self._files:
                recording.write_sound(samples)
            left -= len(samples)
            if left <= 0:
                return True
        self._sound = self._aligned(self._aligner)
        return bool(self._blocks)

    def _aligned(self, aligner: SoundAligner) -> Iterator[Samples]:
        while self._blocks:
            yield from aligner.align(self._blocks.popleft())

    def _end_sound(self) -> None:
        _stop(self._audio)
        while self._record_sound():
            pass
        for recording in self._files:
            recording.end_sound()

    def _check_disk(self) -> None:
        if self._seconds < self._space_check_at_s:
            return
        self._space_check_at_s = self._seconds + _SPACE_CHECK_S
        if not all(recording.is_there() for recording in self._files):
            raise RecordingError("The file being recorded was deleted or moved away.")
        if shutil.disk_usage(self._folder).free < self._reserve_bytes:
            raise RecordingError("The disk of {folder} is almost full.", folder=self._folder)
        size = self._size_on_disk()
        with self._changed:
            self._bytes = size

    def _size_on_disk(self) -> int:
        return sum(recording.bytes() for recording in self._files)

    def _close(self, failure: Exception | None) -> None:
        """Complete every file; a failure on the way is reported unless there was one before."""
        paths: list[Path] = []
        disk_failed = isinstance(failure, (OSError, av.FFmpegError))
        for recording in self._files:
            try:
                path = recording.close(broken=disk_failed)
            except Exception as late_failure:  # whatever it is, the other file is completed and the person told
                failure = failure or late_failure
                path = _closed_broken(recording)
            if path is not None:
                paths.append(path)
        told = self._in_words(failure, paths) if failure is not None else None
        size = self._size_on_disk()
        with self._changed:
            self._paths = tuple(paths)
            self._bytes = size
            self._error = told
            self._queue.clear()
        if told is not None and self._on_error is not None:
            self._on_error(told)

    def _in_words(self, failure: Exception, paths: list[Path]) -> RecordingError:
        if isinstance(failure, AppError):
            what = failure.what_phrase
        elif isinstance(failure, OSError):
            what = output_error(self._files[0].path, failure).what_phrase
        else:
            what = phrase("Recording failed: {error}.", error=failure)
        if not paths:
            hint = (
                phrase("It has no name yet; the next start of the program completes it.")
                if any(recording.is_unnamed() for recording in self._files)
                else phrase("Nothing of it could be kept.")
            )
            return RecordingError("{what} The recording ended.", hint, what=what)
        kept = ", ".join(str(path) for path in paths)
        seconds = max(recording.kept_seconds for recording in self._files)
        return RecordingError(
            "{what} The recording ended.",
            "Its first {seconds:.1f} s are in {kept}.",
            what=what,
            seconds=seconds,
            kept=kept,
        )


def _closed_broken(recording: RecordingFile) -> Path | None:
    """Keep what is on the disk and return its path; None when it has to stay a `.part`, for the next start."""
    try:
        return recording.close(broken=True)
    except Exception as error:
        _log.warning("%s cannot be completed: %s", recording.path, error)
        return None


def _started(audio: AudioInput | None) -> AudioInput | None:
    """Start `audio` and return it; None when it does not start, so that the pictures are recorded all the same."""
    if audio is None:
        return None
    try:
        audio.start()
    except Exception as error:
        _log.warning("The microphone does not start, the recording stays silent: %s", error)
        _stop(audio)
        return None
    return audio


def _stop(audio: AudioInput | None) -> None:
    if audio is None:
        return
    try:
        audio.stop()
    except Exception as error:
        _log.warning("The microphone does not stop in good order: %s", error)
