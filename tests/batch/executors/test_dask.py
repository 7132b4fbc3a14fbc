"""What only a cluster can do wrong: it is not there, it has other software, or a worker dies."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app.batch.engine import run_job
from app.batch.executors import dask
from app.batch.executors.base import ExecutorOptions
from app.batch.jobs.events import ItemDone
from app.core.errors import ClusterError
from app.restorers.store import MODELS_FOLDER, ModelStore
from tests.batch.helpers import Seen, album, files_in, job_of

dask_worker = pytest.importorskip("app.batch.executors.dask_worker", exc_type=ImportError)

ROOT = Path(__file__).parents[3]


def test_a_scheduler_that_does_not_answer_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "_ANSWER_S", 0.5)
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address="tcp://127.0.0.1:1"))
    with pytest.raises(ClusterError, match=r"tcp://127\.0\.0\.1:1"):
        run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), executor=executor)
    assert files_in(tmp_path / "out") == []


def test_a_scheduler_without_workers_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from distributed import LocalCluster

    monkeypatch.setattr(dask, "_ANSWER_S", 2)
    with LocalCluster(n_workers=0, dashboard_address=None, silence_logs=50) as scheduler:
        executor = dask.DESCRIPTOR.make(ExecutorOptions(address=scheduler.scheduler_address))
        with pytest.raises(ClusterError, match="has no workers"):
            run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), executor=executor)
    assert files_in(tmp_path / "out") == []


def test_another_version_is_refused_by_name(cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_worker, "__version__", "0.0.1")
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    with pytest.raises(ClusterError, match=r"worker tcp://.* has version .*, this is 0\.0\.1"):
        run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), executor=executor)


def test_a_worker_of_another_version_that_comes_later_is_refused_by_name(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    old = tmp_path / "old.py"
    old.write_text("import app\napp.__version__ = '0.0.1'\n")
    started: list[subprocess.Popen[bytes]] = []

    def add_one(event: object) -> None:
        if isinstance(event, ItemDone) and not started:
            command = [sys.executable, "-m", "distributed.cli.dask_worker", cluster, "--no-nanny", "--nthreads", "1"]
            command += ["--no-dashboard", "--local-directory", str(tmp_path), "--preload", str(old)]
            started.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL))
            client.wait_for_workers(3, timeout=60)

    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    with Client(cluster, set_as_default=False) as client:
        try:
            with pytest.raises(ClusterError, match=r"worker tcp://.* has version 0\.0\.1, this is"):
                run_job(job_of(album(tmp_path / "in", 16), tmp_path / "out"), executor=executor, on_event=add_one)
        finally:
            for process in started:
                process.terminate()
                process.wait()
    report = run_job(job_of(tmp_path / "in", tmp_path / "out"), executor=executor)
    assert not report.failed
    assert files_in(tmp_path / "out") == [f"{number:02}.png" for number in range(16)]


def _count_checks() -> None:
    check = dask_worker._refusal
    _checked.clear()

    def counted(*arguments: Any) -> ClusterError | None:
        _checked.append(1)
        return check(*arguments)

    dask_worker._refusal = counted


_checked: list[int] = []


def _checks() -> int:
    return len(_checked)


def test_a_worker_checks_its_models_once_in_a_run_and_keeps_its_session(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    with Client(cluster, set_as_default=False) as client:
        client.run(_count_checks)
        try:
            run_job(job_of(album(tmp_path / "in", 5), tmp_path / "out"), executor=executor)
            assert set(client.run(_checks).values()) == {1}
            sessions = client.run(_session)
            run_job(job_of(tmp_path / "in", tmp_path / "again"), executor=executor)
            assert client.run(_session) == sessions
        finally:
            client.run(importlib.reload, dask_worker)
        plugins = client.run(lambda dask_worker: [name for name in dask_worker.plugins if name.startswith("cfrnet")])
    assert not any(plugins.values())


def test_paths_are_those_of_the_folder_in_which_they_were_typed(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    album(tmp_path / "in", 2)
    monkeypatch.chdir(tmp_path)
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    report = run_job(job_of(Path("in"), Path("out")), executor=executor)
    assert not report.failed
    assert files_in(tmp_path / "out") == ["00.png", "01.png"]


def _session() -> int:
    return id(dask_worker._worker)


def _damage_models(folder: str) -> None:
    manifest = Path(folder) / "manifest.json"
    assert manifest.exists()
    dask_worker.MODELS_FOLDER = Path(folder)
    dask_worker.ModelStore = lambda: ModelStore(Path(folder))  # type: ignore[misc, assignment]


def test_a_worker_with_a_damaged_model_is_refused_by_name(cluster: str, tmp_path: Path) -> None:
    from distributed import Client

    models = tmp_path / "models"
    shutil.copytree(MODELS_FOLDER, models, ignore=shutil.ignore_patterns("training"))
    damaged = next(models.glob("*window*.onnx"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    executor = dask.DESCRIPTOR.make(ExecutorOptions(address=cluster))
    with Client(cluster, set_as_default=False) as client:
        first = next(iter(client.scheduler_info()["workers"]))
        try:
            client.run(_damage_models, str(models), workers=[first])
            with pytest.raises(ClusterError, match=rf"worker {first} cannot take part: .*window"):
                run_job(job_of(album(tmp_path / "in", 1), tmp_path / "out"), executor=executor)
        finally:
            client.run(importlib.reload, dask_worker, workers=[first])


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


@pytest.mark.parametrize("status", ["lost", "pending"])
def test_a_result_that_is_lost_before_it_is_fetched_is_waited_for(status: str) -> None:
    """The status changes for some milliseconds only, as a worker dies."""
    waited_for: list[object] = []
    future = SimpleNamespace(key="picture-1", status=status, add_done_callback=waited_for.append)
    session = dask._Session(client=None, name="a run")  # type: ignore[arg-type]
    session._tasks["picture-1"] = None, future  # type: ignore[assignment]
    session._take(future, lambda _: pytest.fail("there is no result yet"))
    assert waited_for == [session._messages.put]
    assert "picture-1" in session._tasks
