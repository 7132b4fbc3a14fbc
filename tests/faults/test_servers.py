"""Servers that answer nonsense, too much or too slowly: a named error each, in the time that was allowed."""

from __future__ import annotations

import contextlib
import gzip
import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from app.core.errors import SourceOfflineError, StreamOpenError
from app.sources.stream import StreamSource
from tests.media_files import encode_jpeg, number_of, numbered_picture

Answer = Callable[[socket.socket, threading.Event], object]

TIMEOUT_S = 0.8
JPEG = encode_jpeg(numbered_picture(5))
NOISE = np.random.default_rng(0).integers(0, 256, 50_000, np.uint8).tobytes()
OK = b"HTTP/1.1 200 OK\r\n"
MULTIPART = OK + b"Content-Type: multipart/x-mixed-replace;boundary=cut\r\n"
HEAD = MULTIPART + b"\r\n"


def say(answer: bytes) -> Answer:
    return lambda connection, stop: connection.sendall(answer)


def for_ever(again: bytes, first: bytes = b"", pause_s: float = 0.0) -> Answer:
    def answer(connection: socket.socket, stop: threading.Event) -> None:
        connection.sendall(first)
        while not stop.wait(pause_s):
            connection.sendall(again)

    return answer


def part(content: bytes, length: bytes = b"") -> bytes:
    return b"--cut\r\nContent-Length: " + (length or b"%d" % len(content)) + b"\r\n\r\n" + content + b"\r\n"


def zipped() -> bytes:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb") as file:
        file.write(bytes(20_000_000))
    return buffer.getvalue()


def large_png() -> bytes:
    return cv2.imencode(".png", np.zeros((9000, 9000, 3), np.uint8))[1].tobytes()


def multipart_of(jpegs: list[bytes]) -> bytes:
    return HEAD + b"".join(map(part, jpegs))


