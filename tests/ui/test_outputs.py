"""The window's switches for the virtual camera and the stream, over a session that follows a script."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QLabel, QLineEdit
from pytestqt.qtbot import QtBot

from app.core.errors import OutputError
from app.core.settings import specification
from app.outputs.base import OutputState
from app.ui.settings_store import SettingsStore
from app.ui.style.widgets import Stepper
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


def line_of(window: MainWindow) -> QLineEdit:
    line = window.panel.outputs.findChild(QLineEdit, "stream_address")
    assert line is not None
    return line


def stepper_of(window: MainWindow, setting: str) -> Stepper:
    words = str(specification(setting).label)
    return next(each for each in window.panel.outputs.findChildren(Stepper) if each.spin.accessibleName() == words)


def enter(qtbot: QtBot, line: QLineEdit, text: str) -> None:
    line.selectAll()
    qtbot.keyClicks(line, text)
    qtbot.keyClick(line, Qt.Key.Key_Return)


def test_the_settings_of_outputs_are_chosen_beside_them_and_remembered(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, store: SettingsStore
) -> None:
    window = make_window()
    window.panel.open_advanced()
    assert line_of(window).text() == "127.0.0.1:8090"
    enter(qtbot, line_of(window), "0.0.0.0:9000")
    stepper_of(window, "stream_viewers").spin.stepUp()
    stepper_of(window, "virtual_camera_fps").spin.stepDown()
    size = window.panel.outputs.findChild(QComboBox, "virtual_camera_size")
    assert size is not None
    size.setCurrentIndex(size.findData("640x480"))
    size.activated.emit(size.currentIndex())
    chosen = window.settings
    assert (chosen.stream_address, chosen.stream_viewers) == ("0.0.0.0:9000", 5)
    assert (chosen.virtual_camera_size, chosen.virtual_camera_fps) == ("640x480", 25)
    assert session.settings == chosen
    window.close()
    assert store.load() == chosen
    assert not any("output" in name for name, _ in session.calls), "nothing was on"


def test_an_address_that_is_none_is_refused_with_the_reason(qtbot: QtBot, make_window: MakeWindow) -> None:
    window = make_window()
    window.panel.open_advanced()
    line = line_of(window)
    enter(qtbot, line, "port 80")
    assert line.text() == window.settings.stream_address == "127.0.0.1:8090"

    def refusals() -> list[str]:
        shown = [each.text() for each in window.panel.outputs.findChildren(QLabel) if each.isVisible()]
        return [text for text in shown if "is not an address" in text]

    assert refusals() == ["'port 80' is not an address to serve at. Write HOST:PORT, such as 127.0.0.1:8090."]
    qtbot.keyClicks(line, "1")
    assert refusals() == []
    window.change(strength=40)
    assert line.text() == "127.0.0.1:80901", "what is being typed stays"


@pytest.mark.parametrize(
    ("output", "setting"), [("network-stream", "stream_address"), ("virtual-camera", "virtual_camera_size")]
)
def test_an_output_that_runs_locks_its_settings(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession, output: str, setting: str
) -> None:
    window = make_window()
    controls = {name: window.panel.outputs.findChild(kind, name) for name, kind in (
        ("stream_address", QLineEdit), ("virtual_camera_size", QComboBox),
    )}  # fmt: skip
    session.outputs[output] = OutputState(status="live")
    qtbot.waitUntil(lambda: not controls[setting].isEnabled(), timeout=3000)
    assert [name for name, control in controls.items() if not control.isEnabled()] == [setting]
    session.outputs.clear()
    qtbot.waitUntil(controls[setting].isEnabled, timeout=3000)


def test_an_output_that_failed_begins_again_with_another_address(
    qtbot: QtBot, make_window: MakeWindow, session: ScriptedSession
) -> None:
    window = make_window()
    error = OutputError("The stream cannot be served at 127.0.0.1:8090: in use.", "Choose another address or port.")
    session.outputs["network-stream"] = OutputState(status="failed", error=error)
    qtbot.waitUntil(window.panel.outputs.switches["network-stream"].isChecked, timeout=3000)
    enter(qtbot, line_of(window), "127.0.0.1:8091")
    wanted = [("stop_output", "network-stream"), ("start_output", "network-stream")]
    qtbot.waitUntil(lambda: [call for call in session.calls if "output" in call[0]] == wanted, timeout=3000)
    assert session.settings is not None
    assert session.settings.stream_address == "127.0.0.1:8091"
