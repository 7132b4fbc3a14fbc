"""Reading video files: every picture with its exact time, upright, and a word about damage."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from app.core.errors import UnreadableMediaError
from app.media.videos.video_reader import VideoReader
from tests.media_files import encode_jpeg, number_of, numbered_picture, set_display_matrix, write_video


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
    write_video(tmp_path / "a.mp4", [numbered_picture(i) for i in range(50)], options={"g": "10"})
    reader = VideoReader(tmp_path / "a.mp4")
    reader.seek(1.0)
    first = number_of(next(reader.pictures()).image)
    reader.seek(0.0)
    assert number_of(next(reader.pictures()).image) == 0
    reader.close()
    assert 15 < first <= 25


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


def test_a_last_chapter_that_ends_after_everything_else_is_no_damage(tmp_path: Path) -> None:
    path, plain = tmp_path / "a.mp4", tmp_path / "plain.mp4"
    write_video(plain, [numbered_picture(i) for i in range(50)], sound=True)
    with av.open(str(plain)) as source, av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        copies = {each.index: container.add_stream_from_template(each, opaque=True) for each in source.streams}
        container.set_chapters(
            # By a second and more FFmpeg itself takes it for a mistake.
            [{"id": 1, "start": 0, "end": 2700, "time_base": Fraction(1, 1000), "metadata": {"title": "One"}}]
        )
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = copies[packet.stream.index]
                container.mux(packet)
    reader = VideoReader(path)
    assert reader.duration_s == pytest.approx(2, abs=0.1)
    assert [number_of(picture.image) for picture in reader.pictures()] == list(range(50))
    reader.close()
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 3 // 4])
    reader = VideoReader(path)
    with pytest.raises(UnreadableMediaError, match="breaks off"):
        list(reader.pictures())
    reader.close()


@pytest.mark.parametrize("fps", [25, 10])
def test_pictures_without_time_stamps_follow_each_other_at_the_rate_of_the_file(tmp_path: Path, fps: int) -> None:
    write_video(tmp_path / "a.h264", [numbered_picture(i) for i in range(12)], fps=fps)
    reader = VideoReader(tmp_path / "a.h264")
    pictures = list(reader.pictures())
    reader.close()
    assert [number_of(picture.image) for picture in pictures] == list(range(12))
    seconds = [float((picture.pts - reader.first_pts) * picture.time_base) for picture in pictures]
    assert seconds == pytest.approx([number / reader.fps for number in range(12)], abs=1e-4)


def test_an_empty_sample_is_no_damage(tmp_path: Path) -> None:
    """It lets the picture before it stand."""
    path = tmp_path / "a.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for index in range(12):
            packet = av.Packet(encode_jpeg(numbered_picture(index)) if index != 5 else b"\0")
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            packet.pts, packet.dts, packet.duration = index, index, 1
            container.mux(packet)
    data = bytearray(path.read_bytes())
    sizes = data.index(b"stsz") + 16  # ISO/IEC 14496-12, 8.7.3
    (before,) = struct.unpack_from(">I", data, sizes + 4 * 4)
    struct.pack_into(">2I", data, sizes + 4 * 4, before + 1, 0)
    path.write_bytes(data)
    reader = VideoReader(path)
    assert reader.frame_count == 12
    pictures = list(reader.pictures())
    reader.close()
    assert [number_of(picture.image) for picture in pictures] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert float((pictures[5].pts - pictures[4].pts) * pictures[4].time_base) == pytest.approx(0.08)


@pytest.mark.parametrize(("height", "pixels"), [(576, "yuv420p"), (480, "yuv411p")])
def test_dv_of_standard_definition_is_bottom_field_first(tmp_path: Path, height: int, pixels: str) -> None:
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("dvvideo", rate=25 if height == 576 else Fraction(30000, 1001))
        stream.width, stream.height, stream.pix_fmt = 720, height, pixels
        picture = av.VideoFrame.from_ndarray(numbered_picture(1, width=720, height=height), format="bgr24")
        container.mux(stream.encode(picture.reformat(format=pixels)))
        container.mux(stream.encode(None))
    reader = VideoReader(tmp_path / "a.avi")
    reader.close()
    assert reader.fields == "bff"


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
