"""An error in any thread is reported once, as text, with the log's path."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import qWarning
from pytestqt.qtbot import QtBot

from app.core.errors import CameraOpenError, RecordingError
from app.core.log import log_path, set_up_log
from app.core.words import phrase
from app.ui.reports import OnceFilter, Report, Reporter, describe


@pytest.fixture
def log_file() -> Iterator[Path]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    path = set_up_log()
    yield path
    for handler in set(root.handlers) - set(before):
        root.removeHandler(handler)
        handler.close()
    root.setLevel(level)


def test_a_named_error_speaks_for_itself() -> None:
    report = describe(CameraOpenError("It is in use.", "Close the other program."))
    assert report == Report(phrase("It is in use."), phrase("Close the other program."))


def test_a_surprise_names_the_log() -> None:
    report = describe(ValueError("odd"))
    assert str(report.what) == "Something unexpected went wrong: ValueError: odd"
    assert str(log_path()) in str(report.hint)


def test_the_same_report_passes_once_until_it_was_quiet() -> None:
    now = [0.0]
    once = OnceFilter(clock=lambda: now[0], quiet_s=30)
    report = Report(phrase("It is in use."))
    passed = []
    for now[0] in (0, 10, 39, 70):
        passed.append(once.admits(report))
    assert passed == [True, False, False, True]
    assert once.admits(Report(phrase("Something else.")))


def test_an_error_in_a_thread_arrives_once_in_the_window_and_whole_in_the_log(qtbot: QtBot, log_file: Path) -> None:
    reporter = Reporter(OnceFilter(clock=lambda: 0.0))
    told: list[Report] = []
    reporter.reported.connect(told.append)
    restore = reporter.set_hooks(on_interrupt=lambda: None)
    try:
        for _ in range(3):
            with qtbot.captureExceptions():
                thread = threading.Thread(target=lambda: 1 / 0, name="unlucky")
                thread.start()
                thread.join()
        qWarning("a warning of Qt's")
    finally:
        restore()
    qtbot.waitUntil(lambda: bool(told), timeout=3000)
    assert [str(report.what) for report in told] == [
        "Something unexpected went wrong: ZeroDivisionError: division by zero"
    ]
    text = log_file.read_text()
    assert "Traceback" in text
    assert "a warning of Qt's" in text


def test_every_failed_attempt_of_a_person_is_answered() -> None:
    reporter = Reporter(OnceFilter(clock=lambda: 0.0))
    told: list[Report] = []
    reporter.reported.connect(told.append)
    for _ in range(2):
        reporter.report(RecordingError("The disk is full.", "Free some space."))
    assert len(told) == 2
