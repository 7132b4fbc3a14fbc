"""The picture: what is drawn where, and the split slider. Painting is timed by benchmarks/window.py."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.ui.preview.overlay_model import Usage, overlay_model, reading_of
from app.ui.preview.pictures import as_qimage
from app.ui.preview.preview import Preview
from tests.ui.scripted import restored_frame, statistics

SIZE = (1304, 744)
"""The picture of 1280 x 720 with its margin: nothing is scaled, so pixels can be compared exactly."""


def shown(qtbot: QtBot, pictures: tuple[Image, Image], *, view: str = "split") -> Preview:
    preview = Preview()
    qtbot.addWidget(preview)
    preview.setFixedSize(*SIZE)
    preview.set_view(view)
    preview.set_show_faces(False)
    preview.show_frame(restored_frame(*pictures, boxes=[(500, 200, 800, 500)]))
    with qtbot.waitExposed(preview):
        preview.show()
    return preview


def pixels(preview: Preview) -> Image:
    """The widget as uint8 (H, W, 3) BGR."""
    picture = preview.grab().toImage().convertToFormat(QImage.Format.Format_BGR888)
    rows = np.frombuffer(picture.constBits(), np.uint8).reshape(picture.height(), picture.bytesPerLine())
    return rows[:, : picture.width() * 3].reshape(picture.height(), picture.width(), 3).copy()


def test_no_pixel_is_copied_on_the_way_to_qt(pictures: tuple[Image, Image]) -> None:
    picture = as_qimage(pictures[0])
    assert np.shares_memory(np.frombuffer(picture.constBits(), np.uint8), pictures[0])


def test_a_picture_of_another_layout_is_refused(pictures: tuple[Image, Image]) -> None:
    with pytest.raises(ValueError, match="adjoin"):
        as_qimage(pictures[0][..., ::-1])


def test_split_shows_the_original_left_and_the_restored_right(
    themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]
) -> None:
    before, after = pictures
    seen = pixels(shown(qtbot, pictures))[12:732, 12:1292]
    np.testing.assert_array_equal(seen[20:600, 10:610], before[20:600, 10:610])
    np.testing.assert_array_equal(seen[20:600, 670:1200], after[20:600, 670:1200])


@pytest.mark.parametrize(("view", "which"), [("restored", 1), ("original", 0)])
def test_single_views(themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image], view: str, which: int) -> None:
    seen = pixels(shown(qtbot, pictures, view=view))[12:732, 12:1292]
    np.testing.assert_array_equal(seen[10:600], pictures[which][10:600])


def test_holding_shows_the_original_until_let_go(
    themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]
) -> None:
    preview = shown(qtbot, pictures, view="restored")
    preview.set_hold_original(True)
    np.testing.assert_array_equal(pixels(preview)[12:612, 12:1292], pictures[0][:600])
    preview.set_hold_original(False)
    np.testing.assert_array_equal(pixels(preview)[12:612, 12:1292], pictures[1][:600])


def test_side_by_side_shows_both_whole(themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]) -> None:
    preview = shown(qtbot, pictures, view="side-by-side")
    layout = preview.picture_layout()
    assert layout is not None
    seen = pixels(preview)
    means = []
    for tile in layout.tiles:
        x, y = int(tile.target.x), int(tile.target.y)
        means.append(seen[y : y + int(tile.target.height), x : x + int(tile.target.width)].mean())
    assert means[0] == pytest.approx(pictures[0].mean(), abs=2)
    assert means[1] == pytest.approx(pictures[1].mean(), abs=2)


def test_the_divider_follows_the_pointer_and_the_keys(
    themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]
) -> None:
    preview = shown(qtbot, pictures)
    splits: list[float] = []
    preview.split_changed.connect(splits.append)
    qtbot.mousePress(preview, Qt.MouseButton.LeftButton, pos=QPoint(652, 300))
    qtbot.mouseMove(preview, QPoint(332, 300))
    qtbot.waitUntil(lambda: bool(splits))
    qtbot.mouseRelease(preview, Qt.MouseButton.LeftButton, pos=QPoint(332, 300))
    assert splits[-1] == pytest.approx(0.25, abs=0.002)
    qtbot.keyClick(preview, Qt.Key.Key_Right)
    assert splits[-1] == pytest.approx(0.27, abs=0.002)
    qtbot.keyClick(preview, Qt.Key.Key_Home)
    assert splits[-1] == 0.0


def test_a_press_beside_the_divider_moves_nothing(
    themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]
) -> None:
    preview = shown(qtbot, pictures)
    splits: list[float] = []
    preview.split_changed.connect(splits.append)
    qtbot.mousePress(preview, Qt.MouseButton.LeftButton, pos=QPoint(200, 300))
    qtbot.mouseMove(preview, QPoint(400, 300))
    qtbot.mouseRelease(preview, Qt.MouseButton.LeftButton, pos=QPoint(400, 300))
    assert not splits


def test_each_frame_is_reported_once_with_its_paint_time(
    themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]
) -> None:
    preview = shown(qtbot, pictures)
    frame = restored_frame(*pictures, index=5)
    reports: list[tuple[object, float]] = []
    preview.painted.connect(lambda restored, paint_ms: reports.append((restored, paint_ms)))
    preview.show_frame(frame)
    preview.repaint()
    preview.repaint()
    assert [restored for restored, _ in reports] == [frame]
    assert reports[0][1] > 0


@pytest.mark.parametrize("view", ["split", "side-by-side", "restored"])
def test_every_painted_frame_is_reported(
    themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image], view: str
) -> None:
    preview = shown(qtbot, pictures, view=view)
    preview.setFixedSize(1110, 820)
    preview.set_show_faces(True)
    preview.set_overlay(overlay_model(reading_of(statistics()), Usage(), cores=2))
    times: list[float] = []
    preview.painted.connect(lambda _restored, paint_ms: times.append(paint_ms))
    for index in range(5):
        preview.show_frame(restored_frame(*pictures, index=index, boxes=[(500, 200, 800, 500)]))
        preview.repaint()
    assert len(times) >= 5
    assert min(times) > 0


def test_words_take_the_place_of_a_picture(themed: QApplication, qtbot: QtBot, pictures: tuple[Image, Image]) -> None:
    preview = shown(qtbot, pictures)
    before = pixels(preview)
    preview.show_message("offline", "This file cannot be read.", "Choose another one.")
    assert preview.picture_layout() is None
    assert not np.array_equal(pixels(preview), before)
