"""The microphone's level: when the microphone is open for it, and when it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QEnterEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.ui.host import SessionHost
from app.ui.window import MainWindow
from tests.ui.scripted import ONLINE, ScriptedSession, restored_frame

MakeWindow = Callable[..., MainWindow]
REST_MS = 700
"""Longer than a pointer has to rest on the row."""


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What happened to microphones, in order."""
    events: list[str] = []

    class Meter:
        def __init__(self, name: str) -> None:
            self.name = name
            events.append(f"open {name}")

        def level(self) -> float:
            return 0.5

        def close(self) -> None:
            events.append(f"close {self.name}")

    monkeypatch.setattr("app.outputs.recordings.microphone.open_meter", Meter)
    return events


def test_the_microphone_is_open_only_while_its_level_is_of_use(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, pictures: tuple[Image, Image], heard: list[str]
) -> None:
    window = make_window(microphone="Webcam")
    row, height = window.panel.sound, window.panel.sound.height()
    window._host.on_status(ONLINE)
    session.next_frame = restored_frame(*pictures)
    with qtbot.waitSignal(window.preview.painted, timeout=5000):
        window._host.on_frame()
    qtbot.wait(REST_MS)
    assert heard == [], "a picture of the camera is no reason to listen"

    middle = QPointF(row.rect().center())
    QApplication.sendEvent(row, QEnterEvent(middle, middle, middle))
    qtbot.waitUntil(row.bar.isVisible, timeout=3000)
    assert heard == ["open Webcam"]
    assert row.height() == height, "nothing moves under the pointer"
    QApplication.sendEvent(row, QEvent(QEvent.Type.Leave))
    qtbot.waitUntil(lambda: heard == ["open Webcam", "close Webcam"], timeout=3000)
    qtbot.waitUntil(lambda: not row.bar.isVisible(), timeout=3000)

    heard.clear()
    window.panel.record.click()
    qtbot.waitUntil(lambda: heard == ["open Webcam"], timeout=3000)
    window.toggle_panel()
    qtbot.waitUntil(lambda: heard[1:] == ["close Webcam"], timeout=3000)
    window.toggle_panel()
    qtbot.waitUntil(lambda: heard[2:] == ["open Webcam"], timeout=3000)
    window.panel.record.click()
    qtbot.waitUntil(lambda: heard[3:] == ["close Webcam"], timeout=3000)


def test_the_level_is_shown_while_the_list_of_microphones_is_open_or_has_the_focus(
    qtbot: QtBot, make_window: MakeWindow, heard: list[str]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    choice = window.panel.sound.choice
    choice.showPopup()
    qtbot.waitUntil(lambda: len(heard) == 1, timeout=3000)
    assert choice.view().isVisible(), "it stays open"
    choice.hidePopup()
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=3000)
    window.activateWindow()
    choice.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.waitUntil(lambda: len(heard) == 3, timeout=3000)
    window.preview.setFocus()
    qtbot.waitUntil(lambda: len(heard) == 4, timeout=3000)
    assert heard == ["open ", "close "] * 2


def test_a_pointer_on_its_way_over_the_row_opens_nothing(
    qtbot: QtBot, make_window: MakeWindow, heard: list[str]
) -> None:
    window = make_window()
    window._host.on_status(ONLINE)
    qtbot.waitUntil(lambda: window.source.state == "online", timeout=3000)
    row = window.panel.sound
    middle = QPointF(row.rect().center())
    QApplication.sendEvent(row, QEnterEvent(middle, middle, middle))
    qtbot.wait(100)
    QApplication.sendEvent(row, QEvent(QEvent.Type.Leave))
    qtbot.wait(REST_MS)
    assert heard == []


def test_microphones_are_listed_while_none_is_open(qtbot: QtBot, session: ScriptedSession, heard: list[str]) -> None:
    def listed() -> tuple[str, ...]:
        heard.append("list")
        return ("Headset", "Webcam")

    host = SessionHost(list_names=list, list_microphones=listed)
    host.listen("Headset")
    with qtbot.waitSignal(host.microphones_listed, timeout=5000) as told:
        host.look_for_cameras()
    assert told.args == [("Headset", "Webcam")]
    qtbot.waitUntil(lambda: len(heard) == 4, timeout=3000)
    assert heard == ["open Headset", "close Headset", "list", "open Headset"]
    host.close()
