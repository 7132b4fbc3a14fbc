"""What a server may not do: take a login elsewhere, be somebody else, have others asked, take all the memory."""

from __future__ import annotations

import contextlib
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.core.errors import SourceOfflineError, SourceOpenError, StreamOpenError
from app.core.settings import Settings
from app.sources.registry import parse_source
from app.sources.stream import StreamSource
from app.sources.tls import tls_context
from tests.media_files import encode_jpeg, numbered_picture

Answer = Callable[[bytes], bytes]


class Heard(list[bytes]):
    """The first request of every connection to a server at `port`."""

    port = 0


@contextmanager
def server(answer: Answer, *, context: ssl.SSLContext | None = None) -> Iterator[Heard]:
    """Answers the first request of every connection and closes it."""
    heard = Heard()
    listening = socket.create_server(("127.0.0.1", 0))
    heard.port = listening.getsockname()[1]

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            try:
                connection.settimeout(5)
                if context is not None:
                    connection = context.wrap_socket(connection, server_side=True)
                heard.append(connection.recv(65536))
                connection.sendall(answer(heard[-1]))
            except OSError:
                pass
            finally:
                connection.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield heard
    finally:
        with contextlib.suppress(OSError):  # only Linux shuts down a socket that listens
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join(10)


def redirect(kind: str, target: str) -> bytes:
    return f"{kind} 302 Found\r\nCSeq: 1\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()


