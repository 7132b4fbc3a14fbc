"""The live session with real models and threads, on sources that the tests control."""

from __future__ import annotations

import queue
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import av
import cv2
import numpy as np
import pytest

from app.core.errors import (
    AppError,
    InferenceError,
    ModelMissingError,
    OutputError,
    RecordingError,
    SettingError,
    SourceOfflineError,
)
from app.core.mailbox import Mailbox
from app.core.settings import Settings
from app.core.types import Frame, Image, Restored
from app.outputs.fanout import FanOut
from app.outputs.recordings.microphone import AudioBlock
from app.outputs.recordings.recorder import VideoRecorder
from app.pipeline.budget import KChoice
from app.pipeline.capture.status import SourceStatus
from app.pipeline.live.events import CyclesChanged, MicrophoneMissing, Notice, RecordingSaved
from app.pipeline.live.inference import InferenceWorker
from app.pipeline.live.recording import SessionRecording
from app.pipeline.live.session import LiveSession
from app.pipeline.measuring.scene import MOVING_FACE, MovingFaceScene, MovingFaceSource
from app.restorers.base import EngineInfo, RestoredCrop
from app.restorers.families import family
from app.restorers.family import Restorer
from app.restorers.store import ModelStore
from app.sources.base import Source, SourceInfo, SourceSpec
from app.sources.images import IMAGES
from app.sources.registry import open_source
from app.sources.video import VIDEO
from tests.media_files import write_video

WAIT_S = 30.0
ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class Listener:
    """Notes everything, and lets a test wait until something is true."""

    def __init__(self) -> None:
        self.session: LiveSession | None = None
        self.frames: list[Restored] = []
        self.statuses: list[SourceStatus] = []
        self.errors: list[AppError] = []
        self.notices: list[Notice] = []
        self._changed = threading.Condition()

    def on_frame(self) -> None:
        restored = self.session.take() if self.session is not None else None
        if restored is not None:
            self._note(self.frames, restored)

    def on_status(self, status: SourceStatus) -> None:
        self._note(self.statuses, status)

    def on_error(self, error: AppError) -> None:
        self._note(self.errors, error)

    def on_notice(self, notice: Notice) -> None:
        self._note(self.notices, notice)

    def _note(self, where: list, what: object) -> None:
        with self._changed:
            where.append(what)
            self._changed.notify_all()

    def wake(self) -> None:
        """Have every condition that is waited for looked at again."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, WAIT_S), (self.errors, self.statuses, len(self.frames))

    def wait_for_frame(self, condition: Callable[[Restored], bool]) -> Restored:
        """The first frame from now on that meets the condition."""
        start = len(self.frames)
        self.wait(lambda: any(condition(frame) for frame in self.frames[start:]))
        return next(frame for frame in self.frames[start:] if condition(frame))


@pytest.fixture(scope="module")
def scene() -> MovingFaceScene:
    return MovingFaceScene(width=640, height=360)


@contextmanager
def live(
    make_source: Callable[[SourceSpec], Source],
    *,
    store: ModelStore | None = None,
    listener: Listener | None = None,
    **settings: object,
) -> Iterator[tuple[LiveSession, Listener]]:
    listener = listener or Listener()
    wanted = Settings(k=1).replace(**settings)
    session = LiveSession(store or ModelStore(), wanted, listener, make_source=make_source)
    listener.session = session
    try:
        session.open(MOVING_FACE)
        yield session, listener
    finally:
        session.close()


def has_face(restored: Restored) -> bool:
    return bool(restored.faces)


class FailingRestorer:
    """Fails on every frame until it is told not to."""

    name = "failing"
    family = family("cfrnet")
    k_range = (1, 4)
    engine = EngineInfo(provider_asked="test", provider_got="test", precision="int8", threads=1)

    def __init__(self, error: Exception) -> None:
        self.error: Exception | None = error

    def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
        if self.error is not None:
            raise self.error
        return RestoredCrop(image=crop, cycles=k, steps=(0.0,) * k, cycles_ms=(1.0,) * k)

    def warm_up(self) -> float:
        return 1.0


class StoreOf(ModelStore):
    """The shipped models, but with one restorer of the test's own."""

    def __init__(self, restorer: Restorer) -> None:
        super().__init__()
        self._restorer = restorer

    def create_restorer(self, *arguments: object, **options: object) -> Restorer:
        return self._restorer


