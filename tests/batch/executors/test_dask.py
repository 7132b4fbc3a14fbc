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
