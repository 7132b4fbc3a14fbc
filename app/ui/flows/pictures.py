"""Stepping through a folder of pictures, without a slide show."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction

from app.core.errors import AppError
from app.ui.flows.source import SourceFlow
from app.ui.host import SessionHost
from app.ui.panel.picture_bar import PictureBar


def stepped(place: int, step: int, count: int) -> int:
    """The place (from 0) after `step`, round the ends."""
    return (place + step) % max(count, 1)


class PictureFlow(QObject):
    """Shows the bar for a folder, keeps it up to date, and steps."""

    def __init__(
        self, *, host: SessionHost, source: SourceFlow, bar: PictureBar, actions: Mapping[str, QAction]
    ) -> None:
        super().__init__()
        self._actions = (actions["next_picture"], actions["previous_picture"])
        self._host, self._source, self._bar = host, source, bar
        self._names: tuple[str, ...] = ()
        self._place = 0
        source.changed.connect(self._refresh)
        bar.stepped.connect(self.step)
        self._refresh()

    def step(self, step: int) -> None:
        """Show the next picture (1) or the one before (-1)."""
        info = self._source.info
        if info is not None and len(self._names) > 1:
            self._place = stepped(self._place, step, len(self._names))
            self._host.seek((self._place + 0.5) * info.picture_s)
            self._show()

    def follow(self, seconds: float) -> None:
        """The frame on screen stands at this place of the source's timeline."""
        info = self._source.info
        if info is not None and info.picture_s > 0 and self._names:
            self._place = min(int(seconds / info.picture_s + 1e-6), len(self._names) - 1)
            self._show()

    def _refresh(self) -> None:
        info, folder = self._source.info, self._source.file
        if info is None or info.picture_s <= 0 or folder is None or not folder.is_dir():
            self._names, self._place = (), 0
        elif self._source.state == "online":
            from app.sources.images import pictures_in

            try:
                self._names = tuple(path.name for path in pictures_in(folder))
            except AppError:  # the folder is gone, which the source reports
                self._names = ()
            self._place = min(self._place, max(len(self._names) - 1, 0))
        self._bar.setVisible(len(self._names) > 1)
        for action in self._actions:  # without pictures to step through, the keys are those of sliders and lists
            action.setEnabled(len(self._names) > 1)
        self._show()

    def _show(self) -> None:
        if self._names:
            self._bar.show_picture(self._names[self._place], self._place + 1, len(self._names))
