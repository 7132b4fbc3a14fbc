"""The window's switches for the virtual camera and the stream, over a session that follows a script."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from app.core.errors import OutputError
from app.outputs.base import OutputState
from app.ui.window import MainWindow
from tests.ui.scripted import ScriptedSession

MakeWindow = Callable[..., MainWindow]


def test_a_switch_starts_an_output_and_its_state_is_shown(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    window.panel.open_advanced()
    section = window.panel.outputs
    switch, text = section.switches["network-stream"], section.states["network-stream"]
    assert set(section.switches) == {"virtual-camera", "network-stream"}, "a recording has its own button"
    assert not text.isVisible()
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: text.text() == "Starting…", timeout=3000)
    session.outputs["network-stream"] = OutputState(status="live", detail="http://127.0.0.1:8090/, 1 of 4 viewers")
    qtbot.waitUntil(lambda: "1 of 4 viewers" in text.text(), timeout=3000)
    assert switch.isChecked()
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not text.isVisible(), timeout=3000)
    assert not switch.isChecked()
    wanted = [("start_output", "network-stream"), ("stop_output", "network-stream")]
    assert [call for call in session.calls if "output" in call[0]] == wanted


def test_why_an_output_waits_is_said_with_what_to_do(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    text = make_window().panel.outputs.states["virtual-camera"]
    error = OutputError("There is no virtual camera that can be opened.", "Make one: sudo modprobe v4l2loopback")
    session.outputs["virtual-camera"] = OutputState(status="waiting", error=error)
    qtbot.waitUntil(lambda: "modprobe" in text.text(), timeout=3000)
    assert text.property("role") == "alarm"
    session.outputs["virtual-camera"] = OutputState(status="live", detail="/dev/video9, 1280 x 720 at 30 fps")
    qtbot.waitUntil(lambda: text.property("role") == "muted", timeout=3000)


def test_an_output_that_cannot_begin_is_reported_and_its_switch_goes_back(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    session.output_error = OutputError("The port is taken.", "Choose another one.")
    switch = window.panel.outputs.switches["network-stream"]
    qtbot.mouseClick(switch, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: bool(window.notifications.texts()), timeout=3000)
    assert window.notifications.texts()[0][0] == "The port is taken."
    qtbot.waitUntil(lambda: not switch.isChecked(), timeout=3000)