def mjpeg(jpeg: bytes) -> bytes:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
    return head + b"".join(b"--b\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg) for _ in range(3))


def opened(url: str) -> StreamSource:
    source = StreamSource(url, open_timeout_s=3, read_timeout_s=3)
    try:
        source.open()
    except BaseException:
        source.close()
        raise
    return source


PICTURE = encode_jpeg(numbered_picture(1))


def test_a_redirect_to_another_host_goes_without_the_login() -> None:
    with (
        server(lambda _: mjpeg(PICTURE)) as other,
        server(lambda _: redirect("HTTP/1.0", f"http://127.0.0.1:{other.port}/v")) as first,
    ):
        opened(f"http://me:hush@127.0.0.1:{first.port}/v").close()
    assert b"Authorization: Basic" in first[0]
    assert b"Authorization" not in other[0]


def test_a_redirect_on_the_same_host_keeps_the_login() -> None:
    heard: list[bytes] = []

    def answer(request: bytes) -> bytes:
        heard.append(request)
        return redirect("HTTP/1.0", "/there") if b"GET /here" in request else mjpeg(PICTURE)

    with server(answer) as first:
        opened(f"http://me:hush@127.0.0.1:{first.port}/here").close()
    assert all(b"Authorization: Basic" in request for request in heard)
    assert b"GET /there" in heard[1]


@pytest.mark.parametrize("target", ["https://127.0.0.1:9/v", "file:///etc/passwd", "rtsp://127.0.0.1:9/v"])
def test_a_redirect_to_another_kind_of_address_is_refused(target: str) -> None:
    with server(lambda _: redirect("HTTP/1.0", target)) as first, pytest.raises(StreamOpenError, match="sends on"):
        opened(f"http://127.0.0.1:{first.port}/v")


def test_an_rtsp_redirect_is_refused_before_the_login_is_sent() -> None:
    with (
        server(lambda _: b"") as other,
        server(lambda _: redirect("RTSP/1.0", f"rtsp://127.0.0.1:{other.port}/v")) as first,
        pytest.raises(StreamOpenError, match="sends on"),
    ):
        opened(f"rtsp://me:hush@127.0.0.1:{first.port}/v")
    assert other == []
    assert b"Authorization" not in b"".join(first)


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of our own for 127.0.0.1, in one folder."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("identity")
    words = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 30 -subj /CN=camera"
    command = [*words.split(), "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def tls(identity: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity / "cert.pem", identity / "key.pem")
    return context


@pytest.mark.parametrize("scheme", ["rtsps", "https"])
def test_a_server_with_an_unknown_certificate_hears_nothing(tls: ssl.SSLContext, scheme: str) -> None:
    with server(lambda _: mjpeg(PICTURE), context=tls) as heard, pytest.raises(StreamOpenError, match="certificate"):
        opened(f"{scheme}://me:hush@127.0.0.1:{heard.port}/v")
    assert b"".join(heard) == b""


def test_a_camera_that_is_off_is_no_impostor() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(StreamOpenError, match="cannot be opened"):
        opened(f"rtsps://127.0.0.1:{port}/v")


def test_a_known_certificate_is_accepted(tls: ssl.SSLContext, identity: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(identity / "cert.pem"))
    with server(lambda _: mjpeg(PICTURE), context=tls) as heard:
        opened(f"https://me:hush@127.0.0.1:{heard.port}/v").close()
    assert b"Authorization" in heard[0]


def test_the_certificates_of_the_system_and_of_the_package_are_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the system may be in no file: Windows has a store of its own."""
    purposes: list[ssl.Purpose] = []
    monkeypatch.setattr(ssl.SSLContext, "load_default_certs", lambda _, purpose: purposes.append(purpose))
    context = tls_context(check=True)
    assert purposes == [ssl.Purpose.SERVER_AUTH]
    assert context.cert_store_stats()["x509_ca"] > 100


@pytest.mark.parametrize("scheme", ["rtsps", "https"])
def test_insecure_accepts_any_certificate_of_that_address(tls: ssl.SSLContext, scheme: str) -> None:
    # It speaks no RTSP, but it is asked.
    refused = pytest.raises(StreamOpenError, match="cannot be opened")
    with (
        server(lambda _: mjpeg(PICTURE), context=tls) as heard,
        refused if scheme == "rtsps" else contextlib.nullcontext(),
    ):
        opened(f"{scheme}://127.0.0.1:{heard.port}/v#insecure").close()
    assert b"/v" in heard[0]


def huge_jpeg() -> bytes:
    """A small JPEG that says that it has 60000 x 60000 pixels."""
    place = PICTURE.index(b"\xff\xc0")
    return PICTURE[: place + 5] + struct.pack(">HH", 60000, 60000) + PICTURE[place + 9 :]


def test_a_picture_that_asks_for_all_the_memory_is_refused_by_its_size() -> None:
    with server(lambda _: mjpeg(huge_jpeg())) as heard, pytest.raises(StreamOpenError, match="60000x60000"):
        opened(f"http://127.0.0.1:{heard.port}/v")


def test_a_picture_that_says_it_is_endless_is_refused() -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n"
    answer = head + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n"
    with server(lambda _: answer) as heard, pytest.raises(StreamOpenError, match="too large"):
        opened(f"http://127.0.0.1:{heard.port}/v")


def test_headers_without_end_are_refused() -> None:
    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n--b\r\n"
    answer = head + b"X: y\r\n" * 500 + b"\r\n"
    with server(lambda _: answer) as heard, pytest.raises((StreamOpenError, SourceOfflineError), match="headers"):
        opened(f"http://127.0.0.1:{heard.port}/v")


def test_a_playlist_makes_no_request_to_anybody() -> None:
    with server(lambda _: b"") as other:
        entry = f"#EXTINF:1,\nhttp://127.0.0.1:{other.port}/a.ts\n"
        body = f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n{entry}#EXT-X-ENDLIST\n".encode()
        head = b"HTTP/1.0 200 OK\r\nContent-Type: application/vnd.apple.mpegurl\r\nContent-Length: %d\r\n\r\n"
        with (
            server(lambda _: head % len(body) + body) as first,
            pytest.raises(StreamOpenError, match="cannot be opened"),
        ):
            opened(f"http://127.0.0.1:{first.port}/list.m3u8")
    assert other == []


def test_a_kind_of_address_that_ffmpeg_lacks_here_is_not_offered() -> None:
    with pytest.raises(SourceOpenError, match="not known"):
        parse_source("srt://127.0.0.1:9", Settings())


@pytest.mark.parametrize("text", ["http://me:hu/sh@x@cam:port/v", "foo://me:hush@cam/v", "http://me:hush@/"])
def test_a_malformed_address_is_refused_without_its_secrets(text: str) -> None:
    with pytest.raises(SourceOpenError) as refusal:
        parse_source(text, Settings())
    assert "hu" not in str(refusal.value)
