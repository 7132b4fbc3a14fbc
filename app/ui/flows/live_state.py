"""What is updated four times a second while a source runs: engine, rates, cycles, badges on the picture."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import psutil
from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from app.core.settings import Settings
from app.core.words import joined, phrase
from app.ui.flows.capture import CaptureFlow
from app.ui.flows.source import SourceFlow
from app.ui.host import SessionHost
from app.ui.panel.panel import Panel
from app.ui.panel.status_line import StatusLine
from app.ui.preview.overlay_model import OverlayModel, Usage, overlay_model, reading_of
from app.ui.preview.preview import Preview
from app.ui.preview.state_text import badges, slowed_down
from app.ui.style.formatting import rate
from app.ui.texts.engine import engine_line, engine_sentence

if TYPE_CHECKING:
    from app.pipeline.measuring.latency import LiveStatistics
    from app.ui.preview.plot import LivePlot

_TICK_MS = 250


class LiveStateFlow(QObject):
    """Keeps status line, panel, latency card, plot and badges up to date."""

    def __init__(
        self,
        *,
        host: SessionHost,
        source: SourceFlow,
        capture: CaptureFlow,
        preview: Preview,
        panel: Panel,
        status_line: StatusLine,
        settings: Callable[[], Settings],
        add_plot: Callable[[QWidget], None],
    ) -> None:
        """`add_plot` receives the plot once it is made, to be put under the picture."""
        super().__init__()
        self._host, self._source, self._capture = host, source, capture
        self._preview, self._panel, self._line = preview, panel, status_line
        self._settings, self._add_plot = settings, add_plot
        self._plot: LivePlot | None = None
        self._overlay: OverlayModel | None = None
        self._process = psutil.Process()
        self._process.cpu_percent()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.tick)
        self._timer.start(_TICK_MS)

    @property
    def overlay(self) -> OverlayModel | None:
        """The latest timings, None before the first restored frame."""
        return self._overlay

    def stop(self) -> None:
        """Stop updating."""
        self._timer.stop()

    def refresh(self, settings: Settings) -> None:
        """Show or hide the latency card and the plot as the settings say."""
        self._show_card(settings)
        if settings.show_plot and self._plot is None:
            from app.ui.preview.plot import LivePlot

            self._plot = LivePlot()
            self._add_plot(self._plot)
        if self._plot is not None:
            self._plot.setVisible(settings.show_plot)

    def tick(self) -> None:
        """Update everything."""
        self._source.tick()
        self._capture.tick()
        self._show_badges()
        engine = self._host.engine_info()
        if engine is None:
            self._line.show_engine(phrase("Loading the network…"), "", as_asked=True)
        else:
            words = engine_sentence(engine)
            self._line.show_engine(engine_line(engine), words, as_asked=engine.as_asked)
            self._panel.show_engine_truth(words)
        statistics = self._host.statistics()
        if engine is not None and statistics is not None and statistics.stages:
            self._show_statistics(statistics)

    def _show_statistics(self, statistics: LiveStatistics) -> None:
        settings = self._settings()
        self._panel.show_quality(settings, running_k=statistics.k, reason=statistics.auto_reason)
        speed = joined((f"k {statistics.k}", rate(statistics.fps_out)), " · ")
        self._line.show_speed(speed if self._moves() else "")
        usage = Usage(self._process.cpu_percent(), self._process.memory_info().rss)
        self._overlay = overlay_model(reading_of(statistics), usage, cores=os.cpu_count() or 1)
        self._show_card(settings)
        if self._plot is not None and settings.show_plot:
            self._plot.show_history(statistics.history, budget_ms=statistics.budget_ms)

    def _show_card(self, settings: Settings) -> None:
        """The latest timings on the picture, where they are wanted and pictures arrive."""
        self._preview.set_overlay(self._overlay if settings.show_overlay and self._moves() else None)

    def _show_badges(self) -> None:
        """The words on the picture: what is not seen, what is too slow, what is recorded."""
        shown = self._preview.restored
        if shown is None:
            return
        self._preview.set_badges(
            badges(
                faces=len(shown.faces) if shown.k else None,
                live=self._moves(),
                sharp=sum(entry.already_sharp for entry in shown.faces),
                slow=slowed_down(self._host.statistics()),
                recording_s=self._capture.seconds,
                degraded=shown.frame.true_image is not None,
                alone=shown.alone,
                other=shown.compared.other if shown.compared is not None else "",
            )
        )

    def _moves(self) -> bool:
        """Whether pictures arrive: an offline source and a still picture have no rate."""
        info = self._source.info
        return self._source.state == "online" and not (info is not None and info.picture_s > 0)
