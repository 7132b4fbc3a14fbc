"""Small files that say they are huge pictures or videos."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import tifffile

HUGE = (60_000, 50_000)
"""Width and height that a bomb states."""

_SMALL = np.zeros((120, 160, 3), np.uint8)
_SIZES = {256: HUGE[0], 257: HUGE[1]}


def write_bombs(folder: Path) -> list[Path]:
    """Write a file of every kind into `folder`."""
    pictures = {
        "bomb.jpg": jpeg_bomb(),
        "bomb.png": png_bomb(),
        "bomb.bmp": _replaced(_encoded(".bmp"), 18, struct.pack("<ii", *HUGE)),
        "bomb.ppm": _encoded(".ppm").replace(b"160 120", b"%d %d" % HUGE, 1),
        "bomb.jp2": _jp2_bomb(),
        "bomb.avif": _after(_encoded(".avif"), b"ispe", 8, struct.pack(">II", *HUGE)),
        "bomb.tif": _tiff_bomb(np.uint8),
        "deep.tif": _tiff_bomb(np.float32),
        "bomb.webp": _webp_bomb(),
    }
    for name, data in pictures.items():
        (folder / name).write_bytes(data)
    _write_mjpeg_bomb(folder / "bomb.avi")
    _write_huge_video(folder / "bomb.mp4")
    return [*(folder / name for name in pictures), folder / "bomb.avi", folder / "bomb.mp4"]


def jpeg_bomb() -> bytes:
    """A JPEG whose frame header states HUGE."""
    data = _encoded(".jpg")
    return _replaced(data, data.index(b"\xff\xc0") + 5, struct.pack(">HH", HUGE[1], HUGE[0]))


def png_bomb() -> bytes:
    """A PNG that states HUGE, with a row of pixels for each kilobyte or so that it would decode to."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", *HUGE, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(30_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _encoded(suffix: str) -> bytes:
    return cv2.imencode(suffix, _SMALL)[1].tobytes()


def _replaced(data: bytes, place: int, part: bytes) -> bytes:
    return data[:place] + part + data[place + len(part) :]


def _after(data: bytes, mark: bytes, distance: int, part: bytes) -> bytes:
    return _replaced(data, data.index(mark) + distance, part)


def _jp2_bomb() -> bytes:
    data = _after(_encoded(".jp2"), b"ihdr", 4, struct.pack(">II", HUGE[1], HUGE[0]))
    return _after(data, b"\xff\x4f\xff\x51", 8, struct.pack(">II", *HUGE))


def _webp_bomb() -> bytes:
    """A lossless WebP of 16383x16383, the most that the format has: 14 bits each behind the signature 0x2F."""
    data = cv2.imencode(".webp", _SMALL, [cv2.IMWRITE_WEBP_QUALITY, 101])[1].tobytes()
    place = data.index(b"VP8L") + 9
    (bits,) = struct.unpack_from("<I", data, place)
    return _replaced(data, place, struct.pack("<I", bits | 0x0FFF_FFFF - 0x4001))


def _tiff_bomb(dtype: type) -> bytes:
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, np.zeros((1200, 1600, 4), dtype), photometric="rgb", compression="zlib")
    data = bytearray(buffer.getvalue())
    (first,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, first)
    for entry in range(first + 2, first + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from("<H", data, entry)
        if tag in _SIZES:
            struct.pack_into("<HHII", data, entry, tag, 4, 1, _SIZES[tag])
    return bytes(data)


def _write_mjpeg_bomb(path: Path) -> None:
    """A video of 160x120 whose pictures are JPEGs that state HUGE."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for index in range(5):
            packet = av.Packet(jpeg_bomb())
            packet.stream, packet.pts, packet.dts, packet.time_base = stream, index, index, Fraction(1, 25)
            packet.is_keyframe = True
            container.mux(packet)


def _write_huge_video(path: Path) -> None:
    """A whole video of one black picture with 48 megapixels."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 8000, 6000, "yuv420p"
        frame = av.VideoFrame(8000, 6000, "yuv420p")
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.pts, frame.time_base = 0, Fraction(1, 25)
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
