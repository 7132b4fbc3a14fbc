"""The capture worker against real servers and files, and cameras that are pulled, hang and freeze."""

from __future__ import annotations

import gc
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest

from app.core.errors import CameraOpenError, SourceOfflineError, SourceOpenError, UnreadableMediaError
from app.core.mailbox import Mailbox
from app.core.types import Frame, Image
from app.pipeline.capture.status import ReconnectPolicy, SourceState, SourceStatus
from app.pipeline.capture.worker import CaptureWorker
from app.sources.base import Source, SourceSpec
from app.sources.camera import CAMERA as CAMERA_KIND
from app.sources.camera import CameraSource
from app.sources.images import IMAGES
from app.sources.registry import open_source
from app.sources.stream import STREAM, StreamSource
from app.sources.video import VIDEO, VideoSource
from tests.fake_camera import FakeCameras
from tests.media_files import number_of, numbered_picture, write_video
from tests.mjpeg_server import MjpegServer

QUICK = ReconnectPolicy(first_s=0.02, longest_s=0.1)


class Harness:
    """A worker whose statuses can be waited for."""

    def __init__(self, make_source: Callable[[SourceSpec], Source] = open_source, **options: float) -> None:
        self.mailbox: Mailbox[Frame] = Mailbox()
        self.statuses: list[SourceStatus] = []
        self._changed = threading.Condition()
        self.worker = CaptureWorker(
            self.mailbox, on_status=self._note, make_source=make_source, policy=QUICK, **{**_LIMITS, **options}
        )

    def _note(self, status: SourceStatus) -> None:
        with self._changed:
            self.statuses.append(status)
            self._changed.notify_all()

    def wait_for(self, state: SourceState, *, after: int = 0) -> SourceStatus:
        with self._changed:
            found = self._changed.wait_for(lambda: any(s.state == state for s in self.statuses[after:]), 20)
            assert found, f"never {state}: {self.statuses}"
            return next(s for s in self.statuses[after:] if s.state == state)

    def frames(self, count: int) -> list[Frame]:
        frames = []
        for _ in range(count):
            frame = self.mailbox.take(20)
            assert frame is not None, f"no frame: {self.statuses}"
            frames.append(frame)
        return frames

    def until_ended(self) -> list[Frame]:
        """What a taker gets of a file that plays to its end; a slow one misses some."""
        frames = []
        while True:
            over = "ended" in self.states() or "failed" in self.states()
            frame = self.mailbox.take(0.02)
            if frame is not None:
                frames.append(frame)
            elif over:
                return frames

    def states(self) -> list[SourceState]:
        return [status.state for status in self.statuses]


_LIMITS = {"freeze_timeout_s": 0.5, "open_timeout_s": 5.0}


@pytest.fixture
def harness() -> Iterator[Callable[..., Harness]]:
    made: list[Harness] = []

    def make(*arguments: Callable[[SourceSpec], Source], **options: float) -> Harness:
        made.append(Harness(*arguments, **options))
        return made[-1]

    before = set(threading.enumerate())
    yield make
    for one in made:
        one.worker.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive(), f"{thread} is left"


def camera_maker(cameras: FakeCameras) -> Callable[[SourceSpec], Source]:
    return lambda spec: CameraSource(spec.address, enumeration=cameras.list, open_capture=cameras.open)


def stream_maker(spec: SourceSpec) -> Source:
    return StreamSource(spec.address, open_timeout_s=2.0, read_timeout_s=1.0)


CAMERA = SourceSpec(kind=CAMERA_KIND, address="Desk camera")


def video_spec(path: Path, count: int = 10, fps: int = 50) -> SourceSpec:
    write_video(path, [numbered_picture(i) for i in range(count)], fps=fps)
    return SourceSpec(kind=VIDEO, address=str(path))


