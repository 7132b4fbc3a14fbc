"""What only a cluster can do wrong: it is not there, it has other software, or a worker dies."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import pytest

from app.batch.engine import run_job
from app.batch.executors import dask
from app.batch.executors.base import ExecutorOptions
from app.batch.jobs.events import ItemDone
from app.core.errors import ClusterError
from tests.batch.helpers import Seen, album, files_in, job_of


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_ANSWER_S", 0.5)
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address="tcp://127.0.0.1:1"))
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:1"):
        run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), executor=executor)
    assert files_in(tmp_path / "out") == []


def test_another_version_is_refused_by_name(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "__version__", "0.0.1")
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    with pytest.raises(ClusterError, match=r"worker tcp://.* has version .*, this is 0\.0\.1"):
        run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), executor=executor)


def _pretend_version(version: str) -> None:
    dask.__version__ = version


def test_a_worker_of_another_version_that_comes_later_is_refused_by_name(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    def turn_old(event: object) -> None:
        if isinstance(event, ItemDone):
            client.run(_pretend_version, "0.0.1")

    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    with Client(cluster, set_as_default=False) as client:
        try:
            with pytest.raises(ClusterError, match=r"worker tcp://.* has version 0\.0\.1, this is"):
                run_job(job_of(album(tmp_path / "in", 8), tmp_path / "out"), executor=executor, on_event=turn_old)
        finally:
            client.run(_pretend_version, dask.__version__)
    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), executor=executor)
    assert not report.failed
    assert files_in(tmp_path / "out") == [f"{number:02}.png" for number in range(8)]


def test_the_dashboard_shows_tasks_by_their_kind_and_file(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    shown: set[str] = set()
    with Client(cluster, set_as_default=False) as client:

        def look(event: object) -> None:
            shown.update(client.run_on_scheduler(lambda dask_scheduler: [str(key) for key in dask_scheduler.tasks]))

        run_job(job_of(album(tmp_path / "in", 3), tmp_path / "out"), executor=executor, on_event=look)
        kinds = client.run_on_scheduler(lambda dask_scheduler: list(dask_scheduler.task_prefixes))
    assert any(name.startswith("picture-01.png-") for name in shown)
    assert "picture" in kinds


@pytest.mark.skipif(sys.platform == "win32", reason="sends a Unix signal")
def test_a_worker_that_dies_loses_its_task_and_not_the_job(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    seen = Seen()

    def kill_one(event: object) -> None:
        seen(event)  # type: ignore[arg-type]
        if len(seen.restored) == 1 and not killed:
            with Client(cluster, set_as_default=False) as client:
                killed.append(next(iter(client.run(os.getpid).values())))
            os.kill(killed[0], signal.SIGKILL)

    killed: list[int] = []
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    report = run_job(job_of(album(tmp_path / "in", 6), tmp_path / "out"), executor=executor, on_event=kill_one)
    assert killed
    assert not report.failed, [str(getattr(r, "error", "")) for r in report.results]
    assert files_in(tmp_path / "out") == [f"{number:02}.png" for number in range(6)]
