"""Workers that are started before their work is known."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from multiprocessing import active_children
from pathlib import Path

import pytest

from app.batch.executors.base import ExecutorOptions
from app.batch.executors.processes import ProcessExecutor
from app.batch.jobs.job import RestoreOptions
from app.batch.jobs.setup import WorkerSetup
from app.batch.jobs.task import InputIdentity, Task, TaskDone, TaskEvent
from app.batch.resources import default_workers
from app.batch.workforce import WorkerProcess, Workforce, early_workers, stop, stop_signals
from app.core.settings import Settings
from app.media.remote import RemoteFile
from tests.batch.helpers import picture
from tests.ftp_server import _Session, ftp_address, ftp_server
from tests.media_files import numbered_picture, write_video

ROOT = Path(__file__).resolve().parents[2]
SETUP = WorkerSetup(options=RestoreOptions(settings=Settings(k=1), k_is_given=True))


def restore_one(workforce: Workforce, folder: Path) -> TaskEvent:
    source = picture(folder / "a.png")
    task = Task(
        key="a", kind="picture", name="a", source=source, target=folder / "out.png",
        identity=InputIdentity.of(source), digest="",
    )  # fmt: skip
    waiting, events = [task], []
    executor = ProcessExecutor(ExecutorOptions(workers=2, workforce=workforce))
    executor.run(SETUP, lambda: waiting.pop() if waiting else None, events.append, lambda: False)
    return events[-1]


@pytest.mark.parametrize(("free_bytes", "workers"), [(4 << 30, 2), (0, 1), (1 << 40, 8)])
def test_there_are_as_many_workers_as_cores_and_free_memory_allow(free_bytes: int, workers: int) -> None:
    assert default_workers(cores=8, free_bytes=free_bytes) == workers


def test_an_early_worker_takes_the_first_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = set(active_children())
    workforce = Workforce(1)
    (early,) = set(active_children()) - before
    given: list[int | None] = []
    give = WorkerProcess.give

    def watched(self: WorkerProcess, task: Task) -> None:
        given.append(self.process.pid)
        give(self, task)

    monkeypatch.setattr(WorkerProcess, "give", watched)
    assert isinstance(restore_one(workforce, tmp_path), TaskDone)
    assert given == [early.pid]


def test_an_early_worker_that_died_meanwhile_is_replaced(tmp_path: Path) -> None:
    before = set(active_children())
    workforce = Workforce(1)
    (early,) = set(active_children()) - before
    early.kill()
    early.join(10)
    assert isinstance(restore_one(workforce, tmp_path), TaskDone)


def test_workers_that_nobody_took_are_dismissed() -> None:
    before = set(active_children())
    workforce = Workforce(2)
    assert len(set(active_children()) - before) == 2
    workforce.dismiss()
    assert set(active_children()) == before


def test_only_what_is_likely_long_gets_early_workers(tmp_path: Path) -> None:
    few, many = tmp_path / "few", tmp_path / "many"
    for folder, count in ((few, 3), (many, 30)):
        folder.mkdir()
        for number in range(count):
            (folder / f"{number}.png").touch()
    clip, film, photo = tmp_path / "clip.mp4", tmp_path / "film.MP4", tmp_path / "photo.png"
    for path, size in ((clip, 1000), (film, 5_000_000), (photo, 5_000_000)):
        path.write_bytes(bytes(size))
    absent = tmp_path / "absent"
    for path in (few, clip, photo, absent, "s3://bucket/in", "a\0b"):
        assert early_workers(str(path), 4) == 0
    assert early_workers(str(many), 4) == early_workers(str(film), 4) == 4
    assert early_workers(str(many), 1) == 0


def test_the_module_imports_nothing_that_takes_long() -> None:
    words = "import sys, app.batch.workforce; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"cv2", "numpy", "av", "onnx", "onnxruntime"} & set(done.stdout.split())


def test_a_command_that_fails_at_once_leaves_no_worker(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number}.txt").touch()
    command = [sys.executable, "main.py", "restore", str(folder), str(tmp_path / "out"), "--workers", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
@pytest.mark.parametrize("ending", stop_signals())
def test_a_worker_that_is_told_to_end_leaves_nothing(tmp_path: Path, ending: signal.Signals) -> None:
    source = tmp_path / "long.mp4"
    write_video(source, [numbered_picture(0)] * 2000, options={"preset": "ultrafast"})
    worker = WorkerProcess()
    worker.set_up(SETUP)
    worker.give(
        Task(
            key="long",
            kind="video",
            name="long",
            source=source,
            target=tmp_path / "out" / "long.mp4",
            identity=InputIdentity.of(source),
            digest="",
        )
    )
    assert isinstance(worker.receive(), int)
    assert list((tmp_path / "out").glob("*.part"))
    os.kill(worker.process.pid or 0, ending)
    worker.process.join(20)
    assert worker.process.exitcode == 0
    assert not list((tmp_path / "out").iterdir())
    worker.connection.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no polite end of a process")
def test_a_worker_that_is_stopped_amid_a_transfer_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("fsspec")
    over, answer = threading.Event(), _Session.answer

    def stalling(self: _Session, command: str, argument: str) -> None:
        if command != "RETR":
            answer(self, command, argument)
            return

        def send(data: socket.socket) -> None:
            data.sendall(bytes(1 << 20))
            over.wait(60)

        self.transfer(send)

    monkeypatch.setattr(_Session, "answer", stalling)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    monkeypatch.setattr("app.batch.workforce._STOP_S", 0.5)
    for name in ("temporary", "served"):
        (tmp_path / name).mkdir()
    (tmp_path / "served" / "long.mp4").touch()
    with ftp_server(tmp_path / "served") as place:
        worker = WorkerProcess()
        try:
            worker.set_up(SETUP)
            worker.give(
                Task(
                    key="long",
                    kind="video",
                    name="long.mp4",
                    source=Path("long.mp4"),
                    target=tmp_path / "out" / "long.mp4",
                    identity=None,
                    digest="",
                    fetched_from=RemoteFile.of(ftp_address(place, "long.mp4")),
                )
            )
            deadline = time.monotonic() + 30
            while not any(path.stat().st_size for path in tmp_path.glob("temporary/cfrnet-live-*/in/*")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            stop([worker])
            over.set()
    assert not list((tmp_path / "temporary").iterdir())
    assert not (tmp_path / "out").exists()