def test_a_stream_that_dies_goes_offline_and_comes_back_by_itself(harness: Callable[..., Harness]) -> None:
    with MjpegServer(fps=60) as server:
        h = harness(stream_maker)
        h.worker.open(SourceSpec(kind=STREAM, address=server.url))
        assert h.wait_for("online").info is not None
        before = h.frames(3)
        server.die()
        offline = h.wait_for("offline")
        assert isinstance(offline.error, SourceOfflineError)
        assert offline.retry_in_s is not None
        assert offline.info is not None
        seen = len(h.statuses)
        server.revive()
        h.wait_for("online", after=seen - 1)
        h.mailbox.clear()
        after = h.frames(3)
    indices = [frame.index for frame in before + after]
    assert all(a < b for a, b in itertools.pairwise(indices))
    assert all(a.t_capture < b.t_capture for a, b in itertools.pairwise(before + after))


def test_a_stalled_stream_is_noticed_by_the_watchdog_before_its_own_time_out(harness: Callable[..., Harness]) -> None:
    with MjpegServer(fps=60) as server:
        h = harness(lambda spec: StreamSource(spec.address, read_timeout_s=20.0))
        h.worker.open(SourceSpec(kind=STREAM, address=server.url))
        h.frames(2)
        server.stall()
        assert isinstance(h.wait_for("offline").error, SourceOfflineError)
        seen = len(h.statuses)
        server.resume()
        h.wait_for("online", after=seen - 1)
        h.frames(2)


def test_closing_does_not_wait_for_a_stalled_server(harness: Callable[..., Harness]) -> None:
    with MjpegServer(fps=60) as server:
        h = harness(lambda spec: StreamSource(spec.address, read_timeout_s=60.0), freeze_timeout_s=60.0)
        h.worker.open(SourceSpec(kind=STREAM, address=server.url))
        h.frames(2)
        server.stall()
        h.worker.close()
        assert not h.worker._watchdog.is_alive()


def test_an_unplugged_camera_is_found_again_by_name_under_its_new_number(harness: Callable[..., Harness]) -> None:
    cameras = FakeCameras(["Other camera", "Desk camera"], picture=numbered_picture, fps=100)
    h = harness(camera_maker(cameras))
    h.worker.open(CAMERA)
    h.frames(2)
    cameras.unplug("Desk camera")
    h.wait_for("offline")
    seen = len(h.statuses)
    cameras.plug("Desk camera")
    h.wait_for("online", after=seen - 1)
    h.mailbox.clear()
    h.frames(2)
    assert set(cameras.opened) == {"Desk camera"}


@pytest.mark.parametrize("address", ["", "0"])
def test_a_camera_found_by_its_place_is_not_replaced_by_another(harness: Callable[..., Harness], address: str) -> None:
    cameras = FakeCameras(["Desk camera", "Laptop camera"], picture=numbered_picture, fps=100)
    h = harness(camera_maker(cameras))
    h.worker.open(SourceSpec(kind=CAMERA_KIND, address=address))
    h.frames(2)
    cameras.unplug("Desk camera")
    h.wait_for("offline")
    seen = len(h.statuses)
    assert isinstance(h.wait_for("offline", after=seen).error, CameraOpenError)
    cameras.plug("Desk camera")
    h.wait_for("online", after=seen)
    assert set(cameras.opened) == {"Desk camera"}


def test_the_error_of_a_lost_camera_does_not_hold_its_last_picture(harness: Callable[..., Harness]) -> None:
    """Without the garbage collector's help: it comes too seldom for pictures of megabytes."""
    several = threading.Event()

    def picture(index: int) -> Image:
        if index == 5:
            several.set()
        return numbered_picture(index)

    cameras = FakeCameras(["Desk camera"], picture=picture, fps=100)
    h = harness(camera_maker(cameras))
    gc.collect()
    gc.disable()
    try:
        h.worker.open(CAMERA)
        h.wait_for("online")
        assert several.wait(20)  # nobody takes the pictures: the last one stays in the slot
        cameras.unplug("Desk camera")
        assert h.wait_for("offline").error is not None
        last = h.mailbox.take(1.0)
        assert last is not None
        image = weakref.ref(last.image)
        del last
        assert image() is None
    finally:
        gc.enable()


