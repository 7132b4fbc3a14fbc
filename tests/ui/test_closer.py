"""Looking closer: zoom, loupe, inset, full screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QSlider
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.pipeline.capture.status import SourceStatus
from app.sources.base import SourceInfo
from app.sources.images import IMAGES
from app.sources.video import VIDEO
from app.ui.preview.geometry import Box, arrange
from app.ui.preview.zoom import Zoom, inset, loupe, zoomed
from app.ui.window import MainWindow
from tests.media_files import numbered_picture
from tests.ui.scripted import ONLINE, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]
AREA = Box(0, 0, 1280, 720)


def test_the_point_under_the_pointer_stays_where_it_is() -> None:
    zoom = Zoom().by(2.0, 0.25, 0.5).by(1.5, 0.25, 0.5)
    layout = zoomed(arrange("restored", width=1280, height=720, area=AREA, split=0.5), zoom)
    target = layout.tiles[0].target
    assert (0.25 * 1280 - target.x) / target.width == pytest.approx(0.25)
    assert target.width == pytest.approx(3840)


def test_nothing_beyond_the_picture_is_seen_and_out_again_is_whole() -> None:
    assert Zoom().by(4.0, 0.0, 0.0).moved(5.0, 5.0) == Zoom(4.0, 0.0, 0.0)
    assert Zoom().by(4.0, 0.9, 0.9).by(0.01, 0.1, 0.1) == Zoom()
    assert Zoom().by(100.0, 0.5, 0.5).scale == 8.0


def test_the_divider_stays_on_the_canvas() -> None:
    plain = arrange("split", width=1280, height=720, area=AREA, split=0.5)
    closer = zoomed(plain, Zoom().by(3.0, 0.5, 0.5))
    assert closer.divider == plain.divider
    assert closer.split_at(320) == plain.split_at(320) == 0.25


def test_the_loupe_shows_one_place_before_and_after() -> None:
    layout = arrange("restored", width=1280, height=720, area=AREA, split=0.5)
    found = loupe(layout, 640, 360, width=1280, height=720, area=AREA)
    assert found is not None
    before, after, part = found
    assert before.right == after.x
    assert part.x + part.width / 2 == pytest.approx(640)
    assert loupe(layout, -50, 10, width=1280, height=720, area=AREA) is None


def test_the_inset_is_at_most_twice_the_face() -> None:
    found = inset(Box(500, 200, 60, 80), width=1280, height=720, area=AREA)
    assert found is not None
    before, after, part = found
    assert before.width == pytest.approx(2 * part.width)
    assert after.right < AREA.right
    assert after.bottom < AREA.bottom


def test_wheel_drag_and_double_click(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    session.next_frame = restored_frame(*pictures, index=25, boxes=[(500, 200, 800, 500)])
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()
    preview = window.preview
    for name in ("loupe", "inset"):
        window.actions_by_name[name].trigger()
    place = QPointF(preview.width() * 0.3, preview.height() * 0.5)
    none = Qt.KeyboardModifier.NoModifier
    preview.wheelEvent(
        QWheelEvent(
            place, place, QPoint(), QPoint(0, 480), Qt.MouseButton.NoButton, none, Qt.ScrollPhase.NoScrollPhase, False
        )
    )
    assert preview.zoom.scale > 1.5
    left = preview.zoom.left
    qtbot.mousePress(preview, Qt.MouseButton.LeftButton, pos=place.toPoint())
    qtbot.mouseMove(preview, place.toPoint() + QPoint(-40, 0))
    qtbot.mouseRelease(preview, Qt.MouseButton.LeftButton, pos=place.toPoint() + QPoint(-40, 0))
    assert preview.zoom.left > left
    preview.repaint()
    window.actions_by_name["zoom_reset"].trigger()
    assert preview.zoom == Zoom()
    qtbot.mouseDClick(preview, Qt.MouseButton.LeftButton, pos=QPoint(30, 40))
    qtbot.waitUntil(window.isFullScreen, timeout=3000)
    qtbot.waitUntil(lambda: not window.panel.isVisible() and not window.status_line.isVisible(), timeout=3000)
    qtbot.mouseDClick(preview, Qt.MouseButton.LeftButton, pos=QPoint(30, 40))
    qtbot.waitUntil(lambda: not window.isFullScreen() and window.panel.isVisible(), timeout=3000)


def test_full_screen_is_the_picture_alone_and_a_hidden_panel_stays_hidden(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    window = make_window(show_plot=True)
    window._host.on_status(ONLINE)
    window.toggle_full_screen()
    qtbot.waitUntil(lambda: window.isFullScreen() and not window.panel.isVisible(), timeout=3000)
    video = SourceInfo(name="film.mp4", kind=VIDEO, width=1280, height=720, fps=25.0, duration_s=10.0)
    window._host.on_status(SourceStatus(state="online", info=video))
    qtbot.waitUntil(lambda: window.source.info == video, timeout=3000)
    window.job_bar.begin("Restoring film.mp4")
    assert not window.transport.isVisible()
    assert not window.job_bar.isVisible()
    qtbot.waitUntil(lambda: window.preview.size() == window.size(), timeout=3000)
    window.toggle_full_screen()
    qtbot.waitUntil(lambda: window.panel.isVisible() and window.transport.isVisible(), timeout=3000)
    assert window.job_bar.isVisible()
    window.actions_by_name["toggle_panel"].trigger()
    window.setWindowState(Qt.WindowState.WindowMaximized)
    qtbot.waitUntil(window.isMaximized, timeout=3000)
    assert not window.panel.isVisible()


def test_a_folder_of_pictures_is_gone_through_by_hand(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], tmp_path: Path
) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        cv2.imwrite(str(folder / name), numbered_picture(1))
    window = make_window(source=str(folder))
    info = SourceInfo(name="pictures", kind=IMAGES, width=1280, height=720, fps=0.5, frame_count=3, picture_s=2.0)
    window._host.on_status(SourceStatus(state="online", info=info))
    qtbot.waitUntil(window.picture_bar.isVisible, timeout=3000)
    assert (window.picture_bar.name.text(), window.picture_bar.count.text()) == ("a.png", "1 of 3")
    session.next_frame = restored_frame(*pictures, boxes=[(500, 200, 800, 500)])
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()
    window.actions_by_name["next_picture"].trigger()
    assert ("seek", 3.0) in session.calls
    assert window.picture_bar.count.text() == "2 of 3"
    for _ in range(2):
        window.actions_by_name["previous_picture"].trigger()
    assert window.picture_bar.name.text() == "c.png", "round the ends"
    window.live_state.tick()
    assert window.status_line.speed.text() == "", "a picture has no rate"
    assert "fps" not in window.status_line.facts.text()


def test_without_a_folder_the_page_keys_are_those_of_a_slider(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window(strength=60)
    slider = window.panel.findChild(QSlider, "strength")
    assert slider is not None
    window.activateWindow()
    slider.setFocus()
    qtbot.waitUntil(slider.hasFocus, timeout=3000)
    qtbot.keyClick(slider, Qt.Key.Key_PageDown)
    assert window.settings.strength < 60


def test_the_card_of_a_still_picture_does_not_flash_when_a_setting_changes(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window(show_overlay=True)
    info = SourceInfo(name="a.png", kind=IMAGES, width=1280, height=720, fps=0.5, picture_s=2.0)
    window._host.on_status(SourceStatus(state="online", info=info))
    qtbot.waitUntil(lambda: window.source.info == info, timeout=3000)
    window.live_state.tick()
    assert window.live_state.overlay is not None
    window.change(strength=40)
    assert window.preview._card.model is None


def test_a_smaller_folder_after_a_larger_one_has_a_place_in_it(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, tmp_path: Path
) -> None:
    for name, count in (("many", 5), ("few", 2)):
        (tmp_path / name).mkdir()
        for number in range(count):
            cv2.imwrite(str(tmp_path / name / f"{number}.png"), numbered_picture(number))
    window = make_window(source=str(tmp_path / "many"))

    def come_online(name: str) -> None:
        info = SourceInfo(name=name, kind=IMAGES, width=160, height=120, fps=0.5, picture_s=2.0)
        window._host.on_status(SourceStatus(state="online", info=info))
        qtbot.waitUntil(lambda: window.source.info == info, timeout=3000)

    come_online("many")
    window.actions_by_name["previous_picture"].trigger()
    assert window.picture_bar.count.text() == "5 of 5"
    window.open_source(str(tmp_path / "few"))
    qtbot.waitUntil(lambda: [name for name, _ in session.calls].count("open") == 2, timeout=3000)
    window._host.on_status(SourceStatus(state="connecting"))
    come_online("few")
    assert window.picture_bar.count.text() == "1 of 2"
