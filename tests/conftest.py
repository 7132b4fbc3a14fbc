"""What every test shares: a screen for the tests that need one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication

from tools.virtual_display import virtual_display


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """The name of Qt's platform; Xvfb is started where there is no screen."""
    with virtual_display() as platform:
        yield platform
        application = QCoreApplication.instance()
        if application is not None:
            shiboken6.delete(application)  # while its screen is still there


@pytest.fixture(scope="session")
def qapp_args(display: str) -> list[str]:
    """pytest-qt makes the QApplication with these, so the screen is there before it."""
    if "cv2" in os.environ.get("QT_QPA_PLATFORM_PLUGIN_PATH", ""):
        del os.environ["QT_QPA_PLATFORM_PLUGIN_PATH"]
    return ["cfrnet-live-tests"]
