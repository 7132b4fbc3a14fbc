"""What the real window says about quality and speed on a real camera, and how its controls are reached."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import onnxruntime
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import QApplication, QComboBox, QWidget
from pytestqt.qtbot import QtBot

from app.ui.window import MainWindow
from tests.e2e.steps import press, wait_for_restored_face
from tests.mjpeg_server import MjpegServer
from tests.vision import show
from tools.virtual_display import virtual_display

OpenWindow = Callable[..., MainWindow]


def said(window: MainWindow) -> list[str]:
    return [str(badge.words) for badge in window.preview.badges]


def focused() -> QWidget:
    widget = QApplication.focusWidget()
    assert widget is not None
    return widget


def test_auto_says_the_cycles_that_run_and_the_slider_shows_them(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=3, auto_k=True, threads=1, precision="fp32", target_fps=60)
    wait_for_restored_face(qtbot, window, k=1)  # 15 ms hold no three cycles in FP32
    panel = window.panel
    told: list[tuple[int, int]] = []

    def agrees() -> bool:
        statistics, cycles = window._host.statistics(), re.search(r"\((\d) cycle", panel.auto_state.text())
        if statistics is None or cycles is None:
            return False
        told.append((int(cycles[1]), panel.cycles.slider.value()))
        return len(told) > 10 and told[-1] == (1, 1) and statistics.k == 1

    qtbot.waitUntil(agrees, timeout=20000)
    assert all(sentence == slider for sentence, slider in told), "never one without the other"
    assert "need" in panel.auto_state.text(), "and why they are not three"
    where = panel.quality.mapTo(window, QPoint())
    press(qtbot, panel.quality, "Faithful")
    wait_for_restored_face(qtbot, window, k=2)
    faithful = "Faithful (2 cycles), whatever time it takes."
    qtbot.waitUntil(lambda: panel.auto_state.text() == faithful, timeout=20000)  # it is renewed with the figures
    assert panel.cycles.slider.value() == 2
    assert panel.quality.mapTo(window, QPoint()) == where, "nothing jumps"


def test_a_machine_that_cannot_keep_up_says_so(qtbot: QtBot, open_window: OpenWindow) -> None:
    still, _ = show()
    with MjpegServer(lambda _: still, fps=100) as server:
        window = open_window(server.url, k=4, precision="fp32", threads=1, steady=0)
        qtbot.waitUntil(lambda: any(words.startswith("Slowed down: ") for words in said(window)), timeout=30000)
        (words,) = [words for words in said(window) if words.startswith("Slowed")]
        reached, given = map(int, re.findall(r"\d+", words))
        assert reached < given


def test_a_sharp_face_is_said_to_be_sharp_already(qtbot: QtBot, open_window: OpenWindow) -> None:
    sharp, _ = show(scale=1.2)
    with MjpegServer(lambda _: sharp, fps=10) as server:
        window = open_window(server.url, k=3)
        # A busy machine is said to be slow beside it.
        qtbot.waitUntil(lambda: "Face already sharp" in said(window), timeout=30000)


def test_tab_enters_at_the_chosen_preset_and_advanced_is_scrolled_to_with_its_ring(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=3)
    window.resize(1024, 640)
    wait_for_restored_face(qtbot, window, k=3)
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=5000)
    panel, toggle = window.panel, window.panel._advanced_toggle
    panel.source.setFocus()
    entered = []
    for _ in range(12):
        qtbot.keyClick(focused(), Qt.Key.Key_Tab)
        if panel.quality.isAncestorOf(focused()):
            entered.append(focused().text())  # type: ignore[attr-defined]
        if focused() is toggle:
            break
    assert entered == ["Best look"], "one stop, at the preset that is chosen"
    bar = panel.scroll_area.verticalScrollBar()
    with_ring = toggle.grab().toImage()
    qtbot.keyClick(toggle, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: toggle.mapTo(panel.scroll_area.viewport(), QPoint()).y() in range(-1, 12), timeout=5000)
    assert bar.value() > 0
    assert panel.cycles.slider.visibleRegion().boundingRect().height() == panel.cycles.slider.height()
    qtbot.keyClick(toggle, Qt.Key.Key_Space)
    window.preview.setFocus()
    assert toggle.grab().toImage() != with_ring


def test_only_engines_that_this_machine_has_are_offered(
    qtbot: QtBot, open_window: OpenWindow, camera: MjpegServer
) -> None:
    window = open_window(camera.url, k=1)
    choice = window.panel.findChild(QComboBox, "provider")
    assert choice is not None
    qtbot.waitUntil(lambda: choice.count() < 4, timeout=20000)
    offered = [str(choice.itemData(place)) for place in range(choice.count())]
    assert "cpu" in offered
    installed = " ".join(onnxruntime.get_available_providers()).lower()
    assert all(name in installed for name in offered if name not in ("auto", "dml")), "none that is not installed"


PROGRAM = """
import time
import app.ui
from PySide6.QtCore import QSettings
from app.core.settings import Settings
from app.ui.application import make_application
from app.ui.host import SessionHost
from app.ui.reports import OnceFilter, Reporter
from app.ui.settings_store import SettingsStore
from app.ui.window import MainWindow

application = make_application()
window = MainWindow(
    host=SessionHost(),
    store=SettingsStore(QSettings("{folder}/none.ini", QSettings.Format.IniFormat)),
    settings=Settings(show_plot=True),
    reporter=Reporter(OnceFilter(clock=time.monotonic)),
    version="",
)
window.ensurePolished()
print(window.size().toTuple(), window.minimumSizeHint().toTuple())
"""


@pytest.mark.skipif(shutil.which("Xvfb") is None, reason="screens of other sizes need Xvfb")
@pytest.mark.parametrize("screen", ["1280x800", "1024x640"])
def test_the_first_window_fits_a_small_screen(screen: str, tmp_path: Path) -> None:
    program = PROGRAM.format(folder=tmp_path)
    with virtual_display(size=screen, force=True):
        told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    width, height = map(int, screen.split("x"))
    sizes = [int(value) for value in re.findall(r"\d+", told.stdout)]
    assert len(sizes) == 4, told.stderr
    assert max(sizes[::2]) <= width
    assert max(sizes[1::2]) + 40 <= height, "with its title bar"