def test_faces_are_restored_and_the_picture_never_waits_for_models(scene: MovingFaceScene) -> None:
    with live(lambda spec: MovingFaceSource(scene), k=2) as (session, listener):
        restored = listener.wait_for_frame(has_face)
        first = listener.frames[0]
        assert first.image is first.frame.image  # shown before any model was loaded
        assert restored.faces[0].cycles == 2
        assert not np.array_equal(restored.image, restored.frame.image)
        info = session.engine_info()
        assert info is not None
        assert info.precision == "int8"
        assert info.as_asked
        indices = [frame.frame.index for frame in listener.frames]
        assert indices == sorted(set(indices))
    assert [status.state for status in listener.statuses][:2] == ["connecting", "online"]
    assert listener.errors == []


def test_k_and_strength_take_effect_on_the_next_frame(scene: MovingFaceScene) -> None:
    with live(lambda spec: MovingFaceSource(scene)) as (session, listener):
        listener.wait_for_frame(has_face)
        for k in (4, 1, 3):
            session.update(Settings(k=k))
            seen = len(listener.frames)
            listener.wait(lambda: len(listener.frames) >= seen + 3)  # noqa: B023
            assert listener.frames[seen + 1].k == k  # one frame may have been on its way
        session.update(Settings(k=1, strength=0))
        untouched = listener.wait_for_frame(
            lambda each: has_face(each) and np.array_equal(each.image, each.frame.image)
        )
        assert untouched.k == 1


class PatientSource(MovingFaceSource):
    """A camera that moves on by a thirtieth of a second once its last picture was restored: load loses no face."""

    def __init__(self, scene: MovingFaceScene, listener: Listener) -> None:
        super().__init__(scene)
        self._listener, self._given = listener, 0

    def read(self) -> Frame | None:
        self._listener.wait(lambda: self._closed.is_set() or len(self._listener.frames) >= self._given)
        seconds = self._given / self._fps
        self._given += 1
        image = self._scene.image(seconds)
        return Frame(image=image, index=self._given, t_capture=time.perf_counter(), t_media=seconds)

    def close(self) -> None:
        super().close()
        self._listener.wake()


def test_another_restorer_takes_over_without_a_gap(scene: MovingFaceScene) -> None:
    watched = Listener()
    with live(lambda spec: PatientSource(scene, watched), listener=watched) as (session, listener):
        listener.wait_for_frame(has_face)
        before = len(listener.frames)
        session.update(Settings(k=1, precision="fp32"))
        listener.wait(lambda: (info := session.engine_info()) is not None and info.precision == "fp32")
        listener.wait_for_frame(has_face)
        assert all(frame.faces for frame in listener.frames[before:])
        assert len({face.face.track_id for frame in listener.frames[before:] for face in frame.faces}) == 1


def test_a_restorer_that_is_not_there_is_one_error_and_the_old_one_goes_on(scene: MovingFaceScene) -> None:
    with live(lambda spec: MovingFaceSource(scene)) as (session, listener):
        listener.wait_for_frame(has_face)
        session.update(Settings(k=1, restorer="nobody"))
        listener.wait(lambda: bool(listener.errors))
        listener.wait_for_frame(has_face)
        session.update(Settings(k=2, restorer="nobody"))
        assert listener.wait_for_frame(lambda frame: frame.k == 2).faces
        assert len(listener.errors) == 1
        assert isinstance(listener.errors[0], ModelMissingError)


