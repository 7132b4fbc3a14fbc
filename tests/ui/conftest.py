"""Windows over a scripted session, a clean settings store, and no thread left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.core.types import Image
from app.ui.host import SessionHost
from app.ui.reports import OnceFilter, Reporter
from app.ui.settings_store import SettingsStore
from app.ui.style.theme import apply_theme
from app.ui.window import MainWindow
from tests.ui.scripted import RESTORERS, ScriptedSession


@pytest.fixture(autouse=True)
def tidy(no_thread_is_left: None) -> None:
    """Every test here ends its threads."""


@pytest.fixture(autouse=True)
def log_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "log"))


@pytest.fixture
def themed(qapp: QApplication) -> QApplication:
    qapp.setStyle("Fusion")
    apply_theme(qapp, "dark")
    return qapp


@pytest.fixture
def pictures() -> tuple[Image, Image]:
    """Before and after at 1280 x 720: smooth noise, and the same with a face's place changed."""
    noise = np.random.default_rng(7).integers(0, 256, (45, 80, 3), dtype=np.uint8)
    before = cv2.resize(noise, (1280, 720), interpolation=cv2.INTER_CUBIC)
    after = before.copy()
    after[200:500, 500:800] = 255 - after[200:500, 500:800]
    return before, after


@pytest.fixture
def store(tmp_path: Path) -> SettingsStore:
    return SettingsStore(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))


@pytest.fixture
def session() -> ScriptedSession:
    return ScriptedSession()


@pytest.fixture
def make_window(
    themed: QApplication,
    qtbot: QtBot,
    store: SettingsStore,
    session: ScriptedSession,
    tmp_path: Path,
    collected_here: None,
) -> Iterator[Callable[..., MainWindow]]:
    """Makes a shown window over the scripted session and waits until the session is ready.

    With `made` the session is ready once that is set, and not waited for.
    """
    windows: list[MainWindow] = []

    def make(
        *,
        source: str = "camera:Integrated Camera",
        size: tuple[int, int] = (1280, 800),
        made: threading.Event | None = None,
        **settings: Any,
    ) -> Any:
        def make_session(*_: object) -> tuple[ScriptedSession, Any]:
            assert made is None or made.wait(10.0)
            return session, RESTORERS

        defaults = {"theme": "dark", "output_folder": str(tmp_path / "out"), **settings}
        host = SessionHost(
            make_session=make_session,  # type: ignore[arg-type]
            list_names=lambda: ["Integrated Camera", "USB Video"],
            list_microphones=lambda: ("USB Headset", "Webcam"),
            list_engines=lambda: ("cpu",),
        )
        window = MainWindow(
            host=host,
            store=store,
            settings=Settings(**defaults),
            reporter=Reporter(OnceFilter(clock=time.monotonic)),
            version="test",
            open_at_start=source,
        )
        windows.append(window)
        store.save_hints_seen()
        window.resize(*size)
        if made is not None:
            window.show()
            return window
        with qtbot.waitSignals([host.ready, host.cameras_listed, host.microphones_listed], timeout=5000):
            window.show()
        qtbot.waitUntil(lambda: any(name == "open" for name, _ in session.calls), timeout=5000)
        return window

    yield make
    for window in windows:
        window.sharing.asks_before_stopping = False
        window.close()
        window.deleteLater()
