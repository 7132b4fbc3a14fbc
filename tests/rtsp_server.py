"""A real RTSP camera on loopback: H.264 in RTP, interleaved in the RTSP connection (RFC 2326, RFC 6184)."""

from __future__ import annotations

import base64
import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Self

import av
import numpy as np
from numpy.typing import NDArray

_PAYLOAD = 1200


class RtspServer:
    """Serves `picture(i)` at `fps` to every client that sends DESCRIBE, SETUP and PLAY. A context manager.

    `stall()` keeps connections open and sends nothing; `die()` cuts them.
    """

    def __init__(self, picture: Callable[[int], NDArray[np.uint8]], *, fps: float = 25.0) -> None:
        self._picture = picture
        self._fps = fps
        self._stopping = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._server: socketserver.ThreadingTCPServer | None = None

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="rtsp-server")
        self._thread.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.die()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"rtsp://127.0.0.1:{self._server.server_address[1]}/camera"

    def stall(self) -> None:
        self._flowing.clear()

    def die(self) -> None:
        self._stopping.set()
        self._flowing.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def _handler(self) -> type[socketserver.StreamRequestHandler]:
        camera = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                self.connection.settimeout(0.1)
                with contextlib.suppress(OSError):
                    camera._converse(self.connection)

        return Handler

    def _converse(self, connection: socket.socket) -> None:
        encoder = _Encoder(self._picture, fps=self._fps)
        for method, sequence in self._requests(connection):
            if method == "DESCRIBE":
                body = encoder.description().encode("ascii")
                head = f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n"
            elif method == "SETUP":
                body, head = b"", "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n"
            elif method == "OPTIONS":
                body, head = b"", "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
            else:
                body, head = b"", "Session: 1\r\n"
            connection.sendall(f"RTSP/1.0 200 OK\r\nCSeq: {sequence}\r\n{head}\r\n".encode("ascii") + body)
            if method == "PLAY":
                self._play(connection, encoder)
                return
            if method == "TEARDOWN":
                return

    def _requests(self, connection: socket.socket) -> Iterator[tuple[str, str]]:
        data = b""
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                received = connection.recv(4096)
                if not received:
                    return
                data += received
            while b"\r\n\r\n" in data:
                request, data = data.split(b"\r\n\r\n", 1)
                lines = request.decode("ascii").split("\r\n")
                headers = dict(line.split(": ", 1) for line in lines[1:])
                yield lines[0].split(" ")[0], headers["CSeq"]

    def _play(self, connection: socket.socket, encoder: _Encoder) -> None:
        connection.settimeout(5.0)
        number = 0
        while not self._stopping.wait(1.0 / self._fps):
            self._flowing.wait()
            for unit, stamp, last in encoder.next_picture():
                for payload, ends in _fragments(unit):
                    marker = 0x80 if last and ends else 0
                    header = struct.pack(">BBHII", 0x80, marker | 96, number & 0xFFFF, stamp & 0xFFFFFFFF, 0x1234)
                    number += 1
                    packet = header + payload
                    connection.sendall(b"$\x00" + struct.pack(">H", len(packet)) + packet)


def _fragments(unit: bytes) -> Iterator[tuple[bytes, bool]]:
    """A NAL unit as RTP payloads (RFC 6184, FU-A when it is too long), and whether each is the last."""
    if len(unit) <= _PAYLOAD:
        yield unit, True
        return
    indicator, kind = unit[0] & 0xE0 | 28, unit[0] & 0x1F
    for start in range(1, len(unit), _PAYLOAD):
        ends = start + _PAYLOAD >= len(unit)
        flags = (0x80 if start == 1 else 0) | (0x40 if ends else 0)
        yield bytes((indicator, flags | kind)) + unit[start : start + _PAYLOAD], ends


class _Encoder:
    def __init__(self, picture: Callable[[int], NDArray[np.uint8]], *, fps: float) -> None:
        self._picture = picture
        self._fps = fps
        self._index = 0
        height, width = picture(0).shape[:2]
        self._context = av.CodecContext.create("libx264", "w")
        self._context.width, self._context.height, self._context.pix_fmt = width, height, "yuv420p"
        self._context.time_base = Fraction(1, 90000)
        self._context.options = {"tune": "zerolatency", "preset": "ultrafast", "g": "10", "crf": "12"}
        self._parameters: list[bytes] = []
        self._first = list(self._encode())

    def description(self) -> str:
        sprop = ",".join(base64.b64encode(unit).decode("ascii") for unit in self._parameters)
        return (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\na=control:*\r\n"
            "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
            f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sprop}\r\na=control:track1\r\n"
        )

    def next_picture(self) -> list[tuple[bytes, int, bool]]:
        """NAL units of the next picture, its time stamp and whether the unit is its last."""
        if self._first:
            units, self._first = self._first, []
            return units
        return list(self._encode())

    def _encode(self) -> Iterator[tuple[bytes, int, bool]]:
        stamp = round(self._index * 90000 / self._fps)
        frame = av.VideoFrame.from_ndarray(self._picture(self._index), format="bgr24").reformat(format="yuv420p")
        frame.pts, frame.time_base = stamp, Fraction(1, 90000)
        self._index += 1
        units = [
            unit.rstrip(b"\x00") if unit[0] & 0x1F in (7, 8) else unit
            for packet in self._context.encode(frame)
            for unit in bytes(packet).replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")
            if unit
        ]
        self._parameters = self._parameters or [unit for unit in units if unit[0] & 0x1F in (7, 8)]
        for position, unit in enumerate(units):
            yield unit, stamp, position == len(units) - 1


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
