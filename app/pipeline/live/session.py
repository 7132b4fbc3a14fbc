"""The live session: the threads from source to outputs, and the interface of the window and the command line."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from app.core.errors import AppError, RecordingError, SettingError
from app.core.mailbox import Mailbox
from app.core.settings import Settings
from app.core.types import Face, Frame, Restored
from app.core.words import phrase
from app.outputs.base import OutputContext, OutputState
from app.outputs.fanout import FanOut
from app.outputs.recordings.microphone import AudioInput, Microphone, list_microphones, open_microphone
from app.outputs.recordings.pacing import nearest_rate
from app.outputs.recordings.recorder import RecordingState
from app.outputs.registry import descriptor
from app.outputs.sharing.clip import ClipMemory, make_clip
from app.outputs.sharing.snapshot import save_before_after, save_snapshot
from app.pipeline.capture.status import SourceStatus
from app.pipeline.capture.worker import CaptureWorker
from app.pipeline.live.events import MicrophoneMissing, RecordingSaved, SessionListener
from app.pipeline.live.file_sound import SourceSound
from app.pipeline.live.inference import InferenceWorker
from app.pipeline.live.loader import PipelineLoader
from app.pipeline.live.recording import SessionRecording
from app.pipeline.measuring.latency import LatencyStatistics, LiveStatistics
from app.pipeline.measuring.offer import Offer, find_offer
from app.restorers.base import EngineInfo
from app.restorers.providers import CPU
from app.restorers.store import ModelStore
from app.sources.base import Source, SourceSpec
from app.sources.registry import open_source

_CARDS = {"connecting": phrase("Connecting"), "offline": phrase("Offline"), "failed": phrase("Offline")}
"""The card that live outputs show instead of frames while the source is in one of these states."""


class LiveSession:
    """Reads one source, restores its faces and provides the newest frame. Thread-safe.

    Frames go from the capture worker through the inference worker to the outputs and to the caller of `take`.
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
        """Start loading the models; nothing is opened yet. `make_source` replaces the registry of sources."""
        self._store, self._listener = store, listener
        self._clock = clock
        self._closing = threading.Lock()
        self._closed = False
        self._statistics = LatencyStatistics(clock=clock)
        self._dropped_before = 0  # of the sources before this one
        self._frames: Mailbox[Frame] = Mailbox()
        self._results: Mailbox[Restored] = Mailbox()
        self._outputs = FanOut(clock)
        self._recording = SessionRecording(self._outputs, on_error=listener.on_error, on_reduced=listener.on_notice)
        self._capture = CaptureWorker(self._frames, on_status=self._on_status, make_source=make_source, clock=clock)
        self._sound = SourceSound(self._capture.timeline, clock=clock)
        self._spec: SourceSpec | None = None
        self._slide_show = True
        self._memory = ClipMemory(clock)
        self._inference = InferenceWorker(
            self._frames,
            settings,
            clock=clock,
            is_paused=self._stands,
            on_restored=self._finish,
            on_error=listener.on_error,
            on_cycles=listener.on_notice,
        )
        self._loader = PipelineLoader(store, on_ready=self._inference.use, on_error=listener.on_error)
        self._loader.request(settings)

    def open(self, spec: SourceSpec, *, loop: bool = True, slide_show: bool = True) -> None:
        """Change to another source. Returns at once; the listener's `on_status` reports the result.

        Without a `slide_show` a picture of a folder stays until `seek`, and is restored once.
        """
        self._statistics.reset()
        self._dropped_before = self._frames.dropped
        self._inference.choose(None)
        self._sound.follow(None, play=False)
        self._spec = spec
        self._slide_show = slide_show
        self._capture.open(spec, loop=loop, slide_show=slide_show)

    def update(self, settings: Settings) -> None:
        """Use `settings` from the next frame on. Another restorer takes over when it is loaded."""
        self._inference.update(settings)
        self._loader.request(settings)
        self._follow_sound(self._capture.status, settings)

    def choose_face(self, face: Face | None) -> None:
        """Restore this face alone, one of the newest frame's, until another source is opened; None restores all."""
        self._inference.choose(face)

    def show_at(self, size: tuple[int, int] | None) -> None:
        """Give the faces patches for a screen on which the picture has `size` (width, height) pixels; None none."""
        self._inference.show_at(size)

    def take(self) -> Restored | None:
        """Return the newest finished frame, each one once; None without a newer one. Never blocks."""
        return self._results.take(timeout=0)

    def painted(self, restored: Restored, paint_ms: float) -> None:
        """Note that a frame is on the screen now, and how many milliseconds painting it took."""
        self._statistics.painted(restored, paint_ms)

    def statistics(self) -> LiveStatistics:
        """Return percentiles, rates and history as of now. Dropped frames are those the inference was too slow for."""
        pipeline, settings = self._inference.pipeline, self._inference.settings
        return self._statistics.snapshot(
            dropped=self._frames.dropped - self._dropped_before,
            target_fps=settings.target_fps,
            auto_reason=pipeline.choice.reason if pipeline is not None and settings.auto_k else "",
            cycle_ms=pipeline.auto_k.cycle_ms if pipeline is not None else 0.0,
        )

    def engine_info(self) -> EngineInfo | None:
        """Return the engine in use, None while the first one is being loaded."""
        pipeline = self._inference.pipeline
        return pipeline.restorer.engine if pipeline is not None else None

    def better_network(self, statistics: LiveStatistics) -> Offer | None:
        """Return a better network than the running one that this machine can afford. Takes seconds; raises AppError.

        `statistics` are those of the running one with one face, see `find_offer`.
        """
        engine = self.engine_info()
        if engine is None or engine.provider_got != CPU.execution:
            return None
        return find_offer(
            self._store, engine.restorer, cycle_ms=statistics.cycle_ms, overhead_ms=statistics.overhead_p50_ms
        )

    def set_paused(self, paused: bool) -> None:
        """Pause or go on. A paused picture is restored again when the settings change."""
        self._capture.set_paused(paused)
        self._show_card(self._capture.status)
        if not paused:
            self._put_out_again()  # no new frame of a picture follows, which would take the card away

    def seek(self, seconds: float) -> None:
        """Go to a position in a video."""
        self._capture.seek(seconds)

    def start_output(self, name: str) -> None:
        """Start the output called `name` as the settings say; `output_states` reports its state.

        Only for live outputs: recordings are started by `start_recording`. Raises SettingError or OutputError.
        """
        wanted = descriptor(name)
        if not wanted.is_live:
            raise SettingError("{label} is started in another way.", label=wanted.label)
        latest, settings = self._inference.latest, self._inference.settings
        height, width = latest.image.shape[:2] if latest is not None else (0, 0)
        context = OutputContext(
            size=(width, height), fps=self._source_fps(), folder=Path(), on_error=self._listener.on_error
        )
        self._outputs.start(wanted, wanted.create(settings, context))

    def stop_output(self, name: str) -> None:
        """Stop the output called `name` and wait until it has released its device or connections."""
        self._outputs.stop(name)

    def output_states(self) -> Mapping[str, OutputState]:
        """Return the state of every started output by its name. Never blocks."""
        return self._outputs.states()

    def start_recording(self, folder: Path) -> Path:
        """Start recording into `folder` as the settings say; returns the path. Raises RecordingError or OutputError."""
        settings = self._inference.settings
        heard: list[AudioInput] = []

        def open_sound() -> AudioInput | None:
            sound = self._open_sound(settings)
            heard.extend(() if sound is None else (sound,))
            return sound

        path = self._recording.start(
            folder,
            self._inference.latest,
            settings,
            source_fps=self._source_fps(),
            open_sound=open_sound,
            on_silent=heard.clear,
        )
        if settings.record_sound and self._is_live():
            self._note_microphone(settings.microphone, heard)
        self._put_out_again()
        return path

    def _open_sound(self, settings: Settings) -> AudioInput | None:
        """Open what is to be recorded beside the pictures: a file's own sound or, only for a live source, the
        microphone."""
        if not settings.record_sound:
            return None
        return open_microphone(settings.microphone) if self._is_live() else self._sound.for_recording()

    def _is_live(self) -> bool:
        info = self._capture.info or self._capture.status.info
        return info is not None and info.kind.live

    def _note_microphone(self, wanted: str, heard: Sequence[AudioInput]) -> None:
        """Note that the microphone which was to be recorded is not what is heard, if there is one."""
        replaced = any(isinstance(sound, Microphone) and sound.in_place_of for sound in heard)
        if replaced or (not heard and (wanted or list_microphones())):
            self._listener.on_notice(MicrophoneMissing(wanted=wanted, replaced=replaced))

    def stop_recording(self) -> tuple[Path, ...]:
        """Finish the recording and wait until it is complete; returns its files, none when nothing was recorded."""
        if not self._capture.paused:  # a single picture lasts until now, a pause is left out at the end
            self._put_out_again()
        paths = self._recording.stop()
        if paths:
            self._listener.on_notice(RecordingSaved(paths=paths))
        return paths

    def recording(self) -> RecordingState | None:
        """Return the progress of the recording, None when there is none."""
        return self._recording.state()

    def snapshot(self, folder: Path) -> tuple[Path, Path]:
        """Save the newest frame before and after as PNG; returns both paths. Raises OutputError or RecordingError."""
        latest = self._inference.latest
        if latest is None:
            raise RecordingError("There is no picture to save yet.", "Open a source first.")
        return save_snapshot(latest, folder)

    def save_before_after(self, folder: Path) -> tuple[Path, Path]:
        """Save the newest frame before and after in one labelled picture, as PNG and JPEG. Raises as `snapshot`."""
        latest = self._inference.latest
        if latest is None:
            raise RecordingError("There is no picture to save yet.", "Open a source first.")
        return save_before_after(latest, folder)

    def share_clip(self, path: Path, *, shape: str, cancelled: Callable[[], bool] = lambda: False) -> Path:
        """Make a clip of the last seconds, as `make_clip` says; takes seconds. Raises as it does."""
        return make_clip(self._memory.moments(), path, shape=shape, cancelled=cancelled)

    def close(self) -> None:
        """Finish a running recording and end every thread. May be called twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._frames.close()
        self._capture.close()
        self._sound.close()
        self._memory.close()
        self._inference.join()
        try:
            self.stop_recording()
        except AppError as error:
            self._listener.on_error(error)
        self._outputs.close()
        self._loader.close()
        self._results.close()

    def _stands(self) -> bool:
        """Whether the picture on screen is still, because of a pause or as a single picture."""
        info = self._capture.info
        return self._capture.paused or (info is not None and info.picture_s > 0 and not self._slide_show)

    def _on_status(self, status: SourceStatus) -> None:
        if status.state == "connecting":  # the source before was let go of
            self._inference.forget()
            self._memory.clear()
        self._follow_sound(status, self._inference.settings)
        self._show_card(status)
        self._listener.on_status(status)

    def _show_card(self, status: SourceStatus) -> None:
        self._outputs.show_card(phrase("Paused") if self._capture.paused else _CARDS.get(status.state, ""))

    def _source_fps(self) -> float:
        """Return the source's rate, measured where it is unknown; 0 when there is none yet or it shows pictures."""
        info = self._capture.status.info
        if info is not None and info.picture_s > 0:
            return 0.0
        return info.fps if info is not None and info.fps > 0 else nearest_rate(self._statistics.snapshot().fps_in)

    def _follow_sound(self, status: SourceStatus, settings: Settings) -> None:
        if status.state == "online" and status.info is not None and self._spec is not None:
            has_sound = status.info.has_audio and not status.info.kind.live
            self._sound.follow(Path(self._spec.address) if has_sound else None, play=settings.play_sound)

    def _put_out(self, restored: Restored, settings: Settings) -> None:
        self._outputs.put(restored, view=settings.output_view, split=settings.split, captions=settings.output_captions)

    def _put_out_again(self) -> None:
        """Hand on the picture that stands as one of this moment: a recording would have none of it."""
        latest = self._inference.latest
        if latest is not None and self._stands():
            self._put_out(self._of_now(latest), self._inference.settings)

    def _of_now(self, restored: Restored) -> Restored:
        """Return a picture that stands as one of this moment, which a recording puts behind those it has."""
        return replace(restored, frame=replace(restored.frame, t_capture=self._clock()))

    def _finish(self, restored: Restored, settings: Settings, is_new: bool) -> None:
        self._statistics.add(restored)
        if is_new:
            self._memory.add(restored)
        if self._stands() and not self._capture.paused:  # a single picture, perhaps restored again with other settings
            self._put_out(self._of_now(restored), settings)
        elif is_new:
            self._put_out(restored, settings)
        self._results.put(restored)
        self._listener.on_frame()
