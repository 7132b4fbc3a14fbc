"""Reading video files: every picture with its exact time, upright, and a word about damage."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import UnreadableMediaError
from app.media.videos.video_reader import VideoReader
from tests.media_files import number_of, numbered_picture, set_display_matrix, write_video


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


def test_what_an_edit_list_cuts_off_is_not_missed(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    pictures = [numbered_picture(i) for i in range(75)]
    write_video(path, pictures, options={"g": "25", "bf": "0"}, container_options={"movflags": "+faststart"})
    data = bytearray(path.read_bytes())
    # ISO/IEC 14496-12, 8.6.6: version and number of entries lie before the milliseconds of the first edit.
    struct.pack_into(">I", data, data.index(b"elst") + 12, 2000)
    path.write_bytes(data)
    reader = VideoReader(path)
    assert [number_of(picture.image) for picture in reader.pictures()] == list(range(50))
    reader.close()
    path.write_bytes(data[: len(data) // 2])
    reader = VideoReader(path)
    with pytest.raises(UnreadableMediaError, match="breaks off"):
        list(reader.pictures())
    reader.close()


@pytest.mark.parametrize(
    "matrix",
    [
        (1, 0, 0, 1),
        (0, 1, -1, 0),
        (-1, 0, 0, -1),
        (0, -1, 1, 0),
        (-1, 0, 0, 1),
        (1, 0, 0, -1),
        (0, 1, 1, 0),
        (0, -1, -1, 0),
    ],
)
def test_a_turned_or_mirrored_video_is_read_as_players_show_it(
    tmp_path: Path, matrix: tuple[int, int, int, int]
) -> None:
    levels = {(-1, -1): 30, (1, -1): 90, (-1, 1): 150, (1, 1): 210}
    image = np.empty((120, 160, 3), np.uint8)
    for (x, y), level in levels.items():
        image[60 * (y > 0) :, 80 * (x > 0) :] = level
    write_video(tmp_path / "a.mp4", [image] * 3)
    set_display_matrix(tmp_path / "a.mp4", matrix)
    reader = VideoReader(tmp_path / "a.mp4")
    (picture, *_) = reader.pictures()
    reader.close()
    a, b, c, d = matrix
    height, width = picture.image.shape[:2]
    assert (width, height) == (reader.width, reader.height) == ((160, 120) if a else (120, 160))
    for (x, y), level in levels.items():
        column, row = (2 + a * x + c * y) * width // 4, (2 + b * x + d * y) * height // 4
        assert picture.image[row, column].astype(int) == pytest.approx(level, abs=3)
    assert (picture.coded is None) == (matrix != (1, 0, 0, 1))


def test_a_file_that_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"not a video" * 100)
    with pytest.raises(UnreadableMediaError):
        VideoReader(path)
