"""One suite over all sources: what a frame's taker may rely on, whatever the pictures come from."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import SourceOfflineError, SourceOpenError
from app.core.types import Frame
from app.sources.base import Source, SourceKind
from app.sources.camera import CameraSource
from app.sources.images import ImagesSource
from app.sources.stream import StreamSource
from app.sources.video import VideoSource
from tests.fake_camera import FakeCameras
from tests.media_files import numbered_picture, write_video
from tests.mjpeg_server import MjpegServer
from tests.rtsp_server import RtspServer

SIZE = (160, 120)


@dataclass
class Case:
    make: Callable[[], Source]
    kind: SourceKind
    live: bool
    count: int | None


def _camera(folder: Path) -> Iterator[Case]:
    cameras = FakeCameras(["Desk camera"], picture=lambda i: numbered_picture(i), fps=100)
    yield Case(
        make=lambda: CameraSource(
            "Desk camera", size=SIZE, mirror=False, enumeration=cameras.list, open_capture=cameras.open
        ),
        kind="camera",
        live=True,
        count=None,
    )


def _video(folder: Path) -> Iterator[Case]:
    write_video(folder / "film.mp4", [numbered_picture(i) for i in range(12)])
    yield Case(make=lambda: VideoSource(folder / "film.mp4"), kind="video", live=False, count=12)


def _folder(folder: Path) -> Iterator[Case]:
    for i in range(4):
        cv2.imwrite(str(folder / f"{i}.png"), numbered_picture(i))
    yield Case(make=lambda: ImagesSource(folder), kind="images", live=False, count=4)


def _picture(folder: Path) -> Iterator[Case]:
    cv2.imwrite(str(folder / "one.png"), numbered_picture(0))
    yield Case(make=lambda: ImagesSource(folder / "one.png"), kind="images", live=False, count=1)


def _mjpeg(folder: Path) -> Iterator[Case]:
    with MjpegServer(numbered_picture, fps=100) as server:
        yield Case(make=lambda: StreamSource(server.url), kind="stream", live=True, count=None)


def _mjpeg_without_length(folder: Path) -> Iterator[Case]:
    with MjpegServer(numbered_picture, fps=100, content_length=False) as server:
        yield Case(make=lambda: StreamSource(server.url), kind="stream", live=True, count=None)


def _rtsp(folder: Path) -> Iterator[Case]:
    with RtspServer(numbered_picture, fps=50) as server:
        yield Case(make=lambda: StreamSource(server.url), kind="stream", live=True, count=None)


CASES = (_camera, _video, _folder, _picture, _mjpeg, _mjpeg_without_length, _rtsp)


@pytest.fixture(params=CASES, ids=lambda case: case.__name__.removeprefix("_"))
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    yield from request.param(tmp_path)


def read_some(source: Source, limit: int = 12) -> list[Frame]:
    frames: list[Frame] = []
    while len(frames) < limit and (frame := source.read()) is not None:
        frames.append(frame)
    return frames


def test_frames_are_bgr_numbered_and_grow_in_time(case: Case) -> None:
    source = case.make()
    source.open()
    try:
        frames = read_some(source)
    finally:
        source.close()
    assert len(frames) == min(12, case.count or 12)
    for frame in frames:
        assert frame.image.dtype == np.uint8
        assert frame.image.shape == (SIZE[1], SIZE[0], 3)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert all(a.t_capture < b.t_capture for a, b in itertools.pairwise(frames))
    assert all(a.t_media < b.t_media for a, b in itertools.pairwise(frames))
    assert frames[0].t_media == 0.0


def test_info_tells_what_really_comes(case: Case) -> None:
    source = case.make()
    source.open()
    try:
        info = source.info
    finally:
        source.close()
    assert (info.width, info.height) == SIZE
    assert (info.kind, info.live, info.frame_count) == (case.kind, case.live, case.count)
    assert info.name
    assert info.fps >= 0
    assert (info.duration_s is None) == case.live


def test_a_file_ends_with_none_and_a_live_source_does_not(case: Case) -> None:
    source = case.make()
    source.open()
    try:
        count = len(read_some(source, 20))
        assert count == (20 if case.live else case.count)
        if not case.live:
            assert source.read() is None
            assert source.read() is None
    finally:
        source.close()


def test_closing_twice_and_reading_after_it_is_harmless(case: Case) -> None:
    source = case.make()
    source.open()
    assert source.read() is not None
    source.close()
    source.close()
    assert source.read() is None


def test_closing_before_opening_is_harmless(case: Case) -> None:
    case.make().close()


def test_close_comes_from_another_thread_while_one_reads(case: Case) -> None:
    source = case.make()
    source.open()
    reading = threading.Event()
    failures: list[BaseException] = []

    def read_to_the_end() -> None:
        try:
            while source.read() is not None:
                reading.set()
        except BaseException as error:
            failures.append(error)
        finally:
            reading.set()

    thread = threading.Thread(target=read_to_the_end)
    thread.start()
    assert reading.wait(10)
    source.close()
    thread.join(10)
    assert not thread.is_alive()
    assert all(isinstance(failure, SourceOfflineError) for failure in failures)


def test_a_source_can_be_opened_again_by_a_new_object(case: Case) -> None:
    for _ in range(2):
        source = case.make()
        source.open()
        assert source.read() is not None
        source.close()


ABSENT: dict[str, Callable[[Path], Source]] = {
    "camera": lambda folder: CameraSource("Nobody's camera", enumeration=lambda: []),
    "video": lambda folder: VideoSource(folder / "absent.mp4"),
    "picture": lambda folder: ImagesSource(folder / "absent.png"),
    "folder": lambda folder: ImagesSource(folder),
    "mjpeg": lambda folder: StreamSource("http://127.0.0.1:9/video", open_timeout_s=2),
    "rtsp": lambda folder: StreamSource("rtsp://127.0.0.1:9/video", open_timeout_s=2),
}


@pytest.mark.parametrize("kind", ABSENT)
def test_an_absent_source_is_refused_in_words(kind: str, tmp_path: Path) -> None:
    source = ABSENT[kind](tmp_path)
    with pytest.raises(SourceOpenError) as refusal:
        source.open()
    assert refusal.value.what.endswith(".")
    source.close()
