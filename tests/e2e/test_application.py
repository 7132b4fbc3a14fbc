"""`python main.py` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals for another process")
@pytest.mark.parametrize("ending", ["SIGINT", "SIGTERM"])
def test_the_window_opens_restores_at_once_and_ends_in_good_order(
    qapp: QApplication, qtbot: QtBot, tmp_path: Path, ending: str
) -> None:
    log = tmp_path / "log" / "cfrnet-live.log"
    places = {"HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path), "CFRNET_LIVE_LOG_FOLDER": str(log.parent)}
    command = [sys.executable, "main.py", "--source", "assets/demo.mp4", "--k", "2"]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **places}, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            qtbot.waitUntil(lambda: log.exists() and "the first restored picture" in log.read_text(), timeout=30000)
            process.send_signal(getattr(signal, ending))
            _, complaints = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 0
    assert "Traceback" not in complaints
    assert "ERROR" not in log.read_text()
    assert re.search(r"first restored picture: [\d.]+ s after the window, [\d.]+ s of computing", log.read_text())
