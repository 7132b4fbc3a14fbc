"""What a file may not do: ask for all the memory, or have its neighbours read."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import tifffile

from app.core.errors import OutputError, UnreadableMediaError
from app.media.pictures.picture import read_picture, write_image
from app.media.pictures.picture_size import (
    MAX_PICTURE_PIXELS,
    expect_affordable,
    expect_affordable_depth,
    jpeg_size,
    picture_size,
)
from app.media.videos.video_reader import VideoReader
from tests.media_files import encode_jpeg, numbered_picture, write_video

ROOT = Path(__file__).parents[2]


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


def avif_of(width: int, height: int) -> bytes:
    data = cv2.imencode(".avif", numbered_picture(1))[1].tobytes()
    place = data.index(b"ispe")
    return data[: place + 8] + struct.pack(">II", width, height) + data[place + 16 :]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.png", png_of(20000, 9000)),
        ("a.jpg", jpeg_of(60000, 50000)),
        ("a.avif", avif_of(20000, 9000)),
        ("beyond-the-decoder.avif", avif_of(60000, 50000)),
    ],
)
def test_a_picture_that_is_too_large_is_refused_by_its_header(tmp_path: Path, name: str, data: bytes) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(UnreadableMediaError, match="megapixels") as refusal:
        read_picture(tmp_path / name)
    assert "CFRNET_LIVE_MAX_MEGAPIXELS" in refusal.value.hint


@pytest.mark.parametrize(("value", "most"), [("7", 7_000_000), ("many", 100_000_000)])
def test_the_limit_is_set_in_megapixels(value: str, most: int) -> None:
    program = "from app.media.pictures.picture_size import MAX_PICTURE_PIXELS; print(MAX_PICTURE_PIXELS)"
    environment = {**os.environ, "CFRNET_LIVE_MAX_MEGAPIXELS": value}
    said = subprocess.run([sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, check=True)
    assert int(said.stdout) == most


def test_deep_pixels_are_limited_by_their_bytes() -> None:
    most = MAX_PICTURE_PIXELS
    expect_affordable_depth((most // 1000, 1000), 4, "a.png")
    expect_affordable_depth((most // 2000, 1000), 8, "a.png")
    with pytest.raises(UnreadableMediaError, match="50 megapixels"):
        expect_affordable_depth((most // 1000, 1000), 8, "a.png")


def test_a_deep_tiff_is_refused_by_its_header(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((1200, 1600, 4), np.float32), photometric="rgb", compression="zlib")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    (first,) = struct.unpack_from("<I", data, 4)
    for entry in range(first + 2, first + 2 + 12 * struct.unpack_from("<H", data, first)[0], 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in (256, 257):
            struct.pack_into("<HHII", data, entry, tag, 4, 1, 8000)
    with pytest.raises(UnreadableMediaError, match="16 bytes each, more than 25 megapixels"):
        expect_affordable(bytes(data), "a.tif")


def test_a_picture_too_large_for_the_avif_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="more than 40 megapixels"):
        write_image(tmp_path / "a.avif", np.zeros((5000, 8400, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_header_of_spaces_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.pgm").write_bytes(b"P5" + b" " * 60 + b"x")
    with pytest.raises(UnreadableMediaError):  # stands still if every way to divide the spaces is tried
        read_picture(tmp_path / "a.pgm")


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
        ("list.mp4", "ffconcat version 1.0\nfile secret.ts\n"),
        ("list.m3u8", "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{secret}\n#EXT-X-ENDLIST\n"),
    ],
)
def test_a_list_of_files_reads_none_of_them(tmp_path: Path, name: str, text: str) -> None:
    secret = tmp_path / "secret.ts"
    write_video(secret, [numbered_picture(i) for i in range(5)])
    (tmp_path / name).write_text(text.format(secret=secret))
    with pytest.raises(UnreadableMediaError):
        VideoReader(tmp_path / name)
