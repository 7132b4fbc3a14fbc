"""Looking closer, dialogs and the mirror in the real window over real sources."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QNativeGestureEvent, QPointingDevice
from PySide6.QtWidgets import QApplication, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.restorers.store import ModelStore
from app.sources.camera import CameraDevice, CameraSource
from app.ui.dialogs.about import AboutDialog
from app.ui.dialogs.dialogs import StreamDialog
from app.ui.window import MainWindow
from tests.e2e.steps import decode, in_dialog, press, record, seconds_recorded, stop, wait_for_restored_face
from tests.media_files import numbered_picture
from tests.mjpeg_server import MjpegServer

OpenWindow = Callable[..., MainWindow]


def test_double_click_and_pinch(qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer) -> None:
    window = open_window(camera.url, k=1, view="restored")
    wait_for_restored_face(qtbot, window, k=1)
    preview = window.preview
    corner = QPoint(30, 40)
    for full in (True, False):
        qtbot.mouseDClick(preview, Qt.MouseButton.LeftButton, pos=corner)
        qtbot.waitUntil(lambda full=full: window.isFullScreen() is full, timeout=5000)  # type: ignore[misc]
        qtbot.waitUntil(lambda full=full: window.panel.isVisible() is not full, timeout=5000)  # type: ignore[misc]
        assert window.status_line.isVisible() is not full

    place = QPointF(preview.width() * 0.3, preview.height() * 0.4)
    plain = preview.scene()
    assert plain is not None
    device = QPointingDevice.primaryPointingDevice()
    for _ in range(3):
        pinch = QNativeGestureEvent(
            Qt.NativeGestureType.ZoomNativeGesture, device, 2, place, place, place, 0.25, QPointF()
        )
        assert QApplication.sendEvent(preview, pinch)
    closer = preview.scene()
    assert closer is not None
    before, after = (scene.layout.tiles[0].target for scene in (plain, closer))
    assert after.width == pytest.approx(before.width * 1.25**3, rel=0.01)
    for start, width, x in ((before.x, before.width, place.x()), (before.y, before.height, place.y())):
        place_in_picture = (x - start) / width
        now = (after.x, after.width) if width == before.width else (after.y, after.height)
        assert (x - now[0]) / now[1] == pytest.approx(place_in_picture, abs=0.003), "the place under the fingers stays"


def test_the_view_of_a_camera_is_mirrored_and_its_recording_is_not(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, scene: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The camera's driver is OpenCV's reader of streams; everything after it is as with a device."""
    device = CameraDevice(name="Desk", index=0, backend=0, path="")
    monkeypatch.setattr("app.sources.camera.list_cameras", lambda: [device])
    monkeypatch.setattr(
        "app.sources.camera.CameraSource",
        partial(
            CameraSource,
            enumeration=lambda: [device],
            open_capture=lambda _index, _backend: cv2.VideoCapture(camera.url, cv2.CAP_FFMPEG),
        ),
    )
    window = open_window("camera:Desk", k=1, record_mode="side-by-side", mirror=True)
    wait_for_restored_face(qtbot, window, k=1)
    drawn = window.preview.scene()
    assert drawn is not None
    assert np.array_equal(drawn.pictures.before.image, drawn.restored.frame.image[:, ::-1])
    record(qtbot, window)
    qtbot.waitUntil(lambda: seconds_recorded(window) >= 0.7, timeout=20000)
    left = decode(stop(qtbot, window)).images[-1][:, :640].astype(int)
    distances = [min(np.abs(left - image[:, ::step]).mean() for image in scene[::3]) for step in (1, -1)]
    assert distances[0] < distances[1] / 2, "as it is, not as in a mirror"


def test_undo_is_gone_once_it_was_done(qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer) -> None:
    window = open_window(camera.url, k=2, strength=30)
    wait_for_restored_face(qtbot, window, k=2)
    window.actions_by_name["reset"].trigger()
    assert window.settings.strength == 100
    press(qtbot, window.notifications, "Undo")
    assert window.settings.strength == 30
    assert not any("defaults" in title for title, _ in window.notifications.texts())
    assert not window.actions_by_name["undo_reset"].isEnabled()


def test_the_file_dialog_filters_and_remembers_its_folder(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path
) -> None:
    QApplication.setAttribute(Qt.ApplicationAttribute.AA_DontUseNativeDialogs)
    picture = tmp_path / "holiday" / "beach.png"
    picture.parent.mkdir()
    cv2.imwrite(str(picture), numbered_picture(1))
    (picture.parent / "notes.txt").write_text("no picture", encoding="utf-8")
    window = open_window(str(picture))
    qtbot.waitUntil(lambda: window.source.file == picture, timeout=20000)

    def choose(dialog: QFileDialog) -> None:
        assert "*.png" in dialog.selectedNameFilter()
        assert "*.mp4" in dialog.selectedNameFilter()
        assert "*.txt" not in dialog.selectedNameFilter()
        dialog.selectFile(str(picture))
        dialog.accept()

    def remembers(dialog: QFileDialog) -> None:
        assert Path(dialog.directory().absolutePath()) == picture.parent

    in_dialog(window, "open_file", QFileDialog, choose)
    in_dialog(window, "open_file", QFileDialog, remembers)


def test_about_shows_every_licence(qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer) -> None:
    window = open_window(camera.url, k=1)

    def read(dialog: AboutDialog) -> None:
        words = " ".join(label.text() for label in dialog.findChildren(QLabel))
        assert "MIT" in words
        assert "onnxruntime" in words
        for entry in ModelStore().entries():
            assert entry.name in words
            assert entry.licence in words
        warning = dialog.findChild(QLabel, "licenceWarning")
        assert warning is not None
        assert warning.isVisible(), "that the weights are for research is seen without scrolling"

    in_dialog(window, "about", AboutDialog, read)


def test_an_address_that_failed_can_be_edited(qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"http://127.0.0.1:{taken.getsockname()[1]}/video"
    window = open_window(closed, k=1)
    qtbot.waitUntil(lambda: "Edit address…" in window.preview.words.button_names(), timeout=30000)

    def edit(dialog: StreamDialog) -> None:
        assert dialog._line.text() == closed
        dialog._line.setText(camera.url)
        press(qtbot, dialog, "Open")

    in_dialog(window, "open_stream", StreamDialog, edit)
    wait_for_restored_face(qtbot, window, k=1)
