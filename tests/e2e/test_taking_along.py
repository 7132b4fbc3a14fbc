"""What is taken along from the real window: whole videos, clips, the gallery, recent sources, labels."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from PIL import Image as Pillow
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.outputs.sharing.clip import LARGEST_BYTES
from app.ui.dialogs.gallery import GalleryDialog
from app.ui.texts.source import DEMO_CLIP
from app.ui.window import MainWindow
from tests.e2e.steps import decode, in_dialog, press, record, seconds_recorded, stop, wait_for_restored_face
from tests.media_files import numbered_picture, write_video
from tests.mjpeg_server import MjpegServer

OpenWindow = Callable[..., MainWindow]


def titles(window: MainWindow) -> list[str]:
    return [title for title, _ in window.notifications.texts()]


def test_a_video_is_saved_restored_or_cancelled_while_the_window_goes_on(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out" / "restored.mp4"
    target.parent.mkdir()
    opened: list[Path] = []
    monkeypatch.setattr("app.ui.flows.sharing.open_folder", opened.append)
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), ""))
    window = open_window(str(DEMO_CLIP), k=2)
    wait_for_restored_face(qtbot, window, k=2)
    painted: list[object] = []
    window.actions_by_name["save_restored"].trigger()
    window.preview.painted.connect(lambda restored, _ms: painted.append(restored))
    qtbot.waitUntil(lambda: window.job_bar.bar.value() > 0 and "left" in window.job_bar.left.text(), timeout=30000)
    qtbot.waitUntil(lambda: len(painted) > 5, timeout=20000)
    press(qtbot, window.job_bar, "Cancel")
    qtbot.waitUntil(lambda: not window.job_bar.isVisible(), timeout=20000)
    assert "Restoring was cancelled" in titles(window)
    assert not target.exists()
    assert not list(target.parent.glob("*.part"))

    short = tmp_path / "short.mp4"
    write_video(short, [numbered_picture(index) for index in range(12)], sound=True)
    window.open_source(str(short))
    qtbot.waitUntil(lambda: window.source.file == short, timeout=20000)
    window.actions_by_name["save_restored"].trigger()
    qtbot.waitUntil(lambda: "Restored and saved" in titles(window), timeout=30000)
    with av.open(str(target)) as container:
        assert container.streams.audio
        assert sum(1 for _ in container.decode(video=0)) == 12, "every frame"
    press(qtbot, window.notifications, "Open folder")
    assert opened == [target.parent]


def test_clips_of_other_shapes_and_formats_and_the_gallery_with_them(
    qtbot: QtBot, open_window: OpenWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    window = open_window(str(DEMO_CLIP), k=1)
    wait_for_restored_face(qtbot, window, k=1)
    shown = window.preview
    qtbot.waitUntil(lambda: shown.restored is not None and shown.restored.frame.t_media > 6.5, timeout=40000)
    clips = window.share_menu.actions()[0].menu()
    made: list[Path] = []
    for words, (width, height) in (("GIF, square", (1, 1)), ("WebP, tall", (9, 16))):
        with qtbot.waitSignal(window._host.clip_made, timeout=60000) as signal:
            next(action for action in clips.actions() if action.text() == words).trigger()  # type: ignore[union-attr]
        path = signal.args[0]
        with Pillow.open(path) as animation:
            assert animation.n_frames > 50  # type: ignore[attr-defined]
            assert animation.width / animation.height == pytest.approx(width / height, abs=0.01)
        assert path.stat().st_size < LARGEST_BYTES
        made.append(path)

    played: list[Path] = []
    revealed: list[Path] = []
    monkeypatch.setattr("app.ui.flows.sharing.open_folder", revealed.append)
    monkeypatch.setattr(GalleryDialog.__init__, "__kwdefaults__", {"play": played.append})

    def look(dialog: GalleryDialog) -> None:
        qtbot.waitUntil(lambda: not dialog._waiting, timeout=10000)
        entries = [dialog.list.item(row) for row in range(dialog.list.count())]
        assert {entry.toolTip() for entry in entries} == {path.name for path in made}
        assert all(not entry.icon().isNull() for entry in entries), "a thumbnail of each"
        chosen = made[0].parent / entries[0].toolTip()
        qtbot.keyClick(dialog.list, Qt.Key.Key_Return)
        assert played == [chosen], "once"
        press(qtbot, dialog, "Play")
        press(qtbot, dialog, "Show in folder")
        assert (played, revealed) == ([chosen] * 2, [chosen.parent])
        press(qtbot, dialog, "Move to trash")
        assert dialog.list.count() == 1
        assert not chosen.exists()
        if sys.platform == "linux" and Path.home().stat().st_dev == tmp_path.stat().st_dev:
            assert (tmp_path / "data" / "Trash" / "files" / chosen.name).exists()

    in_dialog(window, "gallery", GalleryDialog, look)


def test_recent_sources_open_with_a_click(qtbot: QtBot, open_window: OpenWindow, tmp_path: Path) -> None:
    first, second = tmp_path / "first.png", tmp_path / "second.png"
    for path in (first, second):
        cv2.imwrite(str(path), numbered_picture(1))
    window = open_window(str(first))
    qtbot.waitUntil(lambda: window.source.file == first, timeout=20000)
    window.open_source(str(second))
    qtbot.waitUntil(lambda: window.source.file == second, timeout=20000)
    qtbot.waitUntil(lambda: "second.png" in window.source_menu.recent_names(), timeout=5000)
    window.open_source(str(first))
    qtbot.waitUntil(lambda: window.source_menu.recent_names() == ("first.png", "second.png"), timeout=20000)
    window.source_menu._recent.actions()[1].trigger()
    qtbot.waitUntil(lambda: window.source.file == second, timeout=20000)


def test_labels_and_line_are_in_recordings_until_they_are_switched_off(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=1, strength=0, record_mode="side-by-side", output_captions=True)
    wait_for_restored_face(qtbot, window, k=1)
    recorded: list[Image] = []
    for _ in range(2):
        record(qtbot, window)
        qtbot.waitUntil(lambda: seconds_recorded(window) >= 0.7, timeout=20000)
        recorded.append(decode(stop(qtbot, window)).images[-1].astype(np.int16))
        window.change(output_captions=False)
    with_labels, without = recorded
    lightest = [float(image[:, 638:642].mean(axis=(0, 2)).max()) for image in recorded]
    assert lightest[0] > lightest[1] + 60, "a white line between the halves"
    # With no strength both halves are one picture: what differs at the upper edge are the labels alone.
    differs = [float(np.abs(image[:60, 4:636] - image[:60, 644:1276]).mean()) for image in (with_labels, without)]
    assert differs[0] > 2 * differs[1]
