"""A click on a face restores it alone: what the window asks for, and what it must not be taken for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.types import Face, Image, Restored
from app.core.words import phrase
from app.ui.flows.faces import next_face
from app.ui.preview.geometry import Box, on_screen
from app.ui.preview.state_text import Badge
from app.ui.preview.zoom import Zoom
from app.ui.window import MainWindow
from tests.ui.scripted import ONLINE, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]
BOXES = [(150, 200, 350, 500), (900, 200, 1100, 500)]


@pytest.fixture
def two(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image]
) -> tuple[MainWindow, Restored]:
    window = make_window(mirror=False)
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)
    shown = restored_frame(*pictures, boxes=BOXES)
    deliver(qtbot, window, session, shown)
    return window, shown


def deliver(qtbot: QtBot, window: MainWindow, session: ScriptedSession, restored: Restored) -> None:
    session.next_frame = restored
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()


def alone(restored: Restored, place: int) -> Restored:
    """The same frame with one face restored alone."""
    others = tuple(entry.face for number, entry in enumerate(restored.faces) if number != place)
    return replace(restored, faces=(restored.faces[place],), left_alone=others, alone=True)


def middle_of(window: MainWindow, place: int) -> QPoint:
    scene = window.preview.scene()
    assert scene is not None
    box: Box = on_screen(BOXES[place], width=1280, height=720, target=scene.layout.tiles[0].target)
    return QPoint(round(box.x + box.width / 2), round(box.y + box.height / 2))


def chosen(session: ScriptedSession) -> list[Any]:
    return [value for name, value in session.calls if name == "choose_face"]


def test_a_click_restores_a_face_alone_and_another_one_all_of_them(
    qtbot: QtBot, two: tuple[MainWindow, Restored], session: ScriptedSession
) -> None:
    window, shown = two
    qtbot.mouseClick(window.preview, Qt.MouseButton.LeftButton, pos=middle_of(window, 0))
    qtbot.waitUntil(lambda: chosen(session) == [shown.faces[0].face], timeout=3000)
    deliver(qtbot, window, session, alone(shown, 0))
    qtbot.waitUntil(lambda: Badge(phrase("This face alone · Esc: all faces")) in window.preview.badges, timeout=3000)
    qtbot.mouseClick(window.preview, Qt.MouseButton.LeftButton, pos=middle_of(window, 1))
    qtbot.waitUntil(lambda: chosen(session)[1:] == [shown.faces[1].face], timeout=3000)
    deliver(qtbot, window, session, alone(shown, 1))
    qtbot.mouseClick(window.preview, Qt.MouseButton.LeftButton, pos=middle_of(window, 1))
    qtbot.waitUntil(lambda: chosen(session)[2:] == [None], timeout=3000)


def test_escape_brings_all_back_and_a_face_out_of_sight_is_told(
    qtbot: QtBot, two: tuple[MainWindow, Restored], session: ScriptedSession
) -> None:
    window, shown = two
    deliver(qtbot, window, session, replace(alone(shown, 0), faces=()))
    told = Badge(phrase("The chosen face is out of sight · Esc: all faces"), "warning")
    qtbot.waitUntil(lambda: told in window.preview.badges, timeout=3000)
    qtbot.keyClick(window.preview, Qt.Key.Key_Escape)
    assert chosen(session) == [None]
    deliver(qtbot, window, session, shown)
    qtbot.keyClick(window.preview, Qt.Key.Key_Escape)
    assert chosen(session) == [None], "there is nothing to bring back"


def test_the_pointer_outlines_the_face_it_is_on_in_both_halves(qtbot: QtBot, two: tuple[MainWindow, Restored]) -> None:
    window, _ = two
    away = window.preview.grab().toImage()
    for place in (0, 1):
        spot = middle_of(window, place)
        qtbot.mouseMove(window.preview, spot)
        qtbot.waitUntil(lambda: window.preview.cursor().shape() == Qt.CursorShape.PointingHandCursor, timeout=3000)
        assert window.preview.grab().toImage() != away
    qtbot.mouseMove(window.preview, QPoint(20, 20))
    qtbot.waitUntil(lambda: window.preview.cursor().shape() == Qt.CursorShape.ArrowCursor, timeout=3000)


def test_a_double_click_a_drag_and_the_divider_choose_no_face(
    qtbot: QtBot, two: tuple[MainWindow, Restored], session: ScriptedSession
) -> None:
    window, _ = two
    preview, left = window.preview, Qt.MouseButton.LeftButton
    spot = middle_of(window, 0)
    qtbot.mouseClick(preview, left, pos=spot)
    qtbot.mouseDClick(preview, left, pos=spot)
    qtbot.waitUntil(window.isFullScreen, timeout=3000)
    window.toggle_full_screen()
    qtbot.waitUntil(lambda: not window.isFullScreen() and window.panel.isVisible(), timeout=3000)
    preview.set_zoom(Zoom(2.0, 0.0, 0.0))
    qtbot.mousePress(preview, left, pos=spot)
    qtbot.mouseMove(preview, spot + QPoint(-60, 0))
    qtbot.mouseRelease(preview, left, pos=spot + QPoint(-60, 0))
    assert preview.zoom.left > 0
    preview.set_zoom(Zoom())
    window.change(split=250 / 1280)
    preview.repaint()
    qtbot.mousePress(preview, left, pos=middle_of(window, 0))
    qtbot.mouseRelease(preview, left, pos=middle_of(window, 0))
    qtbot.wait(QApplication.doubleClickInterval() + 100)
    assert chosen(session) == []


def test_the_key_goes_from_face_to_face_and_back_to_all(
    qtbot: QtBot, two: tuple[MainWindow, Restored], session: ScriptedSession
) -> None:
    window, shown = two
    steps: list[Face | None] = []
    for place in (0, 1, None):
        window.actions_by_name["next_face"].trigger()
        steps.append(chosen(session)[-1])
        deliver(qtbot, window, session, shown if place is None else alone(shown, place))
    assert steps == [shown.faces[0].face, shown.faces[1].face, None]
    assert next_face(replace(shown, faces=()), mirrored=False) is None


def test_the_key_follows_the_screen_where_the_picture_is_mirrored(
    qtbot: QtBot, two: tuple[MainWindow, Restored], session: ScriptedSession
) -> None:
    window, shown = two
    window.change(mirror=True)
    window.actions_by_name["next_face"].trigger()
    assert chosen(session)[-1] is shown.faces[1].face, "which is the left one on the screen"
