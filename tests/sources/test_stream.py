"""What is particular to network streams: servers that stall, die, redirect, ask for a password or are none."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from app.core.errors import SourceOfflineError, StreamOpenError
from app.sources.stream import StreamSource
from tests.media_files import encode_jpeg, number_of, numbered_picture, write_video
from tests.mjpeg_server import DigestLogin, MjpegServer
from tests.rtsp_server import RtspServer

Server = MjpegServer | RtspServer


@contextmanager
def server_of(kind: str) -> Iterator[Server]:
    server: Server = MjpegServer(numbered_picture, fps=100) if kind == "mjpeg" else RtspServer(numbered_picture, fps=50)
    with server:
        yield server


def opened(url: str, **options: float) -> StreamSource:
    source = StreamSource(url, **{"open_timeout_s": 5.0, "read_timeout_s": 5.0, **options})
    source.open()
    return source


def read_to_the_end(source: StreamSource) -> None:
    while source.read() is not None:
        pass


def test_pictures_arrive_unharmed_and_in_order() -> None:
    with MjpegServer(numbered_picture, fps=100) as server:
        source = opened(server.url)
        frames = [source.read() for _ in range(10)]
        source.close()
    numbers = [number_of(frame.image) for frame in frames if frame is not None]
    assert numbers == list(range(numbers[0], numbers[0] + 10))
    assert frames[0] is not None
    assert np.abs(frames[0].image.astype(int) - numbered_picture(numbers[0])).mean() < 3


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_a_server_that_dies_takes_the_source_offline(kind: str) -> None:
    with server_of(kind) as server:
        source = opened(server.url)
        source.read()
        server.die()
        with pytest.raises(SourceOfflineError):
            read_to_the_end(source)
        source.close()


@pytest.mark.parametrize("kind", ["mjpeg", "rtsp"])
def test_a_server_that_stalls_takes_the_source_offline_after_the_time_out(kind: str) -> None:
    with server_of(kind) as server:
        source = opened(server.url, read_timeout_s=0.5)
        source.read()
        server.stall()
        with pytest.raises(SourceOfflineError):
            read_to_the_end(source)
        source.close()


@pytest.mark.parametrize(("kind", "read_timeout_s"), [("mjpeg", 60.0), ("rtsp", 6.0)])
def test_close_returns_at_once_while_the_server_stalls(kind: str, read_timeout_s: float) -> None:
    with server_of(kind) as server:
        source = opened(server.url, read_timeout_s=read_timeout_s)
        source.read()
        server.stall()
        got_one, ended = threading.Event(), threading.Event()

        def read_on() -> None:
            while source.read() is not None:
                got_one.set()
            ended.set()

        reader = threading.Thread(target=read_on)
        reader.start()
        while got_one.wait(0.5):  # what was on its way is read first
            got_one.clear()
        assert reader.is_alive(), "it waits for the server"
        started = time.monotonic()
        source.close()
        assert time.monotonic() - started < read_timeout_s / 2, "it does not wait for the server"
        # The read itself ends at once for MJPEG; FFmpeg, which cannot be interrupted, ends it with its time-out.
        reader.join(20)
        assert ended.is_set(), "without an error"


def test_a_redirect_is_followed() -> None:
    with MjpegServer(numbered_picture, fps=100) as server:
        source = opened(server.url.replace("/video", "/moved"))
        assert source.read() is not None
        source.close()


def test_a_name_and_a_password_are_sent() -> None:
    login = "Basic " + base64.b64encode(b"me:se cret").decode()
    with MjpegServer(numbered_picture, fps=100, login=login) as server:
        source = opened(server.url.replace("http://", "http://me:se%20cret@"))
        assert source.read() is not None
        source.close()
        with pytest.raises(StreamOpenError, match="password"):
            opened(server.url)
        with pytest.raises(StreamOpenError) as refusal:
            opened(server.url.replace("http://", "http://me:wrong@"))
    assert "wrong" not in str(refusal.value)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("path", ["/video?channel=1&user=me", "/moved"])
def test_a_camera_that_wants_a_digest_of_the_password_gets_one(algorithm: str, path: str) -> None:
    login = DigestLogin("me", "se crét", algorithm=algorithm)
    with MjpegServer(numbered_picture, fps=100, digest=login) as server:
        address = server.url.replace("/video", path)
        source = opened(address.replace("http://", "http://me:se%20cr%C3%A9t@"))
        assert source.read() is not None
        source.close()
        with pytest.raises(StreamOpenError, match="asks for a name and a password"):
            opened(address)
        with pytest.raises(StreamOpenError, match="answers 401 Unauthorized") as refusal:
            opened(address.replace("http://", "http://me:other@"))
    assert refusal.value.hint == "Check the address, the name and the password."


@pytest.mark.parametrize("scheme", ["http", "rtsp"])
def test_an_address_that_was_stored_without_its_login_asks_for_it(scheme: str) -> None:
    """And is not connected to, where nobody would answer."""
    with pytest.raises(StreamOpenError, match="asks for a name and a password") as refusal:
        opened(f"{scheme}://127.0.0.1:9/video?user=…&pwd=…")
    assert refusal.value.hint == "Write them in place of the dots."


@pytest.mark.parametrize("challenge", ["Digest", "Digest realm=", 'Digest realm="a", nonce="b", qop="auth-int"'])
def test_a_challenge_that_nobody_understands_is_a_refusal(challenge: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DigestLogin, "challenges", (challenge,))
    login = DigestLogin("me", "secret", algorithm="MD5")
    with MjpegServer(digest=login) as server, pytest.raises(StreamOpenError, match="answers 401 Unauthorized"):
        opened(server.url.replace("http://", "http://me:secret@"))


def test_an_rtsp_address_is_shown_without_its_login() -> None:
    with pytest.raises(StreamOpenError) as refusal:
        opened("rtsp://me:secret@127.0.0.1:9/live")
    assert str(refusal.value).startswith("rtsp://127.0.0.1:9/live cannot be opened")
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(("path", "words"), [("/absent", "404"), ("/page", "web page")])
def test_an_address_that_is_no_stream_is_refused(path: str, words: str) -> None:
    with MjpegServer() as server, pytest.raises(StreamOpenError, match=words):
        opened(server.url.replace("/video", path))


def test_nobody_at_the_address_is_refused() -> None:
    with pytest.raises(StreamOpenError, match="reached"):
        opened("http://127.0.0.1:9/video")


@contextmanager
def raw_server(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """Answers every connection in whatever way."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(4096)
                answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}/video"
    with contextlib.suppress(OSError):
        listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join(10)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=--cut\r\n\r\n"


