"""The network stream as real clients see it: plain sockets, FFmpeg through PyAV, and a headless browser."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from app.core.errors import OutputError, SettingError
from app.core.types import Image
from app.outputs.stream import NetworkStream, is_loopback, parse_address
from tests.media_files import number_of, numbered_picture
from tests.outputs.frames import ORANGE_BGR, views, wait_for_state

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "msedge")


@contextmanager
def serving(*, host: str = "127.0.0.1", **options: Any) -> Iterator[NetworkStream]:
    stream = NetworkStream((host, 0), **options)
    stream.start()
    try:
        wait_for_state(stream, lambda state: state.status == "live")
        yield stream
    finally:
        stream.stop()


@contextmanager
def feeding(stream: NetworkStream, *, fps: float = 30.0, size: tuple[int, int] = (640, 480)) -> Iterator[list[int]]:
    """Hand over numbered pictures until the end; yield the growing list of their numbers."""
    numbers: list[int] = []
    over = threading.Event()

    def feed() -> None:
        index = 0
        while not over.wait(1 / fps):
            shown = views(index, size=size)
            picture = numbered_picture(index % 4096, width=size[0], height=size[1])
            shown.restored.image[:] = picture
            numbers.append(index)
            stream.put(shown)
            index += 1

    thread = threading.Thread(target=feed, name="feeding")
    thread.start()
    try:
        yield numbers
    finally:
        over.set()
        thread.join()


def get(stream: NetworkStream, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", stream.port, timeout=10)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read() if path != "/stream.mjpg" or answer.status != 200 else b""
    connection.close()
    return answer.status, {key.lower(): value for key, value in answer.getheaders()}, body


@contextmanager
def watching(stream: NetworkStream) -> Iterator[socket.socket]:
    """A connection that asked for the stream."""
    with socket.create_connection(("127.0.0.1", stream.port), timeout=10) as viewer:
        viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        yield viewer


def viewers(stream: NetworkStream) -> int:
    return int(str(stream.state().detail).split(", ")[-1].split(" ")[0])


def decode(jpeg: bytes) -> Image:
    return np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)


def test_ffmpeg_reads_the_stream_in_its_colours() -> None:
    with serving() as stream:
        stream.put(views(size=(320, 180)))
        with av.open(f"{stream.url}stream.mjpg", format="mpjpeg", timeout=10) as container:
            picture = next(container.decode(video=0)).to_ndarray(format="bgr24")
    assert picture.shape == (180, 320, 3)
    assert np.abs(picture[90, 160].astype(int) - ORANGE_BGR).max() <= 6


def test_ffmpeg_sees_the_pictures_in_order_and_lately() -> None:
    with serving() as stream, feeding(stream) as numbers:
        with av.open(f"{stream.url}stream.mjpg", format="mpjpeg", timeout=10) as container:
            seen, behind = [], []
            for frame in container.decode(video=0):
                seen.append(number_of(frame.to_ndarray(format="bgr24")))
                behind.append(numbers[-1] - seen[-1])
                if len(seen) == 30:
                    break
        assert seen == sorted(set(seen))
        assert np.median(behind) <= 6
        wait_for_state(stream, lambda state: str(state.detail).endswith("0 of 4 viewers"))
        assert stream.state().sent >= 30


def test_the_page_shows_the_stream_and_a_single_picture_can_be_had() -> None:
    with serving() as stream:
        stream.put(views(size=(320, 180), mirrored=True))
        status, headers, page = get(stream, "/")
        assert status == 200
        assert headers["content-type"].startswith("text/html")
        assert b'src="/stream.mjpg"' in page
        status, headers, jpeg = get(stream, "/picture.jpg")
        assert (status, headers["content-type"]) == (200, "image/jpeg")
        assert decode(jpeg)[90, 315].min() > 240, "never mirrored: the white edge is at the right again"
        assert get(stream, "/etc/passwd")[0] == 404


def test_a_web_page_under_another_name_is_refused_on_loopback() -> None:
    with serving() as stream:
        stream.put(views())
        assert get(stream, "/picture.jpg", Host=f"evil.example:{stream.port}")[0] == 403
        assert get(stream, "/picture.jpg", Host=f"localhost:{stream.port}")[0] == 200
        assert get(stream, "/picture.jpg")[1]["cross-origin-resource-policy"] == "same-origin"


def test_old_players_that_name_no_host_are_served_and_a_head_comes_alone() -> None:
    def answer(stream: NetworkStream, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", stream.port), timeout=10) as viewer:
            viewer.sendall(request + b"\r\n\r\n")
            received = b""
            while more := viewer.recv(65536):
                received += more
        return received

    with serving() as stream:
        stream.put(views())
        assert answer(stream, b"GET /picture.jpg HTTP/1.0").startswith(b"HTTP/1.0 200")
        for path, kind in (("/picture.jpg", b"image/jpeg"), ("/stream.mjpg", b"multipart/x-mixed-replace")):
            head, _, body = answer(stream, f"HEAD {path} HTTP/1.0".encode()).partition(b"\r\n\r\n")
            assert b"200 OK" in head
            assert b"Content-Type: " + kind in head
            assert body == b""


def test_no_more_viewers_than_allowed() -> None:
    with serving(most_viewers=2) as stream:
        stream.put(views())
        with watching(stream), watching(stream):
            wait_for_state(stream, lambda state: str(state.detail).endswith("2 of 2 viewers"))
            assert get(stream, "/stream.mjpg")[0] == 503
            assert get(stream, "/")[0] == 200
        wait_for_state(stream, lambda state: str(state.detail).endswith("0 of 2 viewers"))
        assert get(stream, "/stream.mjpg")[0] == 200


def test_a_slow_viewer_loses_pictures_and_delays_nobody() -> None:
    with serving() as stream, feeding(stream, fps=60, size=(1280, 720)) as numbers, watching(stream):
        wait_for_state(stream, lambda state: str(state.detail).endswith("1 of 4 viewers"))
        with av.open(f"{stream.url}stream.mjpg", format="mpjpeg", timeout=10) as container:
            last = 0
            for count, frame in enumerate(container.decode(video=0), start=1):
                last = number_of(frame.to_ndarray(format="bgr24"))
                if count == 40:
                    break
            assert numbers[-1] - last <= 12, "the one that reads is not held up by the one that does not"
        wait_for_state(stream, lambda state: str(state.detail).endswith("1 of 4 viewers"))


def test_a_viewer_that_takes_nothing_is_let_go() -> None:
    with serving(viewer_timeout_s=0.3) as stream, feeding(stream, fps=60, size=(1280, 720)), watching(stream):
        wait_for_state(stream, lambda state: str(state.detail).endswith("1 of 4 viewers"))
        wait_for_state(stream, lambda state: str(state.detail).endswith("0 of 4 viewers"))


def test_a_viewer_that_reads_slowly_stays() -> None:
    """A picture takes it longer than the time in which it has to read something."""
    with serving(viewer_timeout_s=0.7) as stream, watching(stream) as viewer:
        shown = views(size=(1920, 1080))
        shown.restored.image[:] = np.random.default_rng(0).integers(0, 256, shown.restored.image.shape, np.uint8)
        stream.put(shown)
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            assert viewer.recv(32 * 1024)
            time.sleep(0.03)
        assert viewers(stream) == 1


def test_stopping_ends_every_connection_at_once() -> None:
    with serving(viewer_timeout_s=60.0) as stream, watching(stream) as viewer:
        stream.put(views())
        assert viewer.recv(100)
        with socket.create_connection(("127.0.0.1", stream.port), timeout=10):  # one that asks for nothing
            began = time.perf_counter()
            stream.stop()
            assert time.perf_counter() - began < 5.0


def test_a_port_that_is_taken_fails_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        stream = NetworkStream(("127.0.0.1", taken.getsockname()[1]))
        stream.start()
        state = wait_for_state(stream, lambda state: state.status == "failed")
        assert isinstance(state.error, OutputError)
        assert str(taken.getsockname()[1]) in state.error.what
        assert "another" in state.error.hint
        stream.stop()


def test_addresses() -> None:
    assert parse_address("127.0.0.1:8090") == ("127.0.0.1", 8090)
    assert parse_address("8090") == parse_address(":8090") == ("127.0.0.1", 8090)
    assert parse_address("[::1]:80") == ("::1", 80)
    assert parse_address("0.0.0.0:80") == ("0.0.0.0", 80)
    for text in ("", "host", "host:", "host:http", "1.2.3.4:70000"):
        with pytest.raises(SettingError, match="not an address"):
            parse_address(text)
    assert is_loopback("127.0.0.9")
    assert is_loopback("::1")
    assert is_loopback("localhost")
    assert not is_loopback("192.0.2.1")
    assert not is_loopback("evil.example")


@pytest.mark.skipif(not socket.has_ipv6, reason="this system has no IPv6")
def test_the_loopback_address_of_ipv6() -> None:
    try:
        with serving(host="::1") as stream:
            stream.put(views())
            assert stream.url == f"http://[::1]:{stream.port}/"
            with socket.create_connection(("::1", stream.port), timeout=10) as viewer:
                viewer.sendall(b"GET /picture.jpg HTTP/1.1\r\nHost: [::1]:80\r\n\r\n")
                assert viewer.recv(12) == b"HTTP/1.0 200"
    except AssertionError:
        if not Path("/proc/net/if_inet6").exists():
            pytest.skip("this machine has IPv6 switched off")
        raise


def browser() -> str:
    for name in BROWSERS:
        if found := shutil.which(name):
            return found
    pytest.skip(f"none of these browsers is installed: {', '.join(BROWSERS)}")


def test_a_real_browser_shows_the_picture(tmp_path: Path) -> None:
    program = browser()
    shot = tmp_path / "page.png"
    with serving() as stream, feeding(stream, size=(1280, 720)):
        done = subprocess.run(
            [
                program,
                "--headless",
                "--no-sandbox",  # of the browser; tests may run as root, and the page is ours
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--no-first-run",
                f"--user-data-dir={tmp_path / 'profile'}",
                "--window-size=640,360",
                "--timeout=4000",
                f"--screenshot={shot}",
                stream.url,
            ],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "HOME": str(tmp_path)},
        )
    assert shot.exists(), done.stderr
    picture = cv2.imread(str(shot))
    assert picture is not None
    across = picture[picture.shape[0] // 2].astype(int)
    assert across[-1, 2] - across[0, 2] > 100, "the ramp of the picture goes from dark to bright across the page"
