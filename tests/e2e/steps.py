"""What a person does in the real window, and the recordings that come of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from app.core.types import Image
from app.ui.window import MainWindow


@dataclass(frozen=True)
class RecordingFile:
    """A decoded video: seconds of every frame and the frames, uint8 BGR."""

    seconds: NDArray[np.float64]
    images: list[Image]


def decode(path: Path) -> RecordingFile:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    return RecordingFile(
        np.array([float(frame.pts * frame.time_base) for frame in frames]),
        [frame.to_ndarray(format="bgr24") for frame in frames],
    )


def small(image: Image) -> NDArray[np.int16]:
    """A thumbnail to know a picture by."""
    return cv2.resize(image, (80, 60), interpolation=cv2.INTER_AREA).astype(np.int16)


def nearest(image: Image, thumbnails: NDArray[np.int16]) -> int:
    return int(np.abs(thumbnails - small(image)).mean(axis=(1, 2, 3)).argmin())


def wait_for_restored_face(qtbot: QtBot, window: MainWindow, *, k: int) -> None:
    def is_there() -> bool:
        shown = window.preview.restored
        return shown is not None and shown.k == k and bool(shown.faces)

    qtbot.waitUntil(is_there, timeout=20000)


def record(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.mouseClick(window.panel.record, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: "Stop" in window.panel.record.text() and window.capture.recording, timeout=5000)


def stop(qtbot: QtBot, window: MainWindow) -> Path:
    with qtbot.waitSignal(window._host.recording_finished, timeout=20000) as finished:
        qtbot.mouseClick(window.panel.record, Qt.MouseButton.LeftButton)
    (path,) = finished.args[0]
    return path


def seconds_recorded(window: MainWindow) -> float:
    state = window._host.recording()
    return state.seconds if state is not None else 0.0


def press(qtbot: QtBot, window: QWidget, words: str) -> None:
    """Click the button with these words."""

    def buttons() -> list[QAbstractButton]:
        return [each for each in window.findChildren(QAbstractButton) if each.text() == words and each.isVisible()]

    qtbot.waitUntil(lambda: bool(buttons()), timeout=5000)  # a message is made before it is shown
    button = buttons()[0]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


Dialog = TypeVar("Dialog", bound=QDialog)


def in_dialog(window: MainWindow, action: str, kind: type[Dialog], do: Callable[[Dialog], None]) -> None:
    """Trigger an action that opens a modal dialog of `kind`, and do something in it; it is closed in any case."""
    done: list[Dialog] = []
    failed: list[BaseException] = []
    timer = QTimer()

    def when_it_is_there() -> None:
        dialog = QApplication.activeModalWidget()
        if not isinstance(dialog, kind):
            return
        timer.stop()
        try:
            do(dialog)
            done.append(dialog)
        except BaseException as error:
            failed.append(error)
        dialog.done(dialog.result())

    timer.timeout.connect(when_it_is_there)
    timer.start(20)
    window.actions_by_name[action].trigger()
    timer.stop()
    if failed:
        raise failed[0]
    assert done, f"{action} opened no {kind.__name__}"
