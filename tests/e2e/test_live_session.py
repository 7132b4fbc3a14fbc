"""From a network camera on loopback through the window to a video that is decoded and checked."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtWidgets import QSlider
from pytestqt.qtbot import QtBot

from app.core.types import Image, Restored
from app.restorers.store import ModelStore
from app.ui.window import MainWindow
from tests.e2e.steps import decode, nearest, record, seconds_recorded, small, stop, wait_for_restored_face
from tests.mjpeg_server import MjpegServer

OpenWindow = Callable[..., MainWindow]
KeepPicture = Callable[[MainWindow, str], None]

FACE_MARGIN = 0.75
"""Of a face's box on every side: the crop that is pasted back reaches this far beyond the detector's box."""


def test_open_slide_k_record_and_stop(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, scene: list[Image], keep_picture: KeepPicture
) -> None:
    window = open_window(camera.url, k=3, show_plot=True)
    wait_for_restored_face(qtbot, window, k=3)
    slider = window.panel.findChild(QSlider, "k")
    assert slider is not None
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(2, slider.height() // 2))
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)
    wait_for_restored_face(qtbot, window, k=1)
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    wait_for_restored_face(qtbot, window, k=2)

    painted: list[Restored] = []
    window.preview.painted.connect(lambda restored, _ms: painted.append(restored))
    record(qtbot, window)
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 5.0 and len(painted) >= 25, timeout=60000)
    keep_picture(window, "recording")
    path = stop(qtbot, window)
    assert any(title.startswith("Saved") for title, _ in window.notifications.texts())
    keep_picture(window, "saved")
    window.close()

    video = decode(path)
    assert path.stat().st_size > 10_000
    assert not list(path.parent.glob("*.part"))
    assert video.seconds[-1] >= 4.9
    assert (np.diff(video.seconds) > 0).all()
    assert len(video.images) >= 25
    assert video.images[0].shape == (480, 1280, 3)

    sent = np.stack([small(image) for image in scene])
    shown = np.stack([small(restored.frame.image) for restored in painted])
    in_face, outside = [], []
    for image in video.images[2::5]:
        left, right = image[:, :640], image[:, 640:]
        source = scene[nearest(left, sent)]
        assert np.abs(left.astype(int) - source).mean() < 4.0, "the left half is the input, up to the codec's noise"
        restored = painted[nearest(left, shown)]
        near_face = np.zeros(left.shape[:2], bool)
        for entry in restored.faces:
            x1, y1, x2, y2 = entry.face.box
            across, down = (x2 - x1) * FACE_MARGIN, (y2 - y1) * FACE_MARGIN
            rows = slice(max(int(y1 - down), 0), int(y2 + down))
            near_face[rows, max(int(x1 - across), 0) : int(x2 + across)] = True
            changed = np.abs(right.astype(int) - left)[int(y1) : int(y2), int(x1) : int(x2)]
            in_face.append(float(changed.mean()))
        outside.append(float(np.abs(right.astype(int) - left)[~near_face].mean()))
    assert max(outside) < 2.0, "outside the face the right half is the left one"
    assert np.median(in_face) > 2 * np.median(outside), "in the face the right half differs"


def test_a_video_survives_a_camera_that_stalls_dies_and_comes_back(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, keep_picture: KeepPicture
) -> None:
    window = open_window(camera.url, k=1)
    wait_for_restored_face(qtbot, window, k=1)
    record(qtbot, window)
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 1.0, timeout=20000)
    camera.stall()
    qtbot.waitUntil(window.banner.isVisible, timeout=15000)
    assert "is offline" in window.banner.text()
    keep_picture(window, "offline")
    camera.die()
    assert window.capture.recording
    camera.revive()
    qtbot.waitUntil(lambda: not window.banner.isVisible(), timeout=20000)
    before = window.preview.restored
    assert before is not None
    qtbot.waitUntil(
        lambda: window.preview.restored is not None and window.preview.restored.frame.index > before.frame.index + 5,
        timeout=20000,
    )
    path = stop(qtbot, window)
    video = decode(path)
    assert (np.diff(video.seconds) > 0).all()
    assert video.seconds[-1] > 3.0, "the time that the camera was away is in the video"


def test_an_address_that_never_answers_does_not_hold_up_the_window(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    beats: list[float] = []
    timer = QTimer()
    timer.timeout.connect(lambda: beats.append(time.perf_counter()))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        window = open_window(f"http://127.0.0.1:{silent.getsockname()[1]}/video", k=1)
        qtbot.waitUntil(lambda: window._host.engine_info() is not None, timeout=20000)
        timer.start(10)
        qtbot.waitUntil(lambda: len(beats) > 100, timeout=20000)
        assert window.status_line.source.text() == "Opening…"
        window.open_source(camera.url)
        wait_for_restored_face(qtbot, window, k=1)
        timer.stop()
    assert np.diff(beats).max() < 5.0, "giving the address up takes six seconds"


def test_closing_the_window_leaves_a_whole_video(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, tmp_path: Path
) -> None:
    window = open_window(camera.url, k=1)
    wait_for_restored_face(qtbot, window, k=1)
    record(qtbot, window)
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 1.0, timeout=20000)
    window.close()
    (path,) = (tmp_path / "videos").iterdir()
    video = decode(path)
    assert path.suffix == ".mp4"
    assert video.seconds[-1] >= 0.8
    assert (np.diff(video.seconds) > 0).all()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_without_a_camera_the_demo_clip_is_restored(
    qtbot: QtBot,
    open_window: OpenWindow,
    keep_picture: KeepPicture,
    theme: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("app.sources.camera.list_cameras", list)
    window = open_window("", theme=theme, k=2)
    wait_for_restored_face(qtbot, window, k=2)
    assert window.notifications.texts()[0][0] == "No camera, so the demo clip is playing"
    assert window.transport.isVisible()
    for width, height in ((1024, 640), (1440, 900)):
        window.resize(width, height)
        for view in ("split", "side-by-side", "restored", "original"):
            window.change(view=view, show_plot=view == "side-by-side")
            with qtbot.waitSignal(window.preview.painted, timeout=5000):
                pass
            keep_picture(window, f"{view}-{theme}-{width}")


def test_without_a_model_the_picture_plays_on_and_the_window_says_what_is_missing(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.restorers.store.ModelStore", lambda: ModelStore(tmp_path))
    window = open_window(camera.url, k=2)
    qtbot.waitUntil(lambda: window.preview.restored is not None, timeout=20000)
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=20000)
    assert "manifest.json" in " ".join(window.notifications.texts()[0])
