"""What is particular to videos and pictures: time stamps, seeking, turning, damage."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from app.core.errors import EmptyFolderError, UnreadableMediaError
from app.core.types import Frame
from app.sources.images import ImagesSource
from app.sources.video import VideoSource
from tests.media_files import number_of, numbered_picture, write_video

UNEVEN_MS = [0, 40, 73, 120, 121, 200, 360, 400, 900, 917, 960, 1000]


def read_all(source: VideoSource | ImagesSource) -> list[Frame]:
    frames: list[Frame] = []
    read_into(frames, source)
    return frames


def read_into(frames: list[Frame], source: VideoSource | ImagesSource) -> None:
    while (frame := source.read()) is not None:
        frames.append(frame)


def opened(path: Path) -> VideoSource:
    source = VideoSource(path)
    source.open()
    return source


def video(path: Path, count: int = 50, **options: object) -> Path:
    write_video(path, [numbered_picture(i) for i in range(count)], **options)
    return path


def test_a_variable_frame_rate_gives_exact_times(tmp_path: Path) -> None:
    source = opened(video(tmp_path / "video.mp4", 12, times_ms=UNEVEN_MS))
    frames = read_all(source)
    source.close()
    assert [frame.t_media for frame in frames] == [ms / 1000 for ms in UNEVEN_MS]
    assert [number_of(frame.image) for frame in frames] == list(range(12))


def test_time_counts_from_the_first_picture(tmp_path: Path) -> None:
    source = opened(video(tmp_path / "video.mkv", 12, times_ms=[ms + 5000 for ms in UNEVEN_MS]))
    frames = read_all(source)
    source.close()
    assert [frame.t_media for frame in frames] == [ms / 1000 for ms in UNEVEN_MS]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize(("seconds", "number"), [(0.0, 0), (1.0, 25), (1.96, 49), (-5.0, 0)])
def test_seeking_is_exact(tmp_path: Path, suffix: str, seconds: float, number: int) -> None:
    source = opened(video(tmp_path / f"video{suffix}", options={"g": "10", "crf": "12"}))
    for _ in range(30):
        source.read()
    source.seek(seconds)
    frame = source.read()
    source.close()
    assert frame is not None
    assert number_of(frame.image) == number


@pytest.mark.parametrize(
    ("shape", "size"), [(Fraction(64, 45), (228, 120)), (Fraction(8, 9), (160, 135)), (Fraction(100, 1), (160, 120))]
)
def test_pixels_that_are_not_square_are_made_so(tmp_path: Path, shape: Fraction, size: tuple[int, int]) -> None:
    """Those of DVDs and tapes; people must not be narrower than they are."""
    write_video(tmp_path / "film.mp4", [numbered_picture(i) for i in range(5)], pixel_shape=shape)
    source = opened(tmp_path / "film.mp4")
    frame = source.read()
    source.close()
    assert frame is not None
    assert frame.image.shape[1::-1] == (source.info.width, source.info.height) == size


def test_where_there_is_only_sound_left_the_last_picture_stands(tmp_path: Path) -> None:
    write_video(tmp_path / "film.mp4", [numbered_picture(i) for i in range(20)], sound=True, sound_s=1.5)
    source = VideoSource(tmp_path / "film.mp4")
    source.open()
    try:
        assert source.info.duration_s is not None
        assert source.info.duration_s > 1.4
        source.seek(source.info.duration_s)
        last = source.read()
        assert last is not None
        assert last.t_media == pytest.approx(19 / 25)
        assert source.read() is None
    finally:
        source.close()


def test_seeking_beyond_the_end_shows_the_last_picture(tmp_path: Path) -> None:
    source = opened(video(tmp_path / "video.mp4"))
    source.seek(1000.0)
    frames = read_all(source)
    source.close()
    assert [number_of(frame.image) for frame in frames] == [49]


def test_a_video_can_be_read_again_after_its_end(tmp_path: Path) -> None:
    source = opened(video(tmp_path / "video.mp4", 10))
    assert len(read_all(source)) == 10
    source.seek(0.0)
    again = read_all(source)
    source.close()
    assert [number_of(frame.image) for frame in again] == list(range(10))
    assert [frame.index for frame in again] == list(range(10, 20))


def test_the_sound_is_told_of(tmp_path: Path) -> None:
    for sound in (True, False):
        source = opened(video(tmp_path / f"{sound}.mp4", 10, sound=sound))
        assert source.info.has_audio is sound
        assert source.info.fps == pytest.approx(25, abs=0.5)
        assert source.info.duration_s == pytest.approx(0.4, abs=0.05)
        source.close()


@pytest.mark.parametrize("rotation", [90, 180, -90])
def test_a_video_turned_by_its_metadata_is_upright(tmp_path: Path, rotation: int) -> None:
    lying = [np.rot90(numbered_picture(i), -rotation // 90).copy() for i in range(5)]
    write_video(tmp_path / "video.mp4", lying, rotation=rotation)
    source = opened(tmp_path / "video.mp4")
    assert (source.info.width, source.info.height) == (160, 120)
    assert [number_of(frame.image) for frame in read_all(source)] == list(range(5))
    source.close()


@pytest.mark.parametrize(("suffix", "share"), [(".mp4", 0.6), (".mp4", 0.97), (".mkv", 0.6), (".avi", 0.6)])
def test_a_video_that_breaks_off_plays_to_there_and_says_so(tmp_path: Path, suffix: str, share: float) -> None:
    path = tmp_path / f"video{suffix}"
    if suffix == ".avi":
        _write_avi(path)
    else:
        video(path, container_options={"movflags": "faststart"} if suffix == ".mp4" else {}, options={"g": "10"})
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    source = opened(path)
    frames: list[Frame] = []
    with pytest.raises(UnreadableMediaError, match="breaks off"):
        read_into(frames, source)
    numbers = [number_of(frame.image) for frame in frames]
    assert 5 < len(numbers) < 50
    assert numbers == list(range(len(numbers)))
    assert source.read() is None


def _write_avi(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25, options={"q": "2"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for i in range(50):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(numbered_picture(i), format="bgr24")))
        container.mux(stream.encode(None))


def _text(path: Path) -> None:
    path.write_text("This is a text.\n" * 100)


def _nothing(path: Path) -> None:
    path.touch()


def _half(path: Path) -> None:
    video(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("make", [_text, _nothing, _half, _folder])
def test_what_is_no_video_is_refused_in_words(tmp_path: Path, make: Callable[[Path], None]) -> None:
    path = tmp_path / "video.mp4"
    make(path)
    with pytest.raises(UnreadableMediaError) as refusal:
        opened(path)
    assert str(path) in refusal.value.what


def test_a_folder_is_shown_in_natural_order_and_damage_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number in (10, 2, 1):
        cv2.imwrite(str(tmp_path / f"face {number}.png"), numbered_picture(number))
    (tmp_path / "face 3.png").write_bytes(b"no picture")
    (tmp_path / "notes.txt").write_text("no picture either")
    source = ImagesSource(tmp_path)
    source.open()
    frames = read_all(source)
    assert [number_of(frame.image) for frame in frames] == [1, 2, 10]
    for _ in range(3):  # as in a loop
        source.seek(0.0)
        read_all(source)
    (record,) = caplog.records
    assert "face 3.png" in record.getMessage()


def test_a_slide_show_can_be_wound_back(tmp_path: Path) -> None:
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), numbered_picture(number))
    source = ImagesSource(tmp_path)
    source.open()
    read_all(source)
    source.seek(2.5)
    assert [number_of(frame.image) for frame in read_all(source)] == [1, 2]


@pytest.mark.parametrize(
    ("left", "place", "number"), [(2, 1, 0), (2, 3, 0), (0, 3, 2), (0, 1, 2), (2, 0, 0), (2, 2, 2)]
)
def test_a_damaged_picture_is_stepped_over_in_either_direction(
    tmp_path: Path, left: int, place: int, number: int
) -> None:
    for index in range(4):
        cv2.imwrite(str(tmp_path / f"{index}.png"), numbered_picture(index))
    for index in (1, 3):
        (tmp_path / f"{index}.png").write_bytes(b"no picture")
    source = ImagesSource(tmp_path)
    source.open()
    for each in (left, place):
        source.seek((each + 0.5) * source.info.picture_s)
        frame = source.read()
    assert frame is not None
    assert number_of(frame.image) == frame.picture == number


def test_a_folder_that_was_emptied_ends(tmp_path: Path) -> None:
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), numbered_picture(number))
    source = ImagesSource(tmp_path)
    source.open()
    for path in tmp_path.iterdir():
        path.unlink()
    source.seek(2.5)
    assert source.read() is None


@pytest.mark.parametrize("content", ["nothing", "a text", "a damaged picture"])
def test_a_folder_without_a_readable_picture_is_refused(tmp_path: Path, content: str) -> None:
    if content == "a text":
        (tmp_path / "notes.txt").write_text("hello")
    if content == "a damaged picture":
        (tmp_path / "face.jpg").write_bytes(b"\xff\xd8\xff\xe0broken")
    with pytest.raises(EmptyFolderError):
        ImagesSource(tmp_path).open()


def test_a_folder_that_may_not_be_read_is_refused_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "iterdir", refuse)
    with pytest.raises(UnreadableMediaError, match="may not be read"):
        ImagesSource(tmp_path).open()


def test_a_damaged_picture_alone_is_refused(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", numbered_picture(1))[1].tobytes()
    (tmp_path / "face.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableMediaError, match="damaged"):
        ImagesSource(tmp_path / "face.jpg").open()
