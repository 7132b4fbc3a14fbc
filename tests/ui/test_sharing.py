"""Taking it along: clips, pictures, the clipboard, whole files, the gallery."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QLabel, QMessageBox, QPushButton
from pytestqt.qtbot import QtBot

from app.batch.jobs.events import ItemDone, ItemFailed, JobReport, JobStarted
from app.batch.jobs.plan import Item
from app.batch.jobs.task import TaskResult
from app.core.errors import UnreadableMediaError
from app.core.types import Image
from app.core.words import phrase
from app.outputs.sharing.gallery import recorded_files, thumbnail
from app.outputs.sharing.snapshot import save_before_after
from app.pipeline.capture.status import SourceStatus
from app.sources.base import SourceInfo
from app.sources.video import VIDEO
from app.ui.dialogs import gallery
from app.ui.dialogs.gallery import GalleryDialog
from app.ui.flows.sharing import clip_name, restored_name
from app.ui.window import MainWindow
from tests.media_files import numbered_picture, write_video
from tests.ui.scripted import ONLINE, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]


def deliver(qtbot: QtBot, window: MainWindow, session: ScriptedSession, pictures: tuple[Image, Image]) -> None:
    session.next_frame = restored_frame(*pictures, index=25, boxes=[(500, 200, 800, 500)])
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()


def items(folder: Path, *names: str) -> list[Item]:
    return [Item(kind="picture", name=name, source=folder / name, target=folder / "out" / name) for name in names]


def test_a_clip_is_one_key_and_tells_where_it_is(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path
) -> None:
    window = make_window()
    window.actions_by_name["share_clip"].trigger()
    qtbot.waitUntil(lambda: any(title == "Clip saved" for title, _ in window.notifications.texts()), timeout=3000)
    path, shape = next(value for name, value in session.calls if name == "share_clip")
    assert (path.parent, path.suffix, shape) == (tmp_path / "out", ".mp4", "wide")


def test_a_clip_whose_folder_cannot_be_made_names_it(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    folder = tmp_path / "file" / "out"
    window = make_window(output_folder=str(folder))
    window.actions_by_name["share_clip"].trigger()
    wanted = (f"The folder of {folder} does not exist.", "Make it first or choose another one.")
    qtbot.waitUntil(lambda: wanted in window.notifications.texts(), timeout=3000)


def test_every_shape_and_format_is_offered(qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession) -> None:
    window = make_window()
    clips = window.share_menu.actions()[0].menu()
    texts = [action.text() for action in clips.actions() if not action.isSeparator()]  # type: ignore[union-attr]
    assert len(texts) == 9
    next(action for action in clips.actions() if action.text() == "GIF, tall").trigger()  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: any(name == "share_clip" for name, _ in session.calls), timeout=3000)
    path, shape = next(value for name, value in session.calls if name == "share_clip")
    assert (path.suffix, shape) == (".gif", "tall")


def test_before_and_after_go_to_the_clipboard(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    window.actions_by_name["copy_before_after"].trigger()
    image = QApplication.clipboard().image()
    assert (image.width(), image.height()) == (2560, 720)
    assert image.pixelColor(1280, 360).lightness() == 255, "a thin line is between them"


@pytest.mark.parametrize("name", ["snapshot", "save_before_after"])
def test_the_picture_of_a_source_that_was_left_is_not_saved(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], name: str
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    deliver(qtbot, window, session, pictures)
    window.open_source("http://camera.local/video")
    window.actions_by_name[name].trigger()
    if name == "snapshot":
        assert not window.panel.snapshot.isEnabled()
    else:
        assert window.notifications.texts() == (("There is no picture to save yet", ""),)
    window._host._jobs.submit(lambda: None).result()
    assert name not in [call for call, _ in session.calls]
    deliver(qtbot, window, session, pictures)
    window.actions_by_name[name].trigger()
    qtbot.waitUntil(lambda: name in [call for call, _ in session.calls], timeout=3000)


def test_the_same_key_copies_the_words_that_are_selected(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    window.notifications.error("The disk is full.", "Free some space.")
    words = next(one for one in window.notifications.findChildren(QLabel) if one.text() == "The disk is full.")
    window.activateWindow()
    words.setFocus()
    qtbot.waitUntil(words.hasFocus, timeout=3000)
    words.setSelection(4, 4)
    qtbot.keyClick(words, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text() == "disk"


def test_one_picture_holds_both(pictures: tuple[Image, Image], tmp_path: Path) -> None:
    restored = restored_frame(*pictures)
    png, jpeg = save_before_after(restored, tmp_path, now=datetime(2026, 1, 2, 3, 4, 5))
    again, _ = save_before_after(restored, tmp_path, now=datetime(2026, 1, 2, 3, 4, 5))
    assert again != png
    image = cv2.imread(str(png))
    assert image is not None
    assert np.array_equal(image[300:, :1200], pictures[0][300:, :1200])
    assert np.array_equal(image[300:, 1400:], pictures[1][300:, 120:])
    assert jpeg.stat().st_size < png.stat().st_size


def test_closing_the_window_asks_before_it_stops_what_is_being_restored(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    window.sharing._target = Path("film-restored.mp4")
    asked: list[str] = []

    def answer(words: str) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        next(button for button in box.buttons() if button.text() == words).click()

    QTimer.singleShot(200, lambda: answer("Go on"))
    window.actions_by_name["quit"].trigger()
    assert window.isVisible()
    QTimer.singleShot(200, lambda: answer("Stop and close"))
    window.actions_by_name["quit"].trigger()
    assert not window.isVisible()
    assert asked == ["film-restored.mp4 is not finished yet."] * 2


def test_the_open_video_is_restored_in_the_background_and_the_window_goes_on(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path
) -> None:
    source = tmp_path / "short.mp4"
    write_video(source, [numbered_picture(i) for i in range(8)], sound=True)
    window = make_window(source=str(source))
    info = SourceInfo(name="short.mp4", kind=VIDEO, width=160, height=120, fps=25.0, duration_s=0.32)
    window._host.on_status(SourceStatus(state="online", info=info))
    qtbot.waitUntil(lambda: window.source.file == source, timeout=3000)
    target = restored_name(source)
    window.sharing.start_saving(source, target)
    assert window.job_bar.isVisible()
    qtbot.waitUntil(lambda: not window.job_bar.isVisible(), timeout=60000)
    noted = "short.mp4: no face was found in any of its frames"
    assert ("Restored and saved", f"short-restored.mp4, in {tmp_path}\n{noted}") in window.notifications.texts()
    with av.open(str(target)) as container:
        assert container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) == 8


def test_what_is_live_cannot_be_saved_whole(make_window: MakeWindow) -> None:
    window = make_window()
    window.actions_by_name["save_restored"].trigger()
    assert window.notifications.texts()[0][0] == "There is no file to save"


def test_a_name_without_a_suffix_gets_one_and_replaces_nothing_unasked(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("film.avi", "holiday.mkv"):
        (tmp_path / name).write_bytes(b"0")
    window = make_window(source=str(tmp_path / "film.avi"))
    info = SourceInfo(name="film.avi", kind=VIDEO, width=160, height=120, fps=25.0, duration_s=0.32)
    window._host.on_status(SourceStatus(state="online", info=info))
    qtbot.waitUntil(lambda: window.source.file is not None, timeout=3000)
    answers = [str(tmp_path / "holiday"), str(tmp_path / "trip")]
    offered: list[str] = []
    targets: list[Path] = []

    def answer(_parent: object, _title: str, name: str) -> tuple[str, str]:
        offered.append(Path(name).name)
        return answers.pop(0), ""

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    monkeypatch.setattr(window.sharing, "start_saving", lambda _source, target: targets.append(target))
    window.actions_by_name["save_restored"].trigger()
    assert offered == ["film-restored.mkv", "holiday.mkv"]
    assert targets == [tmp_path / "trip.mkv"]


def test_of_a_folder_it_is_said_how_much_was_restored(qtbot: QtBot, make_window: MakeWindow, tmp_path: Path) -> None:
    window = make_window()
    first, *others = items(tmp_path, "a.png", "b.png", "c.png")
    failed = ItemFailed(item=first, error=UnreadableMediaError("a.png is damaged.", "Get a whole copy of it."))
    done = [ItemDone(item=item, result=TaskResult(frames=1, faces=1)) for item in others]
    window.sharing._target = tmp_path / "out"
    window._host.job_ended.emit(JobReport(results=(failed, *done)))
    said = ("2 of 3 files restored", "a.png is damaged. Get a whole copy of it.")
    assert window.notifications.texts() == (said,)
    assert "Open folder" in [button.text() for button in window.notifications.findChildren(QPushButton)]


def test_files_that_were_there_already_are_not_called_restored(make_window: MakeWindow, tmp_path: Path) -> None:
    window = make_window()
    window.sharing._target = tmp_path / "out"
    window._host.job_event.emit(JobStarted(items=3, kept=tuple(items(tmp_path, "a.png", "b.png"))))
    window._host.job_ended.emit(JobReport(results=()))
    said = ("Already there and kept: 2 of 3 files", "Choose an empty folder to restore them again.")
    assert window.notifications.texts() == (said,)
    assert "Open folder" in [button.text() for button in window.notifications.findChildren(QPushButton)]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("", ()),
        ("abc", ("a: blurred", "b: blurred", "c: blurred")),
        ("abcd", ("a: blurred", "b: blurred", "c: blurred", "…")),
    ],
)
def test_what_was_noted_is_told_but_not_of_hundreds_of_files(
    make_window: MakeWindow, tmp_path: Path, names: str, told: tuple[str, ...]
) -> None:
    window = make_window()
    result = TaskResult(frames=1, faces=0, notes=(phrase("blurred"),))
    done = [ItemDone(item=item, result=result) for item in items(tmp_path, *names)]
    window.sharing._target = tmp_path / "out"
    for event in (JobStarted(items=len(done)), *done):
        window._host.job_event.emit(event)
    window._host.job_ended.emit(JobReport(results=tuple(done)))
    assert window.notifications.texts() == (("Restored and saved", "\n".join((f"out, in {tmp_path}", *told))),)


def test_names() -> None:
    assert restored_name(Path("/a/film.mp4")) == Path("/a/film-restored.mp4")
    assert restored_name(Path("/a/photo.JPG")) == Path("/a/photo-restored.JPG")
    for name in ("film.avi", "film.vob", "film"):
        assert restored_name(Path("/a") / name) == Path("/a/film-restored.mkv"), "what can be written"
    assert clip_name(Path("/a"), ".gif", datetime(2026, 1, 2, 3, 4, 5)).name == "cfrnet-live-2026-01-02-030405-clip.gif"


def test_the_gallery_shows_plays_and_deletes(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # a trash of its own
    folder = tmp_path / "recorded"
    folder.mkdir()
    write_video(folder / "cfrnet-live-a.mp4", [numbered_picture(1, width=320, height=240)] * 3)
    cv2.imwrite(str(folder / "cfrnet-live-b.png"), numbered_picture(2))
    (folder / "somebody else's.mp4").write_bytes(b"0")
    assert {entry.path.name for entry in recorded_files(folder)} == {"cfrnet-live-a.mp4", "cfrnet-live-b.png"}
    small = thumbnail(folder / "cfrnet-live-a.mp4", (192, 108))
    assert small is not None
    assert small.shape == (108, 144, 3)
    played: list[Path] = []
    shown: list[Path] = []
    dialog = GalleryDialog(make_window(), folder, reveal=shown.append, play=played.append)
    dialog.show()
    qtbot.waitUntil(lambda: not dialog._waiting, timeout=5000)
    assert all(not dialog.list.item(row).icon().isNull() for row in range(2))
    dialog.play()
    dialog.reveal()
    assert played[0].parent == folder
    assert shown == [folder]
    dialog.trash()
    assert dialog.list.count() == 1
    assert not played[0].exists()
    assert [entry.path.name for entry in recorded_files(folder)] == [dialog.list.item(0).toolTip()]
    dialog.close()


def test_a_closed_gallery_loads_nothing_more_and_is_destroyed(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path
) -> None:
    window = make_window()
    closed: list[GalleryDialog] = []

    def close() -> None:
        (dialog,) = window.findChildren(GalleryDialog)
        dialog.accept()
        assert not dialog._timer.isActive()
        closed.append(dialog)

    QTimer.singleShot(0, close)
    window.sharing.show_gallery()
    assert closed
    qtbot.waitUntil(lambda: not window.findChildren(QDialog), timeout=3000)


@pytest.mark.parametrize("way", ["trash", "play"])
def test_a_file_that_is_gone_leaves_the_gallery(make_window: MakeWindow, tmp_path: Path, way: str) -> None:
    gone = tmp_path / "cfrnet-live-b.png"
    cv2.imwrite(str(gone), numbered_picture(2))
    played: list[Path] = []
    dialog = GalleryDialog(make_window(), tmp_path, reveal=lambda path: None, play=played.append)
    dialog.show()
    gone.unlink()
    getattr(dialog, way)()
    assert dialog.list.count() == 0
    assert dialog._problem.isHidden()
    assert played == []
    dialog.close()


def test_two_clips_of_one_second_get_a_name_each(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = make_window()
    made: list[Path] = []

    def make(path: Path, **_: object) -> Path:
        path.write_bytes(b"clip")
        made.append(path)
        return path

    monkeypatch.setattr(session, "share_clip", make)
    for _ in range(2):
        window._host.share_clip(tmp_path / "clips" / "a.mp4", "wide")
    qtbot.waitUntil(lambda: len(made) == 2, timeout=5000)
    assert [path.name for path in made] == ["a.mp4", "a-2.mp4"]


def test_a_trash_that_refuses_is_told_with_what_to_do(
    qtbot: QtBot, make_window: MakeWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "cfrnet-live-b.png"
    cv2.imwrite(str(kept), numbered_picture(2))
    dialog = GalleryDialog(make_window(), tmp_path, reveal=lambda path: None)
    dialog.show()
    said = dialog._problem
    assert not said.isVisible()
    monkeypatch.setattr(gallery, "_move_to_trash", lambda path: False)
    dialog.trash()
    assert said.isVisible()
    assert said.text().startswith("cfrnet-live-b.png could not be moved to the trash")
    assert "Show in folder" in said.text()
    assert dialog.list.count() == 1
    qtbot.waitUntil(lambda: not dialog.list.item(0).icon().isNull(), timeout=5000)
    monkeypatch.setattr(gallery, "_move_to_trash", lambda path: True)
    dialog.trash()
    assert not said.isVisible()
    assert dialog.list.count() == 0
    dialog.close()
