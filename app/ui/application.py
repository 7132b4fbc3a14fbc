"""Starts the window: environment, theme, log, hooks, event loop."""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from app import __version__
from app.core.errors import AppError
from app.core.log import set_up_log
from app.core.types import Restored
from app.ui.flows.restorer import fitting
from app.ui.garbage import GarbageCollector
from app.ui.host import SessionHost
from app.ui.outside import forget_opencv_plugins
from app.ui.reports import OnceFilter, Reporter
from app.ui.settings_store import SettingsStore
from app.ui.style.icons import application_icon
from app.ui.style.language import speak
from app.ui.window import MainWindow

_log = logging.getLogger(__name__)


def make_application() -> QApplication:
    """Create the QApplication with the names that QSettings and QStandardPaths use."""
    forget_opencv_plugins()
    application = QApplication(sys.argv[:1])
    application.setApplicationName("CFRNet Live")
    application.setOrganizationName("CFRNet Live")
    application.setStyle("Fusion")
    application.setWindowIcon(application_icon())
    return application


def run(*, settings_overrides: Mapping[str, Any], source: str | None) -> int:
    """Open the window and stay until it is closed; returns the exit code.

    `settings_overrides` override the stored settings in this run. `source` None opens the stored one.
    Raises SettingError for an override out of range.
    """
    application = make_application()
    collector = GarbageCollector(application)
    set_up_log()
    reporter = Reporter(OnceFilter(clock=time.monotonic))
    restore_hooks = reporter.set_hooks(on_interrupt=lambda: _quit_unasked(application))
    store = open_store(QSettings(), settings_overrides)
    settings = store.load()
    speak(settings.language)
    window = MainWindow(
        host=SessionHost(),
        store=store,
        settings=settings,
        reporter=reporter,
        version=__version__,
        open_at_start=source,
    )
    restore_signals = _quit_on_signals(application)
    watch_first_restored(window)
    window.show()
    _log.info("the window of CFRNet Live %s is open", __version__)
    try:
        return application.exec()
    finally:
        window.sharing.asks_before_stopping = False
        window.close()
        restore_signals()
        restore_hooks()
        collector.stop()


def open_store(backend: QSettings, overrides: Mapping[str, Any]) -> SettingsStore:
    """Open the stored settings; another restorer among the overrides brings the number of cycles that it is made for.

    That number is an override too, so that it is not remembered for the network of the next run.
    Raises SettingError for an override out of range.
    """
    if "restorer" in overrides and "k" not in overrides:
        from app.restorers.store import ModelStore  # takes a while, which nobody else waits for

        remembered = SettingsStore(backend).load()
        asked = remembered.replace(**overrides)
        with contextlib.suppress(AppError):  # the session reports what is wrong with the models
            changes = fitting(asked, ModelStore().restorers(), before=remembered)
            overrides = {"auto_k": remembered.auto_k, **overrides, **changes}
    return SettingsStore(backend, overrides=overrides)


def _quit_unasked(application: QApplication) -> None:
    """Quit without the questions of closing the window, as nobody may be there to answer them."""
    for window in application.topLevelWidgets():
        if isinstance(window, MainWindow):
            window.sharing.asks_before_stopping = False
    application.quit()


def _quit_on_signals(application: QApplication) -> Callable[[], None]:
    """Close the window properly on signals of the system or a closed terminal, so that recordings are finished.

    Returns a function that restores the old handlers.
    """
    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, lambda *_: _quit_unasked(application)) for number in numbers}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    return restore


def watch_first_restored(window: MainWindow) -> None:
    """Log how long a person waited for the first restored picture, and how much of it this process computed.

    What is loaded by then stays loaded: the collector passes over it from then on, which would hold the window's thread
    for several pictures.
    """
    since, computed = time.perf_counter(), time.process_time()

    def on_painted(restored: Restored, _paint_ms: float) -> None:
        if restored.k:
            window.preview.painted.disconnect(on_painted)
            gc.freeze()
            wall_s, cpu_s = time.perf_counter() - since, time.process_time() - computed
            _log.info("the first restored picture: %.2f s after the window, %.2f s of computing", wall_s, cpu_s)

    window.preview.painted.connect(on_painted)