def test_without_models_the_picture_flows_unchanged(scene: MovingFaceScene, tmp_path: Path) -> None:
    with live(lambda spec: MovingFaceSource(scene), store=ModelStore(tmp_path)) as (session, listener):
        listener.wait(lambda: bool(listener.errors) and len(listener.frames) > 5)
        assert all(frame.image is frame.frame.image for frame in listener.frames)
        assert session.engine_info() is None
        assert len(listener.errors) == 1


@pytest.mark.parametrize("error", [InferenceError("The engine broke."), ZeroDivisionError("surprise")])
def test_a_failing_network_is_told_once_and_the_picture_flows(scene: MovingFaceScene, error: Exception) -> None:
    restorer = FailingRestorer(error)
    with live(lambda spec: MovingFaceSource(scene), store=StoreOf(restorer)) as (_, listener):
        listener.wait(lambda: bool(listener.errors))
        seen = len(listener.frames)
        listener.wait(lambda: len(listener.frames) > seen + 10)
        assert len(listener.errors) == 1
        assert isinstance(listener.errors[0], AppError)
        assert str(error) in str(listener.errors[0])
        assert all(frame.image is frame.frame.image for frame in listener.frames)
        restorer.error = None
        listener.wait_for_frame(has_face)


def test_failures_among_good_frames_are_told_once_until_they_stayed_away() -> None:
    class NowAndThen:
        """A pipeline that fails in two ways, and in between does not."""

        choice = KChoice(k=1, wanted=1)
        tracker = SimpleNamespace(reset=lambda: None)

        def process(self, frame: Frame, settings: Settings, **_: object) -> Restored:
            if frame.index % 3:
                raise InferenceError(f"It broke in way {frame.index % 3}.")
            return Restored(frame=frame, image=frame.image, k=1)

    now = [0.0]
    frames: Mailbox[Frame] = Mailbox()
    finished: queue.SimpleQueue[Restored] = queue.SimpleQueue()
    told: list[str] = []
    worker = InferenceWorker(
        frames,
        Settings(),
        clock=lambda: now[0],
        is_paused=lambda: False,
        on_restored=lambda restored, settings, is_new: finished.put(restored),
        on_error=lambda error: told.append(error.what),
        on_cycles=lambda cycles: None,
    )

    def pass_frames() -> list[str]:
        told.clear()
        for index in range(9):
            frames.put(Frame(image=np.zeros((4, 4, 3), np.uint8), index=index, t_capture=0.0, t_media=0.0))
            finished.get(timeout=WAIT_S)
        return list(told)

    both = ["It broke in way 1.", "It broke in way 2."]
    worker.use(NowAndThen())  # type: ignore[arg-type]
    said = []
    for now[0] in (0.0, 20.0, 40.0, 80.0):
        said.append(pass_frames())
    assert said == [both, [], [], both]
    worker.use(NowAndThen())  # type: ignore[arg-type]
    assert pass_frames() == both, "those of another network are news"
    frames.close()
    worker.join()


def test_auto_k_says_what_it_does(scene: MovingFaceScene) -> None:
    class Slow(FailingRestorer):
        def restore(self, crop: Image, *, k: int, stop_threshold: float = 0.0) -> RestoredCrop:
            return RestoredCrop(image=crop, cycles=k, steps=(0.0,) * k, cycles_ms=(12.0,) * k)

        def warm_up(self) -> float:
            return 12.0

    store = StoreOf(Slow(ZeroDivisionError()))
    with live(lambda spec: MovingFaceSource(scene), store=store, k=4, auto_k=True) as (session, listener):
        restored = listener.wait_for_frame(has_face)
        assert restored.k < 4
        listener.wait(lambda: bool(listener.notices))
        first = listener.notices[0]
        assert isinstance(first, CyclesChanged)
        assert first.k < first.wanted == 4
        assert "25 fps leave 37 ms" in str(first.reason)
        statistics = session.statistics()
        assert statistics.auto_reason
        assert statistics.budget_ms == 40
        assert statistics.cycle_ms == 12
        session.update(Settings(k=4))
        assert listener.wait_for_frame(lambda frame: frame.k == 4).faces
        assert session.statistics().auto_reason == ""


