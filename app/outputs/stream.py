"""The restored picture as a network stream: MJPEG over HTTP, which browsers, OBS, VLC and FFmpeg can read.

`/` is a page with the picture, `/stream.mjpg` the stream, `/picture.jpg` the newest picture.
"""

from __future__ import annotations

import contextlib
import html
import ipaddress
import logging
import socket
import socketserver
import string
import sys
import threading
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from app.core.errors import OutputError, SettingError
from app.core.settings import Settings
from app.core.words import current_language, phrase, tr
from app.outputs.base import OutputContext, OutputDescriptor, ThreadedOutput
from app.outputs.views import FrameViews

BOUNDARY = "cfrnet-live-picture"

_QUALITY = 85
_POLL_S = 0.1
_REPEAT_S = 1.0
_FIRST_PICTURE_S = 5.0
_VIEWER_TIMEOUT_S = 10.0
_MOST_OTHER_CONNECTIONS = 8
_SEND_BUFFER_BYTES = 128 * 1024
_CHUNK_BYTES = 64 * 1024

_log = logging.getLogger(__name__)

_PAGE = """<!doctype html>
<html lang="$language"><head><meta charset="utf-8"><title>CFRNet Live</title>
<style>html,body{margin:0;height:100%;background:#000}img{display:block;width:100%;height:100%;object-fit:contain}</style></head>
<body><img src="/stream.mjpg" alt="$picture"></body></html>
"""


