"""Cyclic garbage is collected in the window's thread alone.

Python collects in whichever thread happens to allocate next. Widgets are often part of cycles, and Qt allows none to be
destroyed outside the window's thread: it crashes, seldom and somewhere else.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_CHECK_MS = 500


class GarbageCollector(QObject):
    """Takes the place of Python's automatic collection until `stop`. Made in the window's thread."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self, interval=_CHECK_MS)
        self._timer.timeout.connect(self.collect_due)
        self._timer.start()

    def collect_due(self) -> None:
        """Collect the oldest generation that is over its threshold, if there is one, as Python would have."""
        limits = zip(gc.get_count(), gc.get_threshold(), strict=True)
        due = [generation for generation, (count, limit) in enumerate(limits) if limit and count > limit]
        if due:
            gc.collect(due[-1])

    def stop(self) -> None:
        """Collect everything, and leave it to Python from now on."""
        self._timer.stop()
        gc.collect()
        gc.enable()
