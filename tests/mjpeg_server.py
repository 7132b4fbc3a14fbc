"""A real network camera on loopback: MJPEG over HTTP that can stall, die and come back on the same port."""

from __future__ import annotations

import hashlib
import re
import secrets
import socketserver
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Self

import cv2
import numpy as np
from numpy.typing import NDArray


def moving_square(index: int, *, width: int = 320, height: int = 240) -> NDArray[np.uint8]:
    """uint8 (H, W, 3) BGR: a grey ramp with a bright square that moves eight pixels a picture."""
    ramp = np.linspace(40, 120, width, dtype=np.uint8)
    image = np.repeat(np.tile(ramp, (height, 1))[:, :, None], 3, axis=2)
    left = (index * 8) % (width - 40)
    image[height // 3 : height // 3 + 40, left : left + 40] = (60, 180, 230)
    return image


class DigestLogin:
    """A server's side of a Digest login (RFC 7616, `qop=auth`), with the `algorithm` MD5 or SHA-256."""

    def __init__(self, name: str, password: str, *, algorithm: str) -> None:
        self._name, self._password, self._algorithm = name, password, algorithm
        self._nonce = secrets.token_hex(16)

    @property
    def challenges(self) -> tuple[str, ...]:
        """What a server asks for: the first kind is known to nobody, the last is not wanted."""
        usual = f'realm="camera, inside", nonce="{self._nonce}", opaque="seen", qop="auth"'
        first, second = (f"Digest {usual}, algorithm={each}" for each in ("SHA-3", self._algorithm))
        return first, second, 'Basic realm="camera"'

    def accepts(self, authorization: str, path: str) -> bool:
        kind, _, parameters = authorization.partition(" ")
        answer = {name: value.strip('"') for name, value in re.findall(r'(\w+)=("[^"]*"|[^\s,]+)', parameters)}
        if kind != "Digest" or answer["nonce"] != self._nonce or answer["opaque"] != "seen" or answer["uri"] != path:
            return False
        secret = self._hash(f"{self._name}:camera, inside:{self._password}")
        once = f"{self._nonce}:{answer['nc']}:{answer['cnonce']}:auth"
        wanted = self._hash(f"{secret}:{once}:{self._hash(f'GET:{path}')}")
        return (answer["username"], answer["response"]) == (self._name, wanted)

    def _hash(self, text: str) -> str:
        return hashlib.new(self._algorithm.replace("-", ""), text.encode()).hexdigest()


class MjpegServer:
    """Serves `picture(i)` at `fps` to everybody who asks for `url`. A context manager.

    `stall()` keeps connections open and sends nothing, `resume()` goes on; `die()` cuts every connection and refuses
    new ones, `revive()` listens on the same port again. `content_length=False` leaves the length of the parts out.
    `login` is the header that it wants, `digest` the login.
    """

    def __init__(
        self,
        picture: Callable[[int], NDArray[np.uint8]] = moving_square,
        *,
        fps: float = 30.0,
        content_length: bool = True,
        login: str | None = None,
        digest: DigestLogin | None = None,
    ) -> None:
        self._picture = picture
        self._interval_s = 1.0 / fps
        self._content_length = content_length
        self._login = login
        self._digest = digest
        self._stopping = threading.Event()
        self._flowing = threading.Event()
        self._flowing.set()
        self._connected = threading.Condition()
        self._clients = 0
        self.connections = 0
        self.sent = 0
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None
        self._port = 0

    def __enter__(self) -> Self:
        self.revive()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.die()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/video"

    def stall(self) -> None:
        self._flowing.clear()

    def resume(self) -> None:
        self._flowing.set()

    def die(self) -> None:
        self._stopping.set()
        self._flowing.set()
        if self._server is not None and self._thread is not None:
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()
            self._server = None

    def revive(self) -> None:
        assert self._server is None, "it is alive"
        self._stopping.clear()
        self._server = _Server(("127.0.0.1", self._port), self._handler())
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), name="mjpeg-server")
        self._thread.start()

    def wait_for_client(self, timeout: float = 10.0) -> bool:
        """Wait until somebody receives pictures."""
        with self._connected:
            return self._connected.wait_for(lambda: self._clients > 0, timeout)

    def _count(self, change: int) -> None:
        with self._connected:
            self._clients += change
            self.connections += max(change, 0)
            self._connected.notify_all()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                login = self.headers.get("Authorization", "")
                if camera._login is not None and login != camera._login:
                    self.send_error(401)
                elif camera._digest is not None and not camera._digest.accepts(login, self.path):
                    self.send_response(401)
                    for challenge in camera._digest.challenges:
                        self.send_header("WWW-Authenticate", challenge)
                    self.end_headers()
                elif self.path.startswith("/video"):
                    camera._serve(self)
                elif self.path == "/moved":
                    self.send_response(302)
                    self.send_header("Location", "/video")
                    self.end_headers()
                elif self.path == "/page":
                    self.send_response(200)
                    self.send_header("Content-Type", "text/html")
                    self.end_headers()
                    self.wfile.write(b"<html>a web page</html>")
                else:
                    self.send_error(404)

            def log_message(self, *arguments: object) -> None:
                pass

        return Handler

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "multipart/x-mixed-replace; boundary=picture")
        handler.end_headers()
        self._count(1)
        try:
            while not self._stopping.wait(self._interval_s):
                self._flowing.wait()
                if self._stopping.is_set():
                    return
                jpeg = cv2.imencode(".jpg", self._picture(self.sent), [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
                self.sent += 1
                length = f"Content-Length: {len(jpeg)}\r\n" if self._content_length else ""
                head = f"--picture\r\nContent-Type: image/jpeg\r\n{length}\r\n"
                handler.wfile.write(head.encode("ascii") + jpeg + b"\r\n")
        except OSError:
            return
        finally:
            self._count(-1)


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False
    block_on_close = True