def test_a_driver_that_never_returns_is_given_up(harness: Callable[..., Harness]) -> None:
    cameras = FakeCameras(["Desk camera"], picture=numbered_picture, fps=100)
    h = harness(camera_maker(cameras))
    h.worker.open(CAMERA)
    h.frames(2)
    cameras.hang("Desk camera")
    offline = h.wait_for("offline")
    assert "no picture" in str(offline.error)
    cameras.release_hung()
    h.wait_for("online", after=len(h.statuses) - 1)
    h.mailbox.clear()
    h.frames(2)
    h.worker.close()
    assert cameras.open_captures <= 1


def test_a_camera_that_repeats_one_picture_for_ever_is_connected_again(harness: Callable[..., Harness]) -> None:
    cameras = FakeCameras(["Desk camera"], picture=lambda i: numbered_picture(min(i, 5)), fps=100)
    h = harness(camera_maker(cameras), frozen_picture_s=0.3)
    h.worker.open(CAMERA)
    assert "repeats" in str(h.wait_for("offline").error)


class NeverOpens:
    """A driver that hangs until it is released, and then refuses."""

    def __init__(self, released: threading.Event) -> None:
        self._released = released

    def open(self) -> None:
        self._released.wait(20)
        raise SourceOpenError("It hung.")

    def close(self) -> None:
        pass


def test_opening_returns_at_once_and_a_hanging_open_is_reported(harness: Callable[..., Harness]) -> None:
    released = threading.Event()
    h = harness(lambda spec: NeverOpens(released), open_timeout_s=0.2)
    h.worker.open(CAMERA)
    failed = h.wait_for("failed")
    assert "did not open" in str(failed.error)
    released.set()


def test_another_source_opens_however_many_drivers_hang(harness: Callable[..., Harness], tmp_path: Path) -> None:
    released = threading.Event()
    h = harness(lambda spec: NeverOpens(released) if spec is CAMERA else open_source(spec), open_timeout_s=0.1)
    for _ in range(4):
        seen = len(h.statuses)
        h.worker.open(CAMERA)
        h.wait_for("failed", after=seen)
    h.worker.open(video_spec(tmp_path / "video.mp4"))
    h.wait_for("online")
    released.set()


def test_a_file_that_answers_after_another_was_opened_leaves_its_timeline_alone(
    harness: Callable[..., Harness], tmp_path: Path
) -> None:
    released, late = threading.Event(), video_spec(tmp_path / "late.mp4")
    left: list[threading.Thread] = []

    class AnswersLate(VideoSource):
        def read(self) -> Frame | None:
            left.append(threading.current_thread())
            released.wait(20)
            return super().read()

    h = harness(lambda spec: AnswersLate(Path(spec.address)) if spec is late else open_source(spec))
    h.worker.open(late)
    h.wait_for("online")
    seen = len(h.statuses)
    h.worker.open(video_spec(tmp_path / "video.mp4"), loop=True)
    h.wait_for("online", after=seen)
    h.frames(2)
    known, _ = h.worker.timeline.since(0)
    released.set()
    left[0].join(10)
    h.frames(20)
    _, anchors = h.worker.timeline.since(known)
    assert anchors, "its rounds"
    assert all(anchor.running for anchor in anchors)


def test_a_source_that_was_left_tells_nothing_more(harness: Callable[..., Harness], tmp_path: Path) -> None:
    released = threading.Event()
    video = video_spec(tmp_path / "video.mp4")

    class OpensAnotherAsItIsGivenUp:
        def open(self) -> None:
            released.wait(20)
            raise SourceOpenError("It hung.")

        def close(self) -> None:
            if not released.is_set():
                h.worker.open(video)
            released.set()

    h = harness(lambda spec: OpensAnotherAsItIsGivenUp() if spec is CAMERA else open_source(spec), open_timeout_s=0.2)
    h.worker.open(CAMERA)
    h.wait_for("online")
    assert h.states()[:3] == ["connecting", "connecting", "online"]