def test_auto_k_tells_only_what_it_changed_itself() -> None:
    class Scripted:
        """A pipeline whose auto-k decides what the test says."""

        def process(self, frame: Frame, settings: Settings, **_: object) -> Restored:
            k, wanted, reason = script[frame.index]
            self.choice = KChoice(k=k, wanted=wanted, reason=reason)
            return Restored(frame=frame, image=frame.image, k=self.choice.k)

    script = [
        (3, 3, ""),  # a pipeline begins
        (1, 3, "slow"),
        (3, 3, ""),
        (2, 2, ""),  # a network of fewer cycles
        (1, 3, "slow"),
        (2, 2, ""),
    ]
    frames: Mailbox[Frame] = Mailbox()
    finished: queue.SimpleQueue[Restored] = queue.SimpleQueue()
    told: list[CyclesChanged] = []
    worker = InferenceWorker(
        frames,
        Settings(k=4, auto_k=True),
        clock=time.perf_counter,
        is_paused=lambda: False,
        on_restored=lambda restored, settings, is_new: finished.put(restored),
        on_error=lambda error: None,
        on_cycles=told.append,
    )
    worker.use(Scripted())  # type: ignore[arg-type]
    for index in range(len(script)):
        frames.put(Frame(image=np.zeros((4, 4, 3), np.uint8), index=index, t_capture=0.0, t_media=0.0))
        finished.get(timeout=WAIT_S)
    frames.close()
    worker.join()
    lowered = CyclesChanged(k=1, wanted=3, reason="slow")
    assert told == [lowered, CyclesChanged(k=3, wanted=3), lowered]


class FrozenSource:
    """Delivers one picture, then its driver never comes back."""

    def __init__(self) -> None:
        self.inside = threading.Event()
        self.let_go = threading.Event()
        self._delivered = False
        self.info = SourceInfo(name="frozen", kind=MOVING_FACE.kind, width=64, height=48, fps=30)

    def open(self) -> None: ...

    def read(self) -> Frame | None:
        if not self._delivered:
            self._delivered = True
            return Frame(image=np.zeros((48, 64, 3), np.uint8), index=0, t_capture=0.0, t_media=0.0)
        self.inside.set()
        self.let_go.wait()
        return None

    def close(self) -> None:
        """Unlike a good source, this one does not even come back when it is closed."""


def test_closing_does_not_wait_for_a_frozen_camera() -> None:
    source = FrozenSource()
    closed = threading.Event()
    with live(lambda spec: source) as (session, listener):
        listener.wait(lambda: bool(listener.frames))
        assert source.inside.wait(WAIT_S)
        closer = threading.Thread(target=lambda: (session.close(), closed.set()))
        closer.start()
        assert closed.wait(WAIT_S)
        closer.join()
    source.let_go.set()


class LosingSource(MovingFaceSource):
    """A camera that is unplugged after ten pictures."""

    _left = 10

    def read(self) -> Frame | None:
        self._left -= 1
        if self._left < 0:
            raise SourceOfflineError("The camera was unplugged.")
        return super().read()


def test_a_lost_camera_comes_back_and_its_error_comes_with_the_status(scene: MovingFaceScene) -> None:
    with live(lambda spec: LosingSource(scene)) as (_, listener):
        listener.wait(lambda: [status.state for status in listener.statuses].count("online") >= 2)
        offline = next(status for status in listener.statuses if status.state == "offline")
        assert isinstance(offline.error, SourceOfflineError)
        assert listener.errors == []


