"""The live plot of the last minute: a frame's milliseconds at the left, frames per second at the right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pyqtgraph
from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from app.core.words import Phrase, phrase, tr
from app.ui.style.theme import colour
from app.ui.style.translated import keep_said
from app.ui.style.widgets import Label, label

if TYPE_CHECKING:
    from app.pipeline.measuring.latency import HistoryPoint

HEIGHT = 156


class LivePlot(QFrame):
    """Two small plots over the same minute."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("plotDrawer")
        self.setFixedHeight(HEIGHT)
        keep_said(self, lambda: self.setAccessibleName(tr("Live plot of the last minute")))
        self._legend = label("", "muted")
        self._legend.setTextFormat(Qt.TextFormat.RichText)
        self._time, age_column = self._plot(phrase("Milliseconds, last minute"), self._legend)
        self._rate, rate_column = self._plot(phrase("Frames per second"), None)
        self._age = self._time.plot(name="age")
        self._process = self._time.plot(name="processing")
        self._fps = self._rate.plot()
        self._budget = pyqtgraph.InfiniteLine(angle=0)
        self._time.addItem(self._budget)
        line = QHBoxLayout(self)
        line.setContentsMargins(16, 8, 16, 6)
        line.setSpacing(20)
        line.addLayout(age_column, 3)
        line.addLayout(rate_column, 2)
        self._colour()

    def show_history(self, points: Sequence[HistoryPoint], *, budget_ms: float) -> None:
        """Redraw the minute."""
        seconds = [-point.t for point in points]
        ages = [point.age_ms for point in points]
        process = [point.process_ms for point in points]
        rates = [point.fps_out for point in points]
        self._age.setData(seconds, ages)
        self._process.setData(seconds, process)
        self._fps.setData(seconds, rates)
        self._budget.setPos(budget_ms)
        self._time.setYRange(0, max([*ages, *process, budget_ms]) * 1.15, padding=0)
        self._rate.setYRange(0, max([*rates, 10.0]) * 1.15, padding=0)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() in (QEvent.Type.StyleChange, QEvent.Type.LanguageChange) and hasattr(self, "_legend"):
            self._colour()
        super().changeEvent(event)

    def _plot(self, title: Phrase, legend: Label | None) -> tuple[pyqtgraph.PlotWidget, QVBoxLayout]:
        widget = pyqtgraph.PlotWidget()
        widget.setMouseEnabled(x=False, y=False)
        widget.setMenuEnabled(False)
        widget.hideButtons()
        widget.setXRange(-60, 0, padding=0)
        widget.setFrameShape(QFrame.Shape.NoFrame)
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        widget.getPlotItem().setContentsMargins(0, 0, 6, 0)
        widget.getAxis("left").setWidth(34)
        widget.getAxis("bottom").setHeight(20)
        widget.getAxis("bottom").setTicks([[(-at, f"\u2212{at} s") for at in (45, 30, 15)]])
        column = QVBoxLayout()
        column.setSpacing(2)
        head = QHBoxLayout()
        head.setSpacing(12)
        head.addWidget(label(title, "muted"))
        head.addStretch(1)
        if legend is not None:
            head.addWidget(legend)
        column.addLayout(head)
        column.addWidget(widget)
        return widget, column

    def _colour(self) -> None:
        accent, age, danger = colour("accent"), colour("warning"), colour("danger")
        for widget in (self._time, self._rate):
            widget.setBackground(colour("panel"))
            for name in ("left", "bottom"):
                axis = widget.getAxis(name)
                axis.setPen(QPen(colour("line"), 1))
                axis.setTextPen(colour("muted"))
                axis.setStyle(tickLength=0)
            widget.showGrid(x=False, y=True, alpha=0.12)
        self._age.setPen(_pen(age))
        self._process.setPen(_pen(accent))
        self._fps.setPen(_pen(accent))
        self._budget.setPen(QPen(danger, 0, Qt.PenStyle.DashLine))
        entries = ((phrase("frame age"), age), (phrase("processing"), accent), (phrase("budget"), danger))
        self._legend.say(
            "&nbsp;&nbsp;&nbsp;".join(f'<span style="color:{tint.name()}">●</span> {words}' for words, tint in entries)
        )


def _pen(tint: QColor) -> QPen:
    pen = QPen(tint, 1.6)
    pen.setCosmetic(True)
    return pen
