"""The real window over the real session, models and camera."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.core.settings import Settings
from app.core.types import Image
from app.ui.host import SessionHost
from app.ui.reports import OnceFilter, Reporter
from app.ui.settings_store import SettingsStore
from app.ui.texts.source import DEMO_CLIP
from app.ui.window import MainWindow
from tests.mjpeg_server import MjpegServer

PLAIN = {"theme": "dark", "record_sound": False, "output_captions": False}
"""Recordings whose pixels can be compared."""


@pytest.fixture(autouse=True)
def tidy(no_thread_is_left: None) -> None:
    """Every test here ends its threads."""


@pytest.fixture(scope="session")
def scene() -> list[Image]:
    """What the camera sees: the demo clip, there and back so that nothing jumps."""
    with av.open(str(DEMO_CLIP)) as container:
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    return pictures + pictures[-2:0:-1]


@pytest.fixture
def camera(scene: list[Image]) -> Iterator[MjpegServer]:
    with MjpegServer(lambda index: scene[index % len(scene)], fps=15) as server:
        yield server


@pytest.fixture
def open_window(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, collected_here: None
) -> Iterator[Callable[..., MainWindow]]:
    """Opens the window on a source, as the command line does."""
    windows: list[MainWindow] = []

    def make(source: str, **settings: Any) -> MainWindow:
        qapp.setStyle("Fusion")
        backend = QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat)
        folder = str(tmp_path / "videos")
        window = MainWindow(
            host=SessionHost(),
            store=SettingsStore(backend),
            settings=Settings(**{**PLAIN, "output_folder": folder, **settings}),
            reporter=Reporter(OnceFilter(clock=time.monotonic)),
            version="test",
            open_at_start=source,
        )
        windows.append(window)
        window._store.save_hints_seen()
        window.resize(1280, 800)
        window.show()
        return window

    yield make
    for window in windows:
        window.sharing.asks_before_stopping = False
        window.close()
        window.deleteLater()


@pytest.fixture
def keep_picture() -> Callable[[MainWindow, str], None]:
    """Keeps a screenshot of the window in CFRNET_TEST_OUTPUT (default ./test-output)."""
    folder = Path(os.environ.get("CFRNET_TEST_OUTPUT", "test-output"))

    def keep(window: MainWindow, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        window.grab().save(str(folder / f"{name}.png"))

    return keep