def test_statistics_tell_where_the_time_goes(scene: MovingFaceScene) -> None:
    with live(lambda spec: MovingFaceSource(scene), k=2) as (session, listener):
        restored = listener.wait_for_frame(has_face)
        seen = len(listener.frames)
        listener.wait(lambda: len(listener.frames) > seen + 20)
        session.painted(restored, 3.5)
        statistics = session.statistics()
        names = [stage.name for stage in statistics.stages]
        assert names == ["capture", "detect", "align", "cycle 1", "cycle 2", "paste", "paint"]
        assert statistics.stages[-1].p50_ms == 3.5
        assert statistics.fps_out > 0
        assert statistics.fps_in > 0
        assert statistics.age_p50_ms > 0
        assert statistics.k == 2
        assert statistics.cycle_ms > 0


def test_a_video_is_recorded_and_plays(scene: MovingFaceScene, tmp_path: Path) -> None:
    with live(lambda spec: MovingFaceSource(scene), record_sound=False) as (session, listener):
        listener.wait_for_frame(has_face)
        path = session.start_recording(tmp_path)
        with pytest.raises(RecordingError, match="already"):
            session.start_recording(tmp_path)
        seen = len(listener.frames)
        listener.wait(lambda: len(listener.frames) > seen + 25)
        state = session.recording()
        assert state is not None
        paths = session.stop_recording()
        assert paths == (path,)
        assert session.recording() is None
        assert session.stop_recording() == ()
        assert RecordingSaved(paths=(path,)) in listener.notices
    with av.open(str(path)) as video:
        frames = list(video.decode(video=0))
    times = [frame.pts for frame in frames]
    assert len(frames) >= 15
    assert times == sorted(set(times))
    assert (frames[0].width, frames[0].height) == (1280, 360)


