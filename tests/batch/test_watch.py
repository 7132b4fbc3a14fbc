"""Watching a folder: a file is given when nothing writes to it any more, and once."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from app.batch.jobs.plan import Item
from app.batch.watch import FolderWatch, watch
from app.cli import main
from app.core.errors import AppError, JournalError, UnreadableMediaError
from app.media.remote import RemoteFile
from tests.batch.helpers import files_in, job_of, picture, pixels
from tests.cli.conftest import cli_process

__all__ = ["cli_process"]


def read_until(process: subprocess.Popen[str], is_it: Callable[[str], bool]) -> None:
    """Read stderr up to a line for which `is_it` is true. Hanging is ended after a minute."""
    assert process.stderr is not None
    watchdog = threading.Timer(60, process.kill)
    watchdog.start()
    lines = []
    try:
        for line in process.stderr:
            lines.append(line)
            if is_it(line):
                return
    finally:
        watchdog.cancel()
    pytest.fail(f"it never came: {lines}")


def names(folder: FolderWatch) -> list[str]:
    return [item.name for item in folder.arrived()]


def test_a_file_that_grows_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    folder = FolderWatch(job_of(tmp_path / "in", tmp_path / "out"))
    assert names(folder) == []
    path = tmp_path / "in" / "a.png"
    path.write_bytes(b"half")
    assert names(folder) == []
    picture(path)
    assert names(folder) == []
    assert names(folder) == ["a.png"]
    assert names(folder) == []
    picture(path, shift=5)
    os.utime(path, ns=(5, 5))
    assert (names(folder), names(folder)) == ([], ["a.png"])


def test_what_was_restored_before_is_not_given(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    picture(tmp_path / "out" / "a.png")
    folder = FolderWatch(job_of(tmp_path / "in", tmp_path / "out"))
    assert (names(folder), names(folder)) == ([], [])


def test_watching_ends_when_waiting_does(tmp_path: Path) -> None:
    picture(tmp_path / "in" / "a.png")
    given: list[str] = []
    waits = iter([False, False, True])
    watch(
        job_of(tmp_path / "in", tmp_path / "out"),
        lambda items: given.extend(item.name for item in items),
        lambda seconds: next(waits),
    )
    assert given == ["a.png"]


def test_a_server_is_asked_once_for_what_it_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = pytest.importorskip("fsspec").filesystem("memory")
    memory.pipe("/watched/a.png", b"of an earlier run")
    asked: list[str] = []
    is_there = RemoteFile.is_there

    def counted(self: RemoteFile) -> bool:
        asked.append(self.name)
        return is_there(self)

    monkeypatch.setattr(RemoteFile, "is_there", counted)
    for name in ("a.png", "b.png"):
        picture(tmp_path / "in" / name)
    folder = FolderWatch(replace(job_of(tmp_path / "in", Path()), output="memory://watched"))
    try:
        assert [names(folder) for _ in range(4)] == [[], ["b.png"], [], []]
        assert asked == ["a.png", "b.png"]
    finally:
        memory.rm("/watched", recursive=True)


def test_a_scan_that_fails_half_way_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / "in" / name)
    folder = FolderWatch(job_of(tmp_path / "in", tmp_path / "out"))
    assert names(folder) == []

    def gone(item: Item) -> bool:
        if item.name == "b.png":
            raise UnreadableMediaError("The server is gone.")
        return False

    with monkeypatch.context() as patched:
        patched.setattr("app.batch.watch.is_done", gone)
        with pytest.raises(UnreadableMediaError):
            folder.arrived()
    assert names(folder) == ["a.png", "b.png"]


@pytest.mark.parametrize("error", [UnreadableMediaError("It is gone."), JournalError("It is being restored.")])
def test_what_could_not_be_restored_for_now_is_given_again(tmp_path: Path, error: AppError) -> None:
    picture(tmp_path / "in" / "a.png")
    given: list[str] = []
    told: list[str] = []
    waits = iter([False] * 5 + [True])

    def restore(items: list[Item]) -> None:
        given.extend(item.name for item in items)
        if len(given) < 3:
            raise error

    watch(
        job_of(tmp_path / "in", tmp_path / "out"),
        restore,
        lambda seconds: next(waits),
        lambda error: told.append(str(error)),
    )
    assert given == ["a.png"] * 3
    assert told == [str(error)]


@pytest.mark.parametrize("error", [UnreadableMediaError("The server is gone."), OSError("no answer")])
def test_a_first_scan_that_fails_ends_watching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(self: FolderWatch) -> list[Item]:
        raise error

    monkeypatch.setattr(FolderWatch, "arrived", fail)
    with pytest.raises(UnreadableMediaError):
        watch(job_of(tmp_path / "in", tmp_path / "out"), lambda items: None, lambda seconds: True)


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
def test_the_command_restores_what_arrives_until_ctrl_c(
    cli_process: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    (tmp_path / "in").mkdir()
    process = cli_process("restore", tmp_path / "in", tmp_path / "out", "--watch", "--k", 1)
    read_until(process, lambda line: "watching" in line)
    arriving, restored = tmp_path / "in" / "a.png", tmp_path / "out" / "a.png"

    def is_restored(line: str) -> bool:
        """The bar says 100% more than once for a picture, so the one before may still say it."""
        is_there = "100%" in line and restored.is_file()
        return is_there and np.array_equal(pixels(arriving)[:8, :8], pixels(restored)[:8, :8])

    for shift in (0, 5):  # the second time over the first
        picture(arriving, shift=shift)
        read_until(process, is_restored)
    (tmp_path / "in" / "bad.png").write_bytes(b"no picture")
    read_until(process, lambda line: "bad.png" in line)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode in (1, 130)
    assert files_in(tmp_path / "out") == ["a.png"]


def test_a_file_that_arrives_while_the_output_is_away_is_restored_when_it_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It fails once, and is told of once, however long that lasts."""
    source, away = tmp_path / "in", tmp_path / "away"
    picture(source / "a.png")
    rounds = iter(range(100))

    def sleep(_: float) -> None:
        number = next(rounds)
        if number == 3:
            (tmp_path / "out").rename(away)
            (tmp_path / "out").touch()  # as a mount point that cannot be entered
            picture(source / "b.png", shift=4)
        elif number == 10:
            (tmp_path / "out").unlink()
            away.rename(tmp_path / "out")
        elif number == 15:
            raise KeyboardInterrupt

    command = importlib.import_module("app.cli.restore")
    monkeypatch.setattr(command, "time", SimpleNamespace(**{**vars(time), "sleep": sleep}))
    code = main(["restore", str(source), str(tmp_path / "out"), "--watch", "--k", "1", "--workers", "1"])
    assert code in (0, 130)
    assert files_in(tmp_path / "out") == ["a.png", "b.png"]
    assert capsys.readouterr().err.count("b.png") < 5
