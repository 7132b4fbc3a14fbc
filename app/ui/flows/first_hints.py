"""The three bubbles over the first picture of the first start."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QPoint
from PySide6.QtWidgets import QWidget

from app.core.words import phrase
from app.ui.dialogs.hints import Hint, Hints

if TYPE_CHECKING:
    from app.ui.window import MainWindow


def first_hints(window: MainWindow, *, on_done: Callable[[], None]) -> Hints | None:
    """Show the bubbles; None while there is no picture with a divider to point at."""
    layout = window.preview.picture_layout()
    if layout is None or layout.divider is None or not window.isVisible():
        return None
    divider = layout.divider

    def at(widget: QWidget, x: float, y: float) -> QPoint:
        return widget.mapTo(window, QPoint(round(x), round(y)))

    hints = (
        Hint(
            phrase("Drag the divider: before at the left, after at the right."),
            lambda: at(window.preview, divider, window.preview.height() * 0.62),
        ),
        Hint(phrase("Choose how much is done to a face, or press 1 to 4."), lambda: at(window.panel.quality, -120, 0)),
        Hint(phrase("R records, S takes a picture."), lambda: at(window.panel.record, -120, -40)),
    )
    return Hints(window, hints, on_done=on_done)