def test_a_source_that_cannot_be_opened_at_first_has_failed(harness: Callable[..., Harness]) -> None:
    h = harness(camera_maker(FakeCameras([], picture=numbered_picture)))
    h.worker.open(CAMERA)
    assert isinstance(h.wait_for("failed").error, CameraOpenError)
    assert h.states() == ["connecting", "failed"]


def test_a_surprise_in_a_driver_is_reported_in_words(harness: Callable[..., Harness]) -> None:
    def explode(spec: SourceSpec) -> Source:
        raise RuntimeError("boom")

    h = harness(explode)
    h.worker.open(CAMERA)
    assert "boom" in str(h.wait_for("failed").error)


def test_a_file_keeps_its_own_speed_however_slow_the_taker(harness: Callable[..., Harness], tmp_path: Path) -> None:
    h = harness()
    h.worker.open(video_spec(tmp_path / "video.mp4", count=100))
    h.frames(1)
    taken = 1
    busy = threading.Event()
    while "ended" not in h.states():
        busy.wait(0.1)  # restoring that takes five times as long as the file gives it
        taken += h.mailbox.take(0) is not None
    assert taken + h.mailbox.dropped == 100, "every frame that was not taken is counted"
    assert h.mailbox.dropped > 50, "it does not wait for the taker"


def test_a_file_is_played_at_its_own_pace(harness: Callable[..., Harness], tmp_path: Path) -> None:
    h = harness()
    h.worker.open(video_spec(tmp_path / "video.mp4", count=20))
    frames = h.until_ended()
    for before, after in itertools.pairwise(frames):
        assert after.t_capture - before.t_capture == pytest.approx(after.t_media - before.t_media, abs=1e-6)
    assert time.perf_counter() - frames[0].t_capture >= frames[-1].t_media


def test_a_looped_video_starts_again_and_its_time_goes_on(harness: Callable[..., Harness], tmp_path: Path) -> None:
    h = harness()
    h.worker.open(video_spec(tmp_path / "video.mp4", count=5), loop=True)
    frames = h.frames(13)  # a slow taker misses some, the numbers of the others stay right
    assert [number_of(frame.image) for frame in frames] == [frame.index % 5 for frame in frames]
    assert [round(frame.t_media, 3) for frame in frames] == [round(frame.index / 50, 3) for frame in frames]


def test_seeking_while_paused_shows_the_place(harness: Callable[..., Harness], tmp_path: Path) -> None:
    h = harness()
    h.worker.open(video_spec(tmp_path / "video.mp4", count=50, fps=25))
    h.frames(1)
    h.worker.set_paused(True)
    h.worker.seek(1.0)
    shown = next(number for number in map(number_of, (h.frames(1)[0].image for _ in range(50))) if number >= 25)
    assert shown == 25
    assert h.mailbox.take(0.3) is None
    h.worker.set_paused(False)
    assert number_of(h.frames(1)[0].image) > 25


def test_seeking_after_the_end_plays_from_there(harness: Callable[..., Harness], tmp_path: Path) -> None:
    h = harness()
    h.worker.open(video_spec(tmp_path / "video.mp4"))
    h.until_ended()
    seen = len(h.statuses)
    h.worker.seek(0.1)
    h.wait_for("online", after=seen)
    assert number_of(h.frames(1)[0].image) >= 5


def test_seeking_as_a_file_opens_begins_there(harness: Callable[..., Harness], tmp_path: Path) -> None:
    h = harness()

    def note(status: SourceStatus) -> None:
        if status.state == "connecting":
            h.worker.seek(0.1)
        h._note(status)

    h.worker._on_status = note
    h.worker.open(video_spec(tmp_path / "video.mp4"))
    assert number_of(h.frames(1)[0].image) >= 5
    assert h.states().count("connecting") == 1


def test_a_single_picture_in_a_loop_is_shown_again_and_again(harness: Callable[..., Harness], tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "one.png"), numbered_picture(3))
    h = harness()
    h.worker.open(SourceSpec(kind=IMAGES, address=str(tmp_path / "one.png")), loop=True)
    frames = h.frames(4)
    assert [number_of(frame.image) for frame in frames] == [3] * 4
    assert all(a.t_media < b.t_media for a, b in itertools.pairwise(frames))
    assert all(a.t_capture < b.t_capture for a, b in itertools.pairwise(frames))


