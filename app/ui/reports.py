"""Turning errors of any thread into messages. The hooks are set at start."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from PySide6.QtCore import QMessageLogContext, QObject, QtMsgType, Signal, qInstallMessageHandler

from app.core.errors import AppError
from app.core.log import log_path
from app.core.words import NOTHING, Phrase, phrase

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Report:
    """The message for an error: one sentence, what to do, and whether the log has more."""

    what: Phrase
    hint: Phrase = NOTHING
    unexpected: bool = False


def describe(error: BaseException) -> Report:
    """Return the message for an error: an AppError's own, otherwise a general one that names the log."""
    if isinstance(error, AppError):
        return Report(error.what_phrase, error.hint_phrase)
    return Report(
        phrase("Something unexpected went wrong: {error}", error=f"{type(error).__name__}: {error}".rstrip(": ")),
        phrase("The details are in {log}", log=log_path()),
        unexpected=True,
    )


def log_error(error: BaseException) -> Report:
    """Log the error, with a traceback if unforeseen, and return its message."""
    report = describe(error)
    if report.unexpected:
        _log.error("unexpected error", exc_info=(type(error), error, error.__traceback__))
    else:
        _log.warning("%s %s", report.what.english, report.hint.english)
    return report


class OnceFilter:
    """Admits a report once, and again only after `quiet_s` seconds without it."""

    def __init__(self, *, clock: Callable[[], float], quiet_s: float = 30.0) -> None:
        self._clock = clock
        self._quiet_s = quiet_s
        self._seen: dict[Report, float] = {}
        self._lock = threading.Lock()

    def admits(self, report: Report) -> bool:
        """Whether the report is new. Thread-safe."""
        now = self._clock()
        with self._lock:
            last = self._seen.get(report)
            self._seen[report] = now
            return last is None or now - last > self._quiet_s


class Reporter(QObject):
    """The one way to the notification: `report` may be called from any thread, `reported` arrives in the window's."""

    reported = Signal(object)

    def __init__(self, once: OnceFilter) -> None:
        super().__init__()
        self._once = once

    def report(self, error: BaseException) -> None:
        """Log the error and report it.

        An unforeseen one may repeat with every event, so it is reported once. Any other is reported each time: it
        answers what a person did, or whoever found it holds repetitions back, as the inference does for every frame.
        """
        report = log_error(error)
        if not report.unexpected or self._once.admits(report):
            self.reported.emit(report)

    def set_hooks(self, *, on_interrupt: Callable[[], None]) -> Callable[[], None]:
        """Catch unhandled exceptions of every thread, and Qt's messages. Returns what restores the old hooks."""
        old_hook, old_thread_hook = sys.excepthook, threading.excepthook

        def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
            if isinstance(error, KeyboardInterrupt):
                on_interrupt()
                return
            self.report(error.with_traceback(trace))

        def thread_hook(arguments: threading.ExceptHookArgs) -> None:
            if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
                self.report(arguments.exc_value)

        sys.excepthook = hook
        threading.excepthook = thread_hook
        old_messages = qInstallMessageHandler(_log_qt_message)

        def restore() -> None:
            sys.excepthook, threading.excepthook = old_hook, old_thread_hook
            qInstallMessageHandler(old_messages)

        return restore


def _log_qt_message(kind: QtMsgType, context: QMessageLogContext, message: str | None) -> None:
    levels = {
        QtMsgType.QtDebugMsg: logging.DEBUG,
        QtMsgType.QtInfoMsg: logging.INFO,
        QtMsgType.QtWarningMsg: logging.WARNING,
    }
    logging.getLogger("qt").log(levels.get(kind, logging.ERROR), "%s", message)
