"""The window as a person uses it, over a session that follows a script."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent, QGuiApplication, QKeyEvent, QKeySequence
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QPushButton,
    QSlider,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.core.errors import CameraOpenError, RecordingError, SourceOfflineError, UnreadableMediaError
from app.core.settings import Settings
from app.core.types import Image
from app.pipeline.capture.status import SourceStatus
from app.pipeline.live.events import CyclesChanged, MicrophoneMissing
from app.sources.base import SourceInfo
from app.sources.video import VIDEO as VIDEO_KIND
from app.ui.actions import ACTIONS
from app.ui.dialogs.dialogs import ShortcutsSheet
from app.ui.settings_store import SettingsStore
from app.ui.style.widgets import ElidedLabel
from app.ui.texts.source import DEMO_CLIP
from app.ui.window import MainWindow
from tests.media_files import numbered_picture, write_video
from tests.ui.scripted import CAMERA, ONLINE, ScriptedSession, restored_frame, statistics

MakeWindow = Callable[..., MainWindow]
VIDEO = SourceInfo(
    name="holiday.mp4", kind=VIDEO_KIND, width=1280, height=720, fps=25.0, frame_count=250, duration_s=10.0
)


def deliver(qtbot: QtBot, window: MainWindow, session: ScriptedSession, pictures: tuple[Image, Image]) -> None:
    """One frame comes from the session and reaches the screen."""
    session.next_frame = restored_frame(*pictures, index=25, boxes=[(500, 200, 800, 500)])
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()


def press(qtbot: QtBot, window: MainWindow, key: Qt.Key) -> None:
    window.activateWindow()
    window.preview.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.preview, timeout=5000)
    qtbot.keyClick(window.preview, key)


def begin_recording(qtbot: QtBot, window: MainWindow, session: ScriptedSession, pictures: tuple[Image, Image]) -> None:
    deliver(qtbot, window, session, pictures)
    press(qtbot, window, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: session.recording_state is not None, timeout=3000)


def opened(session: ScriptedSession) -> list[str]:
    return [spec.address for name, spec in session.calls if name == "open"]


def test_the_window_is_there_before_the_session(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    assert window.isVisible()
    assert window.source_menu.camera_names() == ("Integrated Camera", "USB Video")
    assert not window.panel.record.isEnabled()


def test_a_frame_reaches_the_screen_and_the_session_learns_of_it(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    assert [name for name, _ in session.calls].count("painted") == 1
    assert window.panel.record.isEnabled()
    assert window.status_line.facts.text() == "1280 × 720 · 30.0 fps"


def test_keys_set_k_view_and_strength(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window(k=3)
    press(qtbot, window, Qt.Key.Key_1)
    assert session.settings is not None
    assert session.settings.k == 1
    assert window.panel.quality.value() == "fast"
    press(qtbot, window, Qt.Key.Key_4)
    assert window.panel.quality.value() is None
    press(qtbot, window, Qt.Key.Key_A)
    press(qtbot, window, Qt.Key.Key_V)
    press(qtbot, window, Qt.Key.Key_BracketLeft)
    assert (session.settings.k, session.settings.auto_k) == (4, True)
    press(qtbot, window, Qt.Key.Key_1)
    press(qtbot, window, Qt.Key.Key_A)
    assert (session.settings.k, session.settings.auto_k) == (3, True), "as the button does"
    press(qtbot, window, Qt.Key.Key_A)
    assert not session.settings.auto_k
    assert (session.settings.view, session.settings.strength) == ("side-by-side", 95)


def test_the_slider_of_k_reaches_the_session_at_once(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window(k=3)
    slider = window.panel.findChild(QSlider, "k")
    assert slider is not None
    qtbot.mousePress(slider, Qt.MouseButton.LeftButton, pos=QPoint(3, slider.height() // 2))
    assert session.settings is not None
    assert session.settings.k == 1
    qtbot.mouseRelease(slider, Qt.MouseButton.LeftButton)
    slider.setFocus()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert session.settings.k == 2


def test_holding_the_key_shows_the_original(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    deliver(qtbot, window, session, pictures)
    qtbot.keyPress(window.preview, Qt.Key.Key_O)
    held = window.preview.picture_layout()
    qtbot.keyRelease(window.preview, Qt.Key.Key_O)
    free = window.preview.picture_layout()
    assert held is not None
    assert free is not None
    assert [tile.content for tile in held.tiles] == ["original"]
    assert [tile.content for tile in free.tiles] == ["original", "restored"]


def test_auto_says_what_runs_and_nothing_jumps(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window(auto_k=True)
    window._host.on_status(ONLINE)
    state, height = window.panel.auto_state, window.panel.auto_state.height()
    assert window.panel.quality.value() == "auto"
    session.numbers = statistics(cycles=2, auto_reason="1 face x 3 cycles need 61 ms")
    qtbot.waitUntil(lambda: state.text().startswith("Now Faithful (2 cycles)"), timeout=3000)
    slider = window.panel.findChild(QSlider, "k")
    assert slider is not None
    assert slider.value() == 2, "the slider shows the k in use"
    assert window.settings.k == 3
    assert window.status_line.speed.text() == "k 2 · 24.9 fps"
    session.numbers = statistics(cycles=3)
    qtbot.waitUntil(lambda: state.text() == "Now Best look (3 cycles): there is time for it.", timeout=3000)
    qtbot.mouseClick(window.panel.quality.button("fast"), Qt.MouseButton.LeftButton)
    assert (window.settings.k, window.settings.auto_k) == (1, False)
    qtbot.waitUntil(lambda: state.text().startswith("Fast (1 cycle)"), timeout=3000)
    assert state.height() == height


def test_the_overlay_and_the_engine_are_shown(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window(show_plot=True)
    deliver(qtbot, window, session, pictures)
    qtbot.waitUntil(lambda: window.status_line.engine.text() == "cfrnet-rt · INT8 · CPU · 2 threads", timeout=3000)
    assert "Frame: 35.7 ms of 40.0 ms" in window.help.diagnostics()


# Sources


def test_without_a_camera_the_demo_clip_plays_and_the_window_says_why(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window(source="")
    window._host.on_status(SourceStatus(state="failed", error=CameraOpenError("No camera was found.")))
    qtbot.waitUntil(lambda: str(DEMO_CLIP) in opened(session), timeout=5000)
    (text,) = window.notifications.texts()
    assert text[0] == "No camera, so the demo clip is playing"
    assert [toast.level for toast in window.notifications._toasts] == ["notice"], "it is nobody's fault"
    assert window.settings.source == ""


@pytest.mark.parametrize("by_key", [False, True])
def test_the_camera_that_the_demo_clip_stands_in_for_is_tried_again(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, by_key: bool
) -> None:
    window = make_window(source="camera:Webcam")
    error = CameraOpenError("The camera Webcam cannot be opened.", "Close other programs that use it.")
    window._host.on_status(SourceStatus(state="failed", error=error))
    qtbot.waitUntil(lambda: str(DEMO_CLIP) in opened(session), timeout=5000)
    (toast,) = window.notifications._toasts
    assert "Close other programs" in str(toast.detail)
    assert toast.level == "error", "it stays"
    window._host.on_status(SourceStatus(state="connecting"))
    window._host.on_status(SourceStatus(state="online", info=VIDEO))
    if by_key:
        press(qtbot, window, Qt.Key.Key_F5)
    else:
        (button,) = toast.findChildren(QPushButton)
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: opened(session) == ["Webcam", str(DEMO_CLIP), "Webcam"], timeout=5000)
    assert window.preview.message[0] == "Opening Webcam…"
    assert not window.notifications.texts()
    window._host.on_status(SourceStatus(state="connecting"))
    window._host.on_status(SourceStatus(state="failed", error=error))
    qtbot.waitUntil(lambda: window.preview.message == (error.what, error.hint), timeout=5000)
    press(qtbot, window, Qt.Key.Key_F5)
    qtbot.waitUntil(lambda: opened(session).count("Webcam") == 3, timeout=5000)
    window._host.on_status(SourceStatus(state="connecting"))
    window._host.on_status(ONLINE)
    with qtbot.waitSignal(window._host.microphones_listed, timeout=5000):
        press(qtbot, window, Qt.Key.Key_F5)
    assert opened(session).count("Webcam") == 3, "a camera that plays goes on"


def test_nothing_can_be_recorded_while_another_source_opens(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    buttons = (window.panel.record, window.panel.snapshot)
    window.open_source("http://camera.local/video")
    assert not any(button.isEnabled() for button in buttons)
    press(qtbot, window, Qt.Key.Key_R)
    assert not window.capture.recording
    window._host.on_status(SourceStatus(state="connecting"))
    window._host.on_status(SourceStatus(state="online", info=VIDEO))
    deliver(qtbot, window, session, pictures)
    assert all(button.isEnabled() for button in buttons)
    window.open_source(str(tmp_path / "absent.mp4"))
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    assert all(button.isEnabled() for button in buttons), "the picture before is shown again"


def test_a_file_that_cannot_be_read_is_said_once(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    path = tmp_path / "notes.mp4"
    path.write_text("no video")
    window = make_window()
    session.open_error = UnreadableMediaError("notes.mp4 is not a video.", "Choose another file.")
    window.open_source(str(path))
    qtbot.waitUntil(lambda: window.preview.message == ("notes.mp4 is not a video.", "Choose another file."))
    assert not window.notifications.texts(), "it stands in the picture's place already"
    assert not window.panel.record.isEnabled()
    assert window.settings.source == "", "what cannot be opened is not remembered"
    late = restored_frame(*pictures)
    session.next_frame = replace(late, frame=replace(late.frame, t_capture=time.perf_counter() - 60))
    window._on_frame()
    assert window.preview.restored is None, "a late frame of what played before does not cover the words"
    window.open_source(str(tmp_path / "absent.mp4"))
    qtbot.waitUntil(lambda: "no file" in window.preview.message[0], timeout=5000)
    assert window.status_line.source.text() == "No source"


def test_what_plays_goes_on_when_something_else_cannot_be_opened(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.status_line.source.text() == "Integrated Camera", timeout=3000)
    window.open_source(str(tmp_path / "absent.mp4"))
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    window.open_source(str(tmp_path / "absent.mp4"))
    qtbot.waitUntil(lambda: window.status_line.source.text() == "Integrated Camera", timeout=3000)
    assert [title for title, _ in window.notifications.texts()] == [
        f"There is no file or folder {tmp_path / 'absent.mp4'}."
    ]


def test_a_still_picture_and_a_pause_outlast_a_source_that_cannot_be_opened(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    window = make_window()
    window._host.on_status(SourceStatus(state="online", info=VIDEO))
    deliver(qtbot, window, session, pictures)
    shown = window.preview.restored
    press(qtbot, window, Qt.Key.Key_Space)
    window.open_source(str(tmp_path / "absent.mp4"))
    assert window.preview.restored is None
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    assert window.preview.restored is shown
    assert not window.preview.words.isVisible()
    assert ("set_paused", False) not in session.calls
    assert window.transport.play.accessibleName() == "Play"
    window.open_source(str(tmp_path))
    window._host.on_status(SourceStatus(state="connecting"))
    qtbot.waitUntil(lambda: window.transport.play.accessibleName() == "Pause", timeout=3000)


def test_a_late_frame_of_the_source_before_does_not_cover_what_is_being_opened(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    session.next_frame = restored_frame(*pictures)
    window.open_source("http://camera.local/video")
    window._on_frame()
    assert window.preview.restored is None
    assert window.preview.message[0] == "Opening http://camera.local/video…"
    session.next_frame = restored_frame(*pictures)
    window._on_frame()
    assert window.preview.restored is not None, "until the source before is let go of it delivers"
    late = restored_frame(*pictures)
    window._host.on_status(SourceStatus(state="connecting"))
    qtbot.waitUntil(lambda: window.preview.restored is None, timeout=3000)
    session.next_frame = late
    window._on_frame()
    assert window.preview.restored is None
    session.next_frame = restored_frame(*pictures)
    window._on_frame()
    assert window.preview.restored is not None, "its own frames do"


def test_a_source_that_was_let_go_of_does_not_come_back(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)
    session.next_frame = restored_frame(*pictures)
    window._on_frame()
    window.open_source("http://slow.local/video")
    window._host.on_status(SourceStatus(state="connecting"))
    qtbot.waitUntil(lambda: window.source.state == "connecting", timeout=3000)
    window._host.open_failed.emit("http://slow.local/video", CameraOpenError("It is no source."))
    assert (window.source.info, window.preview.restored) == (None, None)


def test_a_camera_that_fails_with_one_size_is_tried_with_the_next(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)

    def tried_sizes() -> list[tuple[int, int]]:
        return [spec.size for name, spec in session.calls if name == "open"]

    failed = SourceStatus(state="failed", error=CameraOpenError("It opens but gives no picture."))
    for size in ((1920, 1080), (640, 480)):
        window.change(camera_size=f"{size[0]}x{size[1]}")
        qtbot.waitUntil(lambda size=size: tried_sizes()[-1] == size, timeout=5000)
        window._host.on_status(failed)
        qtbot.waitUntil(lambda: window.source.state == "failed", timeout=3000)


def test_a_paused_camera_says_so(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.status_line.source.text() == "Integrated Camera", timeout=3000)
    press(qtbot, window, Qt.Key.Key_Space)
    assert ("set_paused", True) in session.calls
    assert window.banner.text() == "Paused. Press Space to go on"
    window._host.on_status(SourceStatus(state="offline", info=CAMERA))
    qtbot.waitUntil(lambda: "is offline" in window.banner.text(), timeout=3000)
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.banner.text() == "Paused. Press Space to go on", timeout=3000)
    press(qtbot, window, Qt.Key.Key_Space)
    assert not window.banner.isVisible()


def test_a_camera_that_goes_offline_has_a_banner_until_it_is_back(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    error = SourceOfflineError("Integrated Camera stopped delivering.")
    window._host.on_status(SourceStatus(state="offline", info=CAMERA, error=error, retry_in_s=4.0))
    qtbot.waitUntil(window.banner.isVisible, timeout=3000)
    assert "Integrated Camera is offline since" in window.banner.text()
    assert "Trying again in" in window.banner.text()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: not window.banner.isVisible(), timeout=3000)
    assert not window.notifications.texts()


def test_a_dropped_file_is_opened_and_remembered(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, store: SettingsStore, tmp_path: Path
) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"0")
    window = make_window()
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    none = Qt.KeyboardModifier.NoModifier
    drop = QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, none)
    window.preview.dropEvent(drop)
    qtbot.waitUntil(lambda: opened(session)[-1] == str(path), timeout=5000)
    window._host.on_status(SourceStatus(state="online", info=VIDEO))
    qtbot.waitUntil(lambda: window.settings.source == str(path), timeout=5000)
    window.close()
    assert store.load().source == str(path)


def test_a_video_has_a_seek_bar_that_a_camera_lacks(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.status_line.source.text() == "Integrated Camera", timeout=3000)
    assert not window.transport.isVisible()
    window._host.on_status(SourceStatus(state="online", info=VIDEO))
    qtbot.waitUntil(window.transport.isVisible, timeout=3000)
    deliver(qtbot, window, session, pictures)
    assert window.transport.bar.value() == pytest.approx(83, abs=1)
    qtbot.mouseClick(window.transport.play, Qt.MouseButton.LeftButton)
    bar = window.transport.bar
    qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() // 2, 5))
    names = [name for name, _ in session.calls]
    assert ("set_paused", True) in session.calls
    assert "seek" in names
    assert next(value for name, value in session.calls if name == "seek") == pytest.approx(5.0, abs=0.1)


# Recordings and snapshots


def test_a_recording_from_the_button_to_the_message(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    window = make_window()
    deliver(qtbot, window, session, pictures)
    session.recorded = tmp_path / "film.mp4"
    session.recorded.write_bytes(b"0" * 1_234_567)
    press(qtbot, window, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: window.panel.record.text() == "Stop  00:05  1.2 MB", timeout=3000)
    press(qtbot, window, Qt.Key.Key_R)
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=3000)
    assert window.notifications.texts() == (("Saved film.mp4", f"00:05, 1.2 MB, in {tmp_path}"),)
    assert window.panel.record.text() == "Record"
    assert ("start_recording", tmp_path / "out") in session.calls


def test_a_recording_that_ends_by_itself_frees_the_button(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    begin_recording(qtbot, window, session, pictures)
    session.recording_state = None
    window._host.on_error(RecordingError("The disk is full.", "The playable part is film.mp4."))
    qtbot.waitUntil(lambda: window.panel.record.text() == "Record", timeout=3000)
    assert ("The disk is full.", "The playable part is film.mp4.") in window.notifications.texts()


def test_closing_the_window_finishes_the_recording_and_the_next_one_tells_of_it(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    window = make_window()
    begin_recording(qtbot, window, session, pictures)
    session.recorded = tmp_path / "film.mp4"
    session.recorded.write_bytes(b"0" * 1_234_567)
    window.close()
    assert [name for name, _ in session.calls][-2:] == ["stop_recording", "close"]
    message = ("Saved film.mp4", f"When the window was closed, 1.2 MB, in {tmp_path}")
    assert make_window().notifications.texts() == (message,)
    assert make_window().notifications.texts() == ()


def test_an_error_of_closing_the_window_is_told_at_the_next_start(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window = make_window()
    begin_recording(qtbot, window, session, pictures)

    def fail() -> tuple[Path, ...]:
        raise RecordingError("The disk is full.", "Its first 3.0 s are in film.mp4.")

    monkeypatch.setattr(session, "stop_recording", fail)
    window.close()
    hint = "When the window was closed. Its first 3.0 s are in film.mp4."
    assert make_window().notifications.texts() == (("The disk is full.", hint),)
    assert make_window().notifications.texts() == ()


def test_the_bar_shows_the_place_in_the_file_in_every_round_of_a_loop(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(SourceStatus(state="online", info=VIDEO))
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)
    restored = restored_frame(*pictures)
    session.next_frame = replace(restored, frame=replace(restored.frame, t_media=61.5, place_s=2.5))
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()
    assert window.transport._place.text() == "00:02"
    assert window.transport.bar.value() == pytest.approx(window.transport.bar.maximum() / 4, abs=1)


def test_a_recording_that_was_being_finished_when_the_window_closed_is_told_of_at_the_next_start(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    window = make_window()
    begin_recording(qtbot, window, session, pictures)
    session.recorded = tmp_path / "film.mp4"
    session.recorded.write_bytes(b"0" * 1_234_567)
    stop, stopping, encoded = session.stop_recording, threading.Event(), threading.Event()

    def stop_slowly() -> tuple[Path, ...]:
        stopping.set()
        assert encoded.wait(10.0)
        return stop()

    monkeypatch.setattr(session, "stop_recording", stop_slowly)
    press(qtbot, window, Qt.Key.Key_R)
    assert stopping.wait(5.0)
    threading.Timer(0.5, encoded.set).start()
    window.close()
    message = ("Saved film.mp4", f"When the window was closed, 1.2 MB, in {tmp_path}")
    assert make_window().notifications.texts() == (message,)


def test_what_is_changed_while_the_session_is_being_made_reaches_it(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    made = threading.Event()
    window = make_window(made=made)
    press(qtbot, window, Qt.Key.Key_1)
    assert window.settings.k == 1
    with qtbot.waitSignal(window._host.ready, timeout=5000):
        made.set()
    qtbot.waitUntil(lambda: session.settings is not None, timeout=3000)
    assert session.settings is not None
    assert session.settings.k == 1


def test_a_key_that_is_held_acts_again_only_where_that_is_meant(make_window: MakeWindow) -> None:
    actions = make_window().actions_by_name
    repeating = {"strength_down", "strength_up", "next_picture", "previous_picture"}
    assert {name for name, action in actions.items() if action.autoRepeat()} == repeating


def test_space_that_is_held_pauses_once(qtbot: QtBot, make_window: MakeWindow) -> None:
    preview, toggled = make_window().preview, []
    preview.pause_toggled.connect(lambda: toggled.append(True))
    for repeats in (False, True, True):
        pressed = QKeyEvent(QEvent.Type.KeyPress, Qt.Key.Key_Space, Qt.KeyboardModifier.NoModifier, " ", repeats)
        QApplication.sendEvent(preview, pressed)
    assert len(toggled) == 1


def test_an_error_stays_when_notices_follow_it(make_window: MakeWindow) -> None:
    notifications = make_window().notifications
    notifications.clear()
    notifications.error("The disk is full.", "The playable part is film.mp4.")
    for number in range(5):
        notifications.notice(f"Saved {number}.png")
    titles = [title for title, _ in notifications.texts()]
    assert titles[0] == "The disk is full."
    assert titles[-1] == "Saved 4.png"
    assert len(titles) == 3


def test_errors_that_have_no_room_wait_until_others_are_closed(make_window: MakeWindow) -> None:
    window = make_window(size=(860, 540), show_plot=True)
    notifications = window.notifications
    notifications.clear()
    for number in range(5):
        notifications.error(f"Error {number}", "A long path, " * 8)
    notifications.notice("Snapshot saved")
    for _ in range(5):
        shown = [toast for toast in notifications._toasts if toast.isVisible()]
        assert 1 <= len(shown) <= 3
        assert notifications.geometry().top() >= 0
        assert shown[-1] is notifications._toasts[-1]
        notifications.dismiss(shown[-1])
    assert [title for title, _ in notifications.texts()] == ["Error 0"]


def test_a_click_beside_the_words_of_a_message_leaves_the_divider_where_it_is(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    deliver(qtbot, window, session, pictures)
    toast = window.notifications.notice("Snapshot saved")
    qtbot.mousePress(toast, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))
    assert not window.preview._dragging
    qtbot.mouseRelease(toast, Qt.MouseButton.LeftButton, pos=QPoint(4, 4))


def test_a_notice_about_a_recording_stays(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    window._host.on_notice(MicrophoneMissing(wanted="Headset", replaced=False))
    window._host.on_notice(CyclesChanged(k=3, wanted=3))
    words = "Headset does not open: the recording has no sound."
    qtbot.waitUntil(lambda: (words, "") in window.notifications.texts(), timeout=3000)
    assert [toast.level for toast in window.notifications._toasts if str(toast.title) == words] == ["error"]
    assert [title for title, _ in window.notifications.texts() if title.startswith("Auto k")] == []


def test_an_open_list_ends_the_look_at_the_original(qtbot: QtBot, make_window: MakeWindow) -> None:
    """The list has the keyboard, so the window does not hear that the key is let go."""
    window = make_window()
    qtbot.keyPress(window, Qt.Key.Key_O)
    assert window.preview._hold_original
    window.panel.sound.choice.showPopup()
    assert not window.preview._hold_original
    window.panel.sound.choice.hidePopup()


def test_a_frame_that_was_under_way_when_the_camera_went_leaves_the_picture_dimmed(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    window._host.on_status(SourceStatus(state="offline", info=CAMERA, retry_in_s=8.0))
    qtbot.waitUntil(lambda: window.source.state == "offline", timeout=3000)
    deliver(qtbot, window, session, pictures)
    assert window.preview._dimmed
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: not window.preview._dimmed, timeout=3000)


def test_a_recording_that_a_crash_cut_short_is_told_of_at_the_next_start(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    part = tmp_path / "out" / "cfrnet-live-2026-01-01-120000.mp4.part"
    part.parent.mkdir(exist_ok=True)
    write_video(part.with_suffix(""), [numbered_picture(i) for i in range(10)])
    part.with_suffix("").rename(part)
    window = make_window()
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=5000)
    title, text = window.notifications.texts()[0]
    assert title == "Saved cfrnet-live-2026-01-01-120000.mp4"
    assert text.startswith("Cut short when the program ended unexpectedly")
    assert part.with_suffix("").exists()
    assert not part.exists()


def test_a_snapshot_tells_where_it_is(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    window = make_window()
    deliver(qtbot, window, session, pictures)
    press(qtbot, window, Qt.Key.Key_S)
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=3000)
    assert window.notifications.texts()[0][1] == f"before.png, after.png, in {tmp_path / 'out'}"


# Settings, themes, help


def test_settings_are_remembered(make_window: MakeWindow, store: SettingsStore) -> None:
    window = make_window()
    window.change(k=2, strength=40, view="restored", threads=1)
    window.close()
    assert store.load() == window.settings
    assert store.geometry() is not None


def test_a_restorer_that_is_gone_is_replaced(make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window(restorer="of-yesteryear")
    assert window.settings.restorer == "cfrnet-rt"
    assert session.settings is not None
    assert session.settings.restorer == "cfrnet-rt"


def test_a_reset_can_be_undone(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window(k=1, strength=30)
    window.reset.reset()
    assert window.settings.k == Settings().k
    window.reset.undo()
    assert (window.settings.k, window.settings.strength) == (1, 30)
    assert session.settings == window.settings


def test_the_system_theme_is_followed(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    window = make_window(theme="system")
    monkeypatch.setattr("app.ui.style.theme.system_is_light", lambda: True)
    QGuiApplication.styleHints().colorSchemeChanged.emit(Qt.ColorScheme.Light)
    assert window.panel.palette().window().color().lightness() > 128


def test_names_and_icons_of_the_source_menu_are_seen_as_they_are(make_window: MakeWindow) -> None:
    window = make_window(theme="dark")
    menu = window.source_menu
    menu.show_cameras(("Black & White",), "")
    menu.show_recent([("you & me.mp4", "/films/you & me.mp4")])
    assert menu.camera_names() == ("Black & White",)
    assert menu.recent_names() == ("you & me.mp4",)
    entry = menu.actions()[0]
    assert entry.text() == "Black && White", "a single one would mark a key"
    dark = entry.icon().pixmap(18, 18).toImage()
    window.change(theme="light")
    assert menu.actions()[0].icon().pixmap(18, 18).toImage() != dark


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_reaches_the_whole_window(make_window: MakeWindow, themed: QApplication, theme: str) -> None:
    window = make_window(theme=theme)
    assert (window.panel.palette().window().color().lightness() > 128) is (theme == "light")


def test_the_sheet_names_every_shortcut(make_window: MakeWindow) -> None:
    window = make_window()
    sheet = ShortcutsSheet(window)
    sheet.show()
    texts = {label.text() for label in sheet.findChildren(QLabel)}
    assert {str(action.sheet or action.text) for action in ACTIONS if action.keys} <= texts
    assert not _cut_off(sheet)
    assert set(window.actions_by_name) == {action.name for action in ACTIONS if action.handler is not None}


def test_the_sheet_writes_keys_as_the_system_does(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    def caps() -> list[str]:
        return [cap.text() for cap in ShortcutsSheet(window).findChildren(QLabel, "keycap")]

    window = make_window()
    assert {"Ctrl", "Shift", "←", "F11"} <= set(caps())
    portable = QKeySequence.toString

    def on_macos(
        keys: QKeySequence, form: QKeySequence.SequenceFormat = QKeySequence.SequenceFormat.PortableText
    ) -> str:
        text = portable(keys, form)
        if form == QKeySequence.SequenceFormat.NativeText:
            for name, sign in (("Shift+", "⇧"), ("Ctrl+", "⌘")):
                text = text.replace(name, sign)
        return text

    monkeypatch.setattr(QKeySequence, "toString", on_macos)
    assert "⌘C" in caps()
    assert "Ctrl" not in caps()


def test_the_platforms_own_keys_fill_the_screen_too(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> None:
    macos = [QKeySequence("Ctrl+Meta+F"), QKeySequence("F11")]
    monkeypatch.setattr(QKeySequence, "keyBindings", lambda key: macos if key.name == "FullScreen" else [])
    window = make_window()
    assert window.actions_by_name["full_screen"].shortcuts() == [macos[1], macos[0]]
    assert "Meta" in {cap.text() for cap in ShortcutsSheet(window).findChildren(QLabel, "keycap")}


def test_menus_have_words(make_window: MakeWindow) -> None:
    window = make_window()
    for menu in (window.source_menu, window.more_menu):
        texts = [action.text() for action in menu.actions() if not action.isSeparator()]
        assert texts
        assert all(text[0].isupper() and "_" not in text for text in texts)


def test_diagnostics_are_copied(make_window: MakeWindow) -> None:
    window = make_window()
    window.change(source="rtsp://me:secret@camera.local/live")
    window.actions_by_name["diagnostics"].trigger()
    text = QGuiApplication.clipboard().text()
    assert text.startswith("CFRNet Live test")
    assert "onnxruntime" in text
    assert "source='rtsp://camera.local/live'" in text
    assert "cfrnet-live.log" in text


def test_every_control_can_be_reached_and_is_named(make_window: MakeWindow) -> None:
    window = make_window()
    window.panel.open_advanced()
    kinds = (QAbstractButton, QComboBox, QSlider, QAbstractSpinBox)
    controls = [widget for kind in kinds for widget in window.panel.findChildren(kind)]
    controls += window.transport.findChildren(QAbstractButton)

    def said(widget: QWidget) -> str:
        """What a screen reader says; the text of a spin box is its value, no name."""
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        return widget.accessibleName() or text

    nameless = [widget for widget in controls if not said(widget)]
    assert not nameless
    silent = [widget.accessibleName() for widget in controls if not _tooltip(widget)]
    assert not silent


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1024, 640), (1440, 900)])
def test_no_words_are_cut_off(
    qtbot: QtBot,
    make_window: MakeWindow,
    session: ScriptedSession,
    pictures: tuple[Image, Image],
    size: tuple[int, int],
    theme: str,
) -> None:
    window = make_window(size=size, theme=theme, show_plot=True, auto_k=True)
    window._host.on_status(ONLINE)
    session.numbers = statistics(cycles=2, auto_reason="3 cycles would take 61 of 40 ms")
    deliver(qtbot, window, session, pictures)
    window.panel.open_advanced()
    qtbot.waitUntil(lambda: bool(window.status_line.speed.text()), timeout=3000)
    assert (window.width(), window.height()) == size
    qtbot.waitUntil(lambda: not _cut_off(window), timeout=3000)
    body = window.panel.scroll_area.widget()
    assert body.width() <= window.panel.scroll_area.viewport().width()


def _cut_off(window: QWidget) -> list[str]:
    """The words of visible widgets that are narrower than their words."""
    widgets = [widget for kind in (QLabel, QAbstractButton, QComboBox) for widget in window.findChildren(kind)]
    return [
        getattr(widget, "text", widget.accessibleName)()
        for widget in widgets
        if widget.isVisible()
        and not isinstance(widget, ElidedLabel)
        and not widget.property("wordWrap")
        and widget.width() < widget.minimumSizeHint().width()
    ]


def _tooltip(widget: QWidget | None) -> str:
    """The tooltip that a person sees: the widget's own or that of what it stands in."""
    while widget is not None:
        if widget.toolTip():
            return widget.toolTip()
        widget = widget.parentWidget()
    return ""
