"""The log: its owner's alone, and never written through a link."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Iterator
from logging.handlers import RotatingFileHandler
from pathlib import Path

import pytest

from app.core.log import set_up_log

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")


@pytest.fixture(autouse=True)
def no_handler_is_left() -> Iterator[None]:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    yield
    for handler in root.handlers:
        handler.close()
    root.handlers = before


def test_the_log_is_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "log"))
    path = set_up_log()
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each, RotatingFileHandler))
    handler.doRollover()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_planted_among_the_temporary_files_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "no-folder").write_text("")
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "cfrnet-live.log").symlink_to(victim)
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "no-folder" / "log"))
    monkeypatch.setattr(tempfile, "tempdir", str(shared))
    path = set_up_log()
    logging.getLogger().info("hello")
    assert victim.read_text() == "precious"
    assert path.parent.parent == shared
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_without_a_folder_of_its_own_the_log_always_has_the_same_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no-folder").write_text("")
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "no-folder" / "log"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    first = set_up_log()
    assert first.parent.parent == tmp_path
    close_handlers()
    assert set_up_log() == first
    close_handlers()
    first.parent.chmod(0o755)  # not private any more: perhaps another's
    assert set_up_log().parent != first.parent


def close_handlers() -> None:
    root = logging.getLogger()
    for handler in root.handlers:
        handler.close()
    root.handlers = []


def test_a_link_in_the_place_of_the_log_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "cfrnet-live.log").symlink_to(victim)
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path / "log"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    set_up_log()
    logging.getLogger().info("hello")
    assert victim.read_text() == "precious"


def test_the_log_is_rotated_when_it_is_set_up_and_never_while_libraries_write_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFRNET_LIVE_LOG_FOLDER", str(tmp_path))
    path = set_up_log()
    for _ in range(2):
        logging.getLogger().warning("x" * 600_000)
    assert list(tmp_path.iterdir()) == [path]
    close_handlers()
    assert set_up_log().stat().st_size == 0
    assert (tmp_path / "cfrnet-live.log.1").stat().st_size > 1_200_000
