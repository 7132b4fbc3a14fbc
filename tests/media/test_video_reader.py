"""Reading video files: every picture with its exact time, upright, and a word about damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.errors import UnreadableMediaError
from app.media.videos.video_reader import VideoReader
from tests.media_files import number_of, numbered_picture, write_video


def test_pictures_come_in_order_with_their_times_at_a_variable_rate(tmp_path: Path) -> None:
    times = [0, 40, 90, 100, 400]
    write_video(tmp_path / "a.mp4", [numbered_picture(i) for i in range(5)], times_ms=times)
    reader = VideoReader(tmp_path / "a.mp4")
    pictures = list(reader.pictures())
    reader.close()
    assert [number_of(picture.image) for picture in pictures] == list(range(5))
    seconds = [float((picture.pts - reader.first_pts) * picture.time_base) for picture in pictures]
    assert seconds == pytest.approx([time / 1000 for time in times], abs=0.002)


def test_a_seek_comes_out_at_or_before_the_place(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [numbered_picture(i) for i in range(50)])
    reader = VideoReader(tmp_path / "a.mp4")
    reader.seek(1.0)
    first = number_of(next(reader.pictures()).image)
    reader.seek(0.0)
    assert number_of(next(reader.pictures()).image) == 0
    reader.close()
    assert first <= 25


def test_what_the_file_says_is_known_before_the_first_picture(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", [numbered_picture(i) for i in range(10)], sound=True)
    reader = VideoReader(tmp_path / "a.mp4")
    assert (reader.width, reader.height, reader.has_audio) == (160, 120, True)
    assert reader.fps == pytest.approx(25, abs=0.5)
    reader.close()


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"not a video" * 100)
    with pytest.raises(UnreadableMediaError):
        VideoReader(path)