def film_of(jpegs: list[bytes]) -> bytes:
    """The answer with a Matroska file, which FFmpeg reads, of these pictures."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuvj420p"
        for index, jpeg in enumerate(jpegs):
            packet = av.Packet(jpeg)
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 25), True
            packet.pts, packet.dts, packet.duration = index, index, 1
            container.mux(packet)
    return OK + b"Content-Type: video/x-matroska\r\n\r\n" + buffer.getvalue()


SERVERS: dict[str, Answer] = {
    "garbage": say(NOISE),
    "nothing": say(b""),
    "zeros": say(bytes(3000)),
    "status line without end": for_ever(b"A" * 4096, b"HTTP/1.1 200 "),
    "header without end": for_ever(b"A" * 4096, OK + b"X: "),
    "headers without end": for_ever(b"X: y\r\n" * 50, OK),
    "slow headers": for_ever(b"X: y\r\n", OK, 0.1),
    "continue for ever": for_ever(b"HTTP/1.1 100 Continue\r\n\r\n"),
    "control codes in the status": say(b"HTTP/1.1 999 \x1b[31mred\r\n\r\n"),
    "no boundary": say(OK + b"Content-Type: multipart/x-mixed-replace\r\n\r\n" + part(JPEG)),
    "wrong boundary": say(HEAD + part(JPEG).replace(b"--cut", b"--tuc") * 3),
    "malformed part header": say(HEAD + b"--cut\r\n\xff\xfe\0: :\r\n: x\r\n\r\n"),
    "part header without end": for_ever(b"X: y\r\n" * 1000, HEAD + b"--cut\r\n"),
    "long part header": say(HEAD + b"--cut\r\nX: " + b"a" * 70_000 + b"\r\n\r\n" + JPEG + b"\r\n--cut"),
    "length too long": say(HEAD + part(JPEG, b"50000000")),
    "length too short": say(HEAD + part(JPEG, b"10")),
    "negative length": say(HEAD + part(b"", b"-5")),
    "two lengths": say(HEAD + part(JPEG, b"3\r\nContent-Length: 99999999")),
    "picture without end": for_ever(b"A" * 65_536, HEAD + b"--cut\r\n\r\n"),
    "cut in the middle of a picture": say(HEAD + part(JPEG)[: len(JPEG) // 2]),
    "a large PNG as a picture": say(HEAD + part(large_png())),
    "a zipped answer": say(MULTIPART + b"Content-Encoding: gzip\r\n\r\n" + zipped()),
    "broken chunks": say(MULTIPART + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nhello"),
    "an answer that lies about its length": say(MULTIPART + b"Content-Length: 30\r\n\r\n" + part(JPEG)),
    "a redirect to itself": say(b"HTTP/1.1 302 F\r\nLocation: /video\r\n\r\n"),
    "a redirect to no host": say(b"HTTP/1.1 302 F\r\nLocation: http://" + b"a" * 70 + b".\xff/\r\n\r\n"),
    "a redirect to no port": say(b"HTTP/1.1 302 F\r\nLocation: http://127.0.0.1:99999/x\r\n\r\n"),
    "noise as a video": say(OK + b"Content-Type: video/mp4\r\n\r\n" + NOISE),
    "noise for ever": for_ever(NOISE, OK + b"Content-Type: video/mp4\r\n\r\n"),
}
RTSP_SERVERS: dict[str, Answer] = {
    "garbage": say(NOISE),
    "headers without end": for_ever(b"X: y\r\n" * 100, b"RTSP/1.0 200 OK\r\n"),
    "slow": for_ever(b"R", pause_s=0.1),
    "a lie about the length": say(b"RTSP/1.0 200 OK\r\nCSeq: 1\r\nContent-Length: 99999999999\r\n\r\nv=0"),
}


@contextmanager
def serving(answer: Answer, scheme: str) -> Iterator[str]:
    """Answer every connection in that way."""
    listening = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()
    threads: list[threading.Thread] = []

    def talk(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            connection.recv(4096)
            answer(connection, stop)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=talk, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield f"{scheme}://127.0.0.1:{listening.getsockname()[1]}/video"
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        for thread in (accepting, *threads):
            thread.join(10)


def refusal(answer: Answer, scheme: str) -> tuple[str, float]:
    """What is said about a server, and after how many seconds."""
    started = time.perf_counter()
    with serving(answer, scheme) as url:
        source = StreamSource(url, open_timeout_s=TIMEOUT_S, read_timeout_s=TIMEOUT_S)
        try:
            with pytest.raises((StreamOpenError, SourceOfflineError)) as error:
                source.open()  # which is done once a picture was accepted
            took_s = time.perf_counter() - started
        finally:
            source.close()
    return str(error.value), took_s


@pytest.mark.parametrize("name", SERVERS)
def test_a_bad_server_is_refused_in_words(name: str) -> None:
    said, took_s = refusal(SERVERS[name], "http")
    assert "127.0.0.1" in said
    assert said.isprintable()
    assert "Error" not in said
    assert took_s < 10 * TIMEOUT_S  # a busy machine; without a deadline some of them go on for ever


@pytest.mark.parametrize("name", RTSP_SERVERS)
def test_a_bad_rtsp_server_is_refused_in_words(name: str) -> None:
    said, took_s = refusal(RTSP_SERVERS[name], "rtsp")
    assert said.isprintable()
    assert took_s < 10 * TIMEOUT_S


@pytest.mark.parametrize(
    ("answer_with", "said"),
    [(multipart_of, "sends damaged pictures only"), (film_of, "stopped")],
    ids=["multipart", "through FFmpeg"],
)
def test_damaged_pictures_are_passed_over_until_there_are_too_many(
    answer_with: Callable[[list[bytes]], bytes], said: str
) -> None:
    damaged = [b"no picture"] * 40
    with serving(say(answer_with([*damaged[:20], JPEG])), "http") as url:
        source = StreamSource(url)
        source.open()
        frame = source.read()
        source.close()
    assert frame is not None
    assert number_of(frame.image) == 5
    assert said in refusal(say(answer_with([*damaged, JPEG])), "http")[0]