class NetworkStream(ThreadedOutput):
    """Serves the chosen view, never mirrored, at `address` (host, port); port 0 selects a free one.

    Each of at most `most_viewers` has a thread of its own, which sends the newest picture that it has not sent: a slow
    viewer loses pictures and delays nobody. One that takes less than 64 KiB in `viewer_timeout_s` is disconnected. A
    picture is encoded once, by the first viewer that needs it.
    """

    def __init__(
        self, address: tuple[str, int], *, most_viewers: int = 4, viewer_timeout_s: float = _VIEWER_TIMEOUT_S
    ) -> None:
        super().__init__("network-stream")
        self._address = address
        self._most_viewers = most_viewers
        self._viewer_timeout_s = viewer_timeout_s
        self._changed = threading.Condition()
        self._views: FrameViews | None = None
        self._number = 0
        self._viewers = 0
        self._encoding = threading.Lock()
        self._encoded: tuple[FrameViews | None, bytes] = (None, b"")
        self.port = 0

    @property
    def url(self) -> str:
        """The URL of the page, with the loopback address for a stream on every address of the machine."""
        host = self._address[0]
        if host in ("", "0.0.0.0", "::"):
            host = "127.0.0.1"
        return f"http://[{host}]:{self.port}/" if ":" in host else f"http://{host}:{self.port}/"

    def put(self, views: FrameViews) -> None:
        with self._changed:
            self._views = views
            self._number += 1
            self._changed.notify_all()

    def _run(self) -> None:
        host, port = self._address
        try:
            server = _Server(
                self,
                self._address,
                most=self._most_viewers + _MOST_OTHER_CONNECTIONS,
                viewer_timeout_s=self._viewer_timeout_s,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise OutputError(
                "The stream cannot be served at {host}:{port}: {reason}.",
                "Choose another address or port.",
                host=host,
                port=port,
                reason=reason,
            ) from error
        self.port = server.server_address[1]
        self._tell_viewers()
        try:
            while not self.over:
                server.handle_request()
        finally:
            server.cut_connections()
            server.server_close()  # waits for the viewers' threads to end

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    @property
    def over(self) -> bool:
        return self._stopping.is_set()

    def admit(self) -> bool:
        """Register another viewer, who has to `leave`; False when there are too many."""
        with self._changed:
            if self._viewers >= self._most_viewers:
                return False
            self._viewers += 1
        self._tell_viewers()
        return True

    def leave(self) -> None:
        with self._changed:
            self._viewers -= 1
        self._tell_viewers()

    def next_jpeg(self, after: int, timeout_s: float) -> tuple[bytes, int]:
        """Return the newest picture with a number greater than `after`, and its number; empty after the time-out."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > after or self.over, timeout_s)
            views, number = self._views, self._number
        if views is None or number <= after or self.over:
            return b"", after
        with self._encoding:
            if self._encoded[0] is not views:
                self._encoded = (views, _jpeg(views))
            return self._encoded[1], number

    def count(self, *, sent: int = 0, dropped: int = 0) -> None:
        self._count(sent=sent, dropped=dropped)

    def _tell_viewers(self) -> None:
        with self._changed:
            if not self.over:
                words = phrase(
                    "{url}, {viewers} of {most} viewers", url=self.url, viewers=self._viewers, most=self._most_viewers
                )
                self._tell("live", words)


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Accepts the connections of a stream, a thread for each."""

    allow_reuse_address = sys.platform != "win32"  # on Windows it would let two programs share a port
    timeout = _POLL_S

    def __init__(self, stream: NetworkStream, address: tuple[str, int], *, most: int, viewer_timeout_s: float) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.stream = stream
        self.local_only = is_loopback(address[0])
        self.viewer_timeout_s = viewer_timeout_s
        self._most = most
        self._lock = threading.Lock()
        self._connections: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def verify_request(self, request: Any, client_address: Any) -> bool:
        with self._lock:
            if len(self._connections) >= self._most:
                return False
            self._connections.add(request)
            return True

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        super().shutdown_request(request)

    def cut_connections(self) -> None:
        """Shut down every connection, which ends its thread's wait."""
        with self._lock:
            for connection in self._connections:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        _log.info("a viewer of the stream is gone", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """One request of a browser or a player."""

    server: _Server
    server_version = "CFRNetLive"

    def setup(self) -> None:
        super().setup()
        self.connection.settimeout(self.server.viewer_timeout_s)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER_BYTES)

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        host = self.headers.get("Host")  # which old players leave out, and browsers never
        if self.server.local_only and host is not None and not is_loopback(_host_of(host)):
            # DNS rebinding: a web page whose host name resolves to this machine must not read the picture.
            self.send_error(403, "Only this machine's own addresses are served")
        elif path == "/":
            self._answer("text/html; charset=utf-8", _page())
        elif path == "/picture.jpg":
            self._send_picture()
        elif path == "/stream.mjpg":
            self._send_stream()
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        """Answer as to a GET; what follows the head is left out where it would be sent."""
        self.do_GET()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing on stderr about every request."""

    def _begin(self, content_type: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("Connection", "close")
        self.end_headers()

    def _answer(self, content_type: str, body: bytes) -> None:
        self._begin(content_type, len(body))
        if self.command != "HEAD":
            self._send(body)

    def _send(self, data: bytes) -> None:
        # A socket's time-out is for all that is written at once, however steadily the viewer reads it.
        for start in range(0, len(data), _CHUNK_BYTES):
            self.wfile.write(data[start : start + _CHUNK_BYTES])

    def _send_picture(self) -> None:
        jpeg, _ = self.server.stream.next_jpeg(0, _FIRST_PICTURE_S)
        if jpeg:
            self._answer("image/jpeg", jpeg)
        else:
            self.send_error(503, "There is no picture yet")

    def _send_stream(self) -> None:
        stream = self.server.stream
        if not stream.admit():
            self.send_error(503, "Too many viewers")
            return
        try:
            self._begin(f"multipart/x-mixed-replace; boundary={BOUNDARY}")
            if self.command == "HEAD":
                return
            self.wfile.write(f"--{BOUNDARY}\r\n".encode("ascii"))
            last, number = b"", 0
            while not stream.over:
                jpeg, newest = stream.next_jpeg(number, _REPEAT_S)
                if jpeg and number:
                    stream.count(dropped=newest - number - 1)
                last, number = jpeg or last, newest
                if last:  # repeated without a new one, so that a viewer that left is noticed
                    head = f"Content-Type: image/jpeg\r\nContent-Length: {len(last)}\r\n\r\n"
                    # The boundary is sent with the picture before it, because browsers show a picture at its end.
                    self._send(head.encode("ascii") + last + f"\r\n--{BOUNDARY}\r\n".encode("ascii"))
                    stream.count(sent=1)
        except OSError:
            return  # the viewer left, or took too little for too long
        finally:
            stream.leave()


def parse_address(text: str) -> tuple[str, int]:
    """Parse "HOST:PORT", "[IPv6]:PORT" or "PORT" (on loopback) into (host, port). Raises SettingError."""
    host, _, port = text.strip().rpartition(":")
    host = host.removeprefix("[").removesuffix("]") or "127.0.0.1"
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise SettingError(
            "{text} is not an address to serve at.", "Write HOST:PORT, such as 127.0.0.1:8090.", text=repr(text)
        )
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether `host` is a loopback address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host_of(header: str) -> str:
    """Return the host of a Host header, without the port and the brackets of IPv6."""
    return urlsplit(f"//{header}").hostname or ""


def _page() -> bytes:
    """The page with the picture, in the current language."""
    words = {"language": current_language().code.replace("_", "-"), "picture": html.escape(tr("The restored picture"))}
    return string.Template(_PAGE).substitute(words).encode()


def _jpeg(views: FrameViews) -> bytes:
    import cv2

    image = views.image(views.view, unmirrored=True)
    return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1])


def _create(settings: Settings, context: OutputContext) -> NetworkStream:
    return NetworkStream(parse_address(settings.stream_address), most_viewers=settings.stream_viewers)


DESCRIPTOR = OutputDescriptor(
    name="network-stream",
    label=phrase("Network stream"),
    icon="stream",
    needs=phrase("A free port; a browser, OBS or VLC opens its address"),
    views=("restored", "split", "side-by-side"),
    pacing="newest frame",
    create=_create,
)
