"""What a file may not do: ask for all the memory, or have its neighbours read."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from app.core.errors import UnreadableMediaError
from app.media.pictures.picture import read_picture
from app.media.pictures.picture_size import jpeg_size, picture_size
from app.media.videos.video_reader import VideoReader
from tests.media_files import encode_jpeg, numbered_picture, write_video


def png_of(width: int, height: int) -> bytes:
    """A PNG that says it has that many pixels, and little more."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(3000))) + chunk(b"IEND", b"")
    )


def jpeg_of(width: int, height: int) -> bytes:
    data = encode_jpeg(numbered_picture(1))
    place = data.index(b"\xff\xc0")
    return data[: place + 5] + struct.pack(">HH", height, width) + data[place + 9 :]


@pytest.mark.parametrize(("name", "data"), [("a.png", png_of(20000, 9000)), ("a.jpg", jpeg_of(60000, 50000))])
def test_a_picture_that_is_too_large_is_refused_by_its_header(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableMediaError, match="megapixels") as refusal:
        read_picture(tmp_path / name)
    assert "CFRNET_LIVE_MAX_MEGAPIXELS" in refusal.value.hint


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp", ".tif", ".ppm", ".jp2", ".avif"])
def test_the_size_of_every_kind_is_known_before_it_is_decoded(suffix: str) -> None:
    encoded = cv2.imencode(suffix, np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    assert picture_size(encoded) == (64, 48)


def test_a_jpeg_tells_its_size_behind_other_segments() -> None:
    data = encode_jpeg(numbered_picture(1))
    padded = data[:2] + b"\xff\xfe\x00\x06abcd" + b"\xff\xff" + data[3:] if data[2] == 0xFF else data
    assert jpeg_size(data) == jpeg_size(padded) == (160, 120)
    assert jpeg_size(b"\xff\xd8\xff\xda\x00\x02") is None
    assert jpeg_size(b"no picture") is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("list.mp4", "ffconcat version 1.0\nfile {secret}\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"),
        ("list.mkv", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n"),
        ("list.avi", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 33\nc=IN IP4 127.0.0.1\n"),
    ],
)
def test_a_list_of_files_reads_none_of_them(tmp_path: Path, name: str, text: str) -> None:
    secret = tmp_path / "secret.ts"
    write_video(secret, [numbered_picture(i) for i in range(5)])
    (tmp_path / name).write_text(text.format(secret=secret))
    with pytest.raises(UnreadableMediaError):
        VideoReader(tmp_path / name)
