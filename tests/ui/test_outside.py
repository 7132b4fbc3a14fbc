"""Other programs that are started: what their environment holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
from PySide6.QtCore import QObject, QUrl, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QApplication

from app.ui.outside import open_folder, play

QT_OF_OPENCV = ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR")

Opened = Callable[[Callable[[Path], None]], dict[str, str]]


class Opener(QObject):
    """Stands in for the system's program: keeps the environment that it would get."""

    def __init__(self) -> None:
        super().__init__()
        self.environment: dict[str, str] = {}

    @Slot(QUrl)
    def open(self, _url: QUrl) -> None:
        self.environment = dict(os.environ)


@pytest.fixture
def environment_of(qapp: QApplication, tmp_path: Path) -> Iterator[Opened]:
    """Opens a folder and returns the environment that the system's program for it gets."""
    opener = Opener()
    QDesktopServices.setUrlHandler("file", opener, "open")

    def opened(open_path: Callable[[Path], None]) -> dict[str, str]:
        opener.environment.clear()
        open_path(tmp_path)
        assert opener.environment
        return opener.environment

    yield opened
    QDesktopServices.unsetUrlHandler("file")


@pytest.mark.parametrize("open_path", [open_folder, play])
def test_no_program_gets_the_qt_of_opencv(
    environment_of: Opened, monkeypatch: pytest.MonkeyPatch, open_path: Callable[[Path], None]
) -> None:
    for name in QT_OF_OPENCV:
        monkeypatch.setenv(name, str(Path(cv2.__file__).parent / "qt"))
    assert not environment_of(open_path).keys() & set(QT_OF_OPENCV)
    for name in QT_OF_OPENCV:
        monkeypatch.setenv(name, "/usr/lib/qt")
    assert environment_of(open_path).keys() >= set(QT_OF_OPENCV), "what a person has set stays"


@pytest.mark.parametrize("before", ["/opt/lib", None])
def test_a_package_gives_programs_the_libraries_of_the_system(
    environment_of: Opened, monkeypatch: pytest.MonkeyPatch, before: str | None
) -> None:
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cfrnet-live/_internal")
    assert environment_of(open_folder)["LD_LIBRARY_PATH"] == "/opt/cfrnet-live/_internal"
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    if before is not None:
        monkeypatch.setenv("LD_LIBRARY_PATH_ORIG", before)
    assert environment_of(open_folder).get("LD_LIBRARY_PATH") == before
    assert os.environ["LD_LIBRARY_PATH"] == "/opt/cfrnet-live/_internal", "which this program goes on with"