def test_a_chosen_microphone_that_does_not_open_is_noted(
    scene: MovingFaceScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pipeline.live.session.open_microphone", lambda name: None)
    with live(lambda spec: MovingFaceSource(scene), record_sound=True, microphone="Headset") as (session, listener):
        listener.wait_for_frame(has_face)
        session.start_recording(tmp_path)
        session.stop_recording()
        assert MicrophoneMissing(wanted="Headset", replaced=False) in listener.notices


def test_the_microphone_is_not_recorded_beside_what_has_no_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The window says that a silent video has no sound, and nobody expects to be listened to."""
    opened: list[str] = []
    monkeypatch.setattr("app.pipeline.live.session.open_microphone", opened.append)
    write_video(tmp_path / "silent.mp4", [MovingFaceScene(width=480, height=270).image(i / 25) for i in range(20)])
    silent = SourceSpec(kind=VIDEO, address=str(tmp_path / "silent.mp4"))
    with live(lambda spec: open_source(silent), record_sound=True) as (session, listener):
        listener.wait_for_frame(has_face)
        session.start_recording(tmp_path / "out")
        session.stop_recording()
    assert opened == []


def test_a_system_microphone_that_does_not_open_is_noted_where_there_is_one(
    scene: MovingFaceScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pipeline.live.session.open_microphone", lambda name: None)
    for there in ((), ("Headset",)):
        monkeypatch.setattr("app.pipeline.live.session.list_microphones", lambda there=there: there)
        with live(lambda spec: MovingFaceSource(scene), record_sound=True) as (session, listener):
            listener.wait_for_frame(has_face)
            session.start_recording(tmp_path)
            session.stop_recording()
            assert (MicrophoneMissing(wanted="", replaced=False) in listener.notices) == bool(there)


class _Unwilling:
    """A microphone that opens and does not start."""

    rate, channels = 48000, 1

    def start(self) -> None:
        raise RuntimeError("in use")

    def read(self) -> list[AudioBlock]:
        return []

    def stop(self) -> None: ...


def test_a_microphone_that_does_not_start_is_noted(
    scene: MovingFaceScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.pipeline.live.session.open_microphone", lambda name: _Unwilling())
    with live(lambda spec: MovingFaceSource(scene), record_sound=True, microphone="Headset") as (session, listener):
        listener.wait_for_frame(has_face)
        session.start_recording(tmp_path)
        session.stop_recording()
        assert MicrophoneMissing(wanted="Headset", replaced=False) in listener.notices


def test_of_two_callers_at_once_one_starts_the_recording(scene: MovingFaceScene, tmp_path: Path) -> None:
    with live(lambda spec: MovingFaceSource(scene), record_sound=False) as (session, listener):
        listener.wait_for_frame(has_face)
        at_once = threading.Barrier(2)
        refused: list[RecordingError] = []

        def start() -> None:
            at_once.wait()
            try:
                session.start_recording(tmp_path)
            except RecordingError as error:
                refused.append(error)

        callers = [threading.Thread(target=start) for _ in range(2)]
        for caller in callers:
            caller.start()
        for caller in callers:
            caller.join()
        assert len(refused) == 1
        seen = len(listener.frames)
        listener.wait(lambda: len(listener.frames) > seen + 5)
        assert len(session.stop_recording()) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_closing_finishes_the_video(scene: MovingFaceScene, tmp_path: Path) -> None:
    with live(lambda spec: MovingFaceSource(scene), record_sound=False) as (session, listener):
        listener.wait_for_frame(has_face)
        path = session.start_recording(tmp_path)
        seen = len(listener.frames)
        listener.wait(lambda: len(listener.frames) > seen + 5)
    with av.open(str(path)) as video:
        assert sum(1 for _ in video.decode(video=0)) >= 3
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


def test_a_snapshot_is_the_newest_frame_before_and_after(scene: MovingFaceScene, tmp_path: Path) -> None:
    with live(lambda spec: MovingFaceSource(scene)) as (session, listener):
        listener.wait_for_frame(has_face)
        before, after = (cv2.imread(str(path)) for path in session.snapshot(tmp_path))
    pairs = [(each.frame.image, each.image) for each in listener.frames]
    assert any(np.array_equal(before, one) and np.array_equal(after, two) for one, two in pairs)


def test_a_paused_picture_is_restored_again_when_settings_change(scene: MovingFaceScene) -> None:
    with live(lambda spec: MovingFaceSource(scene)) as (session, listener):
        listener.wait_for_frame(has_face)
        session.set_paused(True)
        session.update(Settings(k=4))
        again = listener.wait_for_frame(lambda frame: frame.k == 4)
        seen = len(listener.frames)
        session.update(Settings(k=2))
        listener.wait(lambda: any(frame.k == 2 for frame in listener.frames[seen:]))
        assert np.array_equal(listener.frames[-1].frame.image, again.frame.image)
        session.set_paused(False)
        listener.wait_for_frame(lambda frame: frame.frame.index > again.frame.index + 3)


def test_a_still_picture_reaches_outputs_anew_and_can_be_recorded(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), MovingFaceScene(width=480, height=270).image(0.0))
    session = LiveSession(ModelStore(), Settings(k=1, stream_address="127.0.0.1:0", record_sound=False), Listener())
    session._listener.session = session  # type: ignore[attr-defined]
    listener: Listener = session._listener  # type: ignore[assignment]
    try:
        session.open(SourceSpec(kind=IMAGES, address=str(tmp_path / "face.png")), slide_show=False)
        listener.wait_for_frame(has_face)
        session.start_output("network-stream")
        listener.wait(lambda: session.output_states()["network-stream"].status == "live")
        url = str(session.output_states()["network-stream"].detail).split(",")[0]
        before = _picture(url)
        (tmp_path / "out").mkdir()
        session.start_recording(tmp_path / "out")
        session.update(Settings(k=1, strength=0, stream_address="127.0.0.1:0", record_sound=False))
        listener.wait_for_frame(lambda frame: np.array_equal(frame.image, frame.frame.image))
        assert np.abs(_picture(url).astype(int) - before).max() > 10, "the stream shows the picture as it is"
        time.sleep(1.0)
        (path,) = session.stop_recording()
        session.set_paused(True)
        session.set_paused(False)
        again = _picture(url)
        assert np.abs(again.astype(int) - before).mean() < 10, "the picture took the card away"
    finally:
        session.close()
    with av.open(str(path)) as video:
        seconds = [frame.time for frame in video.decode(video=0)]
    assert seconds[-1] - seconds[0] >= 0.9


def test_a_still_picture_is_restored_once_however_late_its_status_comes(
    scene: MovingFaceScene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), MovingFaceScene(width=480, height=270).image(0.0))
    still = SourceSpec(kind=IMAGES, address=str(tmp_path / "face.png"))
    with live(lambda spec: open_source(spec) if spec is still else MovingFaceSource(scene)) as (session, listener):
        listener.wait_for_frame(has_face)
        pipeline, report = session._inference.pipeline, session._capture._report
        assert pipeline is not None
        process = pipeline.process
        stood: list[bool] = []

        def note(frame: Frame, settings: Settings, *, stands: bool, **options: object) -> Restored:
            if frame.image.shape[0] == 270:
                stood.append(stands)
            return process(frame, settings, stands=stands, **options)

        def is_there(restored: Restored) -> bool:
            return restored.image.shape[0] == 270

        def report_late(status: SourceStatus, generation: int) -> None:
            if status.state == "online":
                listener.wait(lambda: any(map(is_there, listener.frames)))
            report(status, generation)

        monkeypatch.setattr(pipeline, "process", note)
        monkeypatch.setattr(session._capture, "_report", report_late)
        session.open(still, slide_show=False)
        listener.wait(lambda: any(map(is_there, listener.frames)) and session._capture.status.state == "online")
        time.sleep(0.5)  # several turns of the inference thread
        assert stood == [True]


def unmoved() -> Restored:
    image = np.zeros((48, 64, 3), np.uint8)
    return Restored(frame=Frame(image=image, index=0, t_capture=0.0, t_media=0.0), image=image, k=1)


def test_a_recording_that_fails_late_leaves_the_one_that_followed(tmp_path: Path) -> None:
    errors: list[AppError] = []
    outputs = FanOut()
    recording = SessionRecording(outputs, on_error=errors.append, on_reduced=lambda _: None)
    recording.start(tmp_path, unmoved(), Settings(), source_fps=25.0)
    first = outputs.remove("recording")
    assert isinstance(first, VideoRecorder)
    recording.start(tmp_path, unmoved(), Settings(), source_fps=25.0)
    late = RecordingError("The disk is full.")
    recording._ended_early(late)
    assert errors == [late]
    assert recording.state() is not None
    first.stop()
    recording.stop()


def test_a_recording_that_is_refused_lets_go_of_the_microphone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Microphone:
        rate, channels, stopped = 48000, 1, False

        def stop(self) -> None:
            self.stopped = True

    def refuse(*arguments: object) -> None:
        raise RecordingError("There is no free name.")

    microphone = Microphone()
    monkeypatch.setattr("app.pipeline.live.recording.create_recorder", refuse)
    recording = SessionRecording(FanOut(), on_error=lambda _: None, on_reduced=lambda _: None)
    with pytest.raises(RecordingError, match="free name"):
        recording.start(tmp_path, unmoved(), Settings(), source_fps=25.0, open_sound=lambda: microphone)
    assert microphone.stopped


def test_a_clip_shows_nothing_of_the_source_before(scene: MovingFaceScene, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = iter((scene, MovingFaceScene(width=320, height=240)))
    with live(lambda spec: MovingFaceSource(next(sources))) as (session, listener):
        listener.wait_for_frame(has_face)
        change = session._capture.open

        def change_late(spec: SourceSpec, **options: bool) -> None:
            seen = len(listener.frames)
            listener.wait(lambda: len(listener.frames) > seen + 3)
            change(spec, **options)

        monkeypatch.setattr(session._capture, "open", change_late)
        session.open(MOVING_FACE)
        listener.wait_for_frame(lambda frame: frame.image.shape[0] == 240)
        listener.wait(lambda: bool(session._memory.moments()))
        assert {moment.pictures()[0].shape[0] for moment in session._memory.moments()} == {240}


def test_nothing_of_the_source_before_can_be_saved(scene: MovingFaceScene, tmp_path: Path) -> None:
    opening, opened = threading.Event(), threading.Event()
    small = MovingFaceScene(width=320, height=240)

    def make(spec: SourceSpec) -> Source:
        if not opening.is_set():
            return MovingFaceSource(scene)
        assert opened.wait(WAIT_S)
        return MovingFaceSource(small)

    with live(make) as (session, listener):
        listener.wait_for_frame(has_face)
        session.set_paused(True)  # so that the picture stands and would be restored again
        opening.set()
        session.open(MOVING_FACE)
        listener.wait(lambda: [status.state for status in listener.statuses].count("connecting") == 2)
        session.update(Settings(k=2))
        time.sleep(0.5)  # several turns of the inference
        for save in session.start_recording, session.snapshot, session.save_before_after:
            with pytest.raises(RecordingError, match="no picture"):
                save(tmp_path)
        assert list(tmp_path.iterdir()) == []
        opened.set()
        listener.wait_for_frame(lambda frame: frame.image.shape[0] == 240)
        before, _ = session.snapshot(tmp_path)
        assert cv2.imread(str(before)).shape[0] == 240


def test_without_a_picture_nothing_can_be_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.pipeline.live.session.open_microphone", lambda name: pytest.fail("not to be opened"))
    session = LiveSession(ModelStore(), Settings(), Listener())
    try:
        with pytest.raises(RecordingError, match="no picture"):
            session.start_recording(tmp_path)
        with pytest.raises(RecordingError, match="no picture"):
            session.snapshot(tmp_path)
    finally:
        session.close()
    assert list(tmp_path.iterdir()) == []


def test_closing_twice_and_before_anything_happened_is_fine() -> None:
    listener = Listener()
    session = LiveSession(ModelStore(), Settings(), listener)
    session.close()
    session.close()
    assert session.take() is None
    assert session.statistics().stages == ()
    assert listener.errors == []


def test_outputs_show_the_restored_picture_and_a_card_while_paused(scene: MovingFaceScene) -> None:
    with live(lambda spec: MovingFaceSource(scene), stream_address="127.0.0.1:0") as (session, listener):
        listener.wait_for_frame(has_face)
        session.start_output("network-stream")
        with pytest.raises(OutputError, match="on already"):
            session.start_output("network-stream")
        with pytest.raises(SettingError, match="no output called"):
            session.start_output("telepathy")
        listener.wait_for_frame(lambda _: session.output_states()["network-stream"].status == "live")
        url = str(session.output_states()["network-stream"].detail).split(",")[0]
        shown = _picture(url)
        assert shown.shape == listener.frames[-1].image.shape
        session.set_paused(True)
        card = _picture(url)
        assert np.abs(card.astype(int).mean(axis=(0, 1)) - shown.mean(axis=(0, 1))).max() > 20
        assert np.median(card) < 40, "a dark card"
        session.set_paused(False)
        listener.wait_for_frame(lambda _: True)
        listener.wait_for_frame(lambda _: True)
        assert np.median(_picture(url)) > 40
        session.stop_output("network-stream")
        assert session.output_states() == {}
        session.start_output("network-stream")


def _picture(url: str) -> Image:
    with urllib.request.urlopen(f"{url}picture.jpg", timeout=10) as answer:
        return np.asarray(cv2.imdecode(np.frombuffer(answer.read(), np.uint8), cv2.IMREAD_COLOR), np.uint8)
