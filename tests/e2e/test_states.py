"""What the real window says and does with a real camera: its states, its first start, what is dropped on it."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QWheelEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.ui.settings_store import SettingsStore
from app.ui.texts.source import DEMO_CLIP
from app.ui.window import MainWindow
from tests.e2e.steps import record, stop, wait_for_restored_face
from tests.media_files import numbered_picture
from tests.mjpeg_server import MjpegServer, moving_square

OpenWindow = Callable[..., MainWindow]


def badge_words(window: MainWindow) -> list[str]:
    return [str(badge.words) for badge in window.preview.badges]


def test_the_first_start_is_simple_and_its_hints_come_once(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url)
    store: SettingsStore = window._store
    store._backend.remove("window/hints")
    qtbot.waitUntil(lambda: window.hints is not None, timeout=30000)
    assert window.hints is not None
    assert len(window.hints.words()) == 3
    assert not window.panel._advanced_body.isVisible()
    assert window.preview._card.model is None, "the latency card is off"
    window.hints.close()
    assert store.hints_were_seen()


def test_a_picture_without_a_face_says_so_and_claims_nothing(qtbot: QtBot, open_window: OpenWindow) -> None:
    with MjpegServer(lambda index: moving_square(index, width=640, height=480), fps=10) as server:
        window = open_window(server.url, k=1)
        qtbot.waitUntil(lambda: badge_words(window) == ["No face found"], timeout=30000)
        shown = window.preview.restored
        assert shown is not None
        assert np.array_equal(shown.image, shown.frame.image)


def test_recording_shows_with_the_panel_hidden_and_space_starts_no_second_one(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=1)
    wait_for_restored_face(qtbot, window, k=1)
    window.activateWindow()
    window.preview.setFocus()
    record(qtbot, window)
    window.actions_by_name["toggle_panel"].trigger()
    qtbot.waitUntil(lambda: any(words.startswith("Recording 00:0") for words in badge_words(window)), timeout=20000)
    window.actions_by_name["toggle_panel"].trigger()
    stop(qtbot, window)
    focused = QApplication.focusWidget()
    assert focused is not None
    qtbot.keyClick(focused, Qt.Key.Key_Space)
    assert window._host.recording() is None
    assert not window.capture.recording


def test_an_offline_camera_says_since_when_and_no_speed(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=1)
    wait_for_restored_face(qtbot, window, k=1)
    qtbot.waitUntil(lambda: bool(window.status_line.speed.text()), timeout=20000)
    camera.die()
    qtbot.waitUntil(lambda: "is offline since" in window.banner.text(), timeout=30000)
    qtbot.waitUntil(lambda: window.status_line.speed.text() == "", timeout=5000)
    assert not any("Slowed" in words for words in badge_words(window))


def test_an_address_needs_no_scheme_and_one_that_failed_can_be_tried_again(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = taken.getsockname()[1]
    window = open_window(f"http://127.0.0.1:{closed}/video", k=1)
    qtbot.waitUntil(lambda: "Retry" in window.preview.words.button_names(), timeout=30000)
    said = " ".join(map(str, window.preview.message))
    assert "Errno" not in said
    assert "nothing answers" in said.lower() or "cannot be reached" in said.lower()
    window.preview.action_pressed.emit("retry")
    qtbot.waitUntil(lambda: "Retry" in window.preview.words.button_names(), timeout=30000)

    from app.ui.dialogs.dialogs import StreamDialog

    def type_address(dialog: StreamDialog) -> int:
        dialog._line.setText(camera.url.removeprefix("http://"))
        return int(dialog._open.isEnabled())

    monkeypatch.setattr(StreamDialog, "exec", type_address)
    window.actions_by_name["open_stream"].trigger()
    wait_for_restored_face(qtbot, window, k=1)


def test_of_several_dropped_files_the_first_plays_and_the_others_are_a_click_away(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer, tmp_path: Path
) -> None:
    import cv2

    own, picture = tmp_path / "party.mp4", tmp_path / "cake.png"
    own.write_bytes(DEMO_CLIP.read_bytes())
    cv2.imwrite(str(picture), numbered_picture(1))
    window = open_window(camera.url, k=1)
    wait_for_restored_face(qtbot, window, k=1)
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in (own, picture)])
    button, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.preview.dropEvent(QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, button, none))
    qtbot.waitUntil(lambda: window.status_line.source.text() == "party.mp4", timeout=30000)
    wait_for_restored_face(qtbot, window, k=1)
    assert "cake.png" in window.source_menu.recent_names()


def test_looking_closer_at_a_real_picture(qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer) -> None:
    window = open_window(camera.url, k=1, show_overlay=True)
    wait_for_restored_face(qtbot, window, k=1)
    preview = window.preview
    qtbot.waitUntil(lambda: preview._card.box is not None, timeout=20000)
    scene = preview.scene()
    assert scene is not None
    assert preview._card.box is not None
    assert not any(preview._card.box.overlaps(face) for face in scene.face_boxes()), "the card lies on no face"
    place = QPointF(preview.width() * 0.4, preview.height() * 0.4)
    none = Qt.KeyboardModifier.NoModifier
    preview.wheelEvent(
        QWheelEvent(
            place, place, QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton, none, Qt.ScrollPhase.NoScrollPhase, False
        )
    )
    closer = preview.scene()
    assert closer is not None
    assert closer.layout.tiles[0].target.width > 1.5 * scene.layout.tiles[0].target.width
    # What was asked for is pasted at the size on the screen, as far as the crop has pixels for it.
    for name in ("loupe", "inset"):
        window.actions_by_name[name].trigger()
    qtbot.mouseMove(preview, place.toPoint())
    with qtbot.waitSignal(preview.painted, timeout=20000):
        pass
    window.actions_by_name["full_screen"].trigger()
    qtbot.waitUntil(lambda: window.isFullScreen() and not window.panel.isVisible(), timeout=10000)
    layout = preview.picture_layout()
    assert layout is not None
    assert layout.tiles[0].frame.y == 0 or layout.tiles[0].frame.x == 0, "no margin is left"
    qtbot.keyClick(preview, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not window.isFullScreen() and window.panel.isVisible(), timeout=10000)
