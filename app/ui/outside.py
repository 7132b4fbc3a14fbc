"""Opens folders and files with the system's own programs."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

_LIBRARIES = "LD_LIBRARY_PATH"


def forget_opencv_plugins() -> None:
    """Undo OpenCV's environment variables for its own Qt, with which no window opens, here or in another program."""
    for name in ("QT_QPA_PLATFORM_PLUGIN_PATH", "QT_QPA_FONTDIR"):
        if "cv2" in os.environ.get(name, ""):
            del os.environ[name]


def open_folder(folder: Path) -> None:
    """Show a folder in the system's file manager."""
    _open(folder)


def play(path: Path) -> None:
    """Open a file in the system's player."""
    _open(path)


def _open(path: Path) -> None:
    forget_opencv_plugins()  # it sets them when it is loaded, which may have been since
    with _libraries_of_the_system():
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))


@contextlib.contextmanager
def _libraries_of_the_system() -> Iterator[None]:
    """Have programs find their libraries where they did before PyInstaller's loader put the package's first."""
    ours, before = os.environ.get(_LIBRARIES), os.environ.get(f"{_LIBRARIES}_ORIG")
    if getattr(sys, "frozen", False):
        _set_libraries(before)
    try:
        yield
    finally:
        _set_libraries(ours)


def _set_libraries(places: str | None) -> None:
    if places is None:
        os.environ.pop(_LIBRARIES, None)
    else:
        os.environ[_LIBRARIES] = places
