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
from app.core.settings import Settings
from app.core.types import Frame
from app.sources.base import Source, SourceKind
from app.sources.camera import CAMERA, CameraSource
from app.sources.images import IMAGES, ImagesSource
from app.sources.registry import KINDS, parse_source
from app.sources.stream import STREAM, StreamSource
from app.sources.video import VIDEO, VideoSource
from tests.fake_camera import FakeCameras
from tests.media_files import numbered_picture, write_video
from tests.mjpeg_server import MjpegServer
from tests.rtsp_server import RtspServer

SIZE = (160, 120)
ICONS = Path(__file__).parents[2] / "assets" / "icons"


@dataclass
class Case:
    make: Callable[[], Source]
    kind: SourceKind
    count: int | None


def _camera(folder: Path) -> Iterator[Case]:
    cameras = FakeCameras(["Desk camera"], picture=lambda i: numbered_picture(i), fps=100)
    yield Case(
        make=lambda: CameraSource(
            "Desk camera", size=SIZE, mirror=False, enumeration=cameras.list, open_capture=cameras.open
        ),
        kind=CAMERA,
        count=None,
    )


def _video(folder: Path) -> Iterator[Case]:
    write_video(folder / "video.mp4", [numbered_picture(i) for i in range(12)])
    yield Case(make=lambda: VideoSource(folder / "video.mp4"), kind=VIDEO, count=12)


def _folder(folder: Path) -> Iterator[Case]:
    for i in range(4):
        cv2.imwrite(str(folder / f"{i}.png"), numbered_picture(i))
    yield Case(make=lambda: ImagesSource(folder), kind=IMAGES, count=4)


def _picture(folder: Path) -> Iterator[Case]:
    cv2.imwrite(str(folder / "one.png"), numbered_picture(0))
    yield Case(make=lambda: ImagesSource(folder / "one.png"), kind=IMAGES, count=1)


def _mjpeg(folder: Path) -> Iterator[Case]:
    with MjpegServer(numbered_picture, fps=100) as server:
        yield Case(make=lambda: StreamSource(server.url), kind=STREAM, count=None)


def _mjpeg_without_length(folder: Path) -> Iterator[Case]:
    with MjpegServer(numbered_picture, fps=100, content_length=False) as server:
        yield Case(make=lambda: StreamSource(server.url), kind=STREAM, count=None)


def _rtsp(folder: Path) -> Iterator[Case]:
    with RtspServer(numbered_picture, fps=50) as server:
        yield Case(make=lambda: StreamSource(server.url), kind=STREAM, count=None)


CASES = (
    (CAMERA, _camera),
    (VIDEO, _video),
    (IMAGES, _folder),
    (IMAGES, _picture),
    (STREAM, _mjpeg),
    (STREAM, _mjpeg_without_length),
    (STREAM, _rtsp),
)


@pytest.fixture(params=[make for _, make in CASES], ids=lambda make: make.__name__.removeprefix("_"))
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
    assert (info.kind, info.frame_count) == (case.kind, case.count)
    assert info.name
    assert info.fps >= 0
    assert (info.duration_s is None) == case.kind.live


def test_a_file_ends_with_none_and_a_live_source_does_not(case: Case) -> None:
    source = case.make()
    source.open()
    try:
        count = len(read_some(source, 20))
        assert count == (20 if case.kind.live else case.count)
        if not case.kind.live:
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


@pytest.mark.parametrize("case", [make for kind, make in CASES if kind.seekable], indirect=True)
def test_a_seekable_kind_seeks(case: Case) -> None:
    source = case.make()
    source.open()
    try:
        source.seek(0.2)
        frame = source.read()
    finally:
        source.close()
    assert frame is not None
    assert frame.t_media == pytest.approx(0.2, abs=0.05)


def test_every_kind_of_the_registry_is_in_this_suite() -> None:
    assert {kind.name for kind, _ in CASES} == {kind.name for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_kind_describes_itself(kind: SourceKind) -> None:
    assert str(kind.label)[0].isupper()
    assert (ICONS / f"{kind.icon}.svg").is_file()
    assert not (kind.live and kind.seekable)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.device], ids=lambda kind: kind.name)
def test_a_device_is_opened_again_by_its_kind_and_name(kind: SourceKind) -> None:
    spec = parse_source(f"{kind.name}:Desk camera", Settings(camera_fps=60))
    assert (spec.kind, spec.address, spec.fps) == (kind, "Desk camera", 60)