def part(content: bytes) -> bytes:
    return b"--cut\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(content) + content + b"\r\n"


def test_a_server_that_never_answers_is_refused_after_the_time_out() -> None:
    silent = threading.Event()
    with raw_server(lambda connection: silent.wait(60) and None) as url:
        with pytest.raises(StreamOpenError, match=r"0\.3 s"):
            opened(url, open_timeout_s=0.3)
        silent.set()


def test_a_server_that_drips_single_bytes_is_given_up() -> None:
    stop = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"--cut\r\nContent-Length: 100000\r\n\r\n")
        while not stop.wait(0.02):
            connection.sendall(b"x")

    with raw_server(drip) as url:
        with pytest.raises(StreamOpenError, match="slow"):
            opened(url, read_timeout_s=0.3)
        stop.set()


def test_a_damaged_picture_among_good_ones_is_passed_over() -> None:
    good = encode_jpeg(numbered_picture(5))

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + part(good[:50]) + part(b"") + part(good))

    with raw_server(send) as url:
        source = opened(url)
        frame = source.read()
        assert frame is not None
        assert number_of(frame.image) == 5
        with pytest.raises(SourceOfflineError):
            read_to_the_end(source)
        source.close()


def test_a_boundary_inside_quotes_with_dashes_is_understood() -> None:
    good = encode_jpeg(numbered_picture(6))

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD.replace(b"--cut", b'"cut"') + part(good) * 2)

    with raw_server(send) as url:
        source = opened(url)
        assert source.read() is not None
        source.close()


@pytest.mark.parametrize("before", [b"\r\n----cut", b"--cut", b"\r\n--cut"])
def test_the_end_of_a_picture_is_found_without_its_length(before: bytes) -> None:
    over = threading.Event()
    good = encode_jpeg(numbered_picture(6))

    def send(connection: socket.socket) -> None:
        connection.sendall(HEAD + (before + b"\r\nContent-Type: image/jpeg\r\n\r\n" + good) * 2 + before + b"\r\n")
        over.wait(20)

    with raw_server(send) as url:
        source = opened(url)
        frames = [source.read(), source.read()]
        over.set()
        source.close()
    assert [number_of(frame.image) for frame in frames if frame is not None] == [6, 6]


@pytest.mark.parametrize(("address", "place"), [
    ("http://[::1]/video", ("::1", 80)), ("http://[fe80::abcd]/video", ("fe80::abcd", 80)),
    ("https://[::1]/video", ("::1", 443)), ("http://[::1]:8080/video", ("::1", 8080)),
])  # fmt: skip
def test_an_ipv6_address_needs_no_port(address: str, place: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def connect(where: tuple[str, int], *_: object, **__: object) -> socket.socket:
        asked.append(where)
        raise ConnectionRefusedError

    monkeypatch.setattr("socket.create_connection", connect)
    with pytest.raises(StreamOpenError):
        opened(address)
    assert asked == [place]


def test_another_kind_of_stream_over_http_goes_to_ffmpeg(tmp_path: Path) -> None:
    write_video(tmp_path / "video.ts", [numbered_picture(i) for i in range(30)])
    video = (tmp_path / "video.ts").read_bytes()
    head = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\nContent-Length: %d\r\n\r\n" % len(video)
    with raw_server(lambda connection: connection.sendall(head + video)) as url:
        source = opened(url)
        frame = source.read()
        assert frame is not None
        assert number_of(frame.image) == 0
        with pytest.raises(SourceOfflineError, match="ended"):
            read_to_the_end(source)
        source.close()


def test_what_ffmpeg_does_not_know_either_is_refused() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
    with (
        raw_server(lambda connection: connection.sendall(head + b"no video " * 2000)) as url,
        pytest.raises(StreamOpenError, match="cannot be opened"),
    ):
        opened(url)
