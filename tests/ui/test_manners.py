"""Small things that a person notices: focus, mirror, drops, addresses, sound, and what the window forgets."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent
from PySide6.QtWidgets import QApplication, QComboBox, QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from app.core.address import with_scheme
from app.core.errors import StreamOpenError
from app.core.settings import Settings, specification
from app.core.types import Image
from app.core.words import phrase
from app.media.files import reason
from app.pipeline.capture.status import SourceStatus
from app.sources.base import SourceInfo
from app.sources.video import VIDEO
from app.ui.dialogs.about import AboutDialog
from app.ui.dialogs.dialogs import StreamDialog
from app.ui.preview.geometry import first_size
from app.ui.settings_store import SettingsStore
from app.ui.style.widgets import Switch
from app.ui.texts.sound import NO_SOUND, chosen_sound, record_words, sound_choices
from app.ui.texts.source import failed_actions, file_filters, recent_with
from app.ui.window import MainWindow
from tests.ui.scripted import CAMERA, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]
HOLIDAY = SourceInfo(name="holiday.mp4", kind=VIDEO, width=1280, height=720, fps=25.0, duration_s=10.0, has_audio=True)


def online(qtbot: QtBot, window: MainWindow, info: SourceInfo) -> None:
    window._host.on_status(SourceStatus(state="online", info=info))
    qtbot.waitUntil(lambda: window.source.info == info, timeout=3000)


def deliver(qtbot: QtBot, window: MainWindow, session: ScriptedSession, pictures: tuple[Image, Image]) -> None:
    session.next_frame = restored_frame(*pictures, index=25, boxes=[(500, 200, 800, 500)])
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()


def shown_picture(window: MainWindow) -> Image:
    """Before, as it is painted."""
    scene = window.preview.scene()
    assert scene is not None
    return scene.pictures.before.image


def test_space_after_a_click_on_record_does_not_record_again(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    online(qtbot, window, CAMERA)
    deliver(qtbot, window, session, pictures)
    window.activateWindow()
    window.preview.setFocus()
    for _ in range(2):
        qtbot.mouseClick(window.panel.record, Qt.MouseButton.LeftButton)
        qtbot.waitUntil(lambda: window.capture._state in ("recording", "idle"), timeout=3000)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Space)
    assert [name for name, _ in session.calls].count("start_recording") == 1
    assert ("set_paused", True) in session.calls, "Space pauses, as it does everywhere"


def test_space_after_a_click_on_the_seek_bar_or_a_view_pauses(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    online(qtbot, window, HOLIDAY)
    window.activateWindow()
    window.preview.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is window.preview, timeout=5000)
    for clicked, paused in ((window.transport.bar, True), (window.panel.views.button("restored"), False)):
        qtbot.mouseClick(clicked, Qt.MouseButton.LeftButton)
        focused = QApplication.focusWidget()
        assert focused is not None
        qtbot.keyClick(focused, Qt.Key.Key_Space)
        assert ("set_paused", paused) in session.calls
    assert window.settings.view == "restored"


def test_what_a_recording_cannot_follow_is_locked_while_it_runs(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    online(qtbot, window, CAMERA)
    deliver(qtbot, window, session, pictures)
    kind = window.panel.findChild(QComboBox, "record_mode")
    assert kind is not None
    window.panel.record.click()
    qtbot.waitUntil(lambda: not kind.isEnabled(), timeout=3000)
    assert not window.panel.sound.isEnabled()
    qtbot.waitUntil(lambda: window.capture._state == "recording", timeout=3000)
    window.panel.record.click()
    qtbot.waitUntil(kind.isEnabled, timeout=3000)


def test_only_the_view_of_a_camera_is_mirrored(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window(view="original")
    online(qtbot, window, CAMERA)
    deliver(qtbot, window, session, pictures)
    spec = next(value for name, value in session.calls if name == "open")
    assert not spec.mirror, "recordings and snapshots get the picture as it is"
    seen = shown_picture(window)
    assert np.array_equal(seen, pictures[0][:, ::-1])
    window.change(mirror=False)
    assert np.array_equal(shown_picture(window), pictures[0])
    window.change(mirror=True)
    online(qtbot, window, HOLIDAY)
    assert np.array_equal(shown_picture(window), pictures[0]), "a video is nobody's mirror"


def test_tab_enters_a_row_at_the_chosen_button_and_arrows_go_on(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(view="restored")
    row = window.panel.views
    stops = [key for key in ("split", "side-by-side", "restored", "original") if _takes_tab(row.button(key))]
    assert stops == ["restored"]
    row.button("restored").setFocus()
    qtbot.keyClick(row.button("restored"), Qt.Key.Key_Right)
    assert window.settings.view == "original"
    assert _takes_tab(row.button("original"))


def _takes_tab(button: object) -> bool:
    return bool(button.focusPolicy() & Qt.FocusPolicy.TabFocus)  # type: ignore[attr-defined]


def test_undo_is_gone_once_it_was_done(make_window: MakeWindow) -> None:
    window = make_window(strength=30)
    window.reset.reset()
    assert any("defaults" in title for title, _ in window.notifications.texts())
    window.actions_by_name["undo_reset"].trigger()
    assert not any("defaults" in title for title, _ in window.notifications.texts())


def test_a_second_reset_changes_nothing_and_the_first_is_undone(make_window: MakeWindow) -> None:
    window = make_window(strength=30)
    window.reset.reset()
    window.reset.reset()
    assert window.notifications.texts()[-1][0] == "Settings are at their defaults already"
    window.actions_by_name["undo_reset"].trigger()
    assert window.settings.strength == 30


def test_undoing_a_reset_leaves_the_source_that_plays(make_window: MakeWindow) -> None:
    window = make_window(strength=30)
    window.change(source="a.mp4")
    window.reset.reset()
    window.change(source="b.mp4")
    window.reset.undo()
    assert (window.settings.source, window.settings.strength) == ("b.mp4", 30)


def test_the_original_is_held_while_a_drop_down_has_the_focus(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window(compare_with="hifacegan-lite")
    window.panel.open_advanced()
    deliver(qtbot, window, session, pictures)
    choice = window.panel.findChild(QComboBox, "compare_with")
    assert choice is not None
    choice.setFocus()
    qtbot.keyPress(choice, Qt.Key.Key_O)
    held = window.preview.picture_layout()
    qtbot.keyRelease(choice, Qt.Key.Key_O)
    assert held is not None
    assert [tile.content for tile in held.tiles] == ["original"]
    assert choice.currentData() == window.settings.compare_with == "hifacegan-lite", "it searched for no entry"
    qtbot.keyClick(choice, Qt.Key.Key_Up)
    assert window.settings.compare_with == "", "other keys are its own"


def test_the_picture_says_that_something_may_be_dropped(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path
) -> None:
    window = make_window()
    paths = [tmp_path / name for name in ("a.mp4", "b.mp4", "c.png")]
    for path in paths:
        path.write_bytes(b"0")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    window.preview.dragEnterEvent(QDragEnterEvent(QPoint(50, 50), copy, data, left, none))
    assert window.preview.dropping
    window.preview.dropEvent(QDropEvent(QPointF(50, 50), copy, data, left, none))
    assert not window.preview.dropping
    qtbot.waitUntil(lambda: any(str(paths[0]) in str(value) for _, value in session.calls), timeout=3000)
    assert window.notifications.texts()[0][0] == "a.mp4 is open, the first of 3"
    assert window.source_menu.recent_names() == ("b.mp4", "c.png")


@pytest.mark.parametrize("address", ["http://192.0.2.7/my%20video.mjpg", "http://me:a%40b@192.0.2.7/%C3%BC"])
def test_what_is_dropped_is_copied_and_an_address_stays_as_it_is(make_window: MakeWindow, address: str) -> None:
    """With Shift a file manager proposes a move, and removes the file once that is accepted."""
    preview, dropped = make_window().preview, []
    preview.sources_dropped.connect(dropped.append)
    data = QMimeData()
    data.setUrls([QUrl(address)])
    both = Qt.DropAction.CopyAction | Qt.DropAction.MoveAction
    drop = QDropEvent(QPointF(50, 50), both, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier)
    preview.dropEvent(drop)
    assert drop.isAccepted()
    assert drop.dropAction() == Qt.DropAction.CopyAction
    assert dropped == [(address,)]


def test_a_message_makes_room_for_the_frame_of_a_drop(make_window: MakeWindow) -> None:
    preview = make_window().preview
    preview.show_message("error", phrase("The source failed."))
    data = QMimeData()
    data.setText("http://192.0.2.7/")
    copy, left, none = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    preview.dragEnterEvent(QDragEnterEvent(QPoint(50, 50), copy, data, left, none))
    assert not preview.words.isVisible()
    preview.dragLeaveEvent(QDragLeaveEvent())
    assert preview.words.isVisible()


def test_the_held_original_is_let_go_with_a_modifier_and_when_a_menu_opens(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    deliver(qtbot, window, session, pictures)

    def held() -> bool:
        layout = window.preview.picture_layout()
        assert layout is not None
        return [tile.content for tile in layout.tiles] == ["original"]

    qtbot.keyPress(window.preview, Qt.Key.Key_O)
    assert held()
    qtbot.keyRelease(window.preview, Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    assert not held()
    qtbot.keyPress(window.preview, Qt.Key.Key_O)
    window.more_menu.aboutToShow.emit()
    assert not held()


def test_a_key_moves_the_place_in_a_short_video_by_more_than_a_picture(make_window: MakeWindow) -> None:
    transport = make_window().transport
    for seconds, step_s in ((3.0, 1.0), (10.0, 1.0), (600.0, 1.0), (7200.0, 7.2)):
        transport.set_duration(seconds)
        assert transport.bar.singleStep() / transport.bar.maximum() * seconds == pytest.approx(step_s, rel=0.3)


def test_a_long_banner_stays_within_a_small_window(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(size=(860, 540))
    window.banner.say(
        "Logitech BRIO Ultra HD Webcam Pro (046d:085e) is offline since 12:34:56. Trying again in 8 s. " * 2
    )
    ground = window.preview.rect()
    assert window.banner.x() >= 0
    assert window.banner.geometry().right() <= ground.right()


def test_a_click_on_a_button_leaves_space_to_the_picture(make_window: MakeWindow) -> None:
    panel = make_window().panel
    for button in (panel.source, panel.record, panel.snapshot, panel.share):
        assert not button.focusPolicy() & Qt.FocusPolicy.ClickFocus.value, button.accessibleName()


def test_nothing_changes_a_running_recording_or_opens_its_camera_anew(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window(mirror_recording=True)
    online(qtbot, window, CAMERA)
    deliver(qtbot, window, session, pictures)
    qtbot.mouseClick(window.panel.record, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.capture.recording, timeout=3000)
    window.actions_by_name["mirror"].trigger()
    window.reset.reset()
    assert (window.settings.mirror, window.settings.mirror_recording) == (True, True)
    assert not window._reopen_timer.isActive()
    words = str(specification("mirror").label)
    mirror = next(each for each in window.panel.findChildren(Switch) if each.accessibleName() == words)
    mirror.click()
    assert mirror.isChecked() == window.settings.mirror
    window.change(strength=40)
    assert window.settings.strength == 40


def test_without_a_picture_a_recording_that_ended_cannot_be_begun_again(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    online(qtbot, window, CAMERA)
    deliver(qtbot, window, session, pictures)
    qtbot.mouseClick(window.panel.record, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: window.capture.seconds is not None, timeout=3000)
    window.panel.set_ready(False)
    assert window.panel.record.isEnabled(), "to end it"
    qtbot.mouseClick(window.panel.record, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not window.capture.recording, timeout=3000)
    qtbot.waitUntil(lambda: not window.panel.record.isEnabled(), timeout=3000)


def test_the_file_dialog_knows_the_kinds_and_the_last_folder(
    make_window: MakeWindow, store: SettingsStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    asked: list[tuple[str, str]] = []

    def answer(_parent: object, _title: str, folder: str, filters: str) -> tuple[str, str]:
        asked.append((folder, filters))
        return str(tmp_path / "films" / "a.mp4"), ""

    monkeypatch.setattr(QFileDialog, "getOpenFileName", answer)
    for _ in range(2):
        window.actions_by_name["open_file"].trigger()
    assert "*.mp4" in asked[0][1]
    assert "*.png" in asked[0][1]
    assert asked[1][0] == str(tmp_path / "films")


def test_the_folder_for_recordings_opens_before_the_first_one(
    make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    monkeypatch.setattr("app.ui.window.open_folder", shown.append)
    window = make_window()
    assert not (tmp_path / "out").exists()
    window.actions_by_name["open_output"].trigger()
    assert shown == [tmp_path / "out"]
    assert (tmp_path / "out").is_dir()


def test_another_folder_for_recordings_is_kept_and_none_changes_nothing(
    make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    answers = ["", str(tmp_path / "films"), ""]
    asked: list[str] = []
    kept: list[str] = []

    def answer(_parent: object, _title: str, folder: str) -> str:
        asked.append(folder)
        return answers.pop(0)

    monkeypatch.setattr(QFileDialog, "getExistingDirectory", answer)
    for _ in range(3):
        window.actions_by_name["choose_output"].trigger()
        kept.append(window.settings.output_folder)
    assert asked == [str(tmp_path / "out"), str(tmp_path / "out"), str(tmp_path / "films")]
    assert kept == [str(tmp_path / "out"), str(tmp_path / "films"), str(tmp_path / "films")]


def test_a_folder_for_recordings_that_cannot_be_made_is_named(
    make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Path] = []
    monkeypatch.setattr("app.ui.window.open_folder", shown.append)
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "out"
    window = make_window(output_folder=str(folder))
    window.actions_by_name["open_output"].trigger()
    assert window.notifications.texts()[-1][0] == f"The folder of {folder} does not exist."
    assert not shown


def test_addresses_need_no_scheme() -> None:
    assert with_scheme(" 192.168.1.20:8080/video ") == "http://192.168.1.20:8080/video"
    assert with_scheme("rtsp://camera/live") == "rtsp://camera/live"
    assert with_scheme("  ") == ""


def test_the_stream_dialog_says_what_it_opens(make_window: MakeWindow) -> None:
    dialog = StreamDialog(make_window())
    assert not dialog._open.isEnabled()
    dialog._line.setText("camera.local/video")
    assert dialog._open.isEnabled()
    assert dialog.address == "http://camera.local/video"
    assert "Opens http://camera.local/video" in [words.text() for words in dialog.findChildren(QLabel)]


def test_a_stream_that_does_not_answer_can_be_tried_again_or_changed(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window(source="http://camera.local/video")
    failed = SourceStatus(state="failed", error=StreamOpenError("camera.local cannot be reached.", "Check it."))
    window._host.on_status(failed)
    qtbot.waitUntil(lambda: "Retry" in window.preview.words.button_names(), timeout=3000)
    assert window.preview.words.button_names() == ("Retry", "Edit address…", "Open a file…")
    opens = [name for name, _ in session.calls].count("open")
    window.preview.action_pressed.emit("retry")
    qtbot.waitUntil(lambda: [name for name, _ in session.calls].count("open") == opens + 1, timeout=3000)
    assert window.source.wanted == "http://camera.local/video"


def test_reasons_are_words() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    assert str(reason(refused)) == "nothing answers at this address"
    assert "Errno" not in str(reason(OSError(errno.ETIMEDOUT, "x")))
    assert str(reason(ValueError("Invalid data found when processing input"))).startswith("its contents are damaged")


def test_only_engines_of_this_machine_are_offered(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    choice = window.panel.findChild(QComboBox, "provider")
    assert choice is not None
    qtbot.waitUntil(lambda: choice.count() == 1, timeout=3000)
    assert choice.itemData(0) == "cpu"


@pytest.mark.parametrize("room", [(1280, 800), (1024, 640), (1920, 1080), (2560, 1440)])
def test_the_first_window_fits_with_its_title_bar(room: tuple[int, int]) -> None:
    width, height = first_size(*room)
    assert width < room[0]
    assert height + 40 <= room[1]


def test_licences_are_seen(make_window: MakeWindow) -> None:
    window = make_window()
    dialog = AboutDialog(window, version="1.0", models=(("cfrnet-rt", "research use: trained on …"),))
    words = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert "MIT" in words
    assert "research use" in words
    assert "onnxruntime" in words, "and those of the packages that it runs on"


def test_recent_sources_are_few_and_new_ones_first() -> None:
    recent: tuple[str, ...] = ()
    for number in [*range(12), 5]:
        recent = recent_with(recent, f"{number}.mp4")
    assert recent[:2] == ("5.mp4", "11.mp4")
    assert len(recent) == len(set(recent)) == 8


def test_the_sound_of_a_recording_is_named_before_it_begins() -> None:
    settings = Settings(microphone="Webcam")
    assert [str(words) for _, words in sound_choices(HOLIDAY, ("Webcam",))] == ["The video's sound", "No sound"]
    camera = sound_choices(CAMERA, ("Headset", "Webcam"))
    assert chosen_sound(camera, settings) == "Webcam"
    assert chosen_sound(sound_choices(CAMERA, ("Headset",)), settings) == "", "one that is gone gives way"
    nothing = sound_choices(CAMERA, ())
    assert chosen_sound(nothing, settings) == NO_SOUND
    assert str(record_words(chosen_sound(nothing, settings))) == "Record, no sound"
    mute = sound_choices(replace(HOLIDAY, has_audio=False), ("Webcam",))
    assert str(record_words(chosen_sound(mute, settings))) == "Record, no sound"


def test_a_microphone_is_chosen_by_name(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    online(qtbot, window, CAMERA)
    choice = window.panel.sound.choice
    choice.setCurrentIndex(choice.findText("Webcam"))
    choice.activated.emit(choice.currentIndex())
    assert window.settings.microphone == "Webcam"
    choice.setCurrentIndex(choice.findText("No sound"))
    choice.activated.emit(choice.currentIndex())
    assert not window.settings.record_sound
    assert window.panel.record.text() == "Record, no sound"


def test_the_sound_of_a_video_leaves_the_microphone_as_it_was_chosen(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(microphone="Webcam", record_sound=False)
    online(qtbot, window, HOLIDAY)
    choice = window.panel.sound.choice
    choice.setCurrentIndex(choice.findText("The video's sound"))
    choice.activated.emit(choice.currentIndex())
    assert (window.settings.record_sound, window.settings.microphone) == (True, "Webcam")
    online(qtbot, window, CAMERA)
    assert choice.currentText() == "Webcam"


def test_a_video_can_be_muted(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    online(qtbot, window, CAMERA)
    assert not window.transport.sound.isVisible()
    online(qtbot, window, HOLIDAY)
    qtbot.waitUntil(window.transport.sound.isVisible, timeout=3000)
    qtbot.mouseClick(window.transport.sound, Qt.MouseButton.LeftButton)
    assert not window.settings.play_sound


def test_seeking_moves_the_clock_at_once(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window()
    online(qtbot, window, HOLIDAY)
    bar = window.transport.bar
    qtbot.mousePress(bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() // 2, 5))
    assert window.transport._place.text() in ("00:04", "00:05")
    assert ("seek", pytest.approx(5.0, abs=0.1)) in session.calls
    qtbot.mouseRelease(bar, Qt.MouseButton.LeftButton)


def test_nothing_else_is_offered_where_it_would_not_help() -> None:
    assert failed_actions("notes.mp4") == ((phrase("Open a file…"), "open_file"), (phrase("Demo clip"), "open_demo"))
    assert (phrase("Retry"), "retry") in failed_actions("camera:Webcam")
    assert file_filters().endswith("All files (*)")


def test_leaving_takes_the_words_away(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    window.preview._set_dropping(True)
    window.preview.dragLeaveEvent(QEvent(QEvent.Type.DragLeave))  # type: ignore[arg-type]
    assert not window.preview.dropping
