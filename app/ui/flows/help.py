"""Information about the application: shortcuts, licences, diagnostics, the log."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QWidget

from app.core.errors import AppError
from app.core.log import log_path
from app.core.settings import Settings
from app.core.words import phrase
from app.ui.dialogs.about import AboutDialog
from app.ui.dialogs.diagnostics import diagnostics_text
from app.ui.dialogs.dialogs import DiagnosticsDialog, ShortcutsSheet, run
from app.ui.dialogs.notifications import Notifications
from app.ui.flows.source import SourceFlow
from app.ui.host import SessionHost
from app.ui.outside import open_folder
from app.ui.reports import Report, Reporter
from app.ui.texts.engine import engine_line
from app.ui.texts.source import source_facts

if TYPE_CHECKING:
    from app.ui.preview.overlay_model import OverlayModel


class HelpFlow(QObject):
    """Shows the dialogs about the application and its diagnostics."""

    def __init__(
        self,
        *,
        window: QWidget,
        host: SessionHost,
        source: SourceFlow,
        notifications: Notifications,
        reporter: Reporter,
        version: str,
        settings: Callable[[], Settings],
        overlay: Callable[[], OverlayModel | None],
    ) -> None:
        super().__init__()
        self._window, self._host, self._source = window, host, source
        self._notifications, self._reporter, self._version = notifications, reporter, version
        self._settings, self._overlay = settings, overlay
        reporter.reported.connect(self._on_report)

    def diagnostics(self) -> str:
        """Return the facts for a bug report."""
        info, engine, screen = self._source.info, self._host.engine_info(), self._window.screen()
        state = self._source.state
        facts = {
            "Source": f"{info.kind.label.english}, {source_facts(info).english}, {state}" if info else state,
            "Engine": engine_line(engine).english if engine else "not loaded",
            "Screen": f"{screen.size().width()} x {screen.size().height()} at {screen.devicePixelRatio():g}, "
            f"{QGuiApplication.platformName()}",
        }
        return diagnostics_text(
            version=self._version, settings=self._settings(), facts=facts, overlay=self._overlay(), log=log_path()
        )

    def copy_diagnostics(self) -> None:
        """Copy the facts for a bug report."""
        QApplication.clipboard().setText(self.diagnostics())
        self._notifications.notice(phrase("Diagnostics copied"), phrase("Paste them where you report the problem."))

    def show_diagnostics(self) -> None:
        """Show the facts for a bug report."""
        run(DiagnosticsDialog(self._window, self.diagnostics()))

    def show_shortcuts(self) -> None:
        """Show every action that has keys."""
        run(ShortcutsSheet(self._window))

    def show_about(self) -> None:
        """Show the version and every licence, those of the installed networks first."""
        from app.restorers.store import ModelStore

        try:
            models = {entry.name: entry.licence for entry in ModelStore().entries()}
        except AppError as error:
            self._reporter.report(error)
            models = {}
        run(AboutDialog(self._window, version=self._version, models=tuple(models.items())))

    def open_log_folder(self) -> None:
        """Show the log's folder in the file manager."""
        open_folder(log_path().parent)

    def _on_report(self, report: Report) -> None:
        actions = ((phrase("Open log's folder"), self.open_log_folder),) if report.unexpected else ()
        self._notifications.error(report.what, report.hint, actions)
