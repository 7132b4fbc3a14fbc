"""What is taken along from the real window: three pictures in one recording, larger recordings, whole files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtWidgets import QComboBox
from pytestqt.qtbot import QtBot

from app.cli import main
from app.core.types import Image, Restored
from app.outputs.fanout import FanOut
from app.pipeline.live.events import RecordingReduced
from app.pipeline.live.recording import SessionRecording
from app.ui.settings_store import DEFAULTS
from app.ui.window import MainWindow
from tests.e2e.steps import decode, nearest, record, seconds_recorded, small, stop, wait_for_restored_face
from tests.mjpeg_server import MjpegServer
from tests.ui.scripted import restored_frame
from tests.vision import blurred, show

OpenWindow = Callable[..., MainWindow]


def difference(one: Image, other: Image) -> float:
    return float(np.abs(one.astype(int) - other).mean())


def test_a_recording_holds_the_true_the_bad_and_the_restored_picture(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, scene: list[Image]
) -> None:
    window = open_window(camera.url, k=2, record_mode="three", degrade_strength=70)
    wait_for_restored_face(qtbot, window, k=2)
    window.actions_by_name["degrade"].trigger()
    qtbot.waitUntil(
        lambda: window.preview.restored is not None and window.preview.restored.frame.true_image is not None,
        timeout=20000,
    )
    wait_for_restored_face(qtbot, window, k=2)
    record(qtbot, window)
    painted: list[Restored] = []
    window.preview.painted.connect(lambda restored, _ms: painted.append(restored))
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 2.0, timeout=30000)
    video = decode(stop(qtbot, window))
    assert video.images[0].shape == (480, 3 * 640, 3)
    sent = np.stack([small(image) for image in scene])
    shown = np.stack([small(restored.frame.image) for restored in painted])
    compared = 0
    for image in video.images[2::5]:
        true, bad, restored = (image[:, place * 640 : (place + 1) * 640] for place in range(3))
        source = scene[nearest(true, sent)]
        assert difference(true, source) < 4, "the true picture, up to the codec's noise"
        assert difference(bad, source) > 2 * difference(true, source), "the bad one"
        entry = painted[nearest(bad, shown)]
        for face in entry.faces:
            x1, y1, x2, y2 = (max(int(value), 0) for value in face.face.box)
            inner = np.s_[y1:y2, x1:x2]
            assert difference(restored[inner], bad[inner]) > 2, "and what was made of it"
            compared += 1
    assert compared > 0


def test_a_larger_recording_is_larger_and_its_size_stands_while_it_runs(
    qtbot: QtBot, open_window: OpenWindow, scene: list[Image]
) -> None:
    tiny = [cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA) for image in scene]
    with MjpegServer(lambda index: tiny[index % len(tiny)], fps=4) as server:
        window = open_window(server.url, k=1, output_scale="2", record_mode="restored")
        wait_for_restored_face(qtbot, window, k=1)
        record(qtbot, window)
        choice = window.panel.findChild(QComboBox, "output_scale")
        assert choice is not None
        assert not choice.isEnabled()
        qtbot.waitUntil(lambda: seconds_recorded(window) >= 1.5, timeout=30000)
        video = decode(stop(qtbot, window))
    assert video.images[0].shape == (480, 640, 3)
    sent = np.stack([small(image) for image in tiny])
    for image in video.images[1:]:
        source = cv2.resize(tiny[nearest(image, sent)], (640, 480), interpolation=cv2.INTER_LANCZOS4)
        assert difference(image, np.asarray(source, np.uint8)) < 12


def test_a_recording_that_is_too_large_for_the_machine_is_made_smaller_and_says_so(tmp_path: Path) -> None:
    told: list[RecordingReduced] = []
    recording = SessionRecording(FanOut(lambda: 0.0), on_error=lambda _: None, on_reduced=told.append)
    image = show()[0]
    latest = restored_frame(image, image)
    settings = DEFAULTS.replace(output_scale="4", record_mode="restored")
    recording.start(tmp_path, latest, settings, source_fps=240.0)
    recording.stop()
    assert told == [RecordingReduced(scale=1, wanted=4)]


def test_save_restored_writes_what_the_command_line_writes(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One engine, and k, strength and size as they are set in the window."""
    source = tmp_path / "old.png"
    picture, _ = show(size=(320, 240), centre=(160, 120), scale=0.6)
    cv2.imwrite(str(source), blurred(picture, 1.5))
    window = open_window(str(source), k=1, strength=80, output_scale="2")
    qtbot.waitUntil(lambda: window.source.file == source, timeout=20000)
    target, expected = tmp_path / "window.png", tmp_path / "command.png"
    window.sharing.start_saving(source, target)
    assert window.job_bar.isVisible()
    qtbot.waitUntil(lambda: not window.job_bar.isVisible(), timeout=60000)
    window.close()
    monkeypatch.setattr("tqdm.tqdm.monitor_interval", 0)  # its monitor is a thread that stays
    assert main(["restore", str(source), str(expected), "--k", "1", "--strength", "80", "--scale", "2"]) == 0
    saved, told = cv2.imread(str(target)), cv2.imread(str(expected))
    assert saved is not None
    assert told is not None
    assert saved.shape == (480, 640, 3)
    assert np.array_equal(saved, told)