def test_a_folder_without_a_slide_show_stands_until_the_next_is_sought(
    harness: Callable[..., Harness], tmp_path: Path
) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), numbered_picture(number))
    h = harness()
    h.worker.open(SourceSpec(kind=IMAGES, address=str(tmp_path)), loop=True, slide_show=False)
    assert number_of(h.frames(1)[0].image) == 0
    info = h.wait_for("online").info
    assert info is not None
    assert h.mailbox.take(info.picture_s + 0.5) is None, "it is shown once"
    h.worker.seek(2.5 * info.picture_s)
    frame = h.frames(1)[0]
    assert number_of(frame.image) == 2
    assert int(frame.t_media / info.picture_s) == 2


def test_damaged_pictures_of_a_folder_are_stepped_over_and_end_nothing(
    harness: Callable[..., Harness], tmp_path: Path
) -> None:
    for number in range(4):
        cv2.imwrite(str(tmp_path / f"{number}.png"), numbered_picture(number))
    for number in (1, 3):
        (tmp_path / f"{number}.png").write_bytes(b"no picture")
    h = harness()
    h.worker.open(SourceSpec(kind=IMAGES, address=str(tmp_path)), loop=True, slide_show=False)
    shown = [number_of(h.frames(1)[0].image)]
    info = h.wait_for("online").info
    assert info is not None
    for place in (2, 1, 2, 3):
        h.worker.seek((place + 0.5) * info.picture_s)
        shown.append(number_of(h.frames(1)[0].image))
    assert shown == [0, 2, 0, 2, 0], "back over the second, and on over the last, round the end"
    assert h.states() == ["connecting", "online"]


def test_a_damaged_video_plays_to_the_damage_and_says_so(harness: Callable[..., Harness], tmp_path: Path) -> None:
    path = tmp_path / "video.mp4"
    write_video(path, [numbered_picture(i) for i in range(60)], container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 4 // 5])
    h = harness()
    h.worker.open(SourceSpec(kind=VIDEO, address=str(path)))
    numbers = [number_of(frame.image) for frame in h.until_ended()]
    assert 3 < numbers[-1] < 59
    assert numbers == sorted(set(numbers))
    assert isinstance(h.wait_for("failed").error, UnreadableMediaError)


def test_another_source_takes_over_and_the_index_goes_on(harness: Callable[..., Harness], tmp_path: Path) -> None:
    cameras = FakeCameras(["Desk camera"], picture=numbered_picture, fps=100)

    def make(spec: SourceSpec) -> Source:
        return open_source(spec) if spec.kind is VIDEO else camera_maker(cameras)(spec)

    h = harness(make)
    h.worker.open(CAMERA)
    first = h.frames(3)
    seen = len(h.statuses)
    h.worker.open(video_spec(tmp_path / "video.mp4"))
    h.wait_for("ended", after=seen)
    second = h.frames(1)
    assert second[0].index > first[-1].index
    assert number_of(second[0].image) < 10
    assert cameras.open_captures == 0


def test_closing_lets_go_of_the_source(harness: Callable[..., Harness]) -> None:
    cameras = FakeCameras(["Desk camera"], picture=numbered_picture, fps=100)
    h = harness(camera_maker(cameras))
    h.worker.open(CAMERA)
    h.frames(1)
    h.worker.close()
    assert cameras.open_captures == 0


def test_a_paused_camera_shows_nothing_new_but_stays_online(harness: Callable[..., Harness]) -> None:
    cameras = FakeCameras(["Desk camera"], picture=numbered_picture, fps=100)
    h = harness(camera_maker(cameras))
    h.worker.open(CAMERA)
    h.frames(2)
    h.worker.set_paused(True)
    h.mailbox.clear()
    assert h.mailbox.take(_LIMITS["freeze_timeout_s"] * 1.5) is None
    h.worker.set_paused(False)
    h.frames(1)
    assert h.states() == ["connecting", "online"]
